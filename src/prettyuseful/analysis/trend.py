"""Does a quantity rise or fall with time? Rank correlation with tests that a dozen points can carry."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

import numpy as np
from scipy import stats

from prettyuseful.analysis.statistics import LEVEL
from prettyuseful.engine.keys import derive_seed

EXACT = 8
"""Up to so many points (or families), every permutation is tried."""
_DRAWS = 99_999
_ROUNDING = 1e-9


@dataclass(frozen=True)
class LeftOut:
    """Spearman's rho and its permutation p without the point at `index`."""

    index: int
    rho: float
    p: float


@dataclass(frozen=True)
class Trend:
    """What `n` points say of a trend. All p-values are two-sided.

    `rho`: Spearman's. `p`: share of permutations of the values that have a rho as far from zero; `exact` says that all
    of them were tried. `least_p`: the smallest p that these dates and values could have given in any order, above 0.05
    where there are too few. `left_out`: the same without each point in turn. `family_p`: families, `families` in
    number, exchange their dates as wholes. `slope`: Theil and Sen's, in units of the values per unit of the dates, with
    its interval at `level`; None where there are too few points for one.
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
        """The point whose absence raises p most."""
        return max(self.left_out, key=lambda out: out.p)

    @property
    def least_fragile(self) -> LeftOut:
        """The point whose absence lowers p most."""
        return min(self.left_out, key=lambda out: out.p)


def trend(dates: Sequence[float], values: Sequence[float], families: Sequence[Hashable] | None = None) -> Trend:
    """Trend of (N,) `values` over (N,) `dates`: years, if the slope is to be per year; any other scale will do as well.

    Up to eight points every permutation is tried; beyond, 99,999 are drawn (always the same) and the observed order is
    counted in, p = (b + 1) / (m + 1) (Phipson and Smyth 2010). `families` (N,) says which points come from one source
    and may resemble each other: families then exchange their mean dates, all their points moving along and keeping
    their distances in time, so that two siblings never count as two witnesses.

    Raises:
        ValueError: fewer than four points, arrays of different lengths, values that are not finite, or no variation.
    """
    x, y = np.asarray(dates, float), np.asarray(values, float)
    if x.ndim != 1 or x.shape != y.shape or (families is not None and len(families) != len(x)):
        raise ValueError(f"dates, values and families must be equally long lists, not {x.shape} and {y.shape}")
    if len(x) < 4 or not np.isfinite([x, y]).all():
        raise ValueError("a trend needs at least four points, all of them finite numbers")
    if _constant(x) or _constant(y):
        raise ValueError("a trend needs dates and values that are not all equal")
    rho, p, least = _spearman(x, y)
    found = stats.theilslopes(y, x, LEVEL)
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
        slope=float(found.slope),
        # An interval is a test turned round: where no order is rare enough for the test, there is none.
        slope_interval=(float(found.low_slope), float(found.high_slope)) if least <= 1 - LEVEL else None,
        level=LEVEL,
    )


def _left_out(x: np.ndarray, y: np.ndarray) -> Iterator[LeftOut]:
    """Points without which nothing would vary are passed over."""
    for i in range(len(x)):
        without_x, without_y = np.delete(x, i), np.delete(y, i)
        if not (_constant(without_x) or _constant(without_y)):
            rho, p, _ = _spearman(without_x, without_y)
            yield LeftOut(i, rho, p)


def _spearman(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Rho, its p, and the smallest p that any order of the values would have."""
    of_x, of_y = _unit_ranks(x[None])[0], _unit_ranks(y[None])[0]
    rho = float(of_x @ of_y)
    permuted = np.abs(of_y[_orders(len(y))] @ of_x)
    exact = len(y) <= EXACT
    return rho, _p(permuted, abs(rho), exact), _p(permuted, float(permuted.max()), exact)


def _family_p(x: np.ndarray, y: np.ndarray, families: Sequence[Hashable]) -> float:
    names = list(dict.fromkeys(families))
    of_point = np.array([names.index(family) for family in families])
    centres = np.bincount(of_point, x) / np.bincount(of_point)
    moved = centres[_orders(len(names))][:, of_point] + (x - centres[of_point])
    # Dates that were equal before they moved must still be equal.
    found = np.abs(_unit_ranks(np.round(moved, 9)) @ _unit_ranks(y[None])[0])
    observed = float(_unit_ranks(x[None])[0] @ _unit_ranks(y[None])[0])
    return _p(found, abs(observed), len(names) <= EXACT)


def _p(found: np.ndarray, observed: float, exact: bool) -> float:
    as_far = int((found >= observed - _ROUNDING).sum())
    return as_far / len(found) if exact else (as_far + 1) / (len(found) + 1)


def _unit_ranks(rows: np.ndarray) -> np.ndarray:
    """Ranks of each row (ties get their mean), centred and scaled so that products of two rows are correlations."""
    ranks = stats.rankdata(rows, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    length = np.sqrt((ranks**2).sum(axis=1, keepdims=True))
    return np.asarray(ranks / np.where(length > 0, length, 1.0))


def _constant(values: np.ndarray) -> bool:
    return bool((values == values[0]).all())


@lru_cache(maxsize=8)
def _orders(n: int) -> np.ndarray:
    """Permutations of n, (orders, n): all of them, or as many drawn ones."""
    if n <= EXACT:
        return np.array(list(permutations(range(n))), np.int16)
    rows = np.tile(np.arange(n, dtype=np.int16), (_DRAWS, 1))
    return np.random.default_rng(derive_seed("permutations", n)).permuted(rows, axis=1)
