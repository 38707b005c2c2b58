"""A store in a folder.

objects/ab/abcd...        files, named by the SHA-256 of their bytes
manifests/12/1234....json one per artifact, written last, never changed
locks/1234....lock        advisory claims, released by the system when a process exits
tmp/                      unfinished files
checkpoints/1234.../      checkpoints of unfinished steps; may be deleted safely
failures/1234....json     why a step failed; deleted when the step succeeds
sweeps/12ab....json       which artifacts a sweep has deleted, and when
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from prettyuseful.engine.deletion import remove as remove_path
from prettyuseful.engine.deletion import size_and_count
from prettyuseful.engine.store.base import (
    GRACE_SECONDS,
    MAX_MANIFEST_BYTES,
    ArtifactCheck,
    FileEntry,
    Manifest,
    SweepResult,
    is_digest,
)
from prettyuseful.engine.store.folder import SafeFolder, age
from prettyuseful.engine.store.journal import (
    MAX_RECORD_BYTES,
    failure_from_json,
    failure_to_json,
    merge_sweeps,
    new_sweep_name,
    sweep_to_json,
)
from prettyuseful.engine.store.locks import Locks
from prettyuseful.engine.store.objects import DamagedError, ObjectFolder
from prettyuseful.engine.store.scratch import remove_abandoned, scratch_folder, unneeded_drafts
from prettyuseful.engine.store.sweeping import Division, files_of
from prettyuseful.engine.store.verification import (
    DIFFERS,
    MISSING,
    corrupt_artifact_error,
    lost_artifact_error,
    problem_of_sizes,
    verify_manifests,
)
from prettyuseful.errors import StoreError

_SUFFIX = ".json"
_MAKE_WRITABLE = "make the folder writable or choose another one with --store"
_FOLDERS = ("manifests", "objects", "locks", "failures", "sweeps", "checkpoints")


@dataclass(frozen=True)
class LocalArtifact:
    """See `store.base.Artifact`."""

    manifest: Manifest
    store: LocalStore

    def path(self, name: str) -> Path:
        return self.store.verified_path(self.manifest.file(name), self.manifest)


class LocalStore:
    """A store in a folder, see `store.base.Store`.

    Opening it creates the folder, checks that it is writable, and deletes the scratch folders of processes that have
    exited; unless `writable` is false, then nothing is written.

    Raises:
        StoreError: the folder cannot be created, written or read.
    """

    shares_checkpoints = True

    def __init__(self, root: Path, writable: bool = True) -> None:
        self.root = root.expanduser().absolute()
        self._folder = SafeFolder(self.root)
        self._objects, self._locks = ObjectFolder(self._folder), Locks(self._folder)
        with self._writing():
            if writable:
                self._folder.create(*_FOLDERS)
                with self._folder.draft():
                    pass
                remove_abandoned(self._folder)

    @property
    def url(self) -> str:
        return str(self.root)

    def read(self, key: str) -> LocalArtifact | None:
        manifest = self._manifest(key)
        if manifest is None:
            return None
        with self._reading():
            is_complete = all(self._objects.size(entry.sha256) == entry.size for entry in manifest.files)
        return LocalArtifact(manifest, self) if is_complete else None

    def select_existing(self, keys: Collection[str]) -> set[str]:
        return {key for key in keys if self.read(key) is not None}

    def scratch(self, key: str) -> AbstractContextManager[Path]:
        return scratch_folder(self._folder, key, self._writing)

    def checkpoint_dir(self, key: str) -> Path:
        with self._writing():
            path = self._folder.make_folder("checkpoints") / key
            if os.path.lexists(path) and (path.is_symlink() or not path.is_dir()):
                self._folder.move_away(path)
        return path

    def put_file(self, name: str, source: Path) -> FileEntry:
        with self._writing():
            entry = FileEntry.from_file(name, source)
            self._objects.take(entry.sha256, source)
        return entry

    def list(self) -> Iterator[Manifest]:
        for key in self._keys():
            if (manifest := self._manifest(key)) is not None:
                yield manifest

    def commit(self, manifest: Manifest) -> LocalArtifact:
        names, content = _manifest_names(manifest.key), manifest.as_text().encode()
        with self._writing():
            if not self._folder.create_once(content, *names) and self.read(manifest.key) is None:
                # What is there is unusable; remove it, so that this commit wins.
                self._folder.move_away(self._folder.path(*names))
                self._folder.create_once(content, *names)
        with suppress(OSError):
            self._folder.remove(*_failure_names(manifest.key))
        winner = self.read(manifest.key)
        if winner is None:
            raise lost_artifact_error(manifest.key, self.url)
        return winner

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        with ExitStack() as stack:
            with self._writing():
                claimed = stack.enter_context(self._locks.hold(key))
            yield claimed

    def claimed_keys(self) -> set[str]:
        with self._reading():
            return self._locks.held_keys()

    def record_failure(self, key: str, cause: str) -> None:
        with self._writing(), self._folder.write("failures", f"{key}.json") as draft:
            draft.write_text(failure_to_json(cause), encoding="utf-8")

    def failures(self) -> dict[str, str]:
        causes = {}
        with self._reading():
            for entry in self._folder.entries("failures"):
                key = entry.name.removesuffix(".json")
                if is_digest(key) and self._folder.stat(*_manifest_names(key)) is None:
                    with suppress(ValueError):
                        causes[key] = failure_from_json(self._record(*_failure_names(key)) or b"")
        return causes

    def swept(self) -> Mapping[str, str]:
        with self._reading():
            names = [entry.name for entry in self._folder.entries("sweeps") if entry.name.endswith(".json")]
            return merge_sweeps(self._record("sweeps", name) for name in names)

    def _record(self, *names: str) -> bytes | None:
        """Return the bytes of a record of a failure or a sweep; None if it cannot be read: no step depends on it."""
        with suppress(OSError):
            return self._folder.read(MAX_RECORD_BYTES, *names)
        return None

    def broken(self, keys: Collection[str]) -> Mapping[str, str]:
        with self._reading():
            committed = [key for key in keys if self._folder.stat(*_manifest_names(key)) is not None]
            problems = ((key, problem_of_sizes(self._manifest(key), self._objects.size)) for key in committed)
            return {key: problem for key, problem in problems if problem is not None}

    def check(self) -> Iterator[ArtifactCheck]:
        yield from verify_manifests(self._manifests_or_errors(), self._problem)

    def discard(self, keys: Collection[str]) -> None:
        with self._writing():
            for key in keys:
                self._folder.remove(*_manifest_names(key))

    def sweep(self, keep: Set[str], remove: bool) -> SweepResult:
        with self._reading():
            claimed = self.claimed_keys()
            keep = keep | claimed
            division = Division.of(((key, self._manifest(key)) for key in self._keys()), keep)
            spare = [*self._misplaced("manifests"), *self._misplaced("objects")]
            spare += [path for path in self._object_paths() if division.is_removable(path.name, age(path))]
            spare += unneeded_drafts(self._folder, claimed)
            for name in ("failures", "checkpoints", "locks"):
                least_age = GRACE_SECONDS if name == "locks" else -1.0
                paths = [Path(entry.path) for entry in self._folder.entries(name)]
                spare += [path for path in paths if path.stem not in keep and age(path) > least_age]
            sizes_and_counts = [size_and_count(path) for path in spare]
        if remove:
            self._remove(division.unused, spare)
        sizes, counts = zip((0, 0), *sizes_and_counts, strict=True)
        return SweepResult(len(division.unused), sum(counts), sum(sizes))

    def _remove(self, unused: Collection[str], spare: Collection[Path]) -> None:
        """Delete artifacts and files: manifests first, since no manifest may refer to a deleted file."""
        with self._writing():
            if unused:
                with self._folder.write("sweeps", new_sweep_name()) as draft:
                    draft.write_text(sweep_to_json(unused), encoding="utf-8")
            for key in unused:
                self._folder.remove(*_manifest_names(key))
            needed = files_of(self.list()) if spare else set()  # a step may have been committed meanwhile
            for path in spare:
                if path.name not in needed:
                    remove_path(path)

    def _misplaced(self, folder: str) -> Iterator[Path]:
        """Yield the links, and what is older than a day and no file of ours, in a folder with folders of files."""
        for entry, is_named_as_ours in self._entries(folder):
            if not (is_named_as_ours and entry.is_file(follow_symlinks=False)) and (
                entry.is_symlink() or age(entry) > GRACE_SECONDS
            ):
                yield Path(entry.path)

    def _object_paths(self) -> Iterator[Path]:
        for entry, _ in self._entries("objects"):
            if is_digest(entry.name) and entry.is_file(follow_symlinks=False):
                yield Path(entry.path)

    def _keys(self) -> Sequence[str]:
        """Return the keys of all manifests, valid or not, in order."""
        with self._reading():
            return [
                entry.name.removesuffix(_SUFFIX)
                for entry, is_named_as_ours in self._entries("manifests")
                if is_named_as_ours
            ]

    def _entries(self, folder: str) -> Iterator[tuple[os.DirEntry[str], bool]]:
        """Yield what a folder with folders of files contains, and whether it has the name and place of such a file."""
        suffix = _SUFFIX if folder == "manifests" else ""
        for outer in self._folder.entries(folder):
            if outer.is_symlink() or not outer.is_dir(follow_symlinks=False):
                yield outer, False
                continue
            for entry in self._folder.entries(folder, outer.name):
                name = entry.name.removesuffix(suffix)
                yield entry, entry.name.endswith(suffix) and is_digest(name) and name.startswith(outer.name)

    def _manifests_or_errors(self) -> Iterator[tuple[str, Manifest | StoreError | None]]:
        for key in self._keys():
            try:
                yield key, self._manifest(key)
            except StoreError as error:
                yield key, error

    def _problem(self, entry: FileEntry) -> str | None:
        with self._reading(self._objects.path(entry.sha256)):
            if (size := self._objects.size(entry.sha256)) is None:
                return MISSING
            # A file of another size, which may be huge, is not hashed.
            return None if size == entry.size and self._objects.size_if_intact(entry.sha256) == size else DIFFERS

    def verified_path(self, entry: FileEntry, manifest: Manifest) -> Path:
        """Return the path of a file, after verifying its bytes once per process."""
        try:
            with self._reading():
                return self._objects.verified_path(entry.sha256)
        except DamagedError:
            # It was renamed, so the next run makes it again.
            raise corrupt_artifact_error(entry, manifest, DIFFERS, self.url) from None
        except FileNotFoundError:
            raise corrupt_artifact_error(entry, manifest, MISSING, self.url) from None

    def _manifest(self, key: str) -> Manifest | None:
        names = _manifest_names(key)
        with self._reading(self._folder.path(*names)):
            content = self._folder.read(MAX_MANIFEST_BYTES, *names)
        return None if content is None else Manifest.parse(content, key)

    @contextmanager
    def _reading(self, path: Path | None = None) -> Iterator[None]:
        """Convert errors of reading: what cannot be read is not missing, and not broken.

        `path`: what is read, for errors that do not name it.
        """
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            what, why = error.filename or path or "a file", error.strerror or error
            raise StoreError(
                f"cannot read {what} in the store {self.root}: {why}; "
                "ask its owner for permission, or choose another store with --store"
            ) from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Convert errors of writing."""
        try:
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            remedy = "free disk space or choose another store" if full else _MAKE_WRITABLE
            raise StoreError(f"cannot write to the store {self.root}: {error.strerror or error}; {remedy}") from error


def _manifest_names(key: str) -> tuple[str, str, str]:
    return "manifests", key[:2], f"{key}.json"


def _failure_names(key: str) -> tuple[str, str]:
    return "failures", f"{key}.json"
