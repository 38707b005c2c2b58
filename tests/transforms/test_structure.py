from __future__ import annotations

import numpy as np
import pytest
from tests.transforms.measures import content_of, correlations

from prettyuseful.transforms.colour import ColourShift
from prettyuseful.transforms.geometry import PatchShuffle
from prettyuseful.transforms.structure import Edges

EDGES = Edges()
SHIFTS = [
    ColourShift(shift=(0.12, -0.08, 0.1), contrast=0.8),
    ColourShift(shift=(-0.05, 0.1, 0), contrast=0.6),
    ColourShift(shift=(0.05, 0.05, 0.05)),
]


@pytest.mark.parametrize("shift", SHIFTS)
def test_edges_hardly_depend_on_a_colour_shift(
    shift: ColourShift, crops: np.ndarray, squares: np.ndarray, photographs: list[np.ndarray]
) -> None:
    result = correlations(EDGES.apply(shift.apply(crops)), EDGES.apply(crops))
    assert np.median(result) > 0.995
    assert result.min() > 0.8  # in dark crops, the shift clips the noise
    for images in (squares, *(photograph[None] for photograph in photographs)):
        assert correlations(EDGES.apply(shift.apply(images)), EDGES.apply(images)).min() > 0.98


@pytest.mark.parametrize("grid", [2, 4, 8])
def test_patch_shuffle_destroys_the_edge_map(
    grid: int, crops: np.ndarray, squares: np.ndarray, photographs: list[np.ndarray]
) -> None:
    shuffle = PatchShuffle(grid=grid)
    for images in (crops, squares):
        result = correlations(EDGES.apply(shuffle.apply(images)), EDGES.apply(images))
        assert np.abs(np.median(result)) < 0.15
        assert result.max() < 0.6
    for photograph in photographs:
        assert correlations(EDGES.apply(shuffle.apply(photograph[None])), EDGES.apply(photograph[None]))[0] < 0.4


def test_noise_hardly_changes_the_edge_map(crops: np.ndarray, squares: np.ndarray) -> None:
    """Noise reduces the correlation by less than a quarter of its effect on a raw gradient."""
    rng = np.random.default_rng(0)

    def grainy(images: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip(images + rng.normal(0, 15, images.shape), 0, 255), np.uint8)

    def raw(images: np.ndarray) -> np.ndarray:
        return np.asarray(np.hypot(*np.gradient(images.mean(axis=3), axis=(1, 2))))

    for images, wanted in ((crops, 0.95), (squares, 0.95)):
        noisy = grainy(images)
        result = np.median(correlations(EDGES.apply(noisy), EDGES.apply(images)))
        assert result > wanted
        assert 1 - result < 0.25 * (1 - np.median(correlations(raw(noisy), raw(images))))


@pytest.mark.parametrize("size", [(32, 32), (40, 33), (224, 150)])
def test_edge_map_shows_edges_and_silhouettes_without_colour(size: tuple[int, int]) -> None:
    rows, columns = np.indices(size)
    away = np.hypot(rows - size[0] / 2, columns - size[1] / 2) / min(size)
    image = np.where(away[:, :, None] < 0.3, [200, 90, 60], [40, 60, 160]).astype(np.uint8)  # red on a darker blue
    shown = EDGES.apply(image[None])[0]
    assert shown.shape == image.shape
    assert (shown == shown[:, :, :1]).all()
    inside, rim, outside = (shown[part, 0].mean() for part in (away < 0.2, np.abs(away - 0.3) < 0.02, away > 0.4))
    assert rim > inside + 20
    assert inside > outside + 80
    recoloured = np.where(away[:, :, None] < 0.3, [60, 160, 30], [110, 60, 20]).astype(np.uint8)
    assert correlations(EDGES.apply(recoloured[None]), shown[None])[0] > 0.98


def test_flat_and_nearly_flat_images_are_dark() -> None:
    """Invisible contrast is not amplified."""
    with np.errstate(all="raise"):
        for level in (0, 128, 255):
            assert (EDGES.apply(np.full((1, 32, 40, 3), level, np.uint8)) == 0).all()
        grain = np.random.default_rng(0).integers(128, 130, (1, 32, 32, 3), np.uint8)
        assert EDGES.apply(grain).max() < 60


def test_edges_have_no_settings() -> None:
    assert content_of(EDGES) == {"kind": "edges", "version": 1}
