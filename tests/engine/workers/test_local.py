"""Processes on this machine: they are started, killed and replaced here."""

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
def two(store: LocalStore, planted_steps: ModuleType) -> Iterator[LocalWorkers]:
    """Started after the steps can be imported."""
    del planted_steps
    with LocalWorkers(store, 2) as workers:
        yield workers


def pid(store: LocalStore, key: str) -> int:
    artifact = store.read(key)
    assert artifact is not None
    return int(artifact.manifest.facts["pid"])


def wait_until(store: LocalStore, claimed: set[str]) -> None:
    deadline = time.monotonic() + 60
    while store.claimed() != claimed:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_single_worker_is_this_process(planted_steps: ModuleType, store: LocalStore) -> None:
    lone, bad = step(planted_steps.WriteSpec(text="a")), step(planted_steps.FailSpec(user=True))
    with LocalWorkers(store, 1) as workers:
        done = workers.submit(lone)
        assert done.done()
        assert done.result() is True
        assert pid(store, lone.key) == os.getpid()
        with pytest.raises(DataError, match="a broken image"):
            workers.submit(bad).result()


def test_several_are_other_processes_that_send_progress_and_errors(
    planted_steps: ModuleType, store: LocalStore, two: LocalWorkers
) -> None:
    telling, bad = step(planted_steps.TellingSpec(text="half")), step(planted_steps.FailSpec())
    half, failed = two.submit(telling), two.submit(bad)
    assert half.result(60) is True
    with pytest.raises(StepFailedError, match=r"^RuntimeError: no luck$"):
        failed.result(60)
    assert list(two.progress_events()) == [(telling.key, 0.5)]
    assert list(two.progress_events()) == []
    assert pid(store, telling.key) != os.getpid()


def test_there_is_room_for_as_many_as_there_are_workers(planted_steps: ModuleType, two: LocalWorkers) -> None:
    a, b, c = (step(planted_steps.WriteSpec(text=text)) for text in "abc")
    assert [two.room_for(c, running) for running in ([], [a], [a, b])] == [True, True, False]


def test_a_step_that_another_process_makes_is_left_to_it(planted_steps: ModuleType, store: LocalStore) -> None:
    a = step(planted_steps.WriteSpec(text="a"))
    with store.claim(a.key), LocalWorkers(LocalStore(store.root), 1) as workers:
        assert workers.submit(a).result() is False


def test_a_worker_that_dies_is_lost_and_the_next_step_gets_another(
    planted_steps: ModuleType, store: LocalStore, two: LocalWorkers, tmp_path: Path
) -> None:
    (tmp_path / "flag").write_text("x")
    dying = step(planted_steps.DieSpec(text="alive", flag=str(tmp_path / "flag")))
    with pytest.raises(LostWorkerError, match="died"):
        two.submit(dying).result(60)
    assert two.submit(dying).result(60) is True
    assert content(store, dying) == "alive"


def test_an_error_stops_what_still_runs(planted_steps: ModuleType, store: LocalStore) -> None:
    slow = step(planted_steps.SlowSpec(text="slow", seconds=20))
    with suppress(KeyboardInterrupt), LocalWorkers(store, 2) as workers:
        workers.submit(slow)
        wait_until(store, {slow.key})
        raise KeyboardInterrupt
    wait_until(store, set())  # the system frees the lock of a process that ended
    assert store.read(slow.key) is None


def test_a_killed_worker_is_replaced(planted_steps: ModuleType, store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "flag").write_text("x")
    dying = step(planted_steps.DieSpec(text="alive", flag=str(tmp_path / "flag")))
    beside = step(planted_steps.SlowSpec(text="beside", seconds=0.5))
    events: list[Event] = []
    outcome = run(store, dying, beside, workers=2, events=events)
    assert outcome.failed == {}
    assert content(store, dying) == "alive"
    assert content(store, beside) == "beside"
    assert any(event.kind == "retried" and "died" in event.cause for event in events)


def test_a_step_that_kills_every_worker_fails_alone(
    planted_steps: ModuleType, store: LocalStore, tmp_path: Path
) -> None:
    (tmp_path / "flag").write_text("x" * 9)
    dying = step(planted_steps.DieSpec(text="alive", flag=str(tmp_path / "flag")))
    beside = [step(planted_steps.SlowSpec(text=f"beside {i}", seconds=0.3)) for i in range(4)]
    outcome = run(store, dying, *beside, workers=2)
    assert outcome.failed.keys() == {dying.key}
    assert "died" in outcome.failed[dying.key]
    assert outcome.made == {s.key for s in beside}
