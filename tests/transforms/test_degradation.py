from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.transforms.measures import difference, energy, faint

from prettyuseful.errors import DataError
from prettyuseful.transforms.degradation import Blur, Grating, Jpeg, LowResolution, Noise


def mirrored(images: np.ndarray) -> np.ndarray:
    """Four times as large, for a spectrum without a jump at the border."""
    height, width = images.shape[1:3]
    return np.pad(images, [(0, 0), (0, height), (0, width), (0, 0)], mode="symmetric")


def test_a_blur_takes_high_frequencies_and_leaves_low_ones(squares: np.ndarray) -> None:
    blur = Blur(width=1 / 48)  # 2 px: half the amplitude is gone at 0.19 of Nyquist
    before, after = mirrored(squares), mirrored(blur.apply(squares))
    assert energy(after, 0.5, 2) < 0.02 * energy(before, 0.5, 2)
    assert energy(after, 0, 0.05) > 0.98 * energy(before, 0, 0.05)


def test_a_blur_is_as_wide_as_the_image_is_large() -> None:
    small = np.zeros((1, 24, 24, 3), np.uint8)
    small[:, :, 12:] = 255
    large = small.repeat(4, axis=1).repeat(4, axis=2)
    blur = Blur(width=1 / 12)
    assert np.abs(difference(blur.apply(large)[:, 2::4, 2::4], blur.apply(small))).max() < 16
    assert (blur.apply(small)[0, 0, :, 0] > 16).sum() > 12


@pytest.mark.parametrize("angle", [0, 90])
def test_a_grating_is_one_frequency_of_known_strength(crops: np.ndarray, angle: int) -> None:
    plain = faint(crops)
    wave = difference(Grating(frequency=0.5, amplitude=0.2, angle=angle).apply(plain), plain)
    assert energy(wave, 0.49, 0.51) / energy(wave, 0, 2) > 0.999
    assert np.sqrt((wave**2).mean() * 2) == pytest.approx(0.2 * 255, rel=0.01)
    assert (wave.std(axis=2 if angle == 90 else 1) < 1).all()


@pytest.mark.parametrize("factor", [0.01, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("size", [(32, 32), (31, 57), (1, 40), (7, 1)])
def test_low_resolution_is_pillows_resize_twice(size: tuple[int, int], factor: float) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8))
    small = image.resize((max(1, round(factor * size[1])), max(1, round(factor * size[0]))), Image.Resampling.BICUBIC)
    wanted = np.asarray(small.resize(image.size, Image.Resampling.BICUBIC))
    assert (LowResolution(factor=factor).apply(np.asarray(image)[None])[0] == wanted).all()


def test_low_resolution_keeps_what_the_small_image_can_hold(squares: np.ndarray) -> None:
    found = {factor: LowResolution(factor=factor).apply(squares) for factor in (0.125, 0.25, 0.5, 0.75)}
    before = mirrored(squares)
    for factor, images in found.items():
        after = mirrored(images)
        assert energy(difference(after, before), 0, factor / 2) < 0.001 * energy(before, 0, factor / 2)
        assert energy(after, factor, 2) < 0.2 * energy(before, factor, 2)
    fine = [energy(mirrored(images), 0.25, 2) for images in (*found.values(), squares)]
    assert fine == sorted(fine)


def test_a_factor_that_loses_no_pixel_changes_nothing(crops: np.ndarray) -> None:
    assert (LowResolution(factor=0.99).apply(crops) == crops).all()


@pytest.mark.parametrize("quality", [1, 30, 75, 100])
@pytest.mark.parametrize("size", [(64, 48), (31, 57), (1, 1), (1, 500)])
def test_jpeg_is_pillows_round_trip(photographs: list[np.ndarray], size: tuple[int, int], quality: int) -> None:
    image = photographs[0].repeat(2, axis=1)[: size[0], : size[1]]
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    assert (Jpeg(quality=quality).apply(image[None])[0] == np.asarray(Image.open(file))).all()


def test_a_lower_quality_loses_more_and_colour_first(squares: np.ndarray) -> None:
    lost = [(difference(Jpeg(quality=quality).apply(squares), squares) ** 2).mean() for quality in (1, 10, 40, 80, 98)]
    assert lost == sorted(lost, reverse=True)
    stripes = np.zeros((1, 32, 32, 3), np.uint8)
    stripes[:, :, ::2, 0], stripes[:, :, 1::2, 2] = 200, 200
    coded = Jpeg(quality=98).apply(stripes)
    assert np.ptp(coded[..., 0].astype(int) - coded[..., 2]) < 40 < 400


def test_a_side_that_no_jpeg_can_have_is_refused() -> None:
    with pytest.raises(DataError, match=r"65501 x 1 pixels are too many for JPEG \(65500 per side\); resize them"):
        Jpeg(quality=50).apply(np.zeros((1, 1, 65_501, 3), np.uint8))
    assert Jpeg(quality=50).apply(np.zeros((1, 65_500, 1, 3), np.uint8)).shape == (1, 65_500, 1, 3)


@settings(max_examples=25, deadline=None)
@given(deviation=st.floats(0.01, 0.12), seed=st.integers(0, 2**63 - 1))
def test_noise_has_its_deviation_and_no_mean(deviation: float, seed: int) -> None:
    plain = np.full((1, 120, 120, 3), 128, np.uint8)
    noise = difference(Noise(deviation=deviation, seed=seed).apply(plain), plain) / 255
    error = deviation / np.sqrt(noise.size)
    assert abs(noise.mean()) < 5 * error
    assert np.sqrt(noise.var() - 1 / 12 / 255**2) == pytest.approx(deviation, abs=5 * error)  # without the rounding's


def test_noise_is_white_and_independent_in_each_channel() -> None:
    plain = np.full((1, 200, 200, 3), 128, np.uint8)
    noise = difference(Noise(deviation=0.1).apply(plain), plain)
    assert (np.abs(np.corrcoef(noise.reshape(-1, 3).T)[np.triu_indices(3, 1)]) < 0.025).all()
    for axis in (1, 2):
        assert abs((noise * np.roll(noise, 1, axis)).mean() / noise.var()) < 0.015
    assert energy(noise, 0, 0.5) / energy(noise, 0, 2) == pytest.approx(0.25, abs=0.01)


def test_noise_follows_the_image_and_the_seed() -> None:
    images = np.stack([np.full((16, 20, 3), level, np.uint8) for level in (128, 129, 128)])
    first, second, third = difference(Noise(deviation=0.05).apply(images), images)
    assert (first == third).all()
    assert (first != second).any()
    assert (difference(Noise(deviation=0.05, seed=1).apply(images)[0], images[0]) != first).any()
    twice = difference(Noise(deviation=0.1).apply(images)[0], images[0])
    assert np.abs(twice - 2 * first).max() <= 1.5


def test_noise_is_clipped() -> None:
    black, white = (np.full((1, 50, 50, 3), level, np.uint8) for level in (0, 255))
    noise = Noise(deviation=0.2)
    assert 0.4 < (noise.apply(black) == 0).mean() < 0.6
    assert 0.4 < (noise.apply(white) == 255).mean() < 0.6
