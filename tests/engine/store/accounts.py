"""Runs code as other users of the system, for tests of stores that several accounts share. Needs to be root."""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
ALICE, BOB, GROUP = 41_001, 41_002, 41_100
needs_accounts = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as other users")


def group_folder() -> Iterator[Path]:
    """Yield a new folder with the set-group-ID bit that belongs to Alice and may be written by the group."""
    folder = Path(tempfile.mkdtemp(prefix="prettyuseful-accounts-", dir="/tmp"))
    os.chown(folder, ALICE, GROUP)
    folder.chmod(0o2775)
    yield folder
    shutil.rmtree(folder)


def run_as(user: int, call: Callable[[], T], umask: int = 0o022) -> T:
    """Call a function in a process of another user of the group, and return its result or raise its exception."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(GROUP)
            os.setuid(user)
            os.umask(umask)
            result: tuple[Any, BaseException | None] = (call(), None)
        except BaseException as error:
            error.add_note(traceback.format_exc())
            result = (None, error)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(pickle.dumps(result))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    value: T
    raised: BaseException | None
    value, raised = pickle.loads(content)
    if raised is not None:
        raise raised
    return value
