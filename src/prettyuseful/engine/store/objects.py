"""A folder of files that are named by the SHA-256 of their bytes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from prettyuseful.engine.atomic import atomic_write
from prettyuseful.engine.keys import file_sha256


class DamagedError(Exception):
    """The bytes of a file do not match its name."""


class ObjectFolder:
    """The files `root`/objects/ab/abcd...; `root`/tmp holds unfinished files. Methods may raise OSError."""

    def __init__(self, root: Path) -> None:
        self.root, self.drafts = root, root / "tmp"
        self._verified: set[tuple[str, int, int]] = set()
        for folder in (root / "objects", self.drafts):
            folder.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        return self.root / "objects" / sha256[:2] / sha256

    def add(self, sha256: str, write: Callable[[Path], object]) -> None:
        """Add a file atomically; `write` is called with a temporary path to write the bytes to."""
        with atomic_write(self.path(sha256), self.drafts) as draft:
            write(draft)
            draft.chmod(0o444)

    def copy(self, sha256: str, source: Path) -> None:
        self.add(sha256, lambda draft: shutil.copyfile(source, draft))

    def verified_path(self, sha256: str) -> Path:
        """Return the path of a file, after hashing its bytes once per process, size and modification time.

        Raises:
            DamagedError: the bytes do not match the name; the file was renamed to `.corrupt`.
            FileNotFoundError: there is no such file.
        """
        path = self.path(sha256)
        stat = path.stat()
        version = (sha256, stat.st_size, stat.st_mtime_ns)
        if version not in self._verified:
            if file_sha256(path) != sha256:
                path.rename(path.with_suffix(".corrupt"))
                raise DamagedError(str(path))
            self._verified.add(version)
        return path
