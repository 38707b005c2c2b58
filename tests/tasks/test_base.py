from __future__ import annotations

from collections.abc import Iterator

import pytest

from prettyuseful.data.dataset import Row
from prettyuseful.errors import DataError
from prettyuseful.registry import loaded
from prettyuseful.tasks.base import first_few, sound
from prettyuseful.tasks.photos import PhotosTask
from prettyuseful.tasks.source import TASKS

from .conftest import picture


def rows(*data: bytes) -> Iterator[Row]:
    return (Row(d, f"{i}.png", 0, group=str(i)) for i, d in enumerate(data))


def test_sound_rows_pass_as_they_are() -> None:
    assert list(sound(rows(picture(1), picture(2)), "here")) == list(rows(picture(1), picture(2)))


def test_nothing_follows_a_broken_row_and_all_broken_ones_are_named() -> None:
    looked_at = sound(rows(picture(1), b"x", picture(2), b""), "here")
    assert next(looked_at).path == "0.png"
    with pytest.raises(DataError, match=r"here/1\.png: not an image.*; here/3\.png: not an image"):
        next(looked_at)


def test_of_many_names_the_first_five_are_listed() -> None:
    assert first_few("abcde") == "a, b, c, d, e"
    assert first_few("abcdefg", "; ") == "a; b; c; d; e (and 2 more)"


def test_every_task_of_the_table_is_there() -> None:
    assert all(callable(loaded(row.make)) for row in TASKS)


def test_photographs_have_names_that_need_no_definition() -> None:
    assert dict(PhotosTask().definitions) == {}
