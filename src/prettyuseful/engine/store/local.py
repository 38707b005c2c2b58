"""A store in a folder.

objects/ab/abcd...        files, named by the SHA-256 of their bytes
manifests/12/1234....json one per artifact, written last, never changed
locks/1234....lock        advisory claims, released by the system when a process exits
tmp/                      unfinished writes; may be deleted when nothing runs
checkpoints/1234.../      checkpoints of unfinished steps; may be deleted safely
failures/1234....json     why a step failed; deleted when the step succeeds
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

from prettyuseful.engine.atomic import atomic_write, fsync, temporary_file
from prettyuseful.engine.keys import file_sha256
from prettyuseful.engine.store.base import GRACE_SECONDS, ArtifactCheck, FileEntry, Manifest, SweepResult
from prettyuseful.engine.store.objects import DamagedError, ObjectFolder
from prettyuseful.engine.store.verification import (
    DIFFERS,
    MISSING,
    corrupt_artifact_error,
    failure_from_json,
    failure_to_json,
    verify_manifests,
)
from prettyuseful.errors import CorruptArtifactError, StoreError


@dataclass(frozen=True)
class LocalArtifact:
    """See `store.base.Artifact`."""

    manifest: Manifest
    store: LocalStore

    def path(self, name: str) -> Path:
        return self.store.verified_path(self.manifest.file(name), self.manifest)


class LocalStore:
    """A store in a folder, see `store.base.Store`. Opening it creates the folder and checks that it is writable.

    Raises:
        StoreError: the folder cannot be created or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        try:
            self._objects = ObjectFolder(self.root)
            for name in ("manifests", "locks", "failures"):
                (self.root / name).mkdir(exist_ok=True)
            with temporary_file(self._objects.drafts):
                pass
        except OSError as error:
            raise StoreError(
                f"cannot write to the store {self.root}: {error.strerror or error}; "
                "make the folder writable or choose another one with --store"
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

    def select_existing(self, keys: Collection[str]) -> set[str]:
        return {key for key in keys if self.read(key) is not None}

    def checkpoint_dir(self, key: str) -> Path:
        return self.root / "checkpoints" / key

    def put_file(self, name: str, source: Path) -> FileEntry:
        entry = FileEntry.from_file(name, source)
        try:
            self._objects.copy(entry.sha256, source)
        except OSError as error:
            raise _write_error(error, self.root) from error
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
                # The existing manifest is unusable; delete it, so that this commit wins.
                with suppress(FileNotFoundError):
                    target.unlink()
            with temporary_file(self._objects.drafts) as draft:
                draft.write_text(manifest.as_text(), encoding="utf-8")
                fsync(draft)
                with suppress(FileExistsError):
                    os.link(draft, target)
                fsync(target.parent)
        except OSError as error:
            raise _write_error(error, self.root) from error
        with suppress(OSError):
            self._failure_path(manifest.key).unlink(missing_ok=True)
        winner = self.read(manifest.key)
        if winner is None:
            raise CorruptArtifactError(
                f"the store {self.root} lost the artifact {manifest.key[:12]} during the commit; run the study again"
            )
        return winner

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        try:
            lock = self._lock_path(key).open("a")
        except OSError as error:
            raise _write_error(error, self.root) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise StoreError(f"cannot lock in the store {self.root}: {error.strerror}") from error
                yield False
                return
            yield True

    def claimed_keys(self) -> set[str]:
        keys = set()
        for path in (self.root / "locks").glob("*.lock"):
            # A shared lock: readers do not block each other; a simultaneous claim fails and is retried.
            with suppress(FileNotFoundError), path.open() as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    keys.add(path.stem)
        return keys

    def record_failure(self, key: str, cause: str) -> None:
        try:
            with atomic_write(self._failure_path(key), self._objects.drafts) as draft:
                draft.write_text(failure_to_json(cause), encoding="utf-8")
        except OSError as error:
            raise _write_error(error, self.root) from error

    def failures(self) -> dict[str, str]:
        causes = {}
        for path in (self.root / "failures").glob("*.json"):
            with suppress(OSError, ValueError):
                if not self._manifest_path(path.stem).exists():
                    causes[path.stem] = failure_from_json(path.read_text("utf-8"))
        return causes

    def check(self) -> Iterator[ArtifactCheck]:
        paths = sorted((self.root / "manifests").glob("*/*.json"))
        yield from verify_manifests(((path.stem, self._manifest(path)) for path in paths), self._problem)

    def sweep(self, keep: Set[str], remove: bool) -> SweepResult:
        keep = keep | self.claimed_keys()
        manifests = {path.stem: path for path in (self.root / "manifests").glob("*/*.json")}
        unused = [path for key, path in manifests.items() if key not in keep]
        kept = [self._manifest(path) for key, path in manifests.items() if key in keep]
        needed = {entry.sha256 for manifest in kept if manifest for entry in manifest.files}
        unreferenced = {
            e.sha256 for path in unused if (manifest := self._manifest(path)) for e in manifest.files
        } - needed
        files = [path for path in (self.root / "objects").glob("*/*") if self._is_removable(path, needed, unreferenced)]
        files += [path for path in (self.root / "tmp").iterdir() if _age(path) > GRACE_SECONDS]
        files += [path for path in (self.root / "failures").glob("*.json") if path.stem not in keep]
        unneeded = [path for path in (self.root / "checkpoints").glob("*") if path.name not in keep]
        files += [path for folder in unneeded for path in folder.rglob("*") if path.is_file()]
        swept = SweepResult(len(unused), len(files), sum(path.lstat().st_size for path in files))
        if remove:
            try:
                for path in (*unused, *files):  # manifests first: no manifest may refer to a deleted file
                    path.unlink(missing_ok=True)
                for folder in unneeded:
                    shutil.rmtree(folder, ignore_errors=True)
            except OSError as error:
                raise _write_error(error, self.root) from error
        return swept

    def _is_removable(self, path: Path, needed: Set[str], unreferenced: Set[str]) -> bool:
        """Whether a sweep may delete an object: only deleted artifacts need it, or none does and it is old enough."""
        return path.name in unreferenced or (path.name not in needed and _age(path) > GRACE_SECONDS)

    def _problem(self, entry: FileEntry) -> str | None:
        try:
            return None if file_sha256(self._objects.path(entry.sha256)) == entry.sha256 else DIFFERS
        except FileNotFoundError:
            return MISSING
        except OSError as error:
            return f"cannot be read ({error.strerror})"

    def verified_path(self, entry: FileEntry, manifest: Manifest) -> Path:
        """Return the path of a file, after verifying its bytes once per process."""
        try:
            return self._objects.verified_path(entry.sha256)
        except DamagedError:
            # It was renamed, so the next run makes it again.
            raise corrupt_artifact_error(entry, manifest, DIFFERS, self.url) from None
        except FileNotFoundError:
            raise corrupt_artifact_error(entry, manifest, MISSING, self.url) from None

    def _manifest_path(self, key: str) -> Path:
        return self.root / "manifests" / key[:2] / f"{key}.json"

    def _failure_path(self, key: str) -> Path:
        return self.root / "failures" / f"{key}.json"

    def _lock_path(self, key: str) -> Path:
        return self.root / "locks" / f"{key}.lock"

    @staticmethod
    def _manifest(path: Path) -> Manifest | None:
        try:
            return Manifest.parse(path.read_bytes())
        except OSError:
            return None


def _write_error(error: OSError, root: Path) -> StoreError:
    return StoreError(
        f"cannot write to the store {root}: {error.strerror or error}; free disk space or choose another store"
    )


def _age(path: Path) -> float:
    """Return the seconds since the file was written."""
    return time.time() - path.lstat().st_mtime
