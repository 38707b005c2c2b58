from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.engine.store.locations import KEY, StoreLocation

from prettyuseful.engine.processes import process_identity
from prettyuseful.engine.store.base import GRACE_SECONDS, Store

HOLD = """
import sys
from prettyuseful.engine.store.open import open_store
with open_store(sys.argv[1]).scratch(sys.argv[2]) as scratch:
    (scratch / "unfinished").write_bytes(b"x" * 1000)
    print(scratch, flush=True)
    sys.stdin.read()
"""


def test_scratch_is_empty_and_deleted_afterwards(store: Store) -> None:
    with store.scratch(KEY) as scratch:
        assert list(scratch.iterdir()) == []
        (scratch / "folder").mkdir()
        with store.scratch(KEY) as another:
            assert another != scratch
    assert list(scratch.parent.iterdir()) == []
    with pytest.raises(ZeroDivisionError), store.scratch(KEY) as scratch:
        raise ZeroDivisionError
    assert list(scratch.parent.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_what_a_killed_process_leaves_is_deleted_at_the_next_start(tmp_path: Path, number: int) -> None:
    location = StoreLocation(str(tmp_path / "store"), None, tmp_path, shared=True)
    command = [sys.executable, "-c", HOLD, location.url, KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        scratch = Path(process.stdout.readline().strip())
        location.open()
        assert (scratch / "unfinished").exists(), "its process still runs"
        os.kill(process.pid, number)
    location.open()
    assert list(scratch.parent.iterdir()) == []


def test_scratch_of_other_machines_is_swept_after_a_day_unless_it_is_claimed(
    location: StoreLocation, store: Store
) -> None:
    with store.scratch(KEY) as scratch:
        owner = scratch.with_suffix(".owner")
        owner.write_text(f"elsewhere {process_identity().partition(' ')[2]}\n{KEY}\n")
        location.open()
        assert scratch.exists()
        store.sweep(set(), remove=True)
        assert scratch.exists(), "younger than a day"
        for path in (owner, scratch):
            os.utime(path, (path.stat().st_mtime - 2 * GRACE_SECONDS,) * 2)
        with store.claim(KEY):
            store.sweep(set(), remove=True)
            assert scratch.exists()
        store.sweep(set(), remove=True)
        assert not scratch.exists()
        assert not owner.exists()
