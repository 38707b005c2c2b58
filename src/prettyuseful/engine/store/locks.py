"""Claims in a folder: locks of the file system, whose holders show signs of life. They avoid double work only."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from prettyuseful.engine.processes import LifeSign, read_patience
from prettyuseful.engine.store.folder import SafeFolder, age
from prettyuseful.engine.store.observations import Observations

LOCK_SECONDS = 120.0
"""Seconds after which a lock without a sign of life is ignored."""
_SIGNS = 8  # per `LOCK_SECONDS`
_HELD = (errno.EAGAIN, errno.EACCES)
_FOLDER, _SUFFIX = "locks", ".lock"


class _ForeignFileError(Exception):
    """A lock file has a second name, a hard link."""


class Locks:
    """The locks `locks/<key>.lock` in a folder, which the system releases when a process exits.

    The holder of a lock changes the time of its file as long as its process works. A lock whose file has not changed
    for `LOCK_SECONDS`, by the monotonic clock of the observer, is held by a process that was stopped or is stuck.
    Where a file system has no locks, or an account may not use them, every claim succeeds.
    """

    def __init__(self, folder: SafeFolder) -> None:
        self._folder = folder
        self._observations = Observations()
        self._signs = _Signs()

    @contextmanager
    def hold(self, key: str) -> Iterator[bool]:
        """Try to acquire a lock; yield whether the key may be worked on."""
        handle = self._open(key)
        if handle is None:
            yield True
            return
        try:
            if not _try_to_lock(handle, fcntl.LOCK_EX):
                sign = os.fstat(handle).st_mtime_ns
                yield self._observations.unchanged_seconds(key, sign) >= LOCK_SECONDS
                return
            with self._signs.given_for(handle):
                yield True
        finally:
            os.close(handle)

    def held_keys(self) -> set[str]:
        """Return the keys of locks that are held with signs of life, if the clocks of the machines agree."""
        keys = set()
        for entry in self._folder.entries(_FOLDER):
            if not entry.name.endswith(_SUFFIX) or age(entry) > LOCK_SECONDS:
                continue
            with suppress(PermissionError):
                handle = self._folder.open_handle(os.O_RDONLY, _FOLDER, entry.name)
                if handle is None:
                    continue
                # A shared lock: observers do not block each other; a simultaneous claim fails and is tried again.
                if not _try_to_lock(handle, fcntl.LOCK_SH):
                    keys.add(entry.name.removesuffix(_SUFFIX))
                os.close(handle)
        return keys

    def _open(self, key: str) -> int | None:
        """Return the file descriptor of a lock file; None if this account may not use it."""
        with suppress(PermissionError, _ForeignFileError):
            return self._open_own(key)
        with suppress(PermissionError, _ForeignFileError):
            handle = self._folder.open_handle(os.O_RDONLY, *_names(key))
            # Another account's file, whose time this account cannot change, or a file that has a name outside, whose
            # time must not change: replace it if it is not held.
            if handle is None or not _try_to_lock(handle, fcntl.LOCK_EX):
                return handle
            with suppress(OSError):
                self._folder.path(*_names(key)).unlink()
                own = self._open_own(key)
                os.close(handle)
                return own
            if os.fstat(handle).st_nlink == 1:
                return handle
            os.close(handle)
        return None

    def _open_own(self, key: str) -> int | None:
        """Return the file descriptor of a lock file, whose time and permissions this account may change.

        Raises:
            _ForeignFileError: the file has further names, which may lie outside the store.
        """
        flags = os.O_RDWR | os.O_CREAT
        self._folder.make_folder(_FOLDER)
        handle = self._folder.open_handle(flags, *_names(key))
        if handle is None:  # something else is in the place of the file
            self._folder.move_away(self._folder.path(*_names(key)))
            handle = self._folder.open_handle(flags, *_names(key))
        if handle is not None:
            if os.fstat(handle).st_nlink > 1:
                os.close(handle)
                raise _ForeignFileError
            self._folder.give_to_group(handle)
        return handle


def _try_to_lock(handle: int, kind: int) -> bool:
    """Try to lock a file; True also where the file system has no locks."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _HELD
    return True


class _Signs:
    """One thread that changes the times of all lock files that this process holds."""

    def __init__(self) -> None:
        self._handles = set[int]()
        self._thread: threading.Thread | None = None
        self._mutex = threading.Lock()  # no sign is given for a handle that is closed

    @contextmanager
    def given_for(self, handle: int) -> Iterator[None]:
        _give_sign(handle)
        with self._mutex:
            self._handles.add(handle)
            if self._thread is None:
                self._thread = threading.Thread(target=self._give, daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._mutex:
                self._handles.discard(handle)

    def _give(self) -> None:
        life = LifeSign()
        while True:
            time.sleep(LOCK_SECONDS / _SIGNS)
            is_alive = life.is_shown(read_patience())
            with self._mutex:
                if not self._handles:
                    self._thread = None
                    return
                for handle in self._handles if is_alive else ():
                    _give_sign(handle)


def _give_sign(handle: int) -> None:
    with suppress(OSError):
        os.utime(handle)


def _names(key: str) -> tuple[str, str]:
    return _FOLDER, f"{key}{_SUFFIX}"
