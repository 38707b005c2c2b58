from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.launches import CountedLaunches

from prettyuseful.data import pixels as module
from prettyuseful.data.pixels import Pixels, load_pixels, write_pixels
from prettyuseful.training.loader import BatchLoader, gather_images, shuffled_batches


@pytest.fixture(params=["one size, one shard", "many sizes, many shards"])
def pixels(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pixels:
    rng = np.random.default_rng(0)
    shapes = [(9, 7)] * 11
    if "many" in request.param:
        monkeypatch.setattr(module, "SHARD_BYTES", 500)
        shapes = [(int(h), int(w)) for h, w in rng.integers(5, 12, (11, 2))]
    images = (rng.integers(256, size=(*shape, 3), dtype=np.uint8) for shape in shapes)
    write_pixels(tmp_path, ((image, i % 3, f"g{i}") for i, image in enumerate(images)))
    return load_pixels({path.name: path for path in tmp_path.iterdir()})


def test_a_batch_holds_the_images_of_its_rows(pixels: Pixels) -> None:
    images, sizes = BatchLoader(pixels, "cpu").batch(torch.tensor([10, 0, 5]))
    for image, (height, width), row in zip(images, sizes.tolist(), (10, 0, 5), strict=True):
        assert np.array_equal(image[:height, :width], pixels[row])
        assert not image[height:].any()
        assert not image[:, width:].any()


def test_batch_of_one_image(pixels: Pixels) -> None:
    images, sizes = BatchLoader(pixels, "cpu").batch(torch.tensor([7]))
    assert (len(images), sizes.tolist()) == (1, [list(pixels.sizes[7])])


def test_all_images_come_in_order(pixels: Pixels) -> None:
    loader = BatchLoader(pixels, "cpu")
    result = [*loader.batches_in_order(loader.rows, 4)]
    assert [len(images) for images, _ in result] == [4, 4, 3]
    assert np.array_equal(torch.cat([sizes for _, sizes in result]), pixels.sizes)


@pytest.mark.parametrize("room", [0, 10**6])
def test_another_device_gets_the_same_batches_in_order(pixels: Pixels, room: int) -> None:
    """`meta` stands for an accelerator: it has no values, but batches are loaded ahead and moved to it."""
    loader = BatchLoader(pixels, "meta", room)
    result = [*loader.batches_in_order(loader.rows, 4)]
    assert {images.device.type for images, _ in result} == {"meta"}
    assert np.array_equal(torch.cat([sizes for _, sizes in result]), pixels.sizes)
    assert [images.shape[1:3] for images, _ in result] == [tuple(sizes.amax(0)) for _, sizes in result]


def test_a_data_set_is_kept_on_the_device_if_there_is_room(pixels: Pixels) -> None:
    size = sum(shard.nbytes for shard in pixels.shards)
    for room, is_kept in ((None, False), (size, False), (size + 1, True)):
        assert BatchLoader(pixels, "meta", room).is_on_device == is_kept


def test_a_batch_of_a_kept_data_set_needs_few_launches_and_waits_for_no_copy(pixels: Pixels) -> None:
    loader = BatchLoader(pixels, "meta", 10**6)
    with CountedLaunches("meta") as counted:
        loader.batch(torch.arange(11))
    assert counted.launches <= 12
    assert (counted.copies, counted.waiting) == (1, 0)


def test_gathering_from_one_row_of_pixels_gives_the_same_batch(pixels: Pixels) -> None:
    """As on a device that keeps the data set."""
    rows = torch.tensor([10, 0, 5, 5])
    flat = torch.from_numpy(np.concatenate([*pixels.shards, np.zeros(3, np.uint8)])).view(-1, 3)
    begins = torch.from_numpy(pixels.sizes.prod(1).cumsum() - pixels.sizes.prod(1))
    images = gather_images(flat, begins[rows], torch.from_numpy(pixels.sizes)[rows])
    assert torch.equal(images, BatchLoader(pixels, "cpu").batch(rows)[0])


def test_an_epoch_is_whole_batches_in_random_order() -> None:
    draws = torch.Generator().manual_seed(0)
    first, second = ([rows.tolist() for rows in shuffled_batches(10, 3, draws)] for _ in range(2))
    assert [len(rows) for rows in first] == [3, 3, 3]
    assert len({row for rows in first for row in rows}) == 9
    assert first != second
