"""Effective real images: how many real images per class give the same accuracy as a data set."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from prettyuseful.analysis.statistics import LEVEL, CellModel
from prettyuseful.engine.keys import derive_seed
from prettyuseful.formatting import count

_DRAWS = 4000
FLAT = 0.01
"""The plateau begins at the smallest number of images whose accuracy is within this of the curve's last point."""


@dataclass(frozen=True)
class EffectiveReal:
    """Effective real images per class with an interval; the estimate lies within the tested numbers.

    `censored` is `none` if the accuracy lies within the curve of real images; `below` if it is lower than with the
    `smallest` tested number, which is then the estimate; `above` if it is higher than with the `largest` tested number
    while the curve still rises; `plateau` if it is as high as with any number from the estimate on. `low` is None if it
    lies below `smallest`; `high` is None if it lies above `largest` or on the plateau.
    """

    estimate: float
    low: float | None
    high: float | None
    censored: Literal["none", "below", "above", "plateau"]
    smallest: float
    largest: float

    @property
    def text(self) -> str:
        """For tables: `about 43 [31, 60]`, `less useful than 10, the smallest number tried (upper bound 12)` or
        `at least 300 (lower bound 210; most images tested)`.
        """
        if self.censored == "below":
            return f"less useful than {count(self.smallest)}, the smallest number tried{self._upper_bound}"
        low = f"below {count(self.smallest)}" if self.low is None else count(self.low)
        if self.censored != "none":
            reason = "more real images do not help" if self.censored == "plateau" else "most images tested"
            return f"at least {count(self.estimate)} (lower bound {low}; {reason})"
        high = f"more than {count(self.largest)}" if self.high is None else count(self.high)
        return f"about {count(self.estimate)} [{low}, {high}]"

    @property
    def below_words(self) -> str:
        """With `censored` `below`, the end of a sentence: `less useful than 1 real image per class, the smallest number
        tried`.
        """
        images = f"{count(self.smallest)} real image{'s' * (self.smallest != 1)} per class"
        return f"less useful than {images}, the smallest number tried{self._upper_bound}"

    @property
    def _upper_bound(self) -> str:
        reaches = self.high is not None and self.high > self.smallest
        return f" (upper bound {count(self.high)})" if reaches and self.high is not None else ""


def effective_real_images(
    model: CellModel, curve: Mapping[float, Hashable], synthetic: Hashable, level: float = LEVEL
) -> EffectiveReal:
    """Return the number of real images per class at which the Real->Real curve reaches the accuracy of `synthetic`.

    The curve is the isotonic regression of the mean accuracies, interpolated linearly over the logarithm of the number
    of images. The interval comes from joint draws of all accuracies: each draw uses the same test images for the curve
    and the data set, so their common variation does not widen the interval. The draws are deterministic.

    Args:
        model: of the curve and the data set, see `statistics.fit`.
        curve: name in the model by number of images per class, or its mean over unequal classes; at least two numbers.
        synthetic: name of the data set in the model.
        level: of the interval.

    Raises:
        ValueError: fewer than two numbers.
    """
    sizes: list[float] = sorted(curve)
    if len(sizes) < 2:
        raise ValueError("a curve needs at least two numbers of images per class")
    names = [*(curve[n] for n in sizes), synthetic]
    rng = np.random.default_rng(derive_seed("effective real images"))
    drawn, _ = invert_curve(sizes, model.draws(names, rng, _DRAWS))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    value, plateau = map(float, invert_curve(sizes, np.array([model.accuracy(name).mean for name in names])))
    bounds = {
        "low": float(low) if low > 0 else None,
        "high": float(max(high, sizes[0])) if math.isfinite(high) else None,
    }
    if value == 0:
        return EffectiveReal(sizes[0], **bounds, censored="below", smallest=sizes[0], largest=sizes[-1])
    if math.isinf(value):
        kind: Literal["above", "plateau"] = "above" if plateau == sizes[-1] else "plateau"
        low_end = min(bounds["low"], plateau) if bounds["low"] is not None else None
        return EffectiveReal(plateau, low_end, None, kind, sizes[0], sizes[-1])
    return EffectiveReal(value, **bounds, censored="none", smallest=sizes[0], largest=sizes[-1])


def invert_curve(sizes: Sequence[float], means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return images per class (0 below the curve, infinite above it or on its plateau), and where the plateau begins.

    Args:
        sizes: the S numbers of images per class of the curve, in ascending order.
        means: (..., S + 1), the accuracies of the curve followed by that of the data set.

    Returns:
        Two arrays (...); the plateau begins at the last size if the curve still rises there.
    """
    fit, target, points = _isotonic(means[..., :-1]), means[..., -1], np.array(sizes, float)
    flat = (fit > fit[..., -1:] - FLAT).argmax(axis=-1)
    has_plateau, last = flat < len(points) - 1, fit[..., -1]
    upper = np.minimum((fit >= target[..., None]).argmax(axis=-1), len(points) - 1)
    lower = np.maximum(upper - 1, 0)
    ends = [np.take_along_axis(fit, index[..., None], -1)[..., 0] for index in (lower, upper)]
    rise = ends[1] - ends[0]
    fraction = np.divide(target - ends[0], rise, out=np.zeros_like(target), where=rise > 0)
    values = points[lower] * (points[upper] / points[lower]) ** fraction
    at_plateau = target >= np.take_along_axis(fit, flat[..., None], -1)[..., 0]
    values = np.where((at_plateau & has_plateau) | (target > last), math.inf, values)
    return np.where(target < fit[..., 0], 0.0, values), points[flat]


def _isotonic(values: np.ndarray) -> np.ndarray:
    """Return the isotonic regression (..., S) of values with equal weights: maxima of minima of means."""
    count = values.shape[-1]
    sums = np.concatenate([np.zeros((*values.shape[:-1], 1)), values.cumsum(axis=-1)], axis=-1)
    fitted = []
    for i in range(count):
        least = [
            np.min([(sums[..., k + 1] - sums[..., j]) / (k + 1 - j) for k in range(i, count)], axis=0)
            for j in range(i + 1)
        ]
        fitted.append(np.max(least, axis=0))
    return np.stack(fitted, axis=-1)
