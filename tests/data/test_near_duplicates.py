from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from prettyuseful.data import near_duplicates as module
from prettyuseful.data.near_duplicates import merge_partitions, near_duplicates, thumbnail_vectors
from prettyuseful.tasks.photos import PHOTOGRAPHS, load_photograph

Change = Callable[[Image.Image], Image.Image]


def photograph(name: str) -> np.ndarray:
    return load_photograph(next(one for one in PHOTOGRAPHS if one.name == name))


def crop(pixels: np.ndarray, row: int, column: int, side: int = 96) -> Image.Image:
    return Image.fromarray(pixels[row * side : (row + 1) * side, column * side : (column + 1) * side])


def crops(name: str, side: int = 96) -> list[Image.Image]:
    """Crops of one photograph that do not overlap."""
    pixels = photograph(name)
    rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
    return [crop(pixels, row, column, side) for row in range(rows) for column in range(columns)]


def jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=75)
    return Image.open(io.BytesIO(buffer.getvalue()))


def shifted(image: Image.Image) -> Image.Image:
    """Shift by one pixel to the right and down; new pixels repeat the border."""
    pixels = np.asarray(image)
    return Image.fromarray(np.pad(pixels, ((1, 0), (1, 0), (0, 0)), "edge")[:-1, :-1])


CHANGES: dict[str, Change] = {
    "as it is": lambda image: image,
    "jpeg": jpeg,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.6),
    "contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.7),
    "smaller": lambda image: image.resize((60, 60), Image.Resampling.BICUBIC),
    "shifted": shifted,
    "mirrored": ImageOps.mirror,
    "all at once": lambda image: jpeg(ImageOps.mirror(ImageEnhance.Brightness(shifted(image)).enhance(0.8))),
}


def components_of(images: list[Image.Image]) -> list[int]:
    return [int(component) for component in near_duplicates([thumbnail_vectors(image) for image in images])]


@pytest.mark.parametrize("change", CHANGES)
def test_near_duplicate_is_detected_among_other_images(change: str) -> None:
    originals = crops("astronaut")[:12]
    components = components_of([*originals, CHANGES[change](originals[4])])
    assert components[4] == components[12]
    assert len(set(components)) == 12


@pytest.mark.parametrize("name", ["cat", "coffee", "temple", "flower", "motorcycle"])
def test_different_crops_of_one_photograph_are_not_near_duplicates(name: str) -> None:
    images = crops(name)
    assert len(set(components_of(images))) >= len(images) - 1


def test_near_duplicates_of_small_images_are_detected() -> None:
    originals = crops("cat", 32)[:40]
    components = components_of([*originals, *map(shifted, originals), *map(ImageOps.mirror, originals)])
    same = [components[i] == components[40 + i] == components[80 + i] for i in range(40)]
    assert np.mean(same) >= 0.9


def test_images_without_contrast_have_no_near_duplicates() -> None:
    assert len(set(components_of([Image.new("RGB", (32, 32), (grey, grey, grey)) for grey in (0, 90, 90, 255)]))) == 4


def test_chain_of_near_duplicates_is_one_component() -> None:
    pixels = photograph("temple")
    frames = [Image.fromarray(pixels[100:260, i : i + 160]) for i in range(0, 12, 2)]
    assert len(set(components_of([*frames, *crops("temple")[:7]]))) == 8


def test_order_of_images_does_not_change_the_components() -> None:
    originals = crops("coffee")[:9]
    images = [*originals, jpeg(originals[2]), ImageOps.mirror(originals[7]), shifted(originals[2])]
    thumbnails = [thumbnail_vectors(image) for image in images]
    components, order = near_duplicates(thumbnails), np.random.default_rng(0).permutation(len(images))
    again = near_duplicates([thumbnails[i] for i in order])
    assert {tuple(np.flatnonzero(components == part)) for part in set(components)} == {
        tuple(sorted(order[again == part])) for part in set(again)
    }


def test_block_size_does_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    originals = crops("coffee")[:11]
    thumbnails = [thumbnail_vectors(image) for image in (*originals, jpeg(originals[0]), jpeg(originals[10]))]
    whole = near_duplicates(thumbnails)
    monkeypatch.setattr(module, "_ROWS", 3)
    monkeypatch.setattr(module, "_COLUMNS", 4)
    assert near_duplicates(thumbnails).tolist() == whole.tolist()


def line(rng: np.random.Generator) -> Image.Image:
    """A stroke on black, like a digit: images are similar overall, but not copies."""
    y, x = np.mgrid[:28, :28]
    slant, position, width = rng.normal(0, 0.15), rng.normal(14, 0.6), rng.uniform(1.5, 2.5)
    stroke = np.exp(-(((x - position - slant * (y - 14)) / width) ** 2)) * (abs(y - 14) < rng.uniform(8, 11))
    return Image.fromarray((255 * stroke).astype(np.uint8))


def test_class_of_similar_images_is_not_one_group() -> None:
    rng = np.random.default_rng(0)
    components = components_of([line(rng) for _ in range(400)])
    assert np.bincount(components).max() <= 200


def test_a_class_of_copies_of_one_image_is_one_group() -> None:
    original = crops("astronaut")[7]
    noise = np.random.default_rng(0).normal(0, 4, (20, 96, 96, 3))
    copies = [Image.fromarray(np.clip(np.asarray(original) + one, 0, 255).astype(np.uint8)) for one in noise]
    assert len(set(components_of(copies))) == 1


def test_one_image_and_no_images_are_accepted() -> None:
    assert components_of(crops("cat")[:1]) == [0]
    assert components_of([]) == []


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_merged_partition_keeps_pairs_of_each_partition(pairs: list[tuple[int, int]]) -> None:
    first, second = ([pair[i] for pair in pairs] for i in (0, 1))
    components = merge_partitions(first, second).tolist()
    together = {(i, j) for i in range(len(pairs)) for j in range(len(pairs)) if components[i] == components[j]}
    connected = {(i, j) for i, a in enumerate(pairs) for j, b in enumerate(pairs) if a[0] == b[0] or a[1] == b[1]}
    for _ in pairs:
        connected |= {(i, k) for i, j in connected for h, k in connected if j == h}
    assert together == connected
