from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from tests.checks.pictures import encoded, picture, table

from prettyuseful.checks.duplicates import copies, describe, near_pairs, repeats
from prettyuseful.data.images import decode

CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "compressed": lambda image: decode(encoded(image, "JPEG", quality=30), "x"),
    "half the size": lambda image: image.resize((64, 64), Image.Resampling.BICUBIC),
    "twice the size": lambda image: image.resize((256, 256), Image.Resampling.BICUBIC),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.6),
    "less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.6),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "mirrored": ImageOps.mirror,
    "shifted by one pixel": lambda image: image.crop((1, 0, 128, 128)),
    "noisy": lambda image: Image.fromarray(
        (np.asarray(image) + np.random.default_rng(0).normal(0, 12, (128, 128, 3))).clip(0, 255).astype(np.uint8)
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_near_duplicates_of_their_originals(change: str) -> None:
    originals = [picture(i, (128, 128)) for i in range(12)]
    changed = {f"a/{i}.png": CHANGES[change](image) for i, image in enumerate(originals)}
    found = copies(table(changed), table({f"a/{i}.png": image for i, image in enumerate(originals)}))
    assert len(found.rows) == len(found.originals) == 12
    assert not found.exact.any()


def test_different_pictures_are_no_copies() -> None:
    many = table({f"a/{i}.png": picture(i) for i in range(150)})
    others = table({f"a/{i}.png": picture(1000 + i) for i in range(150)})
    assert len(copies(many, others).rows) == 0
    assert (repeats(many).exact, repeats(many).near) == (0, 0)


def test_another_picture_turned_upside_down_is_no_copy() -> None:
    assert not len(copies(table({"a/0.png": picture(1)}), table({"a/0.png": ImageOps.flip(picture(1))})).rows)


def test_smooth_pictures_that_share_a_gradient_are_no_copies() -> None:
    """Such as clear skies: their thumbnails correlate, their details do not."""
    ramp = np.linspace(60, 200, 64)[:, None, None]
    skies = [
        Image.fromarray((ramp + np.random.default_rng(i).normal(0, 6, (64, 64, 3))).clip(0, 255).astype(np.uint8))
        for i in range(60)
    ]
    vectors = table({f"a/{i}.png": sky for i, sky in enumerate(skies)})
    whole = describe(vectors.thumbnails).whole
    assert np.median(whole @ whole.T) > 0.97
    assert repeats(vectors).near == 0


def test_many_similar_pictures_are_no_copies_but_a_copy_among_them_is_found() -> None:
    """Such as products before one background, where many different pictures correlate."""
    base = np.asarray(picture(0), float)
    similar = [
        Image.fromarray((0.88 * base + 0.12 * np.asarray(picture(i), float)).astype(np.uint8)) for i in range(1, 61)
    ]
    images = {f"a/{i}.png": image for i, image in enumerate(similar)}
    whole = describe(table(images).thumbnails).whole
    assert np.median(whole @ whole.T) > 0.97
    assert repeats(table(images)).near == 0
    images["a/again.jpg"] = decode(encoded(similar[7], "JPEG", quality=95), "x")
    assert repeats(table(images)).near == 1


def test_exact_copies_are_found_by_their_bytes_and_counted_apart() -> None:
    images = {"a/0.png": picture(0), "a/1.png": picture(1), "a/0-again.png": picture(0)}
    images["b/0-small.png"] = picture(0).resize((40, 40), Image.Resampling.BICUBIC)
    found = repeats(table(images))
    assert (found.exact, found.near) == (1, 1)
    (group,) = found.members
    assert len(group) == 3


def test_images_without_contrast_are_no_copies() -> None:
    black = {f"a/{i}.png": Image.new("RGB", (32, 32)) for i in range(4)}
    assert repeats(table(black)).exact == 0
    assert not len(copies(table(black), table(black)).rows)


def test_empty_sets_have_no_copies() -> None:
    empty, one = table({}), table({"a/0.png": picture(0)})
    assert not len(copies(empty, one).rows)
    assert not len(copies(one, empty).rows)
    assert repeats(empty).near == 0


def test_the_fast_search_finds_what_comparing_all_pairs_finds() -> None:
    rng = np.random.default_rng(1)
    images = [picture(i) for i in range(40)]
    images += [ImageEnhance.Brightness(images[i]).enhance(rng.uniform(0.5, 0.9)) for i in range(10)]
    images += [ImageOps.mirror(images[i]) for i in range(20, 25)]
    vectors = describe(np.stack([np.asarray(image.convert("L").resize((32, 32))) for image in images]))
    rows, columns, correlation = near_pairs(vectors)
    assert {(i, j) for i, j in zip(rows, columns, strict=True)} == {(i, 40 + i) for i in range(10)} | {
        (20 + i, 50 + i) for i in range(5)
    }
    assert (correlation > 0.97).all()
