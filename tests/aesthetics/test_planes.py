from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.aesthetics.planes import Planes, mean, mean_and_deviation

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)


def test_luma_is_exact() -> None:
    whole = PIXELS.astype(np.int64) @ np.array([299, 587, 114])
    np.testing.assert_array_equal(Planes(PIXELS).luma, whole)
    assert Planes(np.full((1, 1, 3), 255, np.uint8)).luma.tolist() == [[255_000]]


def test_the_laplacian_is_exact_and_the_gradient_is_that_of_central_differences() -> None:
    luma = (PIXELS.astype(np.int64) @ np.array([299, 587, 114])).astype(float)
    inner = luma[1:-1, 1:-1]
    across, down = np.diff(luma, 2, axis=1)[1:-1], np.diff(luma, 2, axis=0)[:, 1:-1]
    np.testing.assert_array_equal(Planes(PIXELS).laplacian, -(across + down))
    assert Planes(PIXELS).laplacian.shape == inner.shape
    slopes = np.gradient(luma / 1000)
    np.testing.assert_allclose(Planes(PIXELS).gradient_energy, (slopes[0] ** 2 + slopes[1] ** 2)[1:-1, 1:-1], rtol=1e-6)


@pytest.mark.parametrize("offset", [0, 16_000_000])
def test_moments_do_not_cancel(offset: int) -> None:
    values = np.arange(1000).reshape(10, 100) % 7
    plane = (values + offset).astype(np.float32)
    assert mean(plane) == pytest.approx(values.mean() + offset, rel=1e-6)
    assert mean_and_deviation(plane) == pytest.approx((values.mean() + offset, values.std()), rel=1e-6)


def test_a_plane_is_computed_once() -> None:
    planes = Planes(PIXELS)
    assert planes.luma is planes.luma
    assert planes.gradient_energy is planes.gradient_energy
