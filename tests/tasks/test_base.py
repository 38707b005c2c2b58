from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from prettyuseful.data.dataset import Row
from prettyuseful.errors import DataError
from prettyuseful.registry import import_target
from prettyuseful.tasks.base import native_size, summarise_names, validated_rows
from prettyuseful.tasks.folder import FolderTask
from prettyuseful.tasks.photos import PhotosTask
from prettyuseful.tasks.source import TASKS

from .conftest import picture


def rows(*data: bytes) -> Iterator[Row]:
    return (Row(d, f"{i}.png", 0, group=str(i)) for i, d in enumerate(data))


def test_valid_rows_are_unchanged() -> None:
    assert list(validated_rows(rows(picture(1), picture(2)), "here")) == list(rows(picture(1), picture(2)))


def test_rows_stop_at_a_broken_image_and_all_broken_images_are_listed() -> None:
    looked_at = validated_rows(rows(picture(1), b"x", picture(2), b""), "here")
    assert next(looked_at).path == "0.png"
    with pytest.raises(DataError, match=r"here/1\.png: not an image.*; here/3\.png: not an image"):
        next(looked_at)


def test_other_images_are_checked_but_not_yielded() -> None:
    looked_at = validated_rows(rows(picture(1)), "here", rows(picture(2), b"x"))
    assert next(looked_at).path == "0.png"
    with pytest.raises(DataError, match=r"here/1\.png: not an image"):
        next(looked_at)


def test_native_size_is_the_median_and_not_that_of_one_odd_image(folder_task: Path) -> None:
    for path in sorted((folder_task / "train").glob("*/*.png"))[:3]:
        Image.new("RGB", (400, 500), (9, 9, int(path.stem))).save(path)
    assert native_size(FolderTask(folder_task)) == 24
    assert native_size(PhotosTask()) == 32


def test_long_lists_of_names_are_cut_after_five() -> None:
    assert summarise_names("abcde") == "a, b, c, d, e"
    assert summarise_names("abcdefg", "; ") == "a; b; c; d; e (and 2 more)"


def test_every_task_of_the_table_can_be_imported() -> None:
    assert all(callable(import_target(row.make)) for row in TASKS)


def test_photographs_have_names_that_need_no_definition() -> None:
    assert dict(PhotosTask().definitions) == {}
