"""Ends what is left of a run's own Ray cluster when the run has ended, even if it was killed.

The run starts this file as a program, in a session of its own, with a pipe that closes when the run ends. Ray's own
processes end with the process that has started them, but its agents wait for the cluster for a minute.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_ROUNDS, _PAUSE = 10, 0.1
_NAMES = ("ray", "gcs_server", "python")
"""Beginnings of the names of Ray's processes. Somebody may look at its log files with another program."""


def main(folder: Path) -> None:
    """Wait for the end of the run; kill the processes that have files open below the folder, and remove it.

    The process that has started this one is never killed. It may go on, and Ray keeps log files open in it.
    """
    sys.stdin.buffer.read()
    for _ in range(_ROUNDS):  # a process may just be starting another one
        for pid in _processes_with_files_in(folder):
            if pid != os.getppid():
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE)
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return


def _processes_with_files_in(folder: Path) -> Iterator[int]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # a process of another user, or one that has ended
            if (process / "comm").read_text().startswith(_NAMES) and any(
                folder in file.readlink().parents for file in (process / "fd").iterdir()
            ):
                yield int(process.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
