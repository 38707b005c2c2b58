"""A store on object storage: S3, Google Cloud Storage, or what else fsspec knows that can create a file exclusively.

store.json                {"version": 1}
objects/ab/abcd...        as in a folder's store,
manifests/12/1234....json as in a folder's store,
failures/1234....json     as in a folder's store: one may be copied into the other
leases/1234....json       claims, renewed by their holders

Files that were read or made here stay in a cache on this machine; so do checkpoints.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Set
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from prettyuseful.engine.durable import replacing
from prettyuseful.engine.keys import digest, file_sha256
from prettyuseful.engine.store.base import GRACE, Checked, FileEntry, Manifest, Swept
from prettyuseful.engine.store.bucket import Bucket
from prettyuseful.engine.store.faults import DIFFERS, MISSING, broken, checked_against, failure_cause, failure_text
from prettyuseful.engine.store.leases import Leases
from prettyuseful.engine.store.objects import DamagedError, ObjectFolder
from prettyuseful.errors import CorruptArtifactError, StoreError

_MARK = "store.json"
_MANY = 64  # keys from which on a listing costs less than to ask for each
_ATTEMPTS = 2  # to read a file: what came damaged may have been damaged on its way


@dataclass(frozen=True)
class RemoteArtifact:
    """See `store.base.Artifact`. `path` downloads what is not in the cache."""

    manifest: Manifest
    store: RemoteStore

    def path(self, name: str) -> Path:
        return self.store.verified(self.manifest.file(name), self.manifest)


class RemoteStore:
    """See `store.base.Store`. A manifest is created exclusively, which is what makes the first commit win.

    Raises:
        StoreError: the storage cannot be written, cannot create exclusively, or does not answer (from any call too).
    """

    def __init__(self, url: str, cache: Path) -> None:
        self._bucket = Bucket(url)
        self.url = self._bucket.url
        self._leases = Leases(self._bucket)
        self.cache = cache.expanduser().absolute()
        self._own = self.cache / "stores" / digest(self.url)[:16]
        try:
            self._objects = ObjectFolder(self.cache)
            self._own.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._cache_error(error) from error
        self._prove()

    def _prove(self) -> None:
        """That it can be written, and that of two who create a file one is refused: commits rest on that."""
        mark = b'{"version": 1}\n'
        try:
            self._bucket.create(_MARK, mark)
            twice = self._bucket.create(_MARK, mark)
        except FileNotFoundError:
            raise StoreError(f"the store {self.url} is in a bucket that is not there; create it first") from None
        if twice:
            raise StoreError(
                f"the store {self.url} is on storage without conditional writes (If-None-Match); its commits would "
                "not be safe; name another one with --store"
            )

    @staticmethod
    def exists(url: str) -> bool:
        """Whether a store is there already."""
        return Bucket(url).size(_MARK) is not None

    def read(self, key: str) -> RemoteArtifact | None:
        manifest = self._manifest(_manifest_name(key))
        if manifest is None or manifest.key != key:
            return None
        whole = self._bucket.each(lambda e: self._bucket.size(_object_name(e.sha256)) == e.size, manifest.files)
        return RemoteArtifact(manifest, self) if all(whole) else None

    def present(self, keys: Collection[str]) -> set[str]:
        asked = set(keys)
        if len(asked) > _MANY:
            asked &= self._keys()
        return {key for key, found in zip(asked, self._bucket.each(self.read, asked), strict=True) if found}

    def put_file(self, name: str, source: Path) -> FileEntry:
        entry = FileEntry.of(name, source)
        try:
            self._objects.copy(entry.sha256, source)
        except OSError as error:
            raise self._cache_error(error) from error
        self._bucket.upload(source, _object_name(entry.sha256))
        return entry

    def list(self) -> Iterator[Manifest]:
        """Manifests that were listed here before are not asked for again: a commit is never changed."""
        for manifest in self._bucket.each(self._listed, sorted(self._keys())):
            if manifest is not None:
                yield manifest

    def commit(self, manifest: Manifest) -> RemoteArtifact:
        name, content = _manifest_name(manifest.key), manifest.as_text().encode()
        if not self._bucket.create(name, content) and self.read(manifest.key) is None:
            # Broken beyond use: out of the way, so that a whole one can be first.
            self._bucket.remove(name)
            self._bucket.create(name, content)
        self._bucket.remove(_failure_name(manifest.key))
        winner = self.read(manifest.key)
        if winner is None:
            raise CorruptArtifactError(
                f"the store {self.url} lost the artifact {manifest.key[:12]} while it was written"
            )
        return winner

    def checkpoint_dir(self, key: str) -> Path:
        """On this machine: another one that takes the step over begins it anew."""
        return self._own / "checkpoints" / key

    def claim(self, key: str) -> AbstractContextManager[bool]:
        return self._leases.hold(key)

    def claimed(self) -> set[str]:
        return self._leases.held()

    def record_failure(self, key: str, cause: str) -> None:
        self._bucket.write(_failure_name(key), failure_text(cause).encode())

    def failures(self) -> dict[str, str]:
        found = {}
        names = list(self._bucket.sizes("failures"))
        done = self._keys() if names else set()
        for name, content in zip(names, self._bucket.each(self._content, names), strict=True):
            with suppress(ValueError):
                if (key := Path(name).stem) not in done and content is not None:
                    found[key] = failure_cause(content)
        return found

    def check(self) -> Iterator[Checked]:
        """Reads the bytes that the storage has, whatever is in the cache."""
        keys = sorted(self._keys())
        manifests = self._bucket.each(self._manifest, map(_manifest_name, keys))
        yield from checked_against(zip(keys, manifests, strict=True), self._problem)

    def sweep(self, keep: Set[str], remove: bool) -> Swept:
        keep = keep | self.claimed()
        manifests = self._bucket.sizes("manifests")
        read = zip(manifests, self._bucket.each(self._manifest, manifests), strict=True)
        found = {Path(name).stem: manifest for name, manifest in read}
        files = {key: {e.sha256 for e in manifest.files} if manifest else set() for key, manifest in found.items()}
        needed = set[str]().union(*(files[key] for key in found if key in keep))
        unreferenced = set[str]().union(*(files[key] for key in found if key not in keep)) - needed
        unused = [name for name in manifests if Path(name).stem not in keep]
        objects = self._bucket.sizes("objects")
        left_over = [name for name in objects if Path(name).name not in needed | unreferenced]
        ages = dict(zip(left_over, self._bucket.each(self._bucket.age, left_over), strict=True))
        spare = {n: size for n, size in objects.items() if Path(n).name in unreferenced or ages.get(n, 0) > GRACE}
        for folder in ("failures", "leases"):
            spare |= {n: size for n, size in self._bucket.sizes(folder).items() if Path(n).stem not in keep}
        unneeded = [path for path in (self._own / "checkpoints").glob("*") if path.name not in keep]
        if remove:
            for _ in self._bucket.each(self._bucket.remove, unused):  # first: none may promise what is gone
                pass
            for _ in self._bucket.each(self._bucket.remove, spare):
                pass
            for path in unneeded:
                rmtree(path, ignore_errors=True)
        return Swept(len(unused), len(spare), sum(spare.values()))

    def verified(self, entry: FileEntry, manifest: Manifest) -> Path:
        """Path in the cache of a file whose bytes have been hashed by this process."""
        try:
            with suppress(DamagedError, FileNotFoundError):
                return self._objects.verified(entry.sha256)
            self._fetch(entry, manifest)
            return self._objects.verified(entry.sha256)
        except FileNotFoundError:
            raise broken(entry, manifest, MISSING, self.url) from None
        except DamagedError:
            raise broken(entry, manifest, DIFFERS, self.url) from None
        except OSError as error:
            raise self._cache_error(error) from error

    def _fetch(self, entry: FileEntry, manifest: Manifest) -> None:
        name = _object_name(entry.sha256)

        def download(draft: Path) -> None:
            for _ in range(_ATTEMPTS):
                self._bucket.download(name, draft)
                if file_sha256(draft) == entry.sha256:
                    return
            # Set aside, so that the next run makes it again instead of meeting it again.
            with suppress(FileNotFoundError):
                self._bucket.move(name, f"{name}.corrupt")
            raise broken(entry, manifest, DIFFERS, self.url)

        self._objects.keep(entry.sha256, download)

    def _keys(self) -> set[str]:
        return {Path(name).stem for name in self._bucket.sizes("manifests")}

    def _content(self, name: str) -> bytes | None:
        with suppress(FileNotFoundError):
            return self._bucket.read(name)
        return None

    def _manifest(self, name: str) -> Manifest | None:
        content = self._content(name)
        return None if content is None else Manifest.of(content)

    def _listed(self, key: str) -> Manifest | None:
        kept = self._own / "manifests" / key[:2] / f"{key}.json"
        with suppress(OSError):
            if (manifest := Manifest.of(kept.read_bytes())) is not None:
                return manifest
        manifest = self._manifest(_manifest_name(key))
        if manifest is not None:
            with suppress(OSError), replacing(kept, self._objects.drafts) as draft:
                draft.write_text(manifest.as_text(), encoding="utf-8")
        return manifest

    def _problem(self, entry: FileEntry) -> str | None:
        try:
            return None if self._bucket.sha256(_object_name(entry.sha256)) == entry.sha256 else DIFFERS
        except FileNotFoundError:
            return MISSING

    def _cache_error(self, error: OSError) -> StoreError:
        return StoreError(
            f"cannot write to the cache {self.cache} of the store {self.url}: {error.strerror or error}; free some "
            "space or name another folder with PRETTYUSEFUL_CACHE"
        )


def _object_name(sha256: str) -> str:
    return f"objects/{sha256[:2]}/{sha256}"


def _manifest_name(key: str) -> str:
    return f"manifests/{key[:2]}/{key}.json"


def _failure_name(key: str) -> str:
    return f"failures/{key}.json"
