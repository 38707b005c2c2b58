from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.aesthetics.planes import LUMA, Planes, deviation, mean

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)


def test_luma_is_exact() -> None:
    whole = PIXELS.astype(np.int64) @ np.array(LUMA)
    np.testing.assert_array_equal(Planes(PIXELS).luma, whole - 128_000)
    assert Planes(np.full((1, 1, 3), 255, np.uint8)).luma.tolist() == [[127_000]]


def test_the_laplacian_is_exact_and_the_gradient_is_that_of_central_differences() -> None:
    luma = (PIXELS.astype(np.int64) @ np.array(LUMA)).astype(float)
    inner = luma[1:-1, 1:-1]
    across, down = np.diff(luma, 2, axis=1)[1:-1], np.diff(luma, 2, axis=0)[:, 1:-1]
    np.testing.assert_array_equal(Planes(PIXELS).laplacian, -(across + down))
    assert Planes(PIXELS).laplacian.shape == inner.shape
    slopes = np.gradient(luma / 1000)
    np.testing.assert_allclose(Planes(PIXELS).gradient_energy, (slopes[0] ** 2 + slopes[1] ** 2)[1:-1, 1:-1], rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (32, 32), (1500, 3), (3, 1500), (64, 1024)])
@pytest.mark.parametrize("weights", [LUMA, (1, -1, 0), (1, 1, -2)])
def test_moments_of_weighted_sums_are_those_of_exact_arithmetic(
    shape: tuple[int, int], weights: tuple[int, int, int]
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    for image in (pixels, pixels // 128 + 254, np.full_like(pixels, 255)):
        values = image.astype(np.int64) @ np.array(weights)
        centred = values - values[0, 0]
        expected = (values.mean(), centred.std())
        assert Planes(image).moments(weights) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("offset", [0, 124_000, 1_000_003])
def test_mean_and_deviation_do_not_cancel(offset: int) -> None:
    plane = (np.arange(7000).reshape(70, 100) % 7 + offset).astype(np.float32)
    assert mean(plane) == pytest.approx(plane.mean(dtype=float), rel=1e-6)
    assert deviation(plane) == pytest.approx(plane.std(dtype=float), rel=1e-3)
    assert deviation(plane[:1, :1]) == 0.0


def test_a_plane_is_computed_once() -> None:
    planes = Planes(PIXELS)
    assert planes.luma is planes.luma
    assert planes.gradient_energy is planes.gradient_energy
