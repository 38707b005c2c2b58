"""A store on object storage: S3, Google Cloud Storage, or other fsspec storage with exclusive creation of files.

store.json                {"version": 1}
objects/ab/abcd...        as in a folder's store,
manifests/12/1234....json as in a folder's store,
failures/1234....json     as in a folder's store; stores can be copied file by file
leases/1234....json       claims, renewed by their holders

Files that this machine reads or writes stay in a local cache, as do checkpoints.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Set
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from prettyuseful.engine.atomic import atomic_write
from prettyuseful.engine.keys import digest, file_sha256
from prettyuseful.engine.store.base import GRACE_SECONDS, ArtifactCheck, FileEntry, Manifest, SweepResult
from prettyuseful.engine.store.bucket import Bucket
from prettyuseful.engine.store.leases import Leases
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

    def __init__(self, url: str, cache: Path) -> None:
        self._bucket = Bucket(url)
        self.url = self._bucket.url
        self._leases = Leases(self._bucket)
        self.cache = cache.expanduser().absolute()
        self._state_folder = self.cache / "stores" / digest(self.url)[:16]
        try:
            self._objects = ObjectFolder(self.cache)
            self._state_folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._cache_error(error) from error
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
        manifest = self._manifest(_manifest_name(key))
        if manifest is None or manifest.key != key:
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
        entry = FileEntry.from_file(name, source)
        try:
            self._objects.copy(entry.sha256, source)
        except OSError as error:
            raise self._cache_error(error) from error
        self._bucket.upload(source, _object_name(entry.sha256))
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
            raise CorruptArtifactError(
                f"the store {self.url} lost the artifact {manifest.key[:12]} during the commit; run the study again"
            )
        return winner

    def checkpoint_dir(self, key: str) -> Path:
        """Return a folder on this machine; another machine that takes the step over starts from the beginning."""
        return self._state_folder / "checkpoints" / key

    def claim(self, key: str) -> AbstractContextManager[bool]:
        return self._leases.hold(key)

    def claimed_keys(self) -> set[str]:
        return self._leases.held_keys()

    def record_failure(self, key: str, cause: str) -> None:
        self._bucket.write(_failure_name(key), failure_to_json(cause).encode())

    def failures(self) -> dict[str, str]:
        causes = {}
        names = list(self._bucket.sizes("failures"))
        done = self._manifest_keys() if names else set()
        for name, content in zip(names, self._bucket.map_concurrently(self._content, names), strict=True):
            with suppress(ValueError):
                if (key := Path(name).stem) not in done and content is not None:
                    causes[key] = failure_from_json(content)
        return causes

    def check(self) -> Iterator[ArtifactCheck]:
        """Verify the bytes in the storage, ignoring the cache."""
        keys = sorted(self._manifest_keys())
        manifests = self._bucket.map_concurrently(self._manifest, map(_manifest_name, keys))
        yield from verify_manifests(zip(keys, manifests, strict=True), self._problem)

    def sweep(self, keep: Set[str], remove: bool) -> SweepResult:
        keep = keep | self.claimed_keys()
        manifests = self._bucket.sizes("manifests")
        pairs = zip(manifests, self._bucket.map_concurrently(self._manifest, manifests), strict=True)
        by_key = {Path(name).stem: manifest for name, manifest in pairs}
        files = {key: {e.sha256 for e in manifest.files} if manifest else set() for key, manifest in by_key.items()}
        needed = set[str]().union(*(files[key] for key in by_key if key in keep))
        unreferenced = set[str]().union(*(files[key] for key in by_key if key not in keep)) - needed
        unused = [name for name in manifests if Path(name).stem not in keep]
        objects = self._bucket.sizes("objects")
        left_over = [name for name in objects if Path(name).name not in needed | unreferenced]
        ages = dict(zip(left_over, self._bucket.map_concurrently(self._bucket.age, left_over), strict=True))
        spare = {
            n: size for n, size in objects.items() if Path(n).name in unreferenced or ages.get(n, 0) > GRACE_SECONDS
        }
        for folder in ("failures", "leases"):
            spare |= {n: size for n, size in self._bucket.sizes(folder).items() if Path(n).stem not in keep}
        unneeded = [path for path in (self._state_folder / "checkpoints").glob("*") if path.name not in keep]
        if remove:
            # Manifests first: no manifest may refer to a deleted file.
            for _ in self._bucket.map_concurrently(self._bucket.remove, unused):
                pass
            for _ in self._bucket.map_concurrently(self._bucket.remove, spare):
                pass
            for path in unneeded:
                rmtree(path, ignore_errors=True)
        return SweepResult(len(unused), len(spare), sum(spare.values()))

    def verified_path(self, entry: FileEntry, manifest: Manifest) -> Path:
        """Return the path of a file in the cache, after verifying its bytes once per process."""
        try:
            with suppress(DamagedError, FileNotFoundError):
                return self._objects.verified_path(entry.sha256)
            self._download(entry, manifest)
            return self._objects.verified_path(entry.sha256)
        except FileNotFoundError:
            raise corrupt_artifact_error(entry, manifest, MISSING, self.url) from None
        except DamagedError:
            raise corrupt_artifact_error(entry, manifest, DIFFERS, self.url) from None
        except OSError as error:
            raise self._cache_error(error) from error

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
        return {Path(name).stem for name in self._bucket.sizes("manifests")}

    def _content(self, name: str) -> bytes | None:
        with suppress(FileNotFoundError):
            return self._bucket.read(name)
        return None

    def _manifest(self, name: str) -> Manifest | None:
        content = self._content(name)
        return None if content is None else Manifest.parse(content)

    def _read_cached_manifest(self, key: str) -> Manifest | None:
        cached = self._state_folder / "manifests" / key[:2] / f"{key}.json"
        with suppress(OSError):
            if (manifest := Manifest.parse(cached.read_bytes())) is not None:
                return manifest
        manifest = self._manifest(_manifest_name(key))
        if manifest is not None:
            with suppress(OSError), atomic_write(cached, self._objects.drafts) as draft:
                draft.write_text(manifest.as_text(), encoding="utf-8")
        return manifest

    def _problem(self, entry: FileEntry) -> str | None:
        try:
            return None if self._bucket.sha256(_object_name(entry.sha256)) == entry.sha256 else DIFFERS
        except FileNotFoundError:
            return MISSING

    def _cache_error(self, error: OSError) -> StoreError:
        return StoreError(
            f"cannot write to the cache {self.cache} of the store {self.url}: {error.strerror or error}; free disk "
            "space or set PRETTYUSEFUL_CACHE to another folder"
        )


def _object_name(sha256: str) -> str:
    return f"objects/{sha256[:2]}/{sha256}"


def _manifest_name(key: str) -> str:
    return f"manifests/{key[:2]}/{key}.json"


def _failure_name(key: str) -> str:
    return f"failures/{key}.json"
