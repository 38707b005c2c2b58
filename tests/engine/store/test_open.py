from __future__ import annotations

from pathlib import Path

import fsspec
import pytest
from tests.engine.store.locations import KEY, StoreLocation, manifest

from prettyuseful.engine.store.local import LocalStore
from prettyuseful.engine.store.open import open_store, store_exists
from prettyuseful.engine.store.remote import RemoteStore
from prettyuseful.errors import StoreError


def test_folder_is_created_and_opened_by_path_or_url(tmp_path: Path) -> None:
    first = open_store(tmp_path / "new" / "store")
    assert isinstance(first, LocalStore)
    first.commit(manifest(colour="red"))
    for location in (str(tmp_path / "new" / "store"), f"file://{tmp_path}/new/store", first.url):
        artifact = open_store(location, must_exist=True).read(KEY)
        assert artifact is not None
        assert artifact.manifest.facts == {"colour": "red"}


def test_store_exists_creates_nothing(tmp_path: Path) -> None:
    assert not store_exists(tmp_path / "store")
    with pytest.raises(StoreError, match=rf"^there is no store at {tmp_path}/store; give the store of your runs"):
        open_store(tmp_path / "store", must_exist=True)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "folder").mkdir()
    assert not store_exists(tmp_path / "folder"), "another folder is not a store"


@pytest.mark.parametrize(
    ("variable", "cache"), [("PRETTYUSEFUL_CACHE", "mine"), ("XDG_CACHE_HOME", "mine/prettyuseful")]
)
def test_cache_folder_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, cache: str
) -> None:
    fsspec.filesystem("memory").store.clear()
    monkeypatch.delenv("PRETTYUSEFUL_CACHE", raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "mine"))
    store = open_store("memory://bucket/store")
    assert isinstance(store, RemoteStore)
    assert store.url == "memory://bucket/store"
    assert store.cache == tmp_path / cache


def test_store_exists_after_opening_it(location: StoreLocation) -> None:
    assert not store_exists(location.url)
    location.open()
    assert store_exists(location.url)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("", "is empty"),
        ("file://", "is empty"),
        ("a\0b", "contains a null character"),
        ("/" + "x" * 256, "is too long"),
        ("/" + "ü" * 128, "is too long"),
        ("/x" * 2000, "is too long"),
    ],
)
def test_path_that_no_store_can_have_is_rejected(location: str, message: str) -> None:
    for call in (open_store, store_exists):
        with pytest.raises(StoreError, match=rf"^the path of the store {message}.*--store$"):
            call(location)


def test_file_in_the_place_of_a_store_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for location in (tmp_path / "file", tmp_path / "file" / "store", Path("/dev/null")):
        assert not store_exists(location)
        with pytest.raises(StoreError, match="Not a directory"):
            open_store(location)
