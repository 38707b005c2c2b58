from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prettyuseful.data import pixels as module
from prettyuseful.data.dataset import Row
from prettyuseful.data.images import encode_png
from prettyuseful.data.pixels import Pixels, StoredSize, decode_rows, load_pixels, write_pixels
from prettyuseful.errors import DataError


def image(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)


def rows(*shapes: tuple[int, int]) -> list[Row]:
    return [Row(encode_png(image(*shape, i)), f"{i}.png", i % 2, f"g{i}") for i, shape in enumerate(shapes)]


def stored(folder: Path, size: StoredSize, *shapes: tuple[int, int]) -> Pixels:
    write_pixels(folder, decode_rows(rows(*shapes), size))
    return load_pixels({path.name: path for path in folder.iterdir()})


def test_images_are_resized_to_the_short_side_with_their_aspect_ratio(tmp_path: Path) -> None:
    pixels = stored(tmp_path, 16, (32, 48), (48, 32), (16, 16), (8, 20))
    assert pixels.sizes.tolist() == [[16, 24], [24, 16], [16, 16], [16, 40]]
    assert pixels.labels.tolist() == [0, 1, 0, 1]
    assert pixels.groups.tolist() == ["g0", "g1", "g2", "g3"]
    resized = Image.fromarray(image(32, 48)).resize((24, 16), Image.Resampling.BICUBIC)
    assert np.array_equal(pixels[0], np.asarray(resized))
    assert np.array_equal(pixels[2], image(16, 16, 2))


def test_native_images_are_unchanged(tmp_path: Path) -> None:
    pixels = stored(tmp_path, "native", (5, 9), (7, 3))
    assert np.array_equal(pixels[0], image(5, 9))
    assert np.array_equal(pixels[1], image(7, 3, 1))


def test_aspect_ratio_of_stored_images_is_limited(tmp_path: Path) -> None:
    pixels = stored(tmp_path, 16, (1, 5000), (5000, 2))
    assert pixels.sizes.tolist() == [[16, 64], [64, 16]]


def test_full_shard_starts_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARD_BYTES", 400)
    pixels = stored(tmp_path, "native", *[(7, 8)] * 7)
    assert [len(shard) for shard in pixels.shards] == [504, 504, 168]
    assert all(np.array_equal(pixels[i], image(7, 8, i)) for i in range(7))


def test_chunks_contain_consecutive_images_of_equal_size(tmp_path: Path) -> None:
    pixels = [*stored(tmp_path, "native", (4, 4), (4, 4), (4, 4), (6, 4), (4, 4)).chunks(2)]
    assert [chunk.shape[:3] for chunk in pixels] == [(2, 4, 4), (1, 4, 4), (1, 6, 4), (1, 4, 4)]


def test_take_returns_rows_in_the_given_order(tmp_path: Path) -> None:
    some = stored(tmp_path, "native", (5, 9), (7, 3), (2, 2)).take(np.array([2, 0]))
    assert np.array_equal(some[0], image(2, 2, 2))
    assert np.array_equal(some[1], image(5, 9))
    assert some.groups.tolist() == ["g2", "g0"]


def test_broken_image_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"bad\.png: not an image"):
        write_pixels(tmp_path, decode_rows([Row(b"no image", "bad.png", 0, "g")], 16))


def test_decoded_images_of_different_sizes_are_collected() -> None:
    images = [np.full((height, 3, 3), height, np.uint8) for height in (2, 5)]
    pixels = Pixels.from_images(zip(images, (1, 0), ("a", "b"), strict=True))
    assert all(np.array_equal(pixels[i], image) for i, image in enumerate(images))
    assert (pixels.labels.tolist(), pixels.groups.tolist()) == ([1, 0], ["a", "b"])


def test_data_sets_are_concatenated_without_copies(tmp_path: Path) -> None:
    for name, shapes in (("a", [(5, 9), (7, 3)]), ("b", [(4, 4), (6, 5), (8, 8)])):
        (tmp_path / name).mkdir()
        write_pixels(tmp_path / name, decode_rows(rows(*shapes), "native"))
    parts = {name: load_pixels({p.name: p for p in (tmp_path / name).iterdir()}) for name in ("a", "b")}
    together = Pixels.concatenate(parts)
    assert len(together) == 5
    assert together.groups.tolist() == ["a/g0", "a/g1", "b/g0", "b/g1", "b/g2"]
    images = [part[i] for part in parts.values() for i in range(len(part))]
    assert all(np.array_equal(together[i], image) for i, image in enumerate(images))
    assert np.shares_memory(together[3], parts["b"].shards[0])
