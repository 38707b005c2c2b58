from __future__ import annotations

import pytest

from prettyuseful.data.sources.columns import (
    file_columns,
    given_column,
    image_columns,
    label_columns,
    list_columns,
    other_columns,
    split_column,
    text_column,
)
from prettyuseful.errors import DataError


@pytest.mark.parametrize(
    ("names", "files", "labels"),
    [
        (["file_name", "label"], ["file_name"], ["label"]),
        (["id", "breed"], ["id"], ["breed"]),
        (["Image Index", "Finding"], ["Image Index"], []),
        (["image_id", "dx", "age"], ["image_id"], ["dx"]),
        (["ID", "Filename", "Class"], ["Filename", "ID"], ["Class"]),
        (["category_id", "category_name"], [], ["category_name"]),
        (["category_id"], [], ["category_id"]),
        (["target_file_name", "y"], ["target_file_name"], ["y"]),
    ],
)
def test_usual_names_of_columns(names: list[str], files: list[str], labels: list[str]) -> None:
    assert (file_columns(names), label_columns(names)) == (files, labels)


def test_other_names() -> None:
    assert image_columns(["mask", "png", "Image"]) == ["Image", "png"]
    assert text_column(["caption", "text"]) == "text"
    assert split_column(["label", "Split"]) == "Split"
    assert text_column(["label"]) is split_column(["label"]) is None
    assert other_columns(["file", "text", "seed", "animal", "split", "width", "__index_level_0__"]) == ["animal"]


def test_a_column_that_the_user_names_must_exist() -> None:
    assert given_column("b", ["a", "b"], "here", "label") == "b"
    with pytest.raises(DataError) as error:
        given_column("lable", ["label", "\x1b"], "here", "label")
    assert str(error.value) == (
        "here has no column 'lable'; did you mean 'label'?; its columns are label, \\x1b; set `label: ` to one of them"
    )
    assert list_columns([str(i) for i in range(20)]).endswith("10, 11 and 8 more")
