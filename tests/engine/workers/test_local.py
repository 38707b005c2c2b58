"""Worker processes on this machine are started, killed and replaced."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest
from tests.engine.running import content, run, step
from tests.runs import kill

from prettyuseful.engine.events import Event
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.engine.workers.base import LostWorkerError
from prettyuseful.engine.workers.local import LocalWorkers
from prettyuseful.errors import DataError, StepFailedError
from prettyuseful.numerics import Numerics


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


def test_worker_process_that_must_exit_says_why_without_secrets(
    planted_steps: ModuleType, store: LocalStore, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MY_TOKEN", "canary-1234")
    with LocalWorkers(store, 2) as workers:
        for error, name in (("exit", "SystemExit"), ("interrupt", "KeyboardInterrupt")):
            failed = workers.submit(step(planted_steps.ExitSpec(variable="MY_TOKEN", error=error)))
            with pytest.raises(StepFailedError, match=rf"^{name}: with \[MY_TOKEN\]$"):
                failed.result(60)
    assert "thread [MY_TOKEN]" in (printed := capfd.readouterr().err)
    assert "canary" not in printed


def test_there_is_room_for_one_step_per_worker(planted_steps: ModuleType, two_workers: LocalWorkers) -> None:
    a, b, c = (step(planted_steps.WriteSpec(text=text)) for text in "abc")
    assert [two_workers.room_for(c, running) for running in ([], [a], [a, b])] == [True, True, False]


def test_each_gpu_has_one_process_and_other_steps_run_beside(
    planted_steps: ModuleType, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    on_gpu = [step(planted_steps.DeviceSpec(text=f"gpu {i}", numerics=Numerics(device="cuda"))) for i in range(4)]
    on_cpu = [step(planted_steps.DeviceSpec(text=f"cpu {i}", numerics=Numerics())) for i in range(2)]
    with LocalWorkers(store, 3, gpus=("5", "7")) as workers:
        assert workers.room_for(on_gpu[1], on_gpu[:1])
        assert not workers.room_for(on_gpu[2], on_gpu[:2])
        assert workers.room_for(on_cpu[0], on_gpu[:2])
        assert not workers.room_for(on_cpu[1], [*on_gpu[:2], on_cpu[0]])
        for first, second, other in ((*on_gpu[:2], on_cpu[0]), (*on_gpu[2:], on_cpu[1])):
            futures = [workers.submit(each) for each in (first, second, other)]
            assert all(future.result(60) for future in futures)
    seen = [content(store, each).split(": ")[1] for each in (*on_gpu, *on_cpu)]
    assert sorted(seen[:2]) == sorted(seen[2:4]) == ["5", "7"]
    assert seen[4:] == ["", ""]
    assert len({pid(store, each.key) for each in (*on_gpu, *on_cpu)}) == 3


def test_gpu_of_a_dead_process_is_used_again(planted_steps: ModuleType, store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "flag").write_text("x")
    dying = step(planted_steps.KillSpec(text="alive", flag=str(tmp_path / "flag"), numerics=Numerics(device="cuda")))
    with LocalWorkers(store, 2, gpus=("3",)) as workers:
        with pytest.raises(LostWorkerError, match="died"):
            workers.submit(dying).result(60)
        assert workers.submit(dying).result(60) is True


def test_processes_of_a_study_without_gpus_keep_the_environment(
    planted_steps: ModuleType, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """User-defined classes may use a GPU although the numerics name none."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    one = step(planted_steps.DeviceSpec(text="cpu", numerics=Numerics()))
    with LocalWorkers(store, 2) as workers:
        assert workers.submit(one).result(60)
    assert content(store, one) == "cpu: 5,7"


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


def test_stopped_worker_is_killed_and_its_step_is_tried_on_another(
    planted_steps: ModuleType, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRETTYUSEFUL_PATIENCE", "1.5")
    (tmp_path / "flag").write_text("x")
    stopping = step(planted_steps.StopSpec(text="alive", flag=str(tmp_path / "flag")))
    busy = step(planted_steps.BusySpec(text="busy", seconds=3))
    events: list[Event] = []
    outcome = run(store, stopping, busy, workers=2, events=events)
    assert outcome.failed == {}
    assert (content(store, stopping), content(store, busy)) == ("alive", "busy")
    retried = [event for event in events if event.kind == "retried"]
    assert [event.step for event in retried] == [stopping], "a worker that computes for longer than the patience lives"
    assert "gave no sign of life for 1.5 s" in retried[0].cause


def test_step_that_always_hangs_fails_after_three_attempts(
    planted_steps: ModuleType, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRETTYUSEFUL_PATIENCE", "0.7")
    waiting = step(planted_steps.SlowSpec(text="waits without waking up", seconds=60))
    good = step(planted_steps.WriteSpec(text="good"))
    events: list[Event] = []
    outcome = run(store, waiting, good, workers=2, events=events)
    assert outcome.failed.keys() == {waiting.key}
    assert "no sign of life" in outcome.failed[waiting.key]
    assert outcome.completed == {good.key}
    assert [event.kind for event in events].count("retried") == 2


def test_process_that_cannot_even_be_killed_does_not_block_the_run(
    planted_steps: ModuleType, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that waits for a dead file system: it exits only when the system call returns."""
    monkeypatch.setenv("PRETTYUSEFUL_PATIENCE", "0.7")
    monkeypatch.setattr("prettyuseful.engine.workers.local._EXIT_SECONDS", 0.5)
    monkeypatch.setattr("prettyuseful.engine.workers.local._Process.kill", lambda _: None)
    (tmp_path / "flag").write_text("x")
    stopping = step(planted_steps.StopSpec(text="stopped", flag=str(tmp_path / "flag")))
    pids = set(child_pids())
    with LocalWorkers(store, 2) as workers:
        lost = workers.submit(stopping)
        while not lost.done():
            assert list(workers.progress_events()) == []
            time.sleep(0.05)
        with pytest.raises(LostWorkerError, match="no sign of life"):
            lost.result()
        (stopped,) = set(child_pids()) - pids
        assert workers.submit(step(planted_steps.WriteSpec(text="other"))).result(60) is True
        ended = time.monotonic()
    try:
        assert time.monotonic() - ended < 5
        assert stopped in child_pids()
    finally:
        os.kill(stopped, signal.SIGKILL)


def test_idle_worker_that_has_died_costs_no_attempt(planted_steps: ModuleType, two_workers: LocalWorkers) -> None:
    pids = set(child_pids())
    assert two_workers.submit(step(planted_steps.WriteSpec(text="a"))).result(60) is True
    (worker,) = set(child_pids()) - pids
    os.kill(worker, signal.SIGKILL)
    while worker in child_pids():
        time.sleep(0.01)
    assert two_workers.submit(step(planted_steps.WriteSpec(text="b"))).result(60) is True


def test_stopped_worker_does_not_outlive_a_killed_run(planted_steps: ModuleType, tmp_path: Path) -> None:
    del planted_steps
    (tmp_path / "flag").write_text("x")
    script = (
        "import sys; from pathlib import Path; sys.path[:0] = sys.argv[3:]; import planted_steps\n"
        "from tests.engine.running import run, step; from prettyuseful.engine.store.local import LocalStore\n"
        "if __name__ == '__main__':\n"
        "    run(LocalStore(Path(sys.argv[1])), step(planted_steps.StopSpec(text='a', flag=sys.argv[2])), workers=2)\n"
    )
    (tmp_path / "stopped.py").write_text(script)
    folders = [str(Path(__file__).parents[1]), str(Path(__file__).parents[3])]
    arguments = [str(tmp_path / "stopped.py"), str(tmp_path / "store"), str(tmp_path / "flag"), *folders]
    parent = subprocess.Popen([sys.executable, *arguments], start_new_session=True)
    while (tmp_path / "flag").read_text():
        assert parent.poll() is None
        time.sleep(0.02)
    time.sleep(0.2)
    kill(parent)  # and check that none of its processes is left


def child_pids() -> list[int]:
    """Return the worker processes of this process."""
    return [int(p.pid or 0) for p in multiprocessing.active_children()]
