"""A store in a folder.

objects/ab/abcd...        files, named by the SHA-256 of their bytes
manifests/12/1234....json one per artifact, written last, never changed
locks/1234....lock        advisory claims, freed by the system when a process dies
tmp/                      unfinished writes; safe to delete when nothing runs
benches/1234.../          what an unfinished step goes on from; safe to delete, at the cost of work
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from prettyuseful.durable import fsync
from prettyuseful.errors import CorruptArtifactError, StoreError
from prettyuseful.keys import file_sha256
from prettyuseful.store.base import MANIFEST_VERSION, FileEntry, Manifest


@dataclass(frozen=True)
class LocalArtifact:
    """See `store.base.Artifact`."""

    manifest: Manifest
    store: LocalStore

    def path(self, name: str) -> Path:
        for entry in self.manifest.files:
            if entry.name == name:
                return self.store.verified(entry, self.manifest)
        raise CorruptArtifactError(f"artifact {self.manifest.key[:12]} ({self.manifest.step}) has no file {name!r}")


class LocalStore:
    """See `store.base.Store`. Opening it creates the folder and proves that it can be written.

    Raises:
        StoreError: the folder cannot be created or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self._checked: set[tuple[str, int, int]] = set()
        try:
            for name in ("objects", "manifests", "locks", "tmp"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root / "tmp"):
                pass
        except OSError as error:
            raise StoreError(
                f"cannot write to the store {self.root}: {error.strerror or error}; "
                "make the folder writable or name another one with --store"
            ) from error

    def read(self, key: str) -> LocalArtifact | None:
        manifest = self._manifest(self._manifest_path(key))
        if manifest is None or manifest.key != key:
            return None
        for entry in manifest.files:
            try:
                if self._object_path(entry.sha256).stat().st_size != entry.size:
                    return None
            except FileNotFoundError:
                return None
        return LocalArtifact(manifest, self)

    def bench(self, key: str) -> Path:
        return self.root / "benches" / key

    def put_file(self, name: str, source: Path) -> FileEntry:
        entry = FileEntry(name=name, size=source.stat().st_size, sha256=file_sha256(source))
        target = self._object_path(entry.sha256)
        with self._durable(target) as draft:
            shutil.copyfile(source, draft)
            draft.chmod(0o444)
        return entry

    def list(self) -> Iterator[Manifest]:
        for path in sorted((self.root / "manifests").glob("*/*.json")):
            if (manifest := self._manifest(path)) is not None:
                yield manifest

    def commit(self, manifest: Manifest) -> LocalArtifact:
        target = self._manifest_path(manifest.key)
        target.parent.mkdir(exist_ok=True)
        if target.exists() and self.read(manifest.key) is None:
            # Broken beyond use: out of the way, so that a whole one can be first.
            with suppress(FileNotFoundError):
                target.unlink()
        draft = self._draft()
        try:
            draft.write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
            fsync(draft)
            with suppress(FileExistsError):
                os.link(draft, target)
            fsync(target.parent)
        except OSError as error:
            raise _full_or(error, self.root) from error
        finally:
            draft.unlink(missing_ok=True)
        winner = self.read(manifest.key)
        if winner is None:
            raise CorruptArtifactError(
                f"the store {self.root} lost the artifact {manifest.key[:12]} while it was written"
            )
        return winner

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        with (self.root / "locks" / f"{key}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise StoreError(f"cannot lock in the store {self.root}: {error.strerror}") from error
                yield False
                return
            yield True

    def verified(self, entry: FileEntry, manifest: Manifest) -> Path:
        """Path of an object whose bytes have been hashed once per process, size and time of change."""
        path = self._object_path(entry.sha256)
        try:
            stat = path.stat()
            mark = (entry.sha256, stat.st_size, stat.st_mtime_ns)
            if mark not in self._checked:
                if file_sha256(path) != entry.sha256:
                    # Set aside, so that the next run makes it again instead of meeting it again.
                    path.rename(path.with_suffix(".corrupt"))
                    raise CorruptArtifactError(self._broken(entry, manifest, "differs from its manifest"))
                self._checked.add(mark)
        except FileNotFoundError:
            raise CorruptArtifactError(self._broken(entry, manifest, "is missing")) from None
        return path

    def _broken(self, entry: FileEntry, manifest: Manifest, what: str) -> str:
        return (
            f"file {entry.name} of artifact {manifest.key[:12]} ({manifest.step}) {what} "
            f"in the store {self.root}; run the study again to make it anew"
        )

    def _object_path(self, sha256: str) -> Path:
        return self.root / "objects" / sha256[:2] / sha256

    def _manifest_path(self, key: str) -> Path:
        return self.root / "manifests" / key[:2] / f"{key}.json"

    def _draft(self) -> Path:
        handle, name = tempfile.mkstemp(dir=self.root / "tmp")
        os.close(handle)
        return Path(name)

    @contextmanager
    def _durable(self, target: Path) -> Iterator[Path]:
        """A draft that replaces `target` in one move, after its bytes have reached the disk."""
        try:
            target.parent.mkdir(exist_ok=True)
            draft = self._draft()
            try:
                yield draft
                fsync(draft)
                draft.replace(target)
                fsync(target.parent)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise _full_or(error, self.root) from error

    @staticmethod
    def _manifest(path: Path) -> Manifest | None:
        try:
            manifest = Manifest.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None
        return manifest if manifest.schema_version == MANIFEST_VERSION else None


def _full_or(error: OSError, root: Path) -> StoreError:
    return StoreError(
        f"cannot write to the store {root}: {error.strerror or error}; free some space or name another store"
    )
