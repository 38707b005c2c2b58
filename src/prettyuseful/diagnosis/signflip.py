"""Tests over units by flipping signs: under no effect, the sign of every unit's value is a toss of a coin."""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student

from prettyuseful.engine.keys import derive_seed

FLIPS = 20_000


def adjusted_p(values: np.ndarray) -> np.ndarray:
    """One-sided p-values (M,) of M means being above 0, adjusted for there being M of them.

    Westfall and Young 1993, "Resampling-based multiple testing", single-step maxT: all rows flip together, so that what
    goes together counts once. All flips if there are few, else 20,000 and always the same.

    Args:
        values: (M, U), a row per question and a column per unit.
    """
    flips = _flips(values.shape[1])
    length = np.sqrt((values**2).sum(axis=1))
    found = values / np.where(length > 0, length, 1)[:, None]
    most = (flips @ found.T).max(axis=1)
    # Equal up to rounding counts as reached.
    return np.asarray((most[None] >= found.sum(axis=1)[:, None] - 1e-9).mean(axis=1))


def sign_p(values: np.ndarray) -> float:
    """`adjusted_p` of one question."""
    return float(adjusted_p(values[None])[0])


def outliers_p(values: np.ndarray, least: float) -> np.ndarray:
    """p-values (U,) that a unit lies above the others, each against Student's t of the rest, adjusted for U units.

    `least`: standard deviation that a unit has at least, whatever the rest shows.
    """
    count = len(values)
    others = (values.sum() - values) / (count - 1)
    squares = (values**2).sum() - values**2
    spread = np.sqrt(np.maximum(squares - (count - 1) * others**2, 0) / (count - 2))
    width = np.maximum(spread, least) * np.sqrt(1 + 1 / (count - 1))
    return np.asarray(np.minimum(1, count * student.sf((values - others) / width, count - 2)))


def mean_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Mean over units and its Student interval."""
    mean, count = float(values.mean()), len(values)
    half = float(student.ppf((1 + level) / 2, count - 1) * values.std(ddof=1) / np.sqrt(count))
    return mean, mean - half, mean + half


def _flips(units: int) -> np.ndarray:
    if 2**units <= FLIPS:
        return 1 - 2 * ((np.arange(2**units)[:, None] >> np.arange(units)) & 1)
    flips = np.random.default_rng(derive_seed("sign flips")).integers(0, 2, (FLIPS, units)) * 2 - 1
    flips[0] = 1
    return flips
