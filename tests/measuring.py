"""Reads hostile inputs, each in a process of its own, and says what each cost."""

from __future__ import annotations

import json
import os
import resource
import signal
import tempfile
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from prettyuseful.errors import UserError

_MOST_SECONDS = 60  # after which a process is ended


def report(inputs: Mapping[str, Callable[[], bytes]], read: Callable[[bytes], object]) -> None:
    """Print one line of JSON per input.

    A line holds the name, the message of the UserError (or None), whether something else was raised, the memory in
    bytes by which the process grew, and its seconds on the CPU. Another process makes the input, so that what that
    needs does not count.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "input")
        for name, make in inputs.items():
            _in_child(name, partial(_write, file, make))
            _in_child(name, partial(_print, name, file, read))


def _in_child(name: str, work: Callable[[], object]) -> None:
    pid = os.fork()
    if pid == 0:
        signal.alarm(_MOST_SECONDS)
        work()
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if status:
        result = {"name": name, "message": f"status {status}", "crash": True, "memory": 0, "seconds": 0.0}
        print(json.dumps(result), flush=True)


def _write(file: Path, make: Callable[[], bytes]) -> None:
    file.write_bytes(make())


def _print(name: str, file: Path, read: Callable[[bytes], object]) -> None:
    print(json.dumps({"name": name, **_measure(file, read)}), flush=True)


def _measure(file: Path, read: Callable[[bytes], object]) -> dict[str, object]:
    data = file.read_bytes()
    before, message, crash = _used(), None, False
    try:
        read(data)
    except UserError as error:
        message = str(error)
    except BaseException:
        message, crash = traceback.format_exc(), True
    memory, seconds = (after - earlier for after, earlier in zip(_used(), before, strict=True))
    return {"message": message, "crash": crash, "memory": memory, "seconds": seconds}


def _used() -> tuple[int, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime
