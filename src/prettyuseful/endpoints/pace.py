"""A limit on the requests per minute, which the processes of one account on a machine share."""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
import tempfile
import time
from pathlib import Path

from prettyuseful.engine.keys import digest

_MAX_AHEAD = 3600.0  # seconds; a later turn is of a file that another start of the machine has left


class Pace:
    """Turns that are at least `60 / per_minute` seconds apart, for all processes of this account with the same `name`.

    The time of the last turn is in a locked file in the folder for temporary files. Where that file cannot be used, the
    turns are those of this process alone.
    """

    def __init__(self, per_minute: float, name: str) -> None:
        self.interval = 60 / per_minute
        self._last = 0.0
        self._file = _own_folder() / f"{digest(name)[:32]}.turn"

    async def turn(self) -> None:
        """Wait for the next turn."""
        await asyncio.sleep(max(0.0, self._take() - time.monotonic()))

    def _take(self) -> float:
        """Reserve the next turn; return its time by the monotonic clock, which all processes share."""
        try:
            handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError:
            self._last = self._after(self._last)
            return self._last
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            turn = self._after(_number(os.pread(handle, 64, 0)))
            os.pwrite(handle, f"{turn:.6f}\n".encode().ljust(64), 0)
        finally:
            os.close(handle)
        return turn

    def _after(self, last: float) -> float:
        now = time.monotonic()
        return max(now, last + self.interval) if last < now + _MAX_AHEAD else now


def _own_folder() -> Path:
    """Return a folder of this account that no other account can write."""
    folder = Path(tempfile.gettempdir(), f"prettyuseful-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
    except OSError:
        return folder
    is_own = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid() and not facts.st_mode & 0o022
    return folder if is_own else folder / "not-ours"


def _number(content: bytes) -> float:
    try:
        return float(content)
    except ValueError:
        return 0.0
