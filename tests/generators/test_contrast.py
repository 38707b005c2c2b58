from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.generators.contrast import blank_problem, has_contrast

RAMP = np.arange(64, dtype=np.uint8)[:, None, None].repeat(48, axis=1)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((8, 8, 3), np.uint8), np.full((700, 9, 3), 255, np.uint8), np.full((64, 48, 3), (9, 90, 200), np.uint8)],
)
def test_one_colour_is_without_contrast(pixels: np.ndarray) -> None:
    assert not has_contrast(pixels)
    pixels[0, 0] = pixels[0, 0] ^ 1  # rounding
    assert not has_contrast(pixels)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_picture_in_one_channel_has_contrast(channel: int) -> None:
    pixels = np.zeros((64, 48, 3), np.uint8)
    pixels[..., channel] = RAMP[..., 0]
    assert has_contrast(pixels)
    assert has_contrast(pixels.repeat(20, axis=0).repeat(20, axis=1))


def test_both_kinds_of_images_that_show_nothing_are_named_with_what_to_do() -> None:
    assert blank_problem(200, 12, ["cat/000001.png", "dog/000007.png"], 10, "float16") == (
        "12 of 200 images (6.0%) show nothing, more than the allowed 5%: 10 held values that are not finite (NaN or "
        "infinite) in float16 and 2 have one colour (cat/000001.png, dog/000007.png and 10 more); set another number "
        "format, such as numerics: {dtype: bfloat16} or float32, or change the prompts"
    )
