"""Signs of life of worker processes, and how long a run waits for them.

A worker is alive while its step reports progress, while the thread of the step runs at all, or while its other threads
and child processes compute, read or write. A thread that only keeps a claim or a connection is no sign of life.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_COMPUTED_SECONDS, _COMPUTED_SHARE = 1.0, 0.01  # of CPU time, by threads other than the step's and by child processes
_COPIED_BYTES = 1_000_000
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """What a process has used so far.

    Attributes:
        step_thread: time on a CPU of its main thread, which runs the steps; only compared.
        other_seconds: CPU seconds of its other threads and its child processes. Those of Ray take 0.003 per second.
        copied_bytes: bytes that the process has read and written.
    """

    step_thread: int = 0
    other_seconds: float = 0.0
    copied_bytes: int = 0

    def shows_life_since(self, before: Usage, seconds: float) -> bool:
        computed = abs(self.other_seconds - before.other_seconds)  # it decreases when a child process has ended
        return (
            self.step_thread != before.step_thread
            or computed >= _COMPUTED_SECONDS + _COMPUTED_SHARE * seconds
            or self.copied_bytes - before.copied_bytes >= _COPIED_BYTES
        )


def read_usage(pid: int) -> Usage | None:
    """Return what a process of this machine has used; None if the system does not say or the process has exited."""
    try:
        own, process = _cpu_ticks(Path(f"/proc/{pid}/task/{pid}"), children=False), _cpu_ticks(Path(f"/proc/{pid}"))
        others = process + sum(_cpu_ticks(Path(f"/proc/{child}")) for child in _descendants(pid)) - own
        return Usage(_run_time(pid) or own, others / _TICKS, _copied_bytes(pid))
    except (OSError, ValueError, IndexError):
        return None


def _cpu_ticks(folder: Path, children: bool = True) -> int:
    """Return the CPU time of a thread or process, and of the child processes of its process that have exited."""
    times = (folder / "stat").read_text().rpartition(")")[2].split()[11:15]
    return sum(int(ticks) for ticks in (times if children else times[:2]))


def _run_time(pid: int) -> int | None:
    """Return the nanoseconds that the main thread has run: even one that only wakes up and sleeps again is noticed."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0])
    return None


def _copied_bytes(pid: int) -> int:
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(("rchar", "wchar")))
    return 0


def _descendants(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield int(child)
                yield from _descendants(int(child))


class Watch:
    """How long the worker of a step has shown no sign of life.

    Only time in which this process runs itself counts: after Ctrl-Z and `fg`, or after a container was paused, no
    worker is late.
    """

    def __init__(
        self, patience: float, longest_interval: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.patience, self._clock = patience, clock
        self.interval = min(longest_interval, patience / 10)
        """Seconds between two looks."""
        self.silence = 0.0
        self._last, self._looked = Usage(), clock()

    def is_due(self) -> bool:
        """Whether it is time for another look."""
        return self._clock() - self._looked >= self.interval

    def sign(self) -> None:
        """Note a sign of life."""
        self.silence = 0.0

    def look(self, usage: Usage | None) -> bool:
        """Compare with the last look; return whether the patience is over. None, for unknown, counts as life."""
        now = self._clock()
        elapsed, self._looked = min(now - self._looked, 2 * self.interval), now
        if usage is None or usage.shows_life_since(self._last, self.silence + elapsed):
            self.silence, self._last = 0.0, usage or self._last
        else:
            self.silence += elapsed
        return self.silence >= self.patience

    @property
    def cause(self) -> str:
        """Why the step is tried again."""
        return (
            f"its worker gave no sign of life for {self.patience:g} s (PRETTYUSEFUL_PATIENCE) and was killed; "
            "it was stopped, or its file system does not answer"
        )


def exit_with_parent(parent: int) -> None:
    """Let the system kill this process when `parent`, which started it, ends; a stopped process is killed, too.

    On Linux, that is when the thread ends that started this process.
    """
    if not _kill_at_death_of_parent():
        threading.Thread(target=_poll_parent, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it ended before
        os._exit(1)


def _kill_at_death_of_parent() -> bool:
    if sys.platform != "linux":
        return False
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG
    with suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0) == 0)
    return False


def _poll_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
