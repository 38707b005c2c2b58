"""Object storage in memory, and a folder through fsspec."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import fsspec
import pytest

from prettyuseful.engine.store.bucket import Bucket
from prettyuseful.errors import StoreError, StoreUnavailableError


@pytest.fixture(params=["memory", "file"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Bucket:
    if request.param == "file":
        (tmp_path / "bucket" / "store").mkdir(parents=True)
        return Bucket(f"file://{tmp_path}/bucket/store/")
    fsspec.filesystem("memory").store.clear()
    return Bucket("memory://bucket/store/")


def test_bytes_are_read_as_written(bucket: Bucket) -> None:
    for content in (b"first", b"", b"second and longer"):
        bucket.write("file", content)
        assert bucket.read("file") == content
        assert bucket.size("file") == len(content)
        assert bucket.sha256("file") == sha256(content).hexdigest()
    assert 0 <= bucket.age("file") < 60


def test_file_is_created_once(bucket: Bucket) -> None:
    assert bucket.create("file", b"first") is True
    assert bucket.create("file", b"second") is False
    assert bucket.read("file") == b"first"


def test_one_of_simultaneous_creations_succeeds(s3_url: str) -> None:
    buckets = [Bucket(f"{s3_url}/store") for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda i: buckets[i].create("file", str(i).encode()), range(6)))
    assert results.count(True) == 1
    assert buckets[0].read("file") == str(results.index(True)).encode()


def test_missing_file_raises_file_not_found(bucket: Bucket, tmp_path: Path) -> None:
    for call in (bucket.read, bucket.sha256, bucket.age, lambda name: bucket.download(name, tmp_path / "target")):
        with pytest.raises(FileNotFoundError):
            call("none")
    assert bucket.size("none") is None
    assert bucket.sizes("nothing") == {}
    bucket.remove("none")


def test_upload_move_download_and_remove(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"x" * 3_000_000)
    bucket.upload(tmp_path / "source", "up")
    bucket.move("up", "moved")
    assert bucket.size("up") is None
    assert bucket.sha256("moved") == sha256(b"x" * 3_000_000).hexdigest()
    bucket.download("moved", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == (tmp_path / "source").read_bytes()
    bucket.remove("moved")
    assert bucket.size("moved") is None


def test_sizes_lists_the_files_below_a_folder_in_order(s3_url: str) -> None:
    bucket = Bucket(f"{s3_url}/store")
    for name in ("b/2", "a/1", "b/1/deep", "bb/1"):
        bucket.write(name, name.encode())
    assert list(bucket.sizes("b").items()) == [("b/1/deep", 8), ("b/2", 3)]


def test_concurrent_calls_return_results_in_order() -> None:
    barrier = threading.Barrier(4, timeout=30)

    def call(item: int) -> int:
        barrier.wait()
        time.sleep(0.01 * (4 - item))
        return 10 * item

    assert list(Bucket.map_concurrently(call, range(4))) == [0, 10, 20, 30]
    assert list(Bucket.map_concurrently(str, [1])) == ["1"]
    assert list(Bucket.map_concurrently(str, [])) == []


def test_storage_error_is_a_one_line_temporary_error(tmp_path: Path) -> None:
    bucket = Bucket(f"file://{tmp_path}")
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(StoreUnavailableError, match=rf"^the store file://{tmp_path} cannot be reached \(") as error:
        bucket.write("file/below", b"x")
    assert "finished steps are kept" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://me:canary-1234@bucket/store", "credentials and options belong in the environment"),
        ("s3://bucket/store?secret=canary-1234", "credentials and options"),
        ("simplecache::s3://bucket/store", "a bucket and a folder"),
        ("s3://", "has no bucket"),
        ("what://bucket/store", "unknown kind of store what://bucket/store"),
    ],
)
def test_invalid_urls_are_rejected(url: str, expected: str) -> None:
    with pytest.raises(StoreError, match=expected) as error:
        Bucket(url)
    assert "canary" not in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gcsfs", None)
    with pytest.raises(StoreError, match=r"install prettyuseful\[gcs\]"):
        Bucket("gs://bucket/store")
