from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.checks.pictures import clean, encoded, image_set, picture

from prettyuseful.checks import image_checks
from prettyuseful.checks.base import Hit
from prettyuseful.checks.image_set import Sets


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 3
    return encoded(picture(900), "JPEG", exif=exif)


def see_through() -> bytes:
    image = picture(900).convert("RGBA")
    image.putalpha(Image.new("L", image.size, 100))
    return encoded(image)


def animation() -> bytes:
    buffer = io.BytesIO()
    picture(900).save(buffer, "GIF", save_all=True, append_images=[picture(901)])
    return buffer.getvalue()


def deep() -> bytes:
    grey = np.asarray(picture(900).convert("L")).astype(np.uint16) * 257
    return encoded(Image.fromarray(grey))


PLANTED: dict[str, tuple[bytes, str]] = {
    "without_contrast": (encoded(Image.new("RGB", (48, 48), (3, 3, 3))), "has no contrast: 1 black."),
    "unreadable": (b"no image", "1 of 25 images of photos (4.0%) cannot be read."),
    "odd_sizes": (encoded(picture(900, (200, 200))), "short sides of 48 to 200 px, median 48 px."),
    "odd_aspect_ratios": (encoded(picture(900, (150, 48))), "is much longer or narrower than most"),
    "orientation_tags": (turned(), "has an EXIF tag that turns it."),
    "transparent": (see_through(), "is transparent in parts: shown on white."),
    "scaled": (deep(), "mapped to 8 bits from 0 to 65,535."),
    "several_frames": (animation(), "the first is used."),
}


@pytest.mark.parametrize("check", PLANTED)
def test_a_planted_defect_is_found_and_named(check: str) -> None:
    data, words = PLANTED[check]
    function: Callable[[Sets], Iterator[Hit]] = getattr(image_checks, check)
    (hit,) = function(Sets((image_set({**clean(0), "a/odd-one.png": data}),)))
    assert hit.count == 1
    assert words in hit.words
    assert "a/odd-one.png" in hit.examples[0]
    assert not list(function(Sets((image_set(clean(0)),))))


@pytest.mark.parametrize("level", [0, 90, 255])
def test_the_colour_of_images_without_contrast_is_named(level: int) -> None:
    flat = {f"a/{i}.jpg": encoded(Image.new("RGB", (48, 48), (level,) * 3), "JPEG", quality=40) for i in range(3)}
    (hit,) = image_checks.without_contrast(Sets((image_set({**clean(0), **flat}),)))
    assert {0: "3 black", 90: "3 of one other colour", 255: "3 white"}[level] in hit.words


def test_a_dark_photograph_and_a_thin_drawing_have_contrast() -> None:
    dark = Image.fromarray((np.asarray(picture(1)) // 12).astype(np.uint8))
    line = np.full((96, 96, 3), 255, np.uint8)
    line[48] = 0
    found = image_checks.without_contrast(Sets((image_set([dark, Image.fromarray(line)]),)))
    assert list(found) == []


def test_images_that_were_not_finite_are_counted_apart() -> None:
    images = image_set({**clean(0), "a/x.png": encoded(Image.new("RGB", (48, 48)))})
    (hit,) = image_checks.not_finite(Sets((replace(images, not_finite=1),)))
    assert hit.words.startswith("1 of 25 images of photos (4.0%) is black, because its values were not finite")
    assert list(image_checks.not_finite(Sets((images,)))) == []


def test_several_problems_are_told_in_the_plural_with_a_few_examples() -> None:
    flat = {f"a/{i}.png": encoded(Image.new("RGB", (48, 48), (i, i, i))) for i in range(8)}
    (hit,) = image_checks.without_contrast(Sets((image_set({**clean(0), **flat}),)))
    assert hit.words.startswith("8 of 32 images of photos (25.0%) have no contrast")
    assert len(hit.examples) == 6


def test_all_unreadable_images_are_listed() -> None:
    broken = {f"a/{i:02d}.png": b"no image" for i in range(30)}
    (hit,) = image_checks.unreadable(Sets((image_set({**clean(0), **broken}),)))
    assert len(hit.examples) == 30
    assert all(line.startswith(f"a/{i:02d}.png: not an image") for i, line in enumerate(hit.examples))
