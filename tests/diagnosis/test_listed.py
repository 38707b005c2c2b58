from __future__ import annotations

from pathlib import Path

import pytest

from prettyuseful.data.image_lists import ListedPath, format_image_list
from prettyuseful.diagnosis.listed import LISTED, ImageSelection
from prettyuseful.errors import DataError

LINES = [ListedPath(f"{kind.name}-{i}.png", "cat", kind.name, 0.3 * i) for kind in LISTED for i in (1, 2, 3)]


def select(folder: Path, text: str | None = None, **settings: object) -> list[str]:
    file = folder / "base.csv"
    file.write_text(format_image_list(LINES) if text is None else text, "utf-8")
    return [path for path, _ in ImageSelection.model_validate({"file": str(file), **settings}).images()]


def test_images_that_are_only_typical_or_off_class_are_kept_unless_they_are_named(tmp_path: Path) -> None:
    assert {path[:-6] for path in select(tmp_path)} == {"labels", "copies", "repeats", "blank"}
    assert {path[:-6] for path in select(tmp_path, findings=["least-typical"])} == {"least-typical"}


def test_images_are_selected_by_score(tmp_path: Path) -> None:
    assert select(tmp_path, findings=["labels"], at_least=0.6) == ["labels-2.png", "labels-3.png"]


def test_every_image_of_a_list_without_findings_is_selected_once(tmp_path: Path) -> None:
    assert select(tmp_path, "path,class\nb.png,x\na.png,x\nb.png,x\n") == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("path\n", {}, r"base\.csv lists no images; remove drop"),
        (None, {"findings": ["labels"], "at_least": 0.95}, r"no images with the findings labels with a score of at"),
        ("path\na\n", {"findings": ["labels"]}, r"base\.csv has no column finding; remove findings"),
        ("path,finding\na,label\n", {}, r"unknown finding 'label'; did you mean 'labels'\?; valid findings: labels, "),
    ],
)
def test_a_list_that_selects_nothing_is_reported(
    tmp_path: Path, text: str | None, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message) as raised:
        select(tmp_path, text, **settings)
    assert "\n" not in str(raised.value)
