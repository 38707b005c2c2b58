from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from prettyuseful.data import near_duplicates as module
from prettyuseful.data.near_duplicates import joined, look, near_duplicates
from prettyuseful.tasks.photos import PHOTOGRAPHS, load_photograph

Change = Callable[[Image.Image], Image.Image]


def photograph(name: str) -> np.ndarray:
    return load_photograph(next(one for one in PHOTOGRAPHS if one.name == name))


def crop(pixels: np.ndarray, row: int, column: int, side: int = 96) -> Image.Image:
    return Image.fromarray(pixels[row * side : (row + 1) * side, column * side : (column + 1) * side])


def crops(name: str, side: int = 96) -> list[Image.Image]:
    """Places of one photograph that do not overlap."""
    pixels = photograph(name)
    rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
    return [crop(pixels, row, column, side) for row in range(rows) for column in range(columns)]


def jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=75)
    return Image.open(io.BytesIO(buffer.getvalue()))


def shifted(image: Image.Image) -> Image.Image:
    """By one pixel to the right and down; what comes in repeats the border."""
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


def parts(images: list[Image.Image]) -> list[int]:
    return [int(component) for component in near_duplicates([look(image) for image in images])]


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_found_among_others(change: str) -> None:
    originals = crops("astronaut")[:12]
    found = parts([*originals, CHANGES[change](originals[4])])
    assert found[4] == found[12]
    assert len(set(found)) == 12


@pytest.mark.parametrize("name", ["cat", "coffee", "temple", "flower", "motorcycle"])
def test_different_places_of_one_photograph_are_not_copies(name: str) -> None:
    images = crops(name)
    assert len(set(parts(images))) >= len(images) - 1


def test_small_images_are_looked_at_too() -> None:
    originals = crops("cat", 32)[:40]
    found = parts([*originals, *map(shifted, originals), *map(ImageOps.mirror, originals)])
    same = [found[i] == found[40 + i] == found[80 + i] for i in range(40)]
    assert np.mean(same) >= 0.9


def test_images_without_contrast_are_alike_to_nothing() -> None:
    assert len(set(parts([Image.new("RGB", (32, 32), (grey, grey, grey)) for grey in (0, 90, 90, 255)]))) == 4


def test_a_chain_of_copies_is_one_component() -> None:
    pixels = photograph("temple")
    frames = [Image.fromarray(pixels[100:260, i : i + 160]) for i in range(0, 12, 2)]
    assert len(set(parts([*frames, *crops("temple")[:7]]))) == 8


def test_the_order_does_not_matter() -> None:
    originals = crops("coffee")[:9]
    images = [*originals, jpeg(originals[2]), ImageOps.mirror(originals[7]), shifted(originals[2])]
    looks = [look(image) for image in images]
    found, order = near_duplicates(looks), np.random.default_rng(0).permutation(len(images))
    again = near_duplicates([looks[i] for i in order])
    assert {tuple(np.flatnonzero(found == part)) for part in set(found)} == {
        tuple(sorted(order[again == part])) for part in set(again)
    }


def test_cutting_the_work_into_pieces_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    originals = crops("coffee")[:11]
    looks = [look(image) for image in (*originals, jpeg(originals[0]), jpeg(originals[10]))]
    whole = near_duplicates(looks)
    monkeypatch.setattr(module, "_ROWS", 3)
    monkeypatch.setattr(module, "_COLUMNS", 4)
    assert near_duplicates(looks).tolist() == whole.tolist()


def line(rng: np.random.Generator) -> Image.Image:
    """A stroke on black, as digits are: all alike in the large, and none a copy."""
    y, x = np.mgrid[:28, :28]
    slant, place, width = rng.normal(0, 0.15), rng.normal(14, 0.6), rng.uniform(1.5, 2.5)
    stroke = np.exp(-(((x - place - slant * (y - 14)) / width) ** 2)) * (abs(y - 14) < rng.uniform(8, 11))
    return Image.fromarray((255 * stroke).astype(np.uint8))


def test_a_class_whose_images_all_look_alike_is_not_one_group() -> None:
    rng = np.random.default_rng(0)
    found = parts([line(rng) for _ in range(400)])
    assert np.bincount(found).max() <= 200


def test_a_class_of_copies_of_one_image_is_one_group() -> None:
    original = crops("astronaut")[7]
    noise = np.random.default_rng(0).normal(0, 4, (20, 96, 96, 3))
    copies = [Image.fromarray(np.clip(np.asarray(original) + one, 0, 255).astype(np.uint8)) for one in noise]
    assert len(set(parts(copies))) == 1


def test_one_image_and_none_are_fine() -> None:
    assert parts(crops("cat")[:1]) == [0]
    assert parts([]) == []


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_what_any_partition_keeps_together_stays_together(pairs: list[tuple[int, int]]) -> None:
    first, second = ([pair[i] for pair in pairs] for i in (0, 1))
    found = joined(first, second).tolist()
    together = {(i, j) for i in range(len(pairs)) for j in range(len(pairs)) if found[i] == found[j]}
    reached = {(i, j) for i, a in enumerate(pairs) for j, b in enumerate(pairs) if a[0] == b[0] or a[1] == b[1]}
    for _ in pairs:
        reached |= {(i, k) for i, j in reached for h, k in reached if j == h}
    assert together == reached
