"""Stores on object storage: the cache, the check of conditional writes, and storage errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec
import pytest
from tests.engine.store.locations import KEY, StoreLocation, key_of, manifest, manifest_name, object_name

from prettyuseful.engine.store.bucket import Bucket
from prettyuseful.engine.store.open import open_store, store_exists
from prettyuseful.engine.store.remote import RemoteStore
from prettyuseful.errors import CorruptArtifactError, StoreError


@pytest.fixture
def location(tmp_path: Path) -> StoreLocation:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    return StoreLocation("memory://bucket/store", fs, tmp_path, shared=False)


def read_file(store: RemoteStore) -> Path:
    artifact = store.read(KEY)
    assert artifact is not None
    return artifact.path("file")


@pytest.fixture
def store(location: StoreLocation) -> RemoteStore:
    """A store with one artifact of one file, which another machine has committed."""
    other_machine = location.open()
    other_machine.commit(manifest((location.put(other_machine, b"precious bytes"),)))
    return RemoteStore(location.url, location.scratch / "cache")


def test_file_is_downloaded_once(store: RemoteStore, location: StoreLocation, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads: list[str] = []
    download = Bucket.download

    def count_downloads(bucket: Bucket, name: str, target: Path) -> None:
        downloads.append(name)
        download(bucket, name, target)

    monkeypatch.setattr(Bucket, "download", count_downloads)
    first = read_file(store)
    assert read_file(store) == first
    assert read_file(RemoteStore(location.url, store.cache)) == first
    assert len(downloads) == 1
    assert first.stat().st_mode & 0o222 == 0


def test_damaged_cache_file_is_downloaded_again(store: RemoteStore, location: StoreLocation) -> None:
    path = read_file(store)
    path.chmod(0o644)
    path.write_bytes(b"precious bytfs")
    path = read_file(RemoteStore(location.url, store.cache))
    assert path.read_bytes() == b"precious bytes"


def test_damaged_download_is_repeated(store: RemoteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    download, times = Bucket.download, list[str]()

    def truncate_first(bucket: Bucket, name: str, target: Path) -> None:
        download(bucket, name, target)
        if not times:
            target.write_bytes(b"prec")
        times.append(name)

    monkeypatch.setattr(Bucket, "download", truncate_first)
    assert read_file(store).read_bytes() == b"precious bytes"


def test_damaged_stored_file_is_renamed(store: RemoteStore, location: StoreLocation) -> None:
    artifact = store.read(KEY)
    assert artifact is not None
    (entry,) = artifact.manifest.files
    location.damage(object_name(entry), b"precious bytfs")
    with pytest.raises(CorruptArtifactError, match=r"differs from its manifest in the store memory://bucket/store"):
        artifact.path("file")
    assert store.read(KEY) is None
    assert location.fs.cat_file(location.path(f"{object_name(entry)}.corrupt")) == b"precious bytfs"
    assert list((store.cache / "tmp").iterdir()) == []


def test_listing_reads_each_manifest_once(store: RemoteStore, location: StoreLocation, monkeypatch: Any) -> None:
    manifests = list(store.list())
    assert [m.key for m in manifests] == [KEY]

    def fail(*_: object) -> bytes:
        raise AssertionError

    monkeypatch.setattr(Bucket, "read_up_to", fail)
    assert list(RemoteStore(location.url, store.cache).list()) == manifests


def test_unwritable_cache_is_a_one_line_error(location: StoreLocation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match=r"cannot use the cache .*file.*PRETTYUSEFUL_CACHE"):
        RemoteStore(location.url, tmp_path / "file")


def test_full_cache_is_reported(store: RemoteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store._bucket._fs, "get_file", raise_full)
    with pytest.raises(StoreError, match=r"cannot use the cache .*No space left"):
        read_file(store)
    assert list((store.cache / "tmp").iterdir()) == []


def test_storage_without_conditional_writes_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    pipe_file = MemoryFileSystem.pipe_file
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", lambda fs, path, value, **_: pipe_file(fs, path, value))
    with pytest.raises(StoreError, match="without conditional writes"):
        RemoteStore("memory://bucket/careless", tmp_path)


def test_missing_bucket_is_reported(s3_url: str) -> None:
    with pytest.raises(StoreError, match=r"the bucket of the store s3://bucket-\w+-none/store does not exist"):
        open_store(f"{s3_url}-none/store")
    assert not store_exists(f"{s3_url}-none/store")


def test_denied_access_is_a_one_line_error(s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RemoteStore(f"{s3_url}/store", tmp_path / "cache")

    def deny(*_: object, **__: object) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(store._bucket._fs, "pipe_file", deny)
    with pytest.raises(StoreError, match=r"denies access \(Access Denied\); check the credentials") as error:
        store.commit(manifest())
    assert "\n" not in str(error.value)
    assert store.read(KEY) is None


def test_unreachable_storage_is_a_one_line_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "canary-access-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret-key")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StoreError, match=r"s3://bucket/store cannot be reached") as error:
        RemoteStore("s3://bucket/store", tmp_path / "cache")
    assert "\n" not in str(error.value)
    assert "canary" not in str(error.value)


def test_remote_store_can_be_copied_into_a_folder(store: RemoteStore, location: StoreLocation, tmp_path: Path) -> None:
    for path in location.fs.find(location.url):
        target = tmp_path / "copy" / path.removeprefix("/bucket/store/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(location.fs.cat_file(path))
    artifact = open_store(tmp_path / "copy").read(KEY)
    assert artifact is not None
    assert artifact.path("file").read_bytes() == read_file(store).read_bytes()
    assert (tmp_path / "copy" / manifest_name()).exists()


def test_file_of_another_size_is_not_read_by_a_check(
    store: RemoteStore, location: StoreLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    location.damage(object_name(store.read(KEY).manifest.files[0]), b"longer than before")  # type: ignore[union-attr]
    monkeypatch.setattr(Bucket, "sha256", None)
    assert [check.problem for check in store.check()] == ["file file differs from its manifest"]


def test_records_that_cannot_be_read_say_nothing(store: RemoteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bad", "good"):
        store.record_failure(key_of(name), f"{name} luck")
    read = Bucket.read_up_to

    def read_all_but_bad(bucket: Bucket, name: str, limit: int) -> bytes | None:
        if key_of("bad") in name:
            raise StoreError("access denied")
        return read(bucket, name, limit)

    monkeypatch.setattr(Bucket, "read_up_to", read_all_but_bad)
    assert store.failures() == {key_of("good"): "good luck"}
