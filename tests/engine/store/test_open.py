from __future__ import annotations

from pathlib import Path

import fsspec
import pytest
from tests.engine.store.places import KEY, Place, manifest

from prettyuseful.engine.store.local import LocalStore
from prettyuseful.engine.store.open import exists, open_store
from prettyuseful.engine.store.remote import RemoteStore
from prettyuseful.errors import StoreError


def test_a_folder_is_made_and_is_the_same_by_path_or_url(tmp_path: Path) -> None:
    first = open_store(tmp_path / "new" / "store")
    assert isinstance(first, LocalStore)
    first.commit(manifest(colour="red"))
    for place in (str(tmp_path / "new" / "store"), f"file://{tmp_path}/new/store", first.url):
        artifact = open_store(place, must_exist=True).read(KEY)
        assert artifact is not None
        assert artifact.manifest.facts == {"colour": "red"}


def test_to_ask_whether_a_store_is_there_makes_none(tmp_path: Path) -> None:
    assert not exists(tmp_path / "store")
    with pytest.raises(StoreError, match=rf"^there is no store at {tmp_path}/store; name the one of your runs"):
        open_store(tmp_path / "store", must_exist=True)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "folder").mkdir()
    assert not exists(tmp_path / "folder"), "a folder of anything else is none"


@pytest.mark.parametrize(
    ("variable", "cache"), [("PRETTYUSEFUL_CACHE", "mine"), ("XDG_CACHE_HOME", "mine/prettyuseful")]
)
def test_object_storage_has_its_cache_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, cache: str
) -> None:
    fsspec.filesystem("memory").store.clear()
    monkeypatch.delenv("PRETTYUSEFUL_CACHE", raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "mine"))
    store = open_store("memory://bucket/store")
    assert isinstance(store, RemoteStore)
    assert store.url == "memory://bucket/store"
    assert store.cache == tmp_path / cache


def test_a_store_is_there_once_it_was_opened(place: Place) -> None:
    assert not exists(place.url)
    place.open()
    assert exists(place.url)
