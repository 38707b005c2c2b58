"""Files in a folder, named by the SHA-256 of their bytes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from prettyuseful.engine.durable import replacing
from prettyuseful.engine.keys import file_sha256


class DamagedError(Exception):
    """The bytes of a file are not those of its name."""


class ObjectFolder:
    """`root`/objects/ab/abcd..., and `root`/tmp for what is not whole yet. Raises OSError as the system does."""

    def __init__(self, root: Path) -> None:
        self.root, self.drafts = root, root / "tmp"
        self._checked: set[tuple[str, int, int]] = set()
        for folder in (root / "objects", self.drafts):
            folder.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        return self.root / "objects" / sha256[:2] / sha256

    def keep(self, sha256: str, write: Callable[[Path], object]) -> None:
        """`write` gets a file to write the bytes into; they are there at once, or not at all."""
        with replacing(self.path(sha256), self.drafts) as draft:
            write(draft)
            draft.chmod(0o444)

    def copy(self, sha256: str, source: Path) -> None:
        self.keep(sha256, lambda draft: shutil.copyfile(source, draft))

    def verified(self, sha256: str) -> Path:
        """Path of a file whose bytes have been hashed once per process, size and time of change.

        Raises:
            DamagedError: its bytes are others; it has been set aside, so that a whole one can take its place.
            FileNotFoundError: there is none.
        """
        path = self.path(sha256)
        stat = path.stat()
        mark = (sha256, stat.st_size, stat.st_mtime_ns)
        if mark not in self._checked:
            if file_sha256(path) != sha256:
                path.rename(path.with_suffix(".corrupt"))
                raise DamagedError(str(path))
            self._checked.add(mark)
        return path
