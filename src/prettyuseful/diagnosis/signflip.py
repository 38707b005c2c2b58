"""Sign-flip permutation tests over units. Without an effect, the value of a unit is as likely positive as negative."""

from __future__ import annotations

import numpy as np

from prettyuseful import student
from prettyuseful.engine.keys import derive_seed

FLIPS = 20_000


def adjusted_p(values: np.ndarray) -> np.ndarray:
    """Return one-sided p-values (M,) for M means above 0, adjusted for M tests.

    Single-step maxT of Westfall and Young 1993, "Resampling-based multiple testing". The signs of all rows flip
    together, so that correlated tests are not corrected for twice. All flips are used if there are at most 20,000, else
    a fixed random sample of 20,000.

    Args:
        values: (M, U), one row per test and one column per unit.
    """
    scaled = _standardise(values)
    maximum = _flipped_maxima(scaled)
    # The tolerance counts values that are equal up to rounding.
    return np.asarray((maximum[None] >= scaled.sum(axis=1)[:, None] - 1e-9).mean(axis=1))


def critical_value(values: np.ndarray, alpha: float) -> float:
    """Return the value that the largest of M standardised sums exceeds with probability `alpha`; see `adjusted_p`.

    The standardised sum of a row of `values`, (M, U), is its sum divided by its Euclidean length.
    """
    return float(np.quantile(_flipped_maxima(_standardise(values)), 1 - alpha))


def sign_p(values: np.ndarray) -> float:
    """Return the one-sided p-value for the mean of `values` (U,) above 0."""
    return float(adjusted_p(values[None])[0])


def outliers_p(values: np.ndarray, least: float) -> np.ndarray:
    """Return p-values (U,), Bonferroni-corrected, for each unit being above the others.

    Each unit is compared with the Student prediction interval of the others.

    Args:
        least: smallest standard deviation that is assumed for the others.
    """
    count = len(values)
    others = (values.sum() - values) / (count - 1)
    squares = (values**2).sum() - values**2
    spread = np.sqrt(np.maximum(squares - (count - 1) * others**2, 0) / (count - 2))
    width = np.maximum(spread, least) * np.sqrt(1 + 1 / (count - 1))
    return np.asarray(np.minimum(1, count * student.upper_tail((values - others) / width, count - 2)))


def mean_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Return the mean over units and the lower and upper end of its Student interval."""
    mean, count = float(values.mean()), len(values)
    half = student.quantile(level, count - 1) * float(values.std(ddof=1) / np.sqrt(count))
    return mean, mean - half, mean + half


def _standardise(values: np.ndarray) -> np.ndarray:
    """Return the rows of (M, U) values, each divided by its Euclidean length."""
    length = np.sqrt((values**2).sum(axis=1))
    return np.asarray(values / np.where(length > 0, length, 1)[:, None])


def _flipped_maxima(scaled: np.ndarray) -> np.ndarray:
    """Return the largest sum over the rows of (M, U) values after each flip of signs, (flips,)."""
    return np.asarray((_flips(scaled.shape[1]) @ scaled.T).max(axis=1))


def _flips(units: int) -> np.ndarray:
    """Return signs (flips, units); the first row leaves all values as they are."""
    if 2**units <= FLIPS:
        return 1 - 2 * ((np.arange(2**units)[:, None] >> np.arange(units)) & 1)
    flips = np.random.default_rng(derive_seed("sign flips")).integers(0, 2, (FLIPS, units)) * 2 - 1
    flips[0] = 1
    return flips
