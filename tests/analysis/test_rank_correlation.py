from __future__ import annotations

from math import asin, pi

import numpy as np
import pytest
from scipy import stats

from prettyuseful.analysis.rank_correlation import rank_correlation
from prettyuseful.analysis.trend import trend_test

X = [0.1, 0.4, 0.3, 0.9, 0.7, 1.2, 1.1]
Y = [0.7, 0.6, 0.65, 0.3, 0.5, 0.2, 0.25]


def test_rho_and_p_are_those_of_the_trend_test() -> None:
    result, trend = rank_correlation(X, Y), trend_test(X, Y)
    assert (result.rho, result.p, result.least_p, result.exact) == (trend.rho, trend.p, trend.least_p, trend.exact)
    assert result.rho == pytest.approx(stats.spearmanr(X, Y).statistic)
    assert (result.n, result.level, result.mean) == (7, 0.95, result.rho)


def test_interval_contains_rho_and_mirrors_with_the_sign() -> None:
    y = [0.7, 0.3, 0.65, 0.6, 0.2, 0.25, 0.5]
    result, mirrored = rank_correlation(X, y), rank_correlation(X, [-value for value in y])
    assert -1 <= result.low < result.rho < result.high <= 1
    assert mirrored.rho == pytest.approx(-result.rho)
    assert (mirrored.low, mirrored.high) == pytest.approx((-result.high, -result.low), abs=0.03)


def test_many_points_agree_with_bonett_and_wright() -> None:
    """Fisher's z with the variance (1 + rho^2 / 2) / (n - 3) (Bonett and Wright 2000), which holds for many points."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    result = rank_correlation(x.tolist(), (0.6 * x + 0.8 * rng.normal(size=60)).tolist())
    half = 1.96 * ((1 + result.rho**2 / 2) / 57) ** 0.5
    ends = np.tanh(np.arctanh(result.rho) + np.array([-half, half]))
    assert (result.low, result.high) == pytest.approx(tuple(ends), abs=0.04)
    assert not result.exact


def test_interval_excludes_zero_only_where_the_permutation_test_is_significant() -> None:
    rng = np.random.default_rng(1)
    for n in (5, 6, 7):
        for _ in range(4):
            result = rank_correlation(range(n), (rng.normal(size=n) + 0.6 * np.arange(n)).tolist())
            assert not (result.excludes_zero and result.p > 0.05)
            assert result.excludes_zero or result.p > 0.045


def test_perfect_order_has_an_interval_that_ends_at_one() -> None:
    result = rank_correlation(range(6), range(6))
    assert (result.rho, result.high) == pytest.approx((1.0, 1.0))
    assert 0 < result.low < 0.7
    assert result.p == pytest.approx(2 / 720)


def test_four_points_cannot_show_anything() -> None:
    result = rank_correlation([1, 2, 3, 4], [4, 3, 2, 1])
    assert result.least_p == pytest.approx(2 / 24)
    assert not result.testable
    assert not result.excludes_zero
    assert rank_correlation(range(5), range(5)).testable


def test_errors_of_measurement_widen_the_interval_but_not_past_zero() -> None:
    exact, noisy = rank_correlation(X, Y), rank_correlation(X, Y, 0.25, 0.1)
    assert (noisy.rho, noisy.p) == (exact.rho, exact.p)
    assert exact.low > noisy.low or noisy.low == -1.0
    assert noisy.high < 0
    order = [0.7, 0.3, 0.65, 0.6, 0.2, 0.25, 0.5]
    exact, noisy = rank_correlation(X, order), rank_correlation(X, order, 0.25, 0.15)
    assert noisy.low < exact.low
    assert noisy.high > exact.high


def test_results_are_deterministic() -> None:
    assert rank_correlation(X, Y, 0.1, 0.1) == rank_correlation(X, Y, 0.1, 0.1)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1, 2, 3], [1, 2, 3], "at least 4"),
        ([1, 2, 3, 4], [1, 2, 3], "equally long"),
        ([1, 2, 3, float("nan")], [1, 2, 3, 4], "finite"),
        ([1, 1, 1, 1], [1, 2, 3, 4], "not all equal"),
    ],
)
def test_invalid_input_is_rejected(x: list[float], y: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rank_correlation(x, y)


@pytest.mark.slow
@pytest.mark.parametrize("error", [0.0, 0.7])
def test_interval_contains_the_true_correlation(error: float) -> None:
    """In 95% of samples, of values that are measured with errors, too."""
    rng = np.random.default_rng(3)
    for n, r in ((5, 0.0), (8, -0.6), (12, -0.9)):
        truth, contains = 6 / pi * asin(r / 2), []
        for _ in range(150):
            x, y = rng.normal(size=(2, n))
            y = r * x + (1 - r**2) ** 0.5 * y
            x, y = x + error * rng.normal(size=n), y + error * rng.normal(size=n)
            result = rank_correlation(x.tolist(), y.tolist(), error, error)
            contains.append(result.low <= truth <= result.high)
        assert np.mean(contains) >= 0.9
