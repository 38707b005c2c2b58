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
def test_form_of_hub_ids(name: str, expected: bool) -> None:
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
def test_revision_follows_the_at_sign(name: str, parts: tuple[str, str | None]) -> None:
    assert split_revision(name) == parts


def test_existing_folder_is_not_split(tmp_path: Path) -> None:
    folder = tmp_path / "owner" / "name@v1"
    assert split_revision(str(folder)) == (f"{tmp_path}/owner/name", "v1")
    folder.mkdir(parents=True)
    assert split_revision(str(folder)) == (str(folder), None)
