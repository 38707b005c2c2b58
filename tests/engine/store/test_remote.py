"""What only stores on object storage do: the cache, proofs, and their own faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec
import pytest
from tests.engine.store.places import KEY, Place, manifest, manifest_name, object_name

from prettyuseful.engine.store.bucket import Bucket
from prettyuseful.engine.store.open import exists, open_store
from prettyuseful.engine.store.remote import RemoteStore
from prettyuseful.errors import CorruptArtifactError, StoreError


@pytest.fixture
def place(tmp_path: Path) -> Place:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    return Place("memory://bucket/store", fs, tmp_path, shared=False)


def reading(store: RemoteStore) -> Path:
    artifact = store.read(KEY)
    assert artifact is not None
    return artifact.path("file")


@pytest.fixture
def store(place: Place) -> RemoteStore:
    """With one artifact of one file, that another machine has made."""
    maker = place.open()
    maker.commit(manifest((place.put(maker, b"precious bytes"),)))
    return RemoteStore(place.url, place.scratch / "cache")


def test_a_file_is_downloaded_once(store: RemoteStore, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads: list[str] = []
    download = Bucket.download

    def counted(bucket: Bucket, name: str, target: Path) -> None:
        downloads.append(name)
        download(bucket, name, target)

    monkeypatch.setattr(Bucket, "download", counted)
    first = reading(store)
    assert reading(store) == first
    assert reading(RemoteStore(place.url, store.cache)) == first
    assert len(downloads) == 1
    assert first.stat().st_mode & 0o222 == 0


def test_what_is_damaged_in_the_cache_is_downloaded_again(store: RemoteStore, place: Place) -> None:
    path = reading(store)
    path.chmod(0o644)
    path.write_bytes(b"precious bytfs")
    found = reading(RemoteStore(place.url, store.cache))
    assert found.read_bytes() == b"precious bytes"


def test_what_is_damaged_on_its_way_is_downloaded_again(store: RemoteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    download, times = Bucket.download, list[str]()

    def torn_first(bucket: Bucket, name: str, target: Path) -> None:
        download(bucket, name, target)
        if not times:
            target.write_bytes(b"prec")
        times.append(name)

    monkeypatch.setattr(Bucket, "download", torn_first)
    assert reading(store).read_bytes() == b"precious bytes"


def test_what_is_damaged_there_is_set_aside(store: RemoteStore, place: Place) -> None:
    artifact = store.read(KEY)
    assert artifact is not None
    (entry,) = artifact.manifest.files
    place.damage(object_name(entry), b"precious bytfs")
    with pytest.raises(CorruptArtifactError, match=r"differs from its manifest in the store memory://bucket/store"):
        artifact.path("file")
    assert store.read(KEY) is None
    assert place.fs.cat_file(place.path(f"{object_name(entry)}.corrupt")) == b"precious bytfs"
    assert list((store.cache / "tmp").iterdir()) == []


def test_a_listing_asks_for_each_manifest_once(store: RemoteStore, place: Place, monkeypatch: Any) -> None:
    listed = list(store.list())
    assert [m.key for m in listed] == [KEY]

    def never(*_: object) -> bytes:
        raise AssertionError

    monkeypatch.setattr(Bucket, "read", never)
    assert list(RemoteStore(place.url, store.cache).list()) == listed


def test_an_unwritable_cache_is_one_line(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match=r"cannot write to the cache .*file.*PRETTYUSEFUL_CACHE"):
        RemoteStore(place.url, tmp_path / "file")


def test_a_full_cache_is_told_as_one(store: RemoteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store._bucket._fs, "get_file", full)
    with pytest.raises(StoreError, match=r"cannot write to the cache .*No space left"):
        reading(store)
    assert list((store.cache / "tmp").iterdir()) == []


def test_storage_that_cannot_create_exclusively_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    pipe_file = MemoryFileSystem.pipe_file
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", lambda fs, path, value, **_: pipe_file(fs, path, value))
    with pytest.raises(StoreError, match="without conditional writes"):
        RemoteStore("memory://bucket/careless", tmp_path)


def test_a_bucket_that_is_not_there_is_told(s3_url: str) -> None:
    with pytest.raises(StoreError, match=r"s3://bucket-\w+-none/store is in a bucket that is not there"):
        open_store(f"{s3_url}-none/store")
    assert not exists(f"{s3_url}-none/store")


def test_refused_credentials_are_one_line(s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RemoteStore(f"{s3_url}/store", tmp_path / "cache")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(store._bucket._fs, "pipe_file", refused)
    with pytest.raises(StoreError, match=r"refuses \(Access Denied\); check the credentials") as error:
        store.commit(manifest())
    assert "\n" not in str(error.value)
    assert store.read(KEY) is None


def test_storage_that_does_not_answer_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "canary-access-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret-key")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StoreError, match=r"s3://bucket/store does not answer as it should") as error:
        RemoteStore("s3://bucket/store", tmp_path / "cache")
    assert "\n" not in str(error.value)
    assert "canary" not in str(error.value)


def test_a_store_copied_file_by_file_is_a_store_in_a_folder(store: RemoteStore, place: Place, tmp_path: Path) -> None:
    for path in place.fs.find(place.url):
        target = tmp_path / "copy" / path.removeprefix("/bucket/store/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(place.fs.cat_file(path))
    artifact = open_store(tmp_path / "copy").read(KEY)
    assert artifact is not None
    assert artifact.path("file").read_bytes() == reading(store).read_bytes()
    assert (tmp_path / "copy" / manifest_name()).exists()
