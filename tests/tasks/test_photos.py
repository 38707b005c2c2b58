from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from prettyuseful.data.dataset import Row
from prettyuseful.data.images import decode
from prettyuseful.errors import DataError
from prettyuseful.tasks import photos
from prettyuseful.tasks.photos import BLOCK, CROP, PHOTOGRAPHS, PhotosTask, load_photograph

TASK = PhotosTask()


@pytest.fixture(scope="module")
def train() -> list[Row]:
    return list(TASK.images("train", 40))


@pytest.fixture(scope="module")
def test_rows() -> list[Row]:
    return list(TASK.images("test", 40))


def test_sixteen_classes_have_licences() -> None:
    assert len(TASK.classes) == 16
    assert all(photograph.licence and photograph.credit for photograph in PHOTOGRAPHS)
    assert all(f"{name}:" in TASK.licence for name in TASK.classes)


def test_train_and_test_share_no_block(train: list[Row], test_rows: list[Row]) -> None:
    assert not {row.group for row in TASK.images("train", 300)} & {row.group for row in TASK.images("test", 200)}
    for rows, colour in ((train, 0), (test_rows, 1)):
        for row in rows:
            r, c = map(int, row.group.split("/")[1].split("-"))
            assert (r + c) % 2 == colour


def test_every_crop_lies_within_its_block(train: list[Row]) -> None:
    # An exhaustive search shows that each resized crop equals a crop at some position of its block.
    from PIL import Image

    for row in train[:: len(train) // 16]:
        pixels = load_photograph(PHOTOGRAPHS[row.label])
        r, c = map(int, row.group.split("/")[1].split("-"))
        block = pixels[r * BLOCK : (r + 1) * BLOCK, c * BLOCK : (c + 1) * BLOCK]
        wanted = np.asarray(decode(row.data, row.path))
        free = BLOCK - CROP + 1
        positions = (block[y : y + CROP, x : x + CROP] for y in range(free) for x in range(free))
        bicubic = Image.Resampling.BICUBIC
        assert any(np.array_equal(np.asarray(Image.fromarray(p).resize((32, 32), bicubic)), wanted) for p in positions)


def test_fewer_crops_are_a_prefix_of_more(train: list[Row]) -> None:
    few = list(TASK.images("train", 3))
    assert few == [row for row in train if int(row.path.split("/")[2][:4]) < 3]


def test_no_crop_comes_twice() -> None:
    # Positions of crops never repeat, but crops at different positions may be equal (the moon is smooth).
    rows = [row for row in TASK.images("train", 300) if row.label == TASK.classes.index("gravel")]
    assert len({hashlib.sha256(row.data).digest() for row in rows}) == 300


def test_the_first_crops_are_pinned(train: list[Row]) -> None:
    first = b"".join(np.asarray(decode(row.data, row.path)).tobytes() for row in train[::40])
    assert hashlib.sha256(first).hexdigest()[:16] == "902f44a1c95c8dfe"


def test_request_for_too_many_crops_reports_the_limit() -> None:
    with pytest.raises(DataError, match="at most 300"):
        next(iter(TASK.images("train", 301)))


def test_changed_photograph_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(PHOTOGRAPHS[0], sha256="0" * 16)
    monkeypatch.setattr(photos, "PHOTOGRAPHS", (other,))
    with pytest.raises(DataError, match=r"astronaut.*constraints.txt"):
        next(iter(TASK.images("train", 1)))
