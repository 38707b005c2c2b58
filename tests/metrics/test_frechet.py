from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from prettyuseful.errors import DataError
from prettyuseful.metrics.frechet import frechet_distance


def by_sqrtm(a: np.ndarray, b: np.ndarray) -> float:
    """Compute FID as the usual code does."""
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    shift = a.mean(axis=0) - b.mean(axis=0)
    return float(shift @ shift + np.trace(first) + np.trace(second) - 2 * np.trace(sqrtm(first @ second)).real)


def features(count: int, width: int, seed: int = 0) -> np.ndarray:
    """Return features with dependent dimensions of unequal variance."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(width, width)) * np.geomspace(1, 0.1, width)
    return rng.normal(size=(count, width)) @ mix + rng.normal(size=width)


@settings(max_examples=20, deadline=None)
@given(width=st.integers(2, 40), extra=st.integers(5, 60), more=st.integers(0, 60), seed=st.integers(0, 999))
def test_agrees_with_sqrtm(width: int, extra: int, more: int, seed: int) -> None:
    a, b = features(width + extra, width, seed), features(width + extra + more, width, seed + 1)
    assert frechet_distance(a, b) == pytest.approx(by_sqrtm(a, b), rel=1e-6)


def test_agrees_with_sqrtm_over_several_chunks() -> None:
    a, b = features(5000, 30), features(4000, 30, seed=1)
    assert frechet_distance(a, b) == pytest.approx(by_sqrtm(a, b), rel=1e-9)


def test_distance_of_simple_sets() -> None:
    a, b = np.array([[0.0], [2.0]]), np.array([[10.0], [14.0]])
    # Means 1 and 12, variances 2 and 8: 121 + (sqrt 8 - sqrt 2)^2.
    assert frechet_distance(a, b) == pytest.approx(121 + 2)
    # Diagonal covariances: the axes add up.
    x = np.array([[3.0, 0], [-3, 0], [0, 1], [0, -1]])
    y = np.array([[1.0, 0], [-1, 0], [0, 5], [0, -5]])
    assert frechet_distance(x, y) == pytest.approx(2 / 3 * ((3 - 1) ** 2 + (5 - 1) ** 2))


def test_rank_deficient_covariances() -> None:
    """Fewer images than dimensions, or dependent dimensions, compared with the formula in extended precision."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(50, 50)))[0]
    for count in (12, 200):  # root of the covariance from the images, and from its eigenvectors
        a, b = np.zeros((count, 50)), np.zeros((count, 50))
        a[:, :4] = rng.normal(size=(count, 4)) @ rng.normal(size=(4, 4))
        b[:, :4] = rng.normal(size=(count, 4))
        wanted = by_sqrtm(a[:, :4], b[:, :4])
        assert frechet_distance(a @ turn, b @ turn) == pytest.approx(wanted, rel=1e-6)
        assert frechet_distance(a @ turn, a @ turn) == pytest.approx(0, abs=1e-6)


def test_constant_features_and_identical_sets() -> None:
    a = features(60, 8)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-10)
    assert min(frechet_distance(x, x) for x in (features(60, 8, seed) for seed in range(20))) >= 0
    assert frechet_distance(a[:3], a[:3]) == pytest.approx(0, abs=1e-10)
    for count in (5, 50):
        constant = np.ones((count, 8))
        assert frechet_distance(constant, constant + 2) == pytest.approx(4 * 8)
    assert frechet_distance(a, np.ones((50, 8))) == pytest.approx(
        np.trace(np.cov(a, rowvar=False)) + ((a.mean(axis=0) - 1) ** 2).sum()
    )


def test_float32_features_are_measured_in_float64() -> None:
    a, b = features(100, 8).astype(np.float32) + 1000, features(100, 8, 1).astype(np.float32) + 1000
    assert frechet_distance(a, b) == pytest.approx(by_sqrtm(a.astype(np.float64), b.astype(np.float64)), rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), count=st.sampled_from([4, 60]))
def test_invariant_to_order_rotation_and_exchange(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = features(count, 6, seed), features(count, 6, seed + 1)
    wanted = frechet_distance(a, b)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    shift = rng.normal(size=6)
    assert frechet_distance(rng.permutation(a), rng.permutation(b)) == pytest.approx(wanted, rel=1e-9)
    assert frechet_distance(a @ turn + shift, b @ turn + shift) == pytest.approx(wanted, rel=1e-9)
    assert frechet_distance(b, a) == pytest.approx(wanted, rel=1e-9)


def test_repeated_images_change_only_the_unbiased_variance() -> None:
    a, b = features(400, 5), features(400, 5, 1)
    twice = frechet_distance(np.repeat(a, 2, axis=0), np.repeat(b, 2, axis=0))
    shift = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()
    # With 2N images the unbiased variances change by the factor (N - 1) / (N - 1/2); the means do not change.
    assert twice == pytest.approx(shift + (frechet_distance(a, b) - shift) * 399 / 399.5, rel=1e-9)


def test_invalid_features_raise_an_error() -> None:
    a = features(10, 4)
    for real, synthetic, message in (
        (a[:1], a, "there is 1 real image, and at least 2 are needed"),
        (a, a[:1], "there is 1 synthetic image"),
        (a[:0], a, "there are 0 real images"),
        (a * np.nan, a, "real features contain values that are not finite"),
        (a, a[:, :2], "4 dimensions and synthetic features 2"),
    ):
        with pytest.raises(DataError, match=message):
            frechet_distance(real, synthetic)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", ["real", "synthetic"])
def test_a_single_non_finite_value_raises_an_error(side: str, value: float) -> None:
    sets = {"real": features(10, 4), "synthetic": features(10, 4)}
    sets[side][7, 2] = value
    with pytest.raises(DataError, match=f"{side} features contain values that are not finite"):
        frechet_distance(**sets)


@settings(max_examples=20, deadline=None)
@given(count=st.integers(2, 30), width=st.integers(1, 12), seed=st.integers(0, 99))
def test_a_permuted_set_has_distance_zero(count: int, width: int, seed: int) -> None:
    a = features(count, width, seed)
    result = frechet_distance(a, np.random.default_rng(seed).permutation(a))
    assert 0 <= result <= 1e-6 * (1 + np.square(a).sum(axis=1).mean())


def test_two_images_per_set_are_enough() -> None:
    two, many = features(2, 3), features(50, 3, 1)
    assert frechet_distance(two, many) == pytest.approx(by_sqrtm(two, many), rel=1e-5)
    assert frechet_distance(two, two + 3) == pytest.approx(9 * 3)
    pair = np.repeat(two[:1], 2, axis=0)  # a repeated image: only the other set has variance
    wanted = np.trace(np.cov(many, rowvar=False)) + ((two[0] - many.mean(axis=0)) ** 2).sum()
    assert frechet_distance(pair, many) == pytest.approx(wanted)


def test_a_constant_feature_adds_only_its_shift() -> None:
    a, b = features(60, 4), features(70, 4, 1)
    wider = [np.column_stack([x, np.full(len(x), level)]) for x, level in ((a, 5.0), (b, 8.0))]
    assert frechet_distance(*wider) == pytest.approx(frechet_distance(a, b) + 9, rel=1e-6)
