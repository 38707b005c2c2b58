"""A store in a folder.

objects/ab/abcd...        files, named by the SHA-256 of their bytes
manifests/12/1234....json one per artifact, written last, never changed
locks/1234....lock        advisory claims, freed by the system when a process dies
tmp/                      unfinished writes; safe to delete when nothing runs
checkpoints/1234.../              what an unfinished step goes on from; safe to delete, at the cost of work
failures/1234....json     why a step failed; gone once it is made
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Collection, Iterator, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from prettyuseful.engine.durable import draft_in, fsync, replacing
from prettyuseful.engine.keys import file_sha256
from prettyuseful.engine.store.base import GRACE, Checked, FileEntry, Manifest, Swept
from prettyuseful.engine.store.faults import DIFFERS, MISSING, broken, checked_against, failure_cause, failure_text
from prettyuseful.engine.store.objects import DamagedError, ObjectFolder
from prettyuseful.errors import CorruptArtifactError, StoreError


@dataclass(frozen=True)
class LocalArtifact:
    """See `store.base.Artifact`."""

    manifest: Manifest
    store: LocalStore

    def path(self, name: str) -> Path:
        return self.store.verified(self.manifest.file(name), self.manifest)


class LocalStore:
    """See `store.base.Store`. Opening it creates the folder and proves that it can be written.

    Raises:
        StoreError: the folder cannot be created or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        try:
            self._objects = ObjectFolder(self.root)
            for name in ("manifests", "locks", "failures"):
                (self.root / name).mkdir(exist_ok=True)
            with draft_in(self._objects.drafts):
                pass
        except OSError as error:
            raise StoreError(
                f"cannot write to the store {self.root}: {error.strerror or error}; "
                "make the folder writable or name another one with --store"
            ) from error

    @property
    def url(self) -> str:
        return str(self.root)

    def read(self, key: str) -> LocalArtifact | None:
        manifest = self._manifest(self._manifest_path(key))
        if manifest is None or manifest.key != key:
            return None
        for entry in manifest.files:
            try:
                if self._objects.path(entry.sha256).stat().st_size != entry.size:
                    return None
            except FileNotFoundError:
                return None
        return LocalArtifact(manifest, self)

    def present(self, keys: Collection[str]) -> set[str]:
        return {key for key in keys if self.read(key) is not None}

    def checkpoint_dir(self, key: str) -> Path:
        return self.root / "checkpoints" / key

    def put_file(self, name: str, source: Path) -> FileEntry:
        entry = FileEntry.of(name, source)
        try:
            self._objects.copy(entry.sha256, source)
        except OSError as error:
            raise _full_or(error, self.root) from error
        return entry

    def list(self) -> Iterator[Manifest]:
        for path in sorted((self.root / "manifests").glob("*/*.json")):
            if (manifest := self._manifest(path)) is not None:
                yield manifest

    def commit(self, manifest: Manifest) -> LocalArtifact:
        target = self._manifest_path(manifest.key)
        try:
            target.parent.mkdir(exist_ok=True)
            if target.exists() and self.read(manifest.key) is None:
                # Broken beyond use: out of the way, so that a whole one can be first.
                with suppress(FileNotFoundError):
                    target.unlink()
            with draft_in(self._objects.drafts) as draft:
                draft.write_text(manifest.as_text(), encoding="utf-8")
                fsync(draft)
                with suppress(FileExistsError):
                    os.link(draft, target)
                fsync(target.parent)
        except OSError as error:
            raise _full_or(error, self.root) from error
        with suppress(OSError):
            self._failure_path(manifest.key).unlink(missing_ok=True)
        winner = self.read(manifest.key)
        if winner is None:
            raise CorruptArtifactError(
                f"the store {self.root} lost the artifact {manifest.key[:12]} while it was written"
            )
        return winner

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        try:
            lock = self._lock_path(key).open("a")
        except OSError as error:
            raise _full_or(error, self.root) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise StoreError(f"cannot lock in the store {self.root}: {error.strerror}") from error
                yield False
                return
            yield True

    def claimed(self) -> set[str]:
        found = set()
        for path in (self.root / "locks").glob("*.lock"):
            # Shared: lookers do not hinder each other, and who wants to claim meanwhile only looks again.
            with suppress(FileNotFoundError), path.open() as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    found.add(path.stem)
        return found

    def record_failure(self, key: str, cause: str) -> None:
        try:
            with replacing(self._failure_path(key), self._objects.drafts) as draft:
                draft.write_text(failure_text(cause), encoding="utf-8")
        except OSError as error:
            raise _full_or(error, self.root) from error

    def failures(self) -> dict[str, str]:
        found = {}
        for path in (self.root / "failures").glob("*.json"):
            with suppress(OSError, ValueError):
                if not self._manifest_path(path.stem).exists():
                    found[path.stem] = failure_cause(path.read_text("utf-8"))
        return found

    def check(self) -> Iterator[Checked]:
        paths = sorted((self.root / "manifests").glob("*/*.json"))
        yield from checked_against(((path.stem, self._manifest(path)) for path in paths), self._problem)

    def sweep(self, keep: Set[str], remove: bool) -> Swept:
        keep = keep | self.claimed()
        manifests = {path.stem: path for path in (self.root / "manifests").glob("*/*.json")}
        unused = [path for key, path in manifests.items() if key not in keep]
        kept = [self._manifest(path) for key, path in manifests.items() if key in keep]
        needed = {entry.sha256 for manifest in kept if manifest for entry in manifest.files}
        unreferenced = {e.sha256 for path in unused if (found := self._manifest(path)) for e in found.files} - needed
        files = [path for path in (self.root / "objects").glob("*/*") if self._is_spare(path, needed, unreferenced)]
        files += [path for path in (self.root / "tmp").iterdir() if _age(path) > GRACE]
        files += [path for path in (self.root / "failures").glob("*.json") if path.stem not in keep]
        unneeded = [path for path in (self.root / "checkpoints").glob("*") if path.name not in keep]
        files += [path for folder in unneeded for path in folder.rglob("*") if path.is_file()]
        swept = Swept(len(unused), len(files), sum(path.lstat().st_size for path in files))
        if remove:
            try:
                for path in (*unused, *files):  # manifests first: none may promise what is gone
                    path.unlink(missing_ok=True)
                for folder in unneeded:
                    shutil.rmtree(folder, ignore_errors=True)
            except OSError as error:
                raise _full_or(error, self.root) from error
        return swept

    def _is_spare(self, path: Path, needed: Set[str], unreferenced: Set[str]) -> bool:
        """An object that no manifest will need: one of an artifact that goes, or one that was left over long ago."""
        return path.name in unreferenced or (path.name not in needed and _age(path) > GRACE)

    def _problem(self, entry: FileEntry) -> str | None:
        try:
            return None if file_sha256(self._objects.path(entry.sha256)) == entry.sha256 else DIFFERS
        except FileNotFoundError:
            return MISSING
        except OSError as error:
            return f"cannot be read ({error.strerror})"

    def verified(self, entry: FileEntry, manifest: Manifest) -> Path:
        """Path of an object whose bytes have been hashed by this process."""
        try:
            return self._objects.verified(entry.sha256)
        except DamagedError:
            # It was set aside, so that the next run makes it again instead of meeting it again.
            raise broken(entry, manifest, DIFFERS, self.url) from None
        except FileNotFoundError:
            raise broken(entry, manifest, MISSING, self.url) from None

    def _manifest_path(self, key: str) -> Path:
        return self.root / "manifests" / key[:2] / f"{key}.json"

    def _failure_path(self, key: str) -> Path:
        return self.root / "failures" / f"{key}.json"

    def _lock_path(self, key: str) -> Path:
        return self.root / "locks" / f"{key}.lock"

    @staticmethod
    def _manifest(path: Path) -> Manifest | None:
        try:
            return Manifest.of(path.read_bytes())
        except OSError:
            return None


def _full_or(error: OSError, root: Path) -> StoreError:
    return StoreError(
        f"cannot write to the store {root}: {error.strerror or error}; free some space or name another store"
    )


def _age(path: Path) -> float:
    """Seconds since the file was written."""
    return time.time() - path.lstat().st_mtime
