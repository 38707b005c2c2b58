"""What counts as a sign of life, on real processes, and how patience is measured."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from prettyuseful.engine.processes import PATIENCE, read_patience
from prettyuseful.engine.workers.life import Usage, Watch, read_usage
from prettyuseful.errors import StudyError

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
COMPUTES = "while True: pass"
IN_A_THREAD = "import threading, time; threading.Thread(target=work, daemon=True).start(); threading.Event().wait()"
ALIVE = {
    "computes": COMPUTES,
    "wakes up now and then": "import time\nwhile True: time.sleep(0.1)",
    "computes in another thread": f"def work():\n while True: pass\n{IN_A_THREAD}",
    "computes in a child process": f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{COMPUTES}'])",
    "starts short child processes in another thread": (
        "import subprocess, sys\ndef work():\n"
        f" while True: subprocess.run([sys.executable, '-c', 'sum(range(2000000))'])\n{IN_A_THREAD}"
    ),
    "writes in another thread": (
        f"def work():\n while True: open('/dev/null', 'wb', 0).write(b'x' * 2000000); time.sleep(0.5)\n{IN_A_THREAD}"
    ),
}
HUNG = {
    "waits": "import threading; threading.Event().wait()",
    "waits, and a thread keeps its claim": (
        f"def work():\n while True: open('/dev/null', 'w').write('renewed'); time.sleep(0.1)\n{IN_A_THREAD}"
    ),
}


@contextmanager
def running(script: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", f"print(flush=True)\n{script}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.2)
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def shows_life(pid: int, within: float) -> bool:
    before = read_usage(pid)
    assert before is not None
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        time.sleep(0.1)
        now = read_usage(pid)
        assert now is not None
        if now.shows_life_since(before, within):
            return True
    return False


@needs_proc
@pytest.mark.parametrize("script", ALIVE.values(), ids=ALIVE)
def test_work_is_a_sign_of_life(script: str) -> None:
    with running(script) as process:
        assert shows_life(process.pid, within=20)


@needs_proc
@pytest.mark.parametrize("script", HUNG.values(), ids=HUNG)
def test_waiting_is_no_sign_of_life(script: str) -> None:
    with running(script) as process:
        assert not shows_life(process.pid, within=1)


@needs_proc
def test_stopped_process_shows_no_life() -> None:
    with running(COMPUTES) as process:
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        assert not shows_life(process.pid, within=0.5)
        process.send_signal(signal.SIGCONT)
        assert shows_life(process.pid, within=20)


def test_usage_of_a_process_that_has_exited_is_unknown() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert read_usage(process.pid) is None


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def looks(watch: Watch, clock: Clock, usages: list[Usage | None], seconds: float = 1.0) -> list[bool]:
    late = []
    for usage in usages:
        clock.now += seconds
        late.append(watch.look(usage))
    return late


def test_patience_ends_after_silence_only() -> None:
    clock = Clock()
    watch = Watch(10, clock=clock)
    busy = [Usage(step_thread=i) for i in range(1, 40)]
    assert looks(watch, clock, [*busy]) == [False] * 39
    assert looks(watch, clock, [busy[-1]] * 9) == [False] * 9
    assert looks(watch, clock, [Usage(40), *[Usage(40)] * 9]) == [False] * 10, "one sign of life renews the patience"
    watch.sign()
    assert looks(watch, clock, [Usage(40)] * 10) == [*[False] * 9, True]


def test_slow_use_adds_up_to_a_sign_of_life() -> None:
    clock = Clock()
    watch = Watch(10, clock=clock)
    slow = [Usage(other_seconds=0.2 * i, copied_bytes=10 * i) for i in range(1, 100)]
    assert not any(looks(watch, clock, [*slow]))


def test_threads_that_only_keep_a_connection_are_no_sign_of_life() -> None:
    """Those of Ray use 0.003 s of CPU time per second, on a slow core."""
    clock = Clock()
    watch = Watch(1800, longest_interval=10, clock=clock)
    assert looks(watch, clock, [Usage(other_seconds=0.03 * i) for i in range(1, 182)], seconds=10)[-1]


def test_unknown_use_is_never_too_late() -> None:
    clock = Clock()
    assert not any(looks(Watch(10, clock=clock), clock, [None] * 50))


def test_time_in_which_the_run_itself_was_stopped_does_not_count() -> None:
    clock = Clock()
    watch = Watch(10, clock=clock)
    assert looks(watch, clock, [Usage()] * 2, seconds=3600) == [False, False]
    assert looks(watch, clock, [Usage()] * 10)[-1]


def test_looks_are_due_at_intervals() -> None:
    clock = Clock()
    watch = Watch(PATIENCE, clock=clock)
    assert not watch.is_due()
    clock.now += watch.interval
    assert watch.is_due()
    watch.look(Usage())
    assert not watch.is_due()
    assert Watch(1).interval < 1


@pytest.mark.parametrize(("value", "seconds"), [(None, PATIENCE), ("", PATIENCE), ("90", 90), (" 0.5 ", 0.5)])
def test_patience_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, value: str | None, seconds: float
) -> None:
    monkeypatch.delenv("PRETTYUSEFUL_PATIENCE", raising=False)
    if value is not None:
        monkeypatch.setenv("PRETTYUSEFUL_PATIENCE", value)
    assert read_patience() == seconds


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "five", "1e999"])
def test_invalid_patience_is_reported(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PRETTYUSEFUL_PATIENCE", value)
    with pytest.raises(StudyError, match=f"PRETTYUSEFUL_PATIENCE is '{value}'; set it to a positive number"):
        read_patience()


CHILD = """
import os, sys, time
from prettyuseful.engine.workers.life import exit_with_parent
time.sleep({delay})
exit_with_parent(int(sys.argv[1]))
print("bound", flush=True)
time.sleep(60)
"""
PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {child!r}, str(os.getpid())], stdout=subprocess.PIPE)
{wait}
print(child.pid, flush=True)
sys.stdin.read()
"""


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@needs_proc
@pytest.mark.parametrize("stopped", [False, True])
def test_process_ends_with_its_parent_even_if_it_is_stopped(stopped: bool) -> None:
    script = PARENT.format(child=CHILD.format(delay=0), wait="child.stdout.readline()")
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    if stopped:
        os.kill(child, signal.SIGSTOP)
    assert not has_ended(child)
    parent.kill()
    parent.communicate()
    wait_until(lambda: has_ended(child))


@needs_proc
def test_process_ends_if_its_parent_ended_before() -> None:
    script = PARENT.format(child=CHILD.format(delay=1), wait="")
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    wait_until(lambda: has_ended(child))
