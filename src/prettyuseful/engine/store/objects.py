"""A folder of files that are named by the SHA-256 of their bytes."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from prettyuseful.engine.store.folder import SafeFolder

_READ_ONLY = 0o444


class DamagedError(Exception):
    """The bytes of a file do not match its name."""


class ObjectFolder:
    """The files objects/ab/abcd... in a folder. Methods may raise OSError."""

    def __init__(self, folder: SafeFolder) -> None:
        self._folder = folder
        self._verified: set[tuple[str, int, int]] = set()

    def path(self, sha256: str) -> Path:
        return self._folder.path(*_names(sha256))

    def size(self, sha256: str) -> int | None:
        """Return the size of a file in bytes; None if there is no such file."""
        status = self._folder.stat(*_names(sha256))
        return None if status is None else status.st_size

    def size_if_intact(self, sha256: str) -> int | None:
        """Return the size of a file in bytes after hashing it; None if its name is not its SHA-256.

        Raises:
            FileNotFoundError: there is no such file.
        """
        found = self._folder.sha256_and_size(*_names(sha256))
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.path(sha256)))
        digest, size = found
        return size if digest == sha256 else None

    def add(self, sha256: str, write: Callable[[Path], object]) -> None:
        """Add a file atomically; `write` is called with a temporary path to write the bytes to."""
        with self._folder.write(*_names(sha256), mode=_READ_ONLY) as draft:
            write(draft)

    def take(self, sha256: str, source: Path) -> None:
        """Add a file by moving it; from another disk it is copied."""
        self.add(sha256, lambda draft: _move(source, draft))

    def verified_path(self, sha256: str) -> Path:
        """Return the path of a file, after hashing its bytes once per process, size and modification time.

        Raises:
            DamagedError: the bytes do not match the name; the file was renamed to `.corrupt`, if that is allowed.
            FileNotFoundError: there is no such file.
        """
        path, status = self.path(sha256), self._folder.stat(*_names(sha256))
        if status is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        version = (sha256, status.st_size, status.st_mtime_ns)
        if version not in self._verified:
            if self.size_if_intact(sha256) is None:
                with suppress(OSError):
                    path.rename(path.with_suffix(".corrupt"))
                raise DamagedError(str(path))
            self._verified.add(version)
        return path


def _names(sha256: str) -> tuple[str, str, str]:
    return "objects", sha256[:2], sha256


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copyfile(source, target)
