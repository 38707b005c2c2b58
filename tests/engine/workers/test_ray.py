"""The scheduler on a real Ray cluster of two nodes on this machine; workers and nodes are killed by SIGKILL."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.engine.running import step
from tests.test_ray import assert_equal, end, start

from prettyuseful.engine.events import Event, StepEvent
from prettyuseful.engine.execute import Outcome, execute
from prettyuseful.engine.step import Step
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.engine.workers.open import open_workers
from prettyuseful.errors import DataError, StudyError
from prettyuseful.numerics import Numerics


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def run(store: LocalStore, *steps: Step, on_event: Callable[[Event], None] = lambda _: None) -> Outcome:
    by_key = {s.key: s for s in steps}
    with open_workers("ray", store, Numerics()) as workers:
        return execute(by_key, by_key, store, workers, on_event)


def facts(store: LocalStore, s: Step) -> dict[str, Any]:
    artifact = store.read(s.key)
    assert artifact is not None
    return artifact.manifest.facts


@pytest.mark.usefixtures("ray_cluster")
def test_actors_are_reused(planted_steps: ModuleType, store: LocalStore) -> None:
    first = [step(planted_steps.SlowSpec(text=f"{i}", seconds=0.5)) for i in range(4)]
    last = step(planted_steps.WriteSpec(text="last "), *first)
    outcome = run(store, *first, last)
    assert (outcome.failed, outcome.completed) == ({}, {s.key for s in (*first, last)})
    artifact = store.read(last.key)
    assert artifact is not None
    assert artifact.path("out").read_text() == "last 0123"
    pids = {facts(store, s)["pid"] for s in (*first, last)}
    assert len(pids) == 2, "one actor per node runs several steps"
    assert os.getpid() not in pids


@pytest.mark.usefixtures("ray_cluster")
def test_progress_and_failures_are_reported(planted_steps: ModuleType, store: LocalStore) -> None:
    events: list[Event] = []
    bad, good = step(planted_steps.FailSpec()), step(planted_steps.ReportingSpec(text="good"))
    after = step(planted_steps.WriteSpec(text="after"), bad)
    outcome = run(store, bad, good, after, on_event=events.append)
    assert outcome.failed == {bad.key: "RuntimeError: no luck"}
    assert outcome.blocked == {after.key}
    assert outcome.completed == {good.key}
    assert any(isinstance(e, StepEvent) and e.kind == "progress" and 0 < e.fraction < 1 for e in events)
    assert store.failures() == outcome.failed
    with pytest.raises(DataError, match=r"^a broken image$"):
        run(store, step(planted_steps.FailSpec(user=True)))


@pytest.mark.usefixtures("ray_cluster")
def test_killed_worker_is_replaced(planted_steps: ModuleType, store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "flag").write_text("x")
    dying = step(planted_steps.KillSpec(text="alive", flag=str(tmp_path / "flag")))
    other = step(planted_steps.SlowSpec(text="other", seconds=1))
    events: list[Event] = []
    outcome = run(store, dying, other, on_event=events.append)
    assert outcome.failed == {}
    assert outcome.completed == {dying.key, other.key}
    assert [e.step for e in events if isinstance(e, StepEvent) and e.kind == "retried"] == [dying], (
        "no other step is retried"
    )


@pytest.mark.slow
@pytest.mark.usefixtures("ray_cluster")
def test_stopped_worker_is_killed_and_its_step_is_tried_on_another(
    planted_steps: ModuleType, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRETTYUSEFUL_PATIENCE", "5")
    (tmp_path / "flag").write_text("x")
    stopping = step(planted_steps.StopSpec(text="alive", flag=str(tmp_path / "flag")))
    busy = step(planted_steps.BusySpec(text="busy", seconds=10))
    events: list[Event] = []
    outcome = run(store, stopping, busy, on_event=events.append)
    assert outcome.failed == {}
    assert outcome.completed == {stopping.key, busy.key}
    retried = [e for e in events if isinstance(e, StepEvent) and e.kind == "retried"]
    assert [e.step for e in retried] == [stopping], "an actor that computes for longer than the patience lives"
    assert "gave no sign of life for 5 s" in retried[0].cause


@pytest.mark.slow
@pytest.mark.usefixtures("ray_cluster")
def test_step_that_kills_its_workers_fails(planted_steps: ModuleType, store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "flag").write_text("x" * 9)
    dying = step(planted_steps.KillSpec(text="alive", flag=str(tmp_path / "flag")))
    outcome = run(store, dying, step(planted_steps.WriteSpec(text="good")))
    assert outcome.failed.keys() == {dying.key}
    assert "was lost" in outcome.failed[dying.key]
    assert len((tmp_path / "flag").read_text()) == 6


@pytest.mark.slow
def test_lost_node_fails_no_step(planted_steps: ModuleType, store: LocalStore, ray_cluster: Any) -> None:
    steps = [step(planted_steps.SlowSpec(text=f"{i}", seconds=1)) for i in range(8)]
    events: list[Event] = []
    started = threading.Event()

    def on_event(event: Event) -> None:
        events.append(event)
        if sum(e.kind == "finished" for e in events) == 1:
            started.set()

    def kill() -> None:
        started.wait(60)
        time.sleep(0.3)
        ray_cluster.remove_node(ray_cluster.worker_nodes.copy().pop(), allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    outcome = run(store, *steps, on_event=on_event)
    killer.join()
    assert outcome.failed == {}
    assert outcome.completed == {s.key for s in steps}
    assert any(isinstance(e, StepEvent) and e.kind == "retried" and "node" in e.cause for e in events)


@pytest.mark.integration
@pytest.mark.usefixtures("ray_cluster")
def test_study_on_two_nodes_gives_the_same_results(run: list[str], uninterrupted: Path, tmp_path: Path) -> None:
    run_folder = tmp_path / "ray"
    end(start(run, run_folder), run_folder)
    assert_equal(run_folder, uninterrupted)


@pytest.mark.usefixtures("ray_cluster")
def test_impossible_resources_are_reported(planted_steps: ModuleType, store: LocalStore) -> None:
    gpu_step = step(planted_steps.NumericsSpec(text="x", numerics=Numerics(device="cuda")))
    with pytest.raises(
        StudyError, match=r"needs 1 CPU, 1 GPU on one node, but no node of the Ray cluster has that much"
    ):
        run(store, gpu_step)
