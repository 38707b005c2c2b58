from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.engine.store.locations import KEY

from prettyuseful.engine.store import locks
from prettyuseful.engine.store.folder import SafeFolder
from prettyuseful.engine.store.locks import Locks

HOLD = """
import sys, time
from pathlib import Path
from prettyuseful.engine.store import locks
from prettyuseful.engine.store.folder import SafeFolder
locks.LOCK_SECONDS = 0.4
with locks.Locks(SafeFolder(Path(sys.argv[1]))).hold(sys.argv[2]) as held:
    print(held, flush=True)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> SafeFolder:
    folder = SafeFolder(tmp_path)
    folder.create("locks")
    return folder


def test_stopped_holder_is_ignored_and_a_working_one_is_not(
    folder: SafeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "LOCK_SECONDS", 0.4)
    observer = Locks(folder)

    def wait_until_free(seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with observer.hold(KEY) as held:
                if held:
                    return True
            time.sleep(0.05)
        return False

    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder.root), KEY], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"True"
        assert observer.held_keys() == {KEY}
        assert not wait_until_free(1.5)
        os.kill(holder.pid, signal.SIGSTOP)
        assert wait_until_free(10)
        assert observer.held_keys() == set()
        holder.kill()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF])
def test_without_locks_every_claim_succeeds(folder: SafeFolder, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", fail)
    with Locks(folder).hold(KEY) as first, Locks(folder).hold(KEY) as second:
        assert first
        assert second
        assert Locks(folder).held_keys() == set()


def test_lock_is_released_when_its_block_fails(folder: SafeFolder) -> None:
    with pytest.raises(ZeroDivisionError), Locks(folder).hold(KEY):
        raise ZeroDivisionError
    with Locks(folder).hold(KEY) as held:
        assert held


@pytest.mark.parametrize("is_held", [False, True])
def test_lock_with_a_name_outside_the_store_is_replaced_unless_it_is_held(tmp_path: Path, is_held: bool) -> None:
    """Its time and its permissions are those of the file outside."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store").chmod(0o2775)
    folder = SafeFolder(tmp_path / "store")
    folder.create("locks")
    outside = tmp_path / "outside"
    outside.write_text("precious")
    outside.chmod(0o600)
    os.utime(outside, (1e9, 1e9))
    os.link(outside, folder.path("locks", f"{KEY}.lock"))
    with outside.open() as other:
        if is_held:
            fcntl.flock(other, fcntl.LOCK_EX)
        with Locks(folder).hold(KEY) as held:
            assert held != is_held
            assert Locks(folder).held_keys() == (set() if is_held else {KEY})  # its holder gives no signs of life
    status = outside.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_mtime) == (0o600, 1e9)
    assert status.st_nlink == (2 if is_held else 1)


def test_lock_with_a_name_outside_that_cannot_be_replaced_is_not_used(
    folder: SafeFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError

    (tmp_path / "outside").touch()
    os.utime(tmp_path / "outside", (1e9, 1e9))
    os.link(tmp_path / "outside", folder.path("locks", f"{KEY}.lock"))
    monkeypatch.setattr(Path, "unlink", fail)
    with Locks(folder).hold(KEY) as held:
        assert held
    assert (tmp_path / "outside").stat().st_mtime == 1e9
