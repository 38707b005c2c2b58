from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.data.odd_images import HEIGHT, WIDTH, png_of, saved, srgb_profile, transparent_left, wide_profile

from prettyuseful.data.images import decode, open_image
from prettyuseful.errors import DataError


@settings(max_examples=60, deadline=None)
@given(st.floats(-1e30, 1e30), st.floats(1e-3, 1e30), st.booleans())
@example(15.5, 1.0, False)
@example(100.1, 0.01, False)
@example(40_000.0, 50.0, True)
def test_an_image_with_contrast_is_never_black(low: float, spread: float, integers: bool) -> None:
    values = (low + spread * np.linspace(0, 1, WIDTH * HEIGHT)).reshape(HEIGHT, WIDTH)
    if integers:
        values = values.clip(-(2**31), 2**31 - 1).round()
    stored = values.astype(np.int32 if integers else np.float32)
    shown = np.asarray(decode(saved(Image.fromarray(stored), "TIFF"), "x"))
    distinct = len(np.unique(stored))
    if distinct > 1:
        assert shown.max() - shown.min() > 0
        assert shown.max() >= 16


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 65_535), st.sampled_from([0, 2, 4, 6]))
def test_a_16_bit_image_with_contrast_is_never_black(largest: int, colour_type: int) -> None:
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour_type]
    values = np.linspace(0, largest, WIDTH * HEIGHT).round().reshape(HEIGHT, WIDTH, 1).repeat(channels, 2)
    if colour_type in (4, 6):
        values[..., -1] = 65_535
    image, facts = open_image(png_of(values, colour_type), "x")
    assert facts.bits == 16
    assert facts.scaled
    assert np.asarray(image).max() >= 16


def test_an_image_without_a_finite_value_is_named() -> None:
    data = saved(Image.fromarray(np.full((4, 4), np.nan, np.float32)), "TIFF")
    with pytest.raises(DataError, match=r"^a/b\.tif: an image without a finite value"):
        decode(data, "a/b.tif")


def test_an_image_of_one_level_keeps_it() -> None:
    for level in (0, 3, 200):
        assert set(np.asarray(decode(png_of(np.full((HEIGHT, WIDTH), level), 0), "x")).ravel()) == {level}


def test_a_black_image_of_16_bit_colours_stays_black() -> None:
    assert np.asarray(decode(png_of(np.zeros((HEIGHT, WIDTH, 3)), 2), "x")).max() == 0


def test_a_profile_that_changes_nothing_is_not_applied() -> None:
    """Whatever its name: the colours decide."""
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    image, facts = open_image(saved(Image.fromarray(pixels), "PNG", icc_profile=srgb_profile()), "x")
    assert np.array_equal(np.asarray(image), pixels)
    assert not facts.icc
    assert not facts.ignored_profile


def test_a_profile_is_applied_before_white_is_put_below() -> None:
    data = saved(transparent_left("RGBA"), "PNG", icc_profile=wide_profile())
    assert np.asarray(decode(data, "x"))[:, :16].min() == 255


def test_a_profile_of_megabytes_is_ignored() -> None:
    profile = wide_profile() + bytes(4_000_000)
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "JPEG", icc_profile=profile)
    assert open_image(buffer.getvalue(), "x")[1].ignored_profile
