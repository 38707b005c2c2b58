from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transforms.measures import difference

from prettyuseful.transforms.colour import Colour, ColourShift

LUMA = np.array([0.299, 0.587, 0.114])
RED, YELLOW, GREEN, CYAN, BLUE, MAGENTA = range(0, 360, 60)


def test_a_colour_shift_is_an_offset_and_a_contrast() -> None:
    image = np.array([[[[0, 128, 255], [51, 51, 51]]]], np.uint8)
    shifted = ColourShift(shift=(0.2, 0, -0.2), contrast=0.5).apply(image)
    wanted = (image / 255 - 0.5) * 0.5 + 0.5 + np.array([0.2, 0, -0.2])
    assert np.abs(shifted - wanted * 255).max() <= 0.5
    assert (ColourShift(shift=(1, 0, -1)).apply(image)[0, 0] == [[255, 128, 0], [255, 51, 0]]).all()
    assert (ColourShift().apply(image) == image).all()


def chroma(images: np.ndarray) -> np.ndarray:
    """I and Q of YIQ in grey levels, (..., 2), by the standard matrix."""
    return np.asarray(images @ np.array([[0.5959, 0.2115], [-0.2746, -0.5227], [-0.3213, 0.3112]]))


def muted(images: np.ndarray) -> np.ndarray:
    """The images with so little contrast that no rotation of hues leaves the range."""
    return np.asarray(128 + (images - 128.0) / 4, np.uint8)


@settings(max_examples=40, deadline=None)
@given(hue=st.floats(-180, 180), saturation=st.floats(0, 1), seed=st.integers(0, 999))
def test_colour_rotates_and_scales_chroma_and_keeps_luma(hue: float, saturation: float, seed: int) -> None:
    images = muted(np.random.default_rng(seed).integers(0, 256, (2, 7, 5, 3)))
    changed = Colour(hue=hue, saturation=saturation).apply(images)
    assert np.abs(difference(changed, images) @ LUMA).max() <= 0.5 + 1e-9
    before, after = (chroma(of) @ [1, 1j] for of in (images, changed))
    turned = before * saturation * np.exp(-1j * np.deg2rad(hue))
    assert np.abs(after - turned).max() < 1  # rounding of three channels and of the matrix


def hue_of(colour: np.ndarray) -> float:
    """The hue as of HSV, in degrees."""
    red, green, blue = colour.astype(float)
    return float(np.rad2deg(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)) % 360)


@pytest.mark.parametrize(
    ("hue", "goes"),
    [
        (60, [YELLOW, CYAN, MAGENTA]),
        (120, [GREEN, BLUE, RED]),
        (-120, [BLUE, RED, GREEN]),
        (180, [CYAN, MAGENTA, YELLOW]),
    ],
)
def test_hues_go_from_red_over_yellow_and_green_to_blue(hue: float, goes: list[int]) -> None:
    for channel, wanted in enumerate(goes):
        image = np.full((1, 1, 1, 3), 100, np.uint8)
        image[..., channel] = 140
        result = hue_of(Colour(hue=hue).apply(image)[0, 0, 0])
        assert abs((result - wanted + 180) % 360 - 180) < 35, (channel, result)


@settings(max_examples=40, deadline=None)
@given(level=st.integers(0, 255), hue=st.floats(-180, 180), saturation=st.floats(0, 10))
def test_greys_stay_as_they_are(level: int, hue: float, saturation: float) -> None:
    image = np.full((1, 3, 2, 3), level, np.uint8)
    assert (Colour(hue=hue, saturation=saturation).apply(image) == image).all()


def test_zero_saturation_gives_luma(crops: np.ndarray) -> None:
    plain = Colour(saturation=0, hue=77).apply(crops)
    assert (plain == plain[..., :1]).all()
    assert np.abs(plain[..., 0] - crops @ LUMA).max() <= 0.5 + 1e-9


def test_neutral_settings_and_a_whole_turn_change_nothing(crops: np.ndarray) -> None:
    assert (Colour().apply(crops) == crops).all()
    images = muted(crops)
    there_and_back = Colour(hue=-100).apply(Colour(hue=100).apply(images))
    assert np.abs(difference(there_and_back, images)).max() <= 2
    assert np.abs(difference(Colour(hue=180).apply(crops), Colour(hue=-180).apply(crops))).max() <= 1


def test_more_saturation_is_more_colour(crops: np.ndarray) -> None:
    result = [np.abs(chroma(Colour(saturation=factor).apply(crops))).mean() for factor in (0, 0.3, 1, 2, 5)]
    assert (np.diff(result) > 1).all()
