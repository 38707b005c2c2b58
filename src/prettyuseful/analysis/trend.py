"""Trend tests for a few data points: rank correlation with permutation tests, and the Theil-Sen slope."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

import numpy as np

from prettyuseful.analysis.statistics import LEVEL
from prettyuseful.engine.keys import derive_seed

EXACT = 8
"""Up to this many points (or families), all permutations are enumerated."""
_DRAWS = 99_999
_ROUNDING = 1e-9


@dataclass(frozen=True)
class LeftOut:
    """Spearman's rho and its permutation p-value with the point at `index` left out."""

    index: int
    rho: float
    p: float


@dataclass(frozen=True)
class Trend:
    """The trend in `n` points. All p-values are two-sided.

    `rho`: Spearman's rank correlation. `p`: its permutation p-value; `exact`: all permutations were enumerated.
    `least_p`: the smallest p that any order of these values could give; it is above 0.05 with too few points.
    `left_out`: the same statistics with each point left out in turn. `family_p`: permutation p-value when whole
    families (`families` is their number) exchange their dates. `slope`: Theil-Sen, in units of the values per unit of
    the dates; `slope_interval`: its interval at `level`, None with too few points.
    """

    n: int
    rho: float
    p: float
    exact: bool
    least_p: float
    left_out: tuple[LeftOut, ...]
    families: int | None
    family_p: float | None
    slope: float
    slope_interval: tuple[float, float] | None
    level: float

    @property
    def most_fragile(self) -> LeftOut:
        """The left-out point with the largest p."""
        return max(self.left_out, key=lambda out: out.p)

    @property
    def least_fragile(self) -> LeftOut:
        """The left-out point with the smallest p."""
        return min(self.left_out, key=lambda out: out.p)


def trend_test(dates: Sequence[float], values: Sequence[float], families: Sequence[Hashable] | None = None) -> Trend:
    """Test (N,) `values` for a trend over (N,) `dates` (years for a slope per year; any other scale is possible).

    Up to eight points, all permutations are enumerated. For more, 99,999 permutations are drawn (deterministic) and
    p = (b + 1) / (m + 1) (Phipson and Smyth 2010). `families` (N,) gives the family of each point, for points that may
    resemble each other: in that test, whole families exchange their mean dates and the points keep their distance in
    time from their family's mean, so related points do not count as independent observations.

    Raises:
        ValueError: fewer than four points, inputs of different lengths, values that are not finite, or no variation.
    """
    x, y = np.asarray(dates, float), np.asarray(values, float)
    if x.ndim != 1 or x.shape != y.shape or (families is not None and len(families) != len(x)):
        raise ValueError(f"dates, values and families must be equally long lists, not {x.shape} and {y.shape}")
    if len(x) < 4 or not np.isfinite([x, y]).all():
        raise ValueError("a trend needs at least four points, and all values must be finite")
    if _constant(x) or _constant(y):
        raise ValueError("a trend needs dates and values that are not all equal")
    rho, p, least = spearman_test(x, y)
    from scipy.stats import theilslopes

    theil_sen = theilslopes(y, x, LEVEL)
    family_p = _family_p(x, y, families) if families is not None else None
    return Trend(
        n=len(x),
        rho=rho,
        p=p,
        exact=len(x) <= EXACT,
        least_p=least,
        left_out=tuple(_left_out(x, y)),
        families=None if families is None else len(set(families)),
        family_p=family_p,
        slope=float(theil_sen.slope),
        # The interval inverts a test, so it exists only where the test can be significant.
        slope_interval=(float(theil_sen.low_slope), float(theil_sen.high_slope)) if least <= 1 - LEVEL else None,
        level=LEVEL,
    )


def spearman_test(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Return Spearman's rho, its two-sided permutation p-value, and the smallest p that any order of `y` would have.

    `x`, `y`: (N,) finite numbers, not all equal. Up to `EXACT` points the p-value is exact, see `trend_test`.
    """
    x_ranks, y_ranks = unit_ranks(x[None])[0], unit_ranks(y[None])[0]
    rho = float(x_ranks @ y_ranks)
    permuted = np.abs(y_ranks[_permutations(len(y))] @ x_ranks)
    exact = len(y) <= EXACT
    return rho, _p_value(permuted, abs(rho), exact), _p_value(permuted, float(permuted.max()), exact)


def unit_ranks(rows: np.ndarray) -> np.ndarray:
    """Return the ranks of each row (ties: mean rank), centred and scaled to length 1: dot products are correlations."""
    from scipy.stats import rankdata

    ranks = rankdata(rows, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    length = np.sqrt((ranks**2).sum(axis=1, keepdims=True))
    return np.asarray(ranks / np.where(length > 0, length, 1.0))


def _left_out(x: np.ndarray, y: np.ndarray) -> Iterator[LeftOut]:
    """Skip points without which the dates or the values would be constant."""
    for i in range(len(x)):
        without_x, without_y = np.delete(x, i), np.delete(y, i)
        if not (_constant(without_x) or _constant(without_y)):
            rho, p, _ = spearman_test(without_x, without_y)
            yield LeftOut(i, rho, p)


def _family_p(x: np.ndarray, y: np.ndarray, families: Sequence[Hashable]) -> float:
    names = list(dict.fromkeys(families))
    family_index = np.array([names.index(family) for family in families])
    centres = np.bincount(family_index, x) / np.bincount(family_index)
    moved = centres[_permutations(len(names))][:, family_index] + (x - centres[family_index])
    # Rounding keeps dates equal that were equal before the permutation.
    permuted = np.abs(unit_ranks(np.round(moved, 9)) @ unit_ranks(y[None])[0])
    observed = float(unit_ranks(x[None])[0] @ unit_ranks(y[None])[0])
    return _p_value(permuted, abs(observed), len(names) <= EXACT)


def _p_value(permuted: np.ndarray, observed: float, exact: bool) -> float:
    as_extreme = int((permuted >= observed - _ROUNDING).sum())
    return as_extreme / len(permuted) if exact else (as_extreme + 1) / (len(permuted) + 1)


def _constant(values: np.ndarray) -> bool:
    return bool((values == values[0]).all())


@lru_cache(maxsize=8)
def _permutations(n: int) -> np.ndarray:
    """Return permutations of range(n) as rows: all of them up to `EXACT`, random ones beyond."""
    if n <= EXACT:
        return np.array(list(permutations(range(n))), np.int16)
    rows = np.tile(np.arange(n, dtype=np.int16), (_DRAWS, 1))
    return np.random.default_rng(derive_seed("permutations", n)).permuted(rows, axis=1)
