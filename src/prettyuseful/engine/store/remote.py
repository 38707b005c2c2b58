"""A store on object storage: S3, Google Cloud Storage, or other fsspec storage with exclusive creation of files.

store.json                {"version": 1}
objects/ab/abcd...        as in a folder's store,
manifests/12/1234....json as in a folder's store,
failures/1234....json     as in a folder's store,
sweeps/12ab....json       as in a folder's store; stores can be copied file by file
leases/1234....json       claims, renewed by their holders

Files that this machine reads or writes stay in a local cache, as do checkpoints.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from prettyuseful.engine.deletion import remove as remove_path
from prettyuseful.engine.keys import digest, file_sha256
from prettyuseful.engine.store.base import (
    MAX_MANIFEST_BYTES,
    ArtifactCheck,
    FileEntry,
    Manifest,
    SweepResult,
    is_digest,
)
from prettyuseful.engine.store.bucket import Bucket
from prettyuseful.engine.store.folder import SafeFolder
from prettyuseful.engine.store.journal import (
    failure_from_json,
    failure_to_json,
    merge_sweeps,
    new_sweep_name,
    sweep_to_json,
)
from prettyuseful.engine.store.leases import Leases
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
from prettyuseful.errors import StoreError, StoreUnavailableError

_MARK = "store.json"
_MANY = 64  # number of keys from which one listing is cheaper than one request per key
_ATTEMPTS = 2  # downloads of a file, because a download may be damaged in transit


@dataclass(frozen=True)
class RemoteArtifact:
    """See `store.base.Artifact`. `path` downloads what is not in the cache."""

    manifest: Manifest
    store: RemoteStore

    def path(self, name: str) -> Path:
        return self.store.verified_path(self.manifest.file(name), self.manifest)


class RemoteStore:
    """A store on object storage, see `store.base.Store`. Manifests are created exclusively, so the first commit wins.

    Raises:
        StoreError: the storage is not writable, lacks exclusive creation, or cannot be reached (from any method).
    """

    shares_checkpoints = False

    def __init__(self, url: str, cache: Path, writable: bool = True) -> None:
        self._bucket = Bucket(url)
        self.url = self._bucket.url
        self._leases = Leases(self._bucket)
        self.cache = cache.expanduser().absolute()
        self._folder = SafeFolder(self.cache)
        self._objects = ObjectFolder(self._folder)
        self._state = ("stores", digest(self.url)[:16])
        if writable:
            with self._caching():
                self._folder.create("objects", "stores")
                remove_abandoned(self._folder)
            self._check_conditional_writes()

    def _check_conditional_writes(self) -> None:
        """Check that the storage is writable and rejects a second creation of a file, which commits need."""
        mark = b'{"version": 1}\n'
        try:
            self._bucket.create(_MARK, mark)
            twice = self._bucket.create(_MARK, mark)
        except FileNotFoundError:
            raise StoreError(f"the bucket of the store {self.url} does not exist; create it first") from None
        if twice:
            raise StoreError(
                f"the store {self.url} is on storage without conditional writes (If-None-Match), which safe "
                "commits need; choose another store with --store"
            )

    @staticmethod
    def exists(url: str) -> bool:
        """Whether a store exists at the URL."""
        return Bucket(url).size(_MARK) is not None

    def read(self, key: str) -> RemoteArtifact | None:
        manifest = self._manifest(key)
        if manifest is None:
            return None
        sizes_match = self._bucket.map_concurrently(
            lambda e: self._bucket.size(_object_name(e.sha256)) == e.size, manifest.files
        )
        return RemoteArtifact(manifest, self) if all(sizes_match) else None

    def select_existing(self, keys: Collection[str]) -> set[str]:
        candidates = set(keys)
        if len(candidates) > _MANY:
            candidates &= self._manifest_keys()
        artifacts = self._bucket.map_concurrently(self.read, candidates)
        return {key for key, artifact in zip(candidates, artifacts, strict=True) if artifact}

    def put_file(self, name: str, source: Path) -> FileEntry:
        with self._caching():
            entry = FileEntry.from_file(name, source)
            self._objects.take(entry.sha256, source)
        self._bucket.upload(self._objects.path(entry.sha256), _object_name(entry.sha256))
        return entry

    def list(self) -> Iterator[Manifest]:
        """Yield every manifest. Manifests are cached on this machine, because a commit never changes."""
        for manifest in self._bucket.map_concurrently(self._read_cached_manifest, sorted(self._manifest_keys())):
            if manifest is not None:
                yield manifest

    def commit(self, manifest: Manifest) -> RemoteArtifact:
        name, content = _manifest_name(manifest.key), manifest.as_text().encode()
        if not self._bucket.create(name, content) and self.read(manifest.key) is None:
            # The existing manifest is unusable; delete it, so that this commit wins.
            self._bucket.remove(name)
            self._bucket.create(name, content)
        self._bucket.remove(_failure_name(manifest.key))
        winner = self.read(manifest.key)
        if winner is None:
            raise lost_artifact_error(manifest.key, self.url)
        return winner

    def scratch(self, key: str) -> AbstractContextManager[Path]:
        """Create the folder in the cache on this machine."""
        return scratch_folder(self._folder, key, self._caching)

    def checkpoint_dir(self, key: str) -> Path:
        """Return a folder on this machine; another machine that takes the step over starts from the beginning."""
        with self._caching():
            return self._folder.make_folder(*self._state, "checkpoints") / key

    def claim(self, key: str) -> AbstractContextManager[bool]:
        return self._leases.hold(key)

    def claimed_keys(self) -> set[str]:
        return self._leases.held_keys()

    def record_failure(self, key: str, cause: str) -> None:
        self._bucket.write(_failure_name(key), failure_to_json(cause).encode())

    def failures(self) -> dict[str, str]:
        causes = {}
        keys = [key for name in self._bucket.sizes("failures") if is_digest(key := Path(name).stem)]
        done = self._manifest_keys() if keys else set()
        names = [_failure_name(key) for key in keys]
        for key, content in zip(keys, self._bucket.map_concurrently(self._record, names), strict=True):
            with suppress(ValueError):
                if key not in done and content is not None:
                    causes[key] = failure_from_json(content)
        return causes

    def swept(self) -> Mapping[str, str]:
        names = [name for name in self._bucket.sizes("sweeps") if name.endswith(".json")]
        return merge_sweeps(self._bucket.map_concurrently(self._record, names))

    def _record(self, name: str) -> bytes | None:
        """Return the bytes of a record of a failure or a sweep; None if it cannot be read: no step depends on it."""
        try:
            return self._content(name)
        except StoreUnavailableError:
            raise
        except StoreError:
            return None

    def broken(self, keys: Collection[str]) -> Mapping[str, str]:
        committed = sorted(self._manifest_keys() & set(keys))
        problems = self._bucket.map_concurrently(self._problem_of_sizes, committed)
        return {key: problem for key, problem in zip(committed, problems, strict=True) if problem is not None}

    def _problem_of_sizes(self, key: str) -> str | None:
        return problem_of_sizes(self._manifest(key), lambda sha256: self._bucket.size(_object_name(sha256)))

    def check(self) -> Iterator[ArtifactCheck]:
        """Verify the bytes in the storage, ignoring the cache."""
        keys = sorted(self._manifest_keys())
        manifests = self._bucket.map_concurrently(self._manifest, keys)
        sizes = self._bucket.sizes("objects")
        yield from verify_manifests(
            zip(keys, manifests, strict=True), lambda entry: self._problem(entry, sizes.get(_object_name(entry.sha256)))
        )

    def discard(self, keys: Collection[str]) -> None:
        for _ in self._bucket.map_concurrently(self._bucket.remove, map(_manifest_name, keys)):
            pass

    def sweep(self, keep: Set[str], remove: bool) -> SweepResult:
        claimed = self.claimed_keys()
        keep = keep | claimed
        keys = sorted(self._manifest_keys())
        manifests = self._bucket.map_concurrently(self._manifest, keys)
        division = Division.of(zip(keys, manifests, strict=True), keep)
        objects = self._bucket.sizes("objects")
        manifest_sizes = self._bucket.sizes("manifests")
        ours = {_manifest_name(key) for key in keys}
        known = division.needed | division.unreferenced
        left_over = [name for name in objects if Path(name).name not in known]
        left_over += [name for name in manifest_sizes if name not in ours]
        ages = dict(zip(left_over, self._bucket.map_concurrently(self._bucket.age, left_over), strict=True))
        sizes = objects | manifest_sizes
        spare = {n: size for n, size in sizes.items() if division.is_removable(Path(n).name, ages.get(n, 0))}
        for folder in ("failures", "leases"):
            spare |= {n: size for n, size in self._bucket.sizes(folder).items() if Path(n).stem not in keep}
        with self._caching():
            # The cache serves other stores, too, so only what this store has left in it is swept.
            checkpoints = [Path(entry.path) for entry in self._folder.entries(*self._state, "checkpoints")]
            local = [path for path in checkpoints if path.name not in keep]
            local += unneeded_drafts(self._folder, claimed)
        if remove:
            self._remove(division.unused, spare, local)
        return SweepResult(len(division.unused), len(spare), sum(spare.values()))

    def _remove(self, unused: Collection[str], spare: Collection[str], local: Collection[Path]) -> None:
        """Delete artifacts and files: manifests first, since no manifest may refer to a deleted file."""
        if unused:
            self._bucket.write(f"sweeps/{new_sweep_name()}", sweep_to_json(unused).encode())
        for _ in self._bucket.map_concurrently(self._bucket.remove, map(_manifest_name, unused)):
            pass
        needed = files_of(self.list()) if spare else set()  # a step may have been committed meanwhile
        spare = [name for name in spare if Path(name).name not in needed]
        for _ in self._bucket.map_concurrently(self._bucket.remove, spare):
            pass
        with self._caching():
            for path in local:
                remove_path(path)

    def verified_path(self, entry: FileEntry, manifest: Manifest) -> Path:
        """Return the path of a file in the cache, after verifying its bytes once per process."""
        try:
            with self._caching():
                with suppress(DamagedError, FileNotFoundError):
                    return self._objects.verified_path(entry.sha256)
                self._download(entry, manifest)
                return self._objects.verified_path(entry.sha256)
        except FileNotFoundError:
            raise corrupt_artifact_error(entry, manifest, MISSING, self.url) from None
        except DamagedError:
            raise corrupt_artifact_error(entry, manifest, DIFFERS, self.url) from None

    def _download(self, entry: FileEntry, manifest: Manifest) -> None:
        name = _object_name(entry.sha256)

        def download(draft: Path) -> None:
            for _ in range(_ATTEMPTS):
                self._bucket.download(name, draft)
                if file_sha256(draft) == entry.sha256:
                    return
            # Rename it, so that the next run makes it again.
            with suppress(FileNotFoundError):
                self._bucket.move(name, f"{name}.corrupt")
            raise corrupt_artifact_error(entry, manifest, DIFFERS, self.url)

        self._objects.add(entry.sha256, download)

    def _manifest_keys(self) -> set[str]:
        """Return the keys of all manifests, valid or not."""
        names = set(self._bucket.sizes("manifests"))
        return {key for name in names if is_digest(key := Path(name).stem) and _manifest_name(key) == name}

    def _content(self, name: str) -> bytes | None:
        """Return the bytes of a manifest or record; None if it does not exist or is too long."""
        with suppress(FileNotFoundError):
            return self._bucket.read_up_to(name, MAX_MANIFEST_BYTES)
        return None

    def _manifest(self, key: str) -> Manifest | None:
        content = self._content(_manifest_name(key))
        return None if content is None else Manifest.parse(content, key)

    def _read_cached_manifest(self, key: str) -> Manifest | None:
        names = (*self._state, "manifests", key[:2], f"{key}.json")
        with suppress(OSError):
            if manifest := Manifest.parse(self._folder.read(MAX_MANIFEST_BYTES, *names) or b"", key):
                return manifest
        manifest = self._manifest(key)
        if manifest is not None:
            with suppress(OSError), self._folder.write(*names) as draft:
                draft.write_text(manifest.as_text(), encoding="utf-8")
        return manifest

    def _problem(self, entry: FileEntry, size: int | None) -> str | None:
        if size not in (None, entry.size):
            return DIFFERS  # a file of another size, which may be huge, is not read
        try:
            return None if self._bucket.sha256(_object_name(entry.sha256)) == entry.sha256 else DIFFERS
        except FileNotFoundError:
            return MISSING

    @contextmanager
    def _caching(self) -> Iterator[None]:
        """Convert errors of the cache on this machine."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StoreError(
                f"cannot use the cache {self.cache} of the store {self.url}: {error.strerror or error}; free disk "
                "space or set PRETTYUSEFUL_CACHE to another folder"
            ) from error


def _object_name(sha256: str) -> str:
    return f"objects/{sha256[:2]}/{sha256}"


def _manifest_name(key: str) -> str:
    return f"manifests/{key[:2]}/{key}.json"


def _failure_name(key: str) -> str:
    return f"failures/{key}.json"
