from __future__ import annotations

from pathlib import Path

import pytest

from prettyuseful.hub.ids import is_hub_id, split_revision


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("owner/name", True),
        ("timm/vit_small.dino-v2", True),
        ("owner/name@v1.0", True),
        ("owner/name@refs/pr/3", True),
        ("name", False),
        ("owner/name/more", False),
        ("/owner/name", False),
        ("owner/", False),
        ("owner/name@", False),
        ("owner/na me", False),
        ("owner/name\n", False),
        ("hf://owner/name", False),
        ("", False),
    ],
)
def test_what_has_the_form_of_an_id(name: str, expected: bool) -> None:
    assert is_hub_id(name) == expected


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("owner/name", ("owner/name", None)),
        ("owner/name@v1", ("owner/name", "v1")),
        ("owner/name@refs/pr/3", ("owner/name", "refs/pr/3")),
        ("owner/name@", ("owner/name", None)),
    ],
)
def test_the_revision_stands_behind_the_at(name: str, parts: tuple[str, str | None]) -> None:
    assert split_revision(name) == parts


def test_a_folder_is_its_own_place_whatever_its_name_holds(tmp_path: Path) -> None:
    folder = tmp_path / "owner" / "name@v1"
    assert split_revision(str(folder)) == (f"{tmp_path}/owner/name", "v1")
    folder.mkdir(parents=True)
    assert split_revision(str(folder)) == (str(folder), None)
