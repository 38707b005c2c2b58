"""Spearman's rank correlation of two measurements of a few data sets, with an interval that allows for their errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import asin, pi

import numpy as np

from prettyuseful.analysis.statistics import LEVEL
from prettyuseful.analysis.trend import EXACT, spearman_test, unit_ranks
from prettyuseful.engine.keys import derive_seed

FEWEST = 4
"""With fewer points there is no rank correlation; with four, none can be significant."""
_DRAWS = 5_000
_HALVINGS = 12  # of the range from -1 to 1: the ends are exact to 0.0005
_LEAST_RELIABILITY = 0.1
_ROUNDING = 1e-9


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation of `n` points with its interval at `level`.

    `rho`: of the measured values. `low` to `high`: the interval of the rank correlation of the true values in the
    population that the points are from. `p`: two-sided permutation p-value; `exact`: all permutations were enumerated.
    `least_p`: the smallest p that any order of these points could give.
    """

    n: int
    rho: float
    low: float
    high: float
    level: float
    p: float
    exact: bool
    least_p: float

    @property
    def mean(self) -> float:
        """The estimate, under the name that all intervals have."""
        return self.rho

    @property
    def testable(self) -> bool:
        """Whether there are enough points for a significant p-value."""
        return self.least_p <= 1 - self.level

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def rank_correlation(
    x: Sequence[float], y: Sequence[float], x_error: float = 0.0, y_error: float = 0.0, level: float = LEVEL
) -> RankCorrelation:
    """Return the rank correlation of (N,) `x` and `y`, whose values have these standard errors of measurement.

    The interval has all correlations that a one-sided test of level (1 - `level`) / 2 in either direction does not
    reject (test inversion: Carpenter, Journal of the Royal Statistical Society B 61, 1999). The distribution of rho is
    simulated, deterministically: pairs of normal values with this correlation, to which normal errors are added that
    have the measured share of the variance. So the interval covers the choice of points, is neither too narrow nor
    attenuated because of errors of measurement (Spearman 1904), and excludes 0 only where the permutation test is
    significant. The normal correlation r is shown as Spearman's, 6/pi arcsin(r/2) (Pearson 1907).

    Raises:
        ValueError: fewer than four points, inputs of different lengths, values that are not finite, or no variation.
    """
    xs, ys = np.asarray(x, float), np.asarray(y, float)
    if xs.ndim != 1 or xs.shape != ys.shape or len(xs) < FEWEST:
        raise ValueError(f"a rank correlation needs two equally long lists of at least {FEWEST} values")
    if not np.isfinite([xs, ys]).all() or np.ptp(xs) == 0 or np.ptp(ys) == 0:
        raise ValueError("a rank correlation needs finite values that are not all equal")
    rho, p, least_p = spearman_test(xs, ys)
    sampling = _Sampling(len(xs), _reliability(xs, x_error), _reliability(ys, y_error))
    low, high = sampling.lower_end(rho, (1 - level) / 2), -sampling.lower_end(-rho, (1 - level) / 2)
    if p > 1 - level:  # where the simulation and the permutations differ by a draw, the permutations count
        low, high = min(low, 0.0), max(high, 0.0)
    return RankCorrelation(len(xs), rho, min(low, rho), max(high, rho), level, p, len(xs) <= EXACT, least_p)


@dataclass(frozen=True)
class _Sampling:
    """How rho varies over samples of `n` points, of which this share of the variance is no error of measurement."""

    n: int
    x_reliability: float
    y_reliability: float

    def lower_end(self, rho: float, tail: float) -> float:
        """Return the smallest rank correlation of the population with which rho or more has the probability `tail`."""
        x, independent, x_noise, y_noise = _normal(self.n)
        x_ranks = unit_ranks(_mix(x, x_noise, self.x_reliability**0.5))

        def probability(r: float) -> float:
            y = _mix(_mix(x, independent, r), y_noise, self.y_reliability**0.5)
            return float(((x_ranks * unit_ranks(y)).sum(axis=1) >= rho - _ROUNDING).mean())

        low, high = -1.0, 1.0
        if probability(low) >= tail or probability(high) < tail:
            return low if probability(low) >= tail else high
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if probability(middle) < tail else (low, middle)
        return 6 / pi * asin(low / 2)


def _reliability(values: np.ndarray, error: float) -> float:
    """Return the share of the variance of the values that is not due to an error of measurement."""
    return float(np.clip(1 - error**2 / np.var(values, ddof=1), _LEAST_RELIABILITY, 1.0))


def _mix(a: np.ndarray, b: np.ndarray, correlation: float) -> np.ndarray:
    """Return standard normal values with this correlation with `a`, for independent standard normal `a` and `b`."""
    return np.asarray(correlation * a + (1 - correlation**2) ** 0.5 * b)


@lru_cache(maxsize=8)
def _normal(n: int) -> np.ndarray:
    """Return standard normal values (4, draws, n), always the same."""
    return np.random.default_rng(derive_seed("rank correlation", n)).normal(size=(4, _DRAWS, n))
