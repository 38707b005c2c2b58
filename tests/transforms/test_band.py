from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tests.transforms.measures import content_of, difference, energy, faint

from prettyuseful.errors import DataError
from prettyuseful.numerics import Numerics
from prettyuseful.transforms.band import PRESETS, Band
from prettyuseful.transforms.colour import ColourShift
from prettyuseful.transforms.degradation import Grating

LOW, HIGH = Band(keep=(0, 0.25), rescale="none"), Band(keep=(0.25, "all"), rescale="none")


def written_out(image: np.ndarray, low: float, high: float | None, round_: bool, rescale: bool) -> np.ndarray:
    """The steps of the paper: FFT, centred mask, inverse FFT, real part, clip, min-max."""
    result = np.empty(image.shape)
    for c in range(3):
        height, width = image.shape[:2]
        spectrum = np.fft.fftshift(np.fft.fft2(image[:, :, c] / 255))
        for i in range(height):
            for j in range(width):
                down, across = abs(i - height // 2) * 2 / height, abs(j - width // 2) * 2 / width
                frequency = (down**2 + across**2) ** 0.5 if round_ else max(down, across)
                if frequency < low or (high is not None and frequency >= high):
                    spectrum[i, j] = 0
        channel = np.fft.ifft2(np.fft.ifftshift(spectrum)).real.clip(0, 1)
        if rescale:
            channel = (channel - channel.min()) / (channel.max() - channel.min())
        result[:, :, c] = channel * 255
    return result


@pytest.mark.parametrize("size", [(32, 32), (31, 45), (40, 33), (60, 20)])
@pytest.mark.parametrize("keep", [(0, 0.1), (0.1, "all"), (0.25, 0.5), (0.9, "all"), (0, 1)])
@pytest.mark.parametrize("shape", ["square", "round"])
def test_band_equals_the_paper(photographs: list[np.ndarray], size: tuple[int, int], keep: Any, shape: Any) -> None:
    image = photographs[1][100 : 100 + size[0], 150 : 150 + size[1]]
    for rescale in ("per-channel", "none"):
        band = Band(keep=keep, shape=shape, rescale=rescale)
        wanted = written_out(image, keep[0], None if keep[1] == "all" else keep[1], shape == "round", rescale != "none")
        assert np.abs(band.apply(image[None])[0] - wanted).max() < 0.5 + 1e-6


@pytest.mark.parametrize("side", [32, 64, 224])
@pytest.mark.parametrize("angle", [0, 90])
def test_only_gratings_inside_the_band_pass(side: int, angle: int, photographs: list[np.ndarray]) -> None:
    """Cutoffs are fractions, so the result is the same at every size."""
    plain = faint(np.stack([photograph[-side:, -side:] for photograph in photographs]))
    middle = Band(keep=(0.25, 0.5), rescale="none")
    for frequency, passing in ((0.125, [LOW]), (0.25, [middle, HIGH]), (0.4375, [middle, HIGH]), (0.75, [HIGH])):
        planted = Grating(frequency=frequency, amplitude=0.15, angle=angle).apply(plain)
        given = energy(difference(planted, plain), frequency - 0.01, frequency + 0.01)
        for band in (LOW, middle, HIGH):
            change = difference(band.apply(planted), band.apply(plain))
            if band not in passing:
                assert energy(change, 0, 2) < 0.005 * given
            else:  # without the mean, the wave is rectified, which halves its amplitude
                kept = energy(change, frequency - 0.01, frequency + 0.01) / given
                assert kept > 0.95 if band is LOW else 0.1 < kept < 0.6


def test_complementary_bands_reconstruct_the_image(crops: np.ndarray, photographs: list[np.ndarray]) -> None:
    """The high band keeps the positive half, and that of the negative image keeps the negative half."""
    for images in (crops, photographs[1][None, :299, :451]):
        images = faint(images)
        for cutoff in (0.1, 0.25, 0.5):
            low, high = Band(keep=(0, cutoff), rescale="none"), Band(keep=(cutoff, "all"), rescale="none")
            whole = low.apply(images) + 0.0 + high.apply(images) - high.apply(255 - images)
            assert np.abs(whole - images).max() <= 2


def test_band_without_the_mean_loses_its_negative_half(crops: np.ndarray) -> None:
    high = HIGH.apply(crops)
    assert np.median(high) <= 1
    assert high.mean() < 0.2 * crops.mean()
    assert 0.3 < (high == 0).mean() < 0.7


def test_scaling_removes_brightness_contrast_and_colour_cast(crops: np.ndarray) -> None:
    plain = faint(crops)
    shifted = ColourShift(shift=(0.1, -0.05, 0.02), contrast=1.5).apply(plain)
    scaled = Band(keep=(0, 0.5))
    assert np.abs(difference(scaled.apply(shifted), scaled.apply(plain))).mean() < 3
    assert np.abs(difference(shifted, plain)).mean() > 10
    textured = scaled.apply(crops)[[np.ptp(crop) > 60 for crop in crops]]
    assert (textured.min(axis=(1, 2)) == 0).all()
    assert (textured.max(axis=(1, 2)) == 255).all()


def test_presets_equal_the_paper_and_its_code() -> None:
    assert {name: band.keep for name, band in PRESETS.items()} == {
        "low-pass": (0, 0.1),
        "high-pass": (0.1, "all"),
        "released": (0.9, "all"),
    }
    flat = np.full((1, 80, 80, 3), 128, np.uint8)

    def passing(frequency: float) -> set[str]:
        wave = Grating(frequency=frequency, amplitude=0.3).apply(flat)
        unscaled = {name: band.model_copy(update={"rescale": "none"}) for name, band in PRESETS.items()}
        return {name for name, band in unscaled.items() if np.ptp(band.apply(wave)) > 30}

    assert passing(0.05) == {"low-pass"}
    assert passing(0.1) == passing(0.5) == {"high-pass"}
    assert passing(0.9) == passing(0.95) == {"high-pass", "released"}


def test_square_and_round_differ_in_the_corners() -> None:
    columns, rows = np.meshgrid(np.arange(40), np.arange(40))
    wave = np.rint(128 + 60 * np.sin(np.pi * 0.8 * (columns + rows)))
    diagonal = np.repeat(wave[None, :, :, None], 3, axis=3).astype(np.uint8)  # 0.8 on each axis, 1.13 in length
    square, round_ = Band(keep=(0, 0.9), rescale="none"), Band(keep=(0, 0.9), shape="round", rescale="none")
    assert energy(square.apply(diagonal), 0.7, 0.9) > 0.99 * energy(diagonal, 0.7, 0.9)
    assert energy(round_.apply(diagonal), 0.7, 0.9) < 0.01 * energy(diagonal, 0.7, 0.9)
    assert np.ptp(Band(keep=(1, "all"), shape="round").apply(diagonal)) == 255


@pytest.mark.parametrize("size", [(32, 32), (31, 57)])
def test_constant_channels_are_unchanged(size: tuple[int, int]) -> None:
    image = np.empty((1, *size, 3), np.uint8)
    image[..., 0], image[..., 1] = 0, 77
    image[..., 2] = np.random.default_rng(0).integers(0, 256, size)
    with np.errstate(all="raise"):
        low, high = Band(keep=(0, 0.25)).apply(image), Band(keep=(0.25, "all")).apply(image)
    assert (low[..., 0] == 0).all()
    assert (low[..., 1] == 77).all()
    assert (high[..., :2] == 0).all()
    assert np.ptp(low[..., 2]) == np.ptp(high[..., 2]) == 255


@pytest.mark.parametrize("angle", [0, 90])
@pytest.mark.parametrize("side", [20, 60, 100, 140, 220])
def test_a_cutoff_that_falls_on_a_frequency_belongs_to_the_upper_band(side: int, angle: int) -> None:
    """3 of 60 pixels, or 7 of 140, is exactly 0.1 of Nyquist, in spite of rounding."""
    flat = np.full((1, side, side, 3), 128, np.uint8)
    wave = Grating(frequency=0.1, amplitude=0.3, angle=angle).apply(flat)
    assert np.ptp(Band(keep=(0.1, "all"), rescale="none").apply(wave)) > 60
    assert np.ptp(Band(keep=(0, 0.1), rescale="none").apply(wave)) <= 1


def test_a_band_between_the_frequencies_of_an_image_is_refused() -> None:
    with pytest.raises(DataError, match=r"band \[0.01, 0.05\] contains no frequency of a 33 x 32 image; widen keep"):
        Band(keep=(0.01, 0.05)).apply(np.zeros((1, 32, 33, 3), np.uint8))


@pytest.mark.parametrize("keep", [(0.5, 0.1), (0.3, 0.3), (-0.1, 0.5), (0, 1.5), (0, "most"), (0.1,)])
def test_empty_bands_are_refused(keep: Any) -> None:
    with pytest.raises(ValidationError):
        Band(keep=keep)


def test_content_is_the_settings() -> None:
    assert content_of(Band(keep=(0, 0.1))) == {
        "kind": "band",
        "keep": [0.0, 0.1],
        "shape": "square",
        "rescale": "per-channel",
        "version": 1,
    }
    band = Band(keep=(0.1, "all"))
    assert band.open(Numerics()) is band
