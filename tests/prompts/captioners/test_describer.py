from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from PIL import Image

from prettyuseful.prompts.captioners.base import Picture
from prettyuseful.prompts.captioners.describer import Describer, describe


def plain(*colour: int) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (32, 32, 3)).copy()


def stripes(axis: int) -> np.ndarray:
    wave = (127 + 100 * np.sin(np.arange(32))).astype(np.uint8)
    grey = np.repeat(wave[:, None], 32, axis=1)
    return np.repeat((grey if axis == 0 else grey.T)[:, :, None], 3, axis=2)


def diagonal() -> np.ndarray:
    y, x = np.mgrid[:32, :32]
    grey = (127 + 100 * np.sin((x + y) * 0.7)).astype(np.uint8)  # lines along x + y = const rise to the right
    return np.repeat(grey[:, :, None], 3, axis=2)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (plain(5, 5, 5), "very dark flat picture, grey tones, smooth, no main direction"),
        (plain(250, 250, 250), "very bright flat"),
        (plain(200, 20, 20), "red tones"),
        (plain(230, 130, 20), "orange tones"),
        (plain(20, 200, 20), "green tones"),
        (plain(20, 20, 200), "blue tones"),
        (stripes(0), "horizontal lines"),
        (stripes(1), "vertical lines"),
        (diagonal(), "lines rising to the right"),
        (diagonal()[:, ::-1], "lines falling to the right"),
    ],
)
def test_description_names_the_visible_properties(pixels: np.ndarray, words: str) -> None:
    assert words in describe(pixels)


def test_position_comes_last() -> None:
    assert describe(plain(0, 0, 0), "upper left").endswith(", upper left")


@given(arrays(np.uint8, (6, 6, 3)))
def test_every_image_has_a_description(pixels: np.ndarray) -> None:
    assert describe(pixels) == describe(pixels.copy())


def test_captioner_returns_descriptions_in_order() -> None:
    pictures = [
        Picture(Image.fromarray(plain(200, 20, 20)), "cat", "1.png", "upper left"),
        Picture(Image.fromarray(stripes(0)), "dog", "2.png"),
    ]
    expected = [describe(plain(200, 20, 20), "upper left"), describe(stripes(0))]
    assert Describer().captions(pictures) == expected
    assert Describer().applied() == {"model": "describer"}
