"""Worker processes on this machine are started, killed and replaced."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest
from tests.engine.running import content, run, step

from prettyuseful.engine.events import Event
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.engine.workers.base import LostWorkerError
from prettyuseful.engine.workers.local import LocalWorkers
from prettyuseful.errors import DataError, StepFailedError


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def two_workers(store: LocalStore, planted_steps: ModuleType) -> Iterator[LocalWorkers]:
    """Two workers, started after the planted steps are importable."""
    del planted_steps
    with LocalWorkers(store, 2) as workers:
        yield workers


def pid(store: LocalStore, key: str) -> int:
    artifact = store.read(key)
    assert artifact is not None
    return int(artifact.manifest.facts["pid"])


def wait_until(store: LocalStore, expected: set[str]) -> None:
    deadline = time.monotonic() + 60
    while store.claimed_keys() != expected:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_single_worker_runs_in_this_process(planted_steps: ModuleType, store: LocalStore) -> None:
    lone, bad = step(planted_steps.WriteSpec(text="a")), step(planted_steps.FailSpec(user=True))
    with LocalWorkers(store, 1) as workers:
        done = workers.submit(lone)
        assert done.done()
        assert done.result() is True
        assert pid(store, lone.key) == os.getpid()
        with pytest.raises(DataError, match="a broken image"):
            workers.submit(bad).result()


def test_worker_processes_send_progress_and_errors(
    planted_steps: ModuleType, store: LocalStore, two_workers: LocalWorkers
) -> None:
    reporting, bad = step(planted_steps.ReportingSpec(text="half")), step(planted_steps.FailSpec())
    half, failed = two_workers.submit(reporting), two_workers.submit(bad)
    assert half.result(60) is True
    with pytest.raises(StepFailedError, match=r"^RuntimeError: no luck$"):
        failed.result(60)
    assert list(two_workers.progress_events()) == [(reporting.key, 0.5)]
    assert list(two_workers.progress_events()) == []
    assert pid(store, reporting.key) != os.getpid()


def test_there_is_room_for_one_step_per_worker(planted_steps: ModuleType, two_workers: LocalWorkers) -> None:
    a, b, c = (step(planted_steps.WriteSpec(text=text)) for text in "abc")
    assert [two_workers.room_for(c, running) for running in ([], [a], [a, b])] == [True, True, False]


def test_claimed_step_is_left_to_its_holder(planted_steps: ModuleType, store: LocalStore) -> None:
    a = step(planted_steps.WriteSpec(text="a"))
    with store.claim(a.key), LocalWorkers(LocalStore(store.root), 1) as workers:
        assert workers.submit(a).result() is False


def test_dead_worker_is_replaced_for_the_next_step(
    planted_steps: ModuleType, store: LocalStore, two_workers: LocalWorkers, tmp_path: Path
) -> None:
    (tmp_path / "flag").write_text("x")
    dying = step(planted_steps.KillSpec(text="alive", flag=str(tmp_path / "flag")))
    with pytest.raises(LostWorkerError, match="died"):
        two_workers.submit(dying).result(60)
    assert two_workers.submit(dying).result(60) is True
    assert content(store, dying) == "alive"


def test_exception_stops_running_steps(planted_steps: ModuleType, store: LocalStore) -> None:
    slow = step(planted_steps.SlowSpec(text="slow", seconds=20))
    with suppress(KeyboardInterrupt), LocalWorkers(store, 2) as workers:
        workers.submit(slow)
        wait_until(store, {slow.key})
        raise KeyboardInterrupt
    wait_until(store, set())  # the system releases the lock when the process has exited
    assert store.read(slow.key) is None


def test_killed_worker_is_replaced_and_steps_are_retried(
    planted_steps: ModuleType, store: LocalStore, tmp_path: Path
) -> None:
    (tmp_path / "flag").write_text("x")
    dying = step(planted_steps.KillSpec(text="alive", flag=str(tmp_path / "flag")))
    other = step(planted_steps.SlowSpec(text="other", seconds=0.5))
    events: list[Event] = []
    outcome = run(store, dying, other, workers=2, events=events)
    assert outcome.failed == {}
    assert content(store, dying) == "alive"
    assert content(store, other) == "other"
    assert any(event.kind == "retried" and "died" in event.cause for event in events)


def test_step_that_kills_its_workers_fails_alone(planted_steps: ModuleType, store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "flag").write_text("x" * 9)
    dying = step(planted_steps.KillSpec(text="alive", flag=str(tmp_path / "flag")))
    other = [step(planted_steps.SlowSpec(text=f"other {i}", seconds=0.3)) for i in range(4)]
    outcome = run(store, dying, *other, workers=2)
    assert outcome.failed.keys() == {dying.key}
    assert "died" in outcome.failed[dying.key]
    assert outcome.completed == {s.key for s in other}
