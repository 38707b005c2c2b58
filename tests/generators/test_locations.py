"""A folder or a repository of the hub: one of both, and pinned to what it holds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.hub_server import commit, use_local_hub

from prettyuseful.errors import DataError
from prettyuseful.generators.locations import Location, pin_folder


def test_plain_text_is_a_path_or_a_hub_id(tmp_path: Path) -> None:
    assert Location.model_validate("we/model@v1").on_hub
    assert Location.model_validate("we/model@v1").repository == ("we/model", "v1")
    folder = Location.model_validate(str(tmp_path))
    assert (folder.on_hub, folder.shown, folder.repository) == (False, tmp_path.name, (str(tmp_path), None))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "set exactly one of path and id"),
        ({"path": "x", "id": "we/x"}, "set exactly one of path and id"),
        ({"id": "/x"}, "id: '/x' is not a hub id; expected owner/name or owner/name@revision"),
    ],
)
def test_it_is_one_place(fields: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Location.model_validate(fields)


def test_a_folder_is_pinned_to_its_files_and_not_to_its_path(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    copy = shutil.copytree(tiny("sd") / "scheduler", tmp_path / "copy")
    pinned = pin_folder(Location(path=str(tiny("sd") / "scheduler")), "here")
    assert pin_folder(Location(path=str(copy)), "here").content == pinned.content
    (copy / "scheduler_config.json").write_text("{}")
    assert pin_folder(Location(path=str(copy)), "here").content != pinned.content
    with pytest.raises(DataError, match=r"^here: /no/folder is not a folder; correct path, or give id$"):
        pin_folder(Location(path="/no/folder"), "here")


def test_a_repository_is_pinned_to_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with use_local_hub(tmp_path / "cache", monkeypatch) as hub:
        hub.repositories = {"we/model": tmp_path}
        for location in (Location(path="we/model"), Location(id="we/model")):
            pinned = pin_folder(location, "here")
            assert pinned.source == Location(id=f"we/model@{commit('we/model')}")
            assert pinned.content == {"hub": "we/model", "commit": commit("we/model")}
        with pytest.raises(DataError, match="the hub has no repository we/nothing"):
            pin_folder(Location(id="we/nothing"), "here")
