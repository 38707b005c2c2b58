"""Effective real images: how many real images per class teach as much as a data set does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import isotonic_regression

from prettyuseful.analysis.statistics import LEVEL, crossed, joint_draws
from prettyuseful.engine.keys import derive_seed
from prettyuseful.records import TransferResult

_DRAWS = 4000
FLAT = 0.01
"""A curve that gains less than this, in accuracy, from one number of images to its last, has reached its plateau."""


@dataclass(frozen=True)
class EffectiveReal:
    """Real images per class, with an interval; never more or fewer than were tried.

    `censored`: `below`, the data set teaches less than the smallest number, `smallest`, which is the estimate; `above`,
    more than the largest, while the curve still rises; `plateau`, as much as any number from the estimate on. `low` is
    None if it lies below the smallest number, `high` if it lies above the largest or on the plateau.
    """

    estimate: float
    low: float | None
    high: float | None
    censored: Literal["none", "below", "above", "plateau"]
    smallest: int
    largest: int

    @property
    def words(self) -> str:
        """Such as `about 43 [31, 60]`, `fewer than 10`, `at least 300`."""
        if self.censored == "below":
            upper = "" if self.high is None or self.high <= self.smallest else f" (to {_count(self.high)})"
            return f"fewer than {self.smallest}{upper}"
        low = f"fewer than {self.smallest}" if self.low is None else _count(self.low)
        if self.censored != "none":
            why = "where more real images stop helping" if self.censored == "plateau" else "the most that were tried"
            return f"at least {_count(self.estimate)}, {why} (from {low})"
        high = f"more than {self.largest}" if self.high is None else _count(self.high)
        return f"about {_count(self.estimate)} [{low}, {high}]"


def _count(images: float) -> str:
    return f"{images:.1f}" if images < 10 and images != round(images) else f"{images:.0f}"


def effective_real_images(
    curve: Mapping[int, Sequence[TransferResult]], synthetic: Sequence[TransferResult], level: float = LEVEL
) -> EffectiveReal:
    """Reads the accuracy of `synthetic` off the Real->Real curve.

    The curve is the monotone fit (isotonic regression) to the mean accuracies, with straight lines over the logarithm
    of the number of images in between. Curve and data set are drawn again together: the same seeds and test groups for
    all of them, so that what is hard for all does not widen the interval. Always the same draws.

    Args:
        curve: tests by images per class, at least two numbers; each a test per training seed, in one order for all.
        synthetic: tests of the data set, on the same seeds.

    Raises:
        ValueError: fewer than two numbers, or not the same test groups and seeds.
    """
    sizes = sorted(curve)
    if len(sizes) < 2:
        raise ValueError("a curve needs at least two numbers of images")
    found = crossed([*(curve[n] for n in sizes), synthetic])
    rng = np.random.default_rng(derive_seed("effective real images"))
    drawn = [_read_off(sizes, means) for means in joint_draws(found, rng, _DRAWS)]
    low, high = np.quantile([value for value, _ in drawn], [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    value, plateau = _read_off(sizes, found.means)
    bounds = {
        "low": float(low) if low > 0 else None,
        "high": float(max(high, sizes[0])) if math.isfinite(high) else None,
    }
    if value == 0:
        return EffectiveReal(sizes[0], **bounds, censored="below", smallest=sizes[0], largest=sizes[-1])
    if math.isinf(value):
        kind: Literal["above", "plateau"] = "above" if plateau is None else "plateau"
        estimate = sizes[-1] if plateau is None else plateau
        low_end = min(bounds["low"], estimate) if bounds["low"] is not None else None
        return EffectiveReal(estimate, low_end, None, kind, sizes[0], sizes[-1])
    return EffectiveReal(value, **bounds, censored="none", smallest=sizes[0], largest=sizes[-1])


def _read_off(sizes: Sequence[int], means: np.ndarray) -> tuple[float, int | None]:
    """Images per class, 0 below the curve and infinite above it or on its plateau; and where a plateau begins.

    `means`: (len(sizes) + 1,), the curve's accuracies and the data set's.
    """
    fit, wanted = np.asarray(isotonic_regression(means[:-1]).x), float(means[-1])
    flat = int(np.flatnonzero(fit > fit[-1] - FLAT)[0])
    plateau = sizes[flat] if flat < len(sizes) - 1 else None
    if wanted < fit[0]:
        return 0.0, plateau
    if wanted >= fit[flat] and (plateau is not None or wanted > fit[-1]):
        return math.inf, plateau
    at = int(np.flatnonzero(fit >= wanted)[0])
    if at == 0:
        return float(sizes[0]), plateau
    share = (wanted - fit[at - 1]) / (fit[at] - fit[at - 1])
    return float(sizes[at - 1] * (sizes[at] / sizes[at - 1]) ** share), plateau
