"""Identities of processes, by which a later process recognises what an earlier one has left behind."""

from __future__ import annotations

import math
import os
import time
from contextlib import suppress
from pathlib import Path

from prettyuseful.errors import StudyError

PATIENCE = 300.0
"""Seconds without a sign of life after which a process is given up; PRETTYUSEFUL_PATIENCE changes it."""


def process_identity() -> str:
    """Return an identity of this process that no other process has: machine, process id and start time."""
    return " ".join((*_machine(), str(os.getpid()), _start_ticks(os.getpid()) or "0"))


def has_exited(identity: str) -> bool:
    """Whether this is the identity of a process of this machine that has exited; False if that cannot be known."""
    with suppress(ValueError):
        *machine, pid, start = identity.split(" ")
        return tuple(machine) == _machine() and start != "0" and _start_ticks(int(pid)) != start
    return False


def _machine() -> tuple[str, str, str]:
    """Return the host name, the boot, and the namespace of process ids, of which every container has its own."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    try:
        namespace = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        namespace = "unknown"
    host = os.uname().nodename.replace(" ", "-") or "unknown"
    return host, boot.read_text().strip() if boot.exists() else "unknown", namespace


def _start_ticks(pid: int) -> str | None:
    """Return the start time of a process in ticks since boot; None if there is no such process."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return None


class LifeSign:
    """Whether this process still works, by its CPU time. A stuck file system stops a process without stopping it all.

    Ask from a thread that does nothing else, because its own CPU time is left out.
    """

    _LEAST_SECONDS = 0.01  # of CPU time

    def __init__(self) -> None:
        self._busy, self._since = _busy_seconds(), time.monotonic()

    def is_shown(self, patience: float) -> bool:
        """Whether the process has used the CPU within the last `patience` seconds."""
        busy, now = _busy_seconds(), time.monotonic()
        if busy - self._busy > self._LEAST_SECONDS:
            self._busy, self._since = busy, now
        return now - self._since < patience


def _busy_seconds() -> float:
    return time.process_time() - time.thread_time()


def read_patience() -> float:
    """Return the seconds without a sign of life after which a process is given up: PRETTYUSEFUL_PATIENCE, or 300.

    Raises:
        StudyError: PRETTYUSEFUL_PATIENCE is not a positive number.
    """
    text = os.environ.get("PRETTYUSEFUL_PATIENCE", "").strip() or str(PATIENCE)
    with suppress(ValueError):
        if 0 < (seconds := float(text)) < math.inf:
            return seconds
    raise StudyError(f"PRETTYUSEFUL_PATIENCE is {text!r}; set it to a positive number of seconds, such as {PATIENCE:g}")
