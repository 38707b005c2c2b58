from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tests.transforms.measures import difference, energy, faint, likenesses

from prettyuseful.errors import DataError
from prettyuseful.transforms.defects import Blur, ColourShift, Grating, PatchShuffle


def test_a_colour_shift_is_an_offset_and_a_contrast() -> None:
    image = np.array([[[[0, 128, 255], [51, 51, 51]]]], np.uint8)
    shifted = ColourShift(shift=(0.2, 0, -0.2), contrast=0.5).apply(image)
    wanted = (image / 255 - 0.5) * 0.5 + 0.5 + np.array([0.2, 0, -0.2])
    assert np.abs(shifted - wanted * 255).max() <= 0.5
    assert (ColourShift(shift=(1, 0, -1)).apply(image)[0, 0] == [[255, 128, 0], [255, 51, 0]]).all()
    assert (ColourShift().apply(image) == image).all()


@pytest.mark.parametrize(("size", "grid"), [((32, 32), 4), ((33, 50), 2), ((96, 64), 8)])
def test_a_patch_shuffle_moves_every_patch_and_loses_none(size: tuple[int, int], grid: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    shuffled = PatchShuffle(grid=grid).apply(image[None])[0]
    height, width = size[0] // grid, size[1] // grid

    def patches(of: np.ndarray) -> list[bytes]:
        corners = [(i * height, j * width) for i in range(grid) for j in range(grid)]
        return [of[i : i + height, j : j + width].tobytes() for i, j in corners]

    assert sorted(patches(shuffled)) == sorted(patches(image))
    assert all(before != after for before, after in zip(patches(image), patches(shuffled), strict=True))
    assert (shuffled[grid * height :] == image[grid * height :]).all()
    assert (shuffled[:, grid * width :] == image[:, grid * width :]).all()


def test_a_patch_shuffle_follows_the_image_and_the_seed() -> None:
    numbered = np.repeat(np.arange(16, dtype=np.uint8).reshape(4, 4).repeat(8, 0).repeat(8, 1)[:, :, None], 3, axis=2)
    images = np.stack([numbered, numbered + 1, numbered])
    first, second, third = PatchShuffle().apply(images)
    assert (first == third).all()
    assert (first + 1 != second).any()
    assert (PatchShuffle(seed=1).apply(images)[0] != first).any()


def windows(image: np.ndarray) -> np.ndarray:
    """What a BagNet-9 sees of the lightness: (n, 9, 9)."""
    return np.lib.stride_tricks.sliding_window_view(image.mean(axis=2), (9, 9)).reshape(-1, 9, 9)


def statistics(image: np.ndarray) -> np.ndarray:
    """Quartiles of mean, contrast and fineness of 9 x 9 windows, in grey levels."""
    seen = windows(image)[::7]
    fineness = np.abs(np.diff(seen, axis=2)).mean(axis=(1, 2))
    return np.asarray(np.percentile([seen.mean(axis=(1, 2)), seen.std(axis=(1, 2)), fineness], [25, 50, 75], axis=1))


def change(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(statistics(one) - statistics(other)).max())


def test_a_patch_shuffle_leaves_local_statistics_and_destroys_the_picture(
    crops: np.ndarray, photographs: list[np.ndarray]
) -> None:
    for photograph in photographs:
        shuffled, blurred = (by.apply(photograph[None])[0] for by in (PatchShuffle(grid=4), Blur(width=0.02)))
        assert change(shuffled, photograph) < min(4, 0.5 * change(blurred, photograph))
        assert likenesses(shuffled[None], photograph[None])[0] < 0.5
    for grid in (2, 4):
        assert np.median(likenesses(PatchShuffle(grid=grid).apply(crops), crops)) < 0.3


def test_nine_in_ten_windows_of_9_pixels_are_in_the_shuffled_picture_too(photographs: list[np.ndarray]) -> None:
    """All but those across a seam. Of a crop of 32 px in two by two patches, only 44 % are."""
    for photograph in photographs:
        image = photograph[:192, :192]
        known = {window.tobytes() for window in windows(image)}

        def kept(by: PatchShuffle | Blur, image: np.ndarray = image, known: set[bytes] = known) -> float:
            return float(np.mean([window.tobytes() in known for window in windows(by.apply(image[None])[0])]))

        assert kept(PatchShuffle(grid=2)) > 0.91
        assert kept(Blur(width=0.01)) < 0.3


def test_a_blur_takes_high_frequencies_and_leaves_low_ones(squares: np.ndarray) -> None:
    blur = Blur(width=1 / 48)  # 2 px: half the amplitude is gone at 0.19 of Nyquist

    def mirrored(images: np.ndarray) -> np.ndarray:  # a spectrum without a jump at the border
        return np.pad(images, [(0, 0), (0, 96), (0, 96), (0, 0)], mode="symmetric")

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


def test_defects_that_cannot_be_are_refused() -> None:
    with pytest.raises(DataError, match="no 8 x 8 patches fit into 32 x 7 pixels"):
        PatchShuffle(grid=8).apply(np.zeros((1, 7, 32, 3), np.uint8))
    refused: list[tuple[Any, dict[str, Any]]] = [
        (PatchShuffle, {"grid": 1}),
        (Blur, {"width": 0}),
        (Grating, {"frequency": 1.5}),
        (ColourShift, {"shift": [2, 0, 0]}),
        (ColourShift, {"color": 1}),
    ]
    for kind, settings in refused:
        with pytest.raises(ValidationError):
            kind(**settings)
