from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.transforms.measures import correlations, difference

from prettyuseful.errors import DataError
from prettyuseful.transforms.degradation import Blur
from prettyuseful.transforms.geometry import Frame, PatchShuffle, Zoom


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
    """Windows of lightness that a BagNet-9 receives, (n, 9, 9)."""
    return np.lib.stride_tricks.sliding_window_view(image.mean(axis=2), (9, 9)).reshape(-1, 9, 9)


def statistics(image: np.ndarray) -> np.ndarray:
    """Quartiles of mean, contrast and fineness of 9 x 9 windows, in grey levels."""
    seen = windows(image)[::7]
    fineness = np.abs(np.diff(seen, axis=2)).mean(axis=(1, 2))
    return np.asarray(np.percentile([seen.mean(axis=(1, 2)), seen.std(axis=(1, 2)), fineness], [25, 50, 75], axis=1))


def change(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(statistics(one) - statistics(other)).max())


def test_patch_shuffle_keeps_local_statistics_only(crops: np.ndarray, photographs: list[np.ndarray]) -> None:
    for photograph in photographs:
        shuffled, blurred = (by.apply(photograph[None])[0] for by in (PatchShuffle(grid=4), Blur(width=0.02)))
        assert change(shuffled, photograph) < min(4, 0.5 * change(blurred, photograph))
        assert correlations(shuffled[None], photograph[None])[0] < 0.5
    for grid in (2, 4):
        assert np.median(correlations(PatchShuffle(grid=grid).apply(crops), crops)) < 0.3


def test_most_windows_of_9_pixels_survive_the_shuffle(photographs: list[np.ndarray]) -> None:
    """All windows survive except those across a seam. In 32 px crops with 2 x 2 patches, only 44% survive."""
    for photograph in photographs:
        image = photograph[:192, :192]
        known = {window.tobytes() for window in windows(image)}

        def kept(by: PatchShuffle | Blur, image: np.ndarray = image, known: set[bytes] = known) -> float:
            return float(np.mean([window.tobytes() in known for window in windows(by.apply(image[None])[0])]))

        assert kept(PatchShuffle(grid=2)) > 0.91
        assert kept(Blur(width=0.01)) < 0.3


def test_an_image_smaller_than_its_grid_is_refused() -> None:
    with pytest.raises(DataError, match="a 8 x 8 grid does not fit a 32 x 7 image"):
        PatchShuffle(grid=8).apply(np.zeros((1, 7, 32, 3), np.uint8))


def slope(height: int, width: int, steepness: float) -> np.ndarray:
    """(1, H, W, 3): 128 in the middle, red from left to right, green from top to bottom, by so many levels a pixel."""
    rows, columns = np.indices((height, width))
    across, down = (128 + steepness * (i - (n - 1) / 2) for i, n in ((columns, width), (rows, height)))
    values = np.stack([across, down, np.full(across.shape, 128)], axis=2)
    return np.asarray(np.rint(values.clip(0, 255))[None], np.uint8)


@settings(max_examples=60, deadline=None)
@given(height=st.integers(20, 90), width=st.integers(20, 90), factor=st.floats(1, 16))
def test_zoom_in_is_linear_around_the_centre(height: int, width: int, factor: float) -> None:
    wanted = slope(height, width, 2 / factor)
    inside = [slice(int(side * 0.4), int(side * 0.6)) for side in (height, width)]
    assert np.abs(difference(Zoom(factor=factor).apply(slope(height, width, 2)), wanted))[0, *inside].max() <= 1.5


@settings(max_examples=60, deadline=None)
@given(height=st.integers(40, 90), width=st.integers(40, 90), factor=st.floats(0.4, 1))
def test_zoom_out_is_linear_around_the_centre(height: int, width: int, factor: float) -> None:
    """Sizes are rounded to whole pixels, so centre and size are off by half a pixel at most."""
    steepness = 1
    wanted = slope(height, width, steepness / factor)
    inside = [slice(int(side * 0.4), int(side * 0.6)) for side in (height, width)]
    result = Zoom(factor=factor).apply(slope(height, width, steepness))
    assert np.abs(difference(result, wanted))[0, *inside].max() <= 0.5 * steepness / factor + 2


@pytest.mark.parametrize(("size", "factor"), [((32, 48), 2), ((64, 64), 4), ((90, 60), 3)])
def test_zoom_in_equals_resizing_the_central_crop(
    size: tuple[int, int], factor: int, photographs: list[np.ndarray]
) -> None:
    """The border differs, because a crop has no pixels outside of it."""
    (height, width), rim = size, 2 * factor
    image = photographs[1][: size[0], : size[1]]
    top, left = (side * (factor - 1) // (2 * factor) for side in size)
    middle = image[top : top + height // factor, left : left + width // factor]
    wanted = np.asarray(Image.fromarray(middle).resize((width, height), Image.Resampling.BICUBIC))
    result = Zoom(factor=factor).apply(image[None])[0]
    assert (result[rim:-rim, rim:-rim] == wanted[rim:-rim, rim:-rim]).all()
    assert (result != wanted).any()


@pytest.mark.parametrize("factor", [1 / 16, 0.2, 0.5, 0.83])
@pytest.mark.parametrize("size", [(64, 48), (31, 57), (1, 40), (7, 1)])
def test_zoom_out_is_padded_with_mirror_images(size: tuple[int, int], factor: float) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    result = Zoom(factor=factor).apply(image[None])[0]
    height, width = (max(1, round(side * factor)) for side in size)
    small = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))

    def mirrored(side: int, small: int) -> np.ndarray:  # where each pixel comes from
        positions = (np.arange(side) - (side - small) // 2) % (2 * small)
        return np.asarray(np.minimum(positions, 2 * small - 1 - positions))

    assert (result == small[mirrored(size[0], height)][:, mirrored(size[1], width)]).all()


@pytest.mark.parametrize("factor", [1.2, 2, 16])
def test_zoom_out_and_in_keeps_the_centre(factor: float, squares: np.ndarray) -> None:
    back = Zoom(factor=1 / factor).apply(Zoom(factor=factor).apply(squares))
    assert np.abs(difference(back, squares)[:, 46:50, 46:50]).mean() < 8
    inside = slice(48 - int(40 / factor), 48 + int(40 / factor))
    assert np.median(correlations(back[:, inside, inside], squares[:, inside, inside])) > 0.95


def test_a_factor_of_1_changes_nothing(crops: np.ndarray) -> None:
    for images in (crops, crops[:, :31, :7]):
        assert (Zoom(factor=1).apply(images) == images).all()
        for factor in (1 - 1e-4, 1 + 1e-4):
            assert np.abs(difference(Zoom(factor=factor).apply(images), images)).max() <= 1


def test_a_frame_covers_the_margins_or_shrinks_the_content(photographs: list[np.ndarray]) -> None:
    image = photographs[0][:40, :60]
    margins = {"top": 0.1, "bottom": 0.05, "left": 0.2}
    covered, shrunk = (
        Frame(**margins, colour=(1.0, 0.0, 0.2), fit=fit).apply(image[None])[0] for fit in ("cover", "shrink")
    )
    for framed in (covered, shrunk):
        margin = np.ones((40, 60), bool)
        margin[4:38, 12:] = False
        assert (framed[margin] == (255, 0, 51)).all()
    assert (covered[4:38, 12:] == image[4:38, 12:]).all()
    whole = Image.fromarray(image).resize((48, 34), Image.Resampling.BICUBIC)
    assert (shrunk[4:38, 12:] == np.asarray(whole)).all()


def test_a_frame_without_margins_changes_nothing(crops: np.ndarray) -> None:
    for fit in ("cover", "shrink"):
        assert (Frame(fit=fit).apply(crops) == crops).all()


def test_a_frame_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="the margins of the frame leave nothing of a 9 x 2 image; lower them"):
        Frame(top=0.49, bottom=0.49).apply(np.zeros((1, 2, 9, 3), np.uint8))
