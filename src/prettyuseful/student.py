"""Student's t distribution, and intervals of sums of parts whose variances are known with different precision.

`scipy.stats` is not used, because its import takes longer than planning a study.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, hypot, log

import numpy as np
from scipy.special import stdtr, stdtrit

_LEAST, _ROUNDING = 1e-300, 1e-9

Part = tuple[float, float]
"""The variance of a part of an estimate, and its degrees of freedom."""


def quantile(level: float, dof: float) -> float:
    """Return the number that a share `level` of the absolute values lies below, for a two-sided interval."""
    return float(-stdtrit(dof, (1 - level) / 2))


def upper_tail(values: np.ndarray | float, dof: float) -> np.ndarray:
    """Return the probabilities of values above these."""
    return np.asarray(stdtr(dof, -np.asarray(values)))


def half_width(level: float, parts: Sequence[Part]) -> float:
    """Return half the width of the interval of an estimate with independent parts.

    Each part's variance is multiplied by the square of its own quantile (a modified large-sample interval, Graybill and
    Wang, Journal of the American Statistical Association 75, 1980). Satterthwaite's single number of degrees of freedom
    is itself estimated; with a few seeds that agree by chance it is far too large.
    """
    return float(sum(quantile(level, dof) ** 2 * variance for variance, dof in parts) ** 0.5)


def p_value(estimate: float, parts: Sequence[Part]) -> float:
    """Return the two-sided p-value of zero: the interval of level 1 - p ends at zero."""
    if not estimate or not any(variance > 0 for variance, _ in parts):
        return 0.0 if estimate else 1.0
    from scipy.optimize import brentq

    deviations = [(variance**0.5, dof) for variance, dof in parts if variance > 0]
    total, dofs = hypot(*(deviation for deviation, _ in deviations)), [dof for _, dof in deviations]
    # With the quantiles of the most and of the fewest degrees of freedom for all parts, p is too small and too large.
    bounds = [max(2 * float(stdtr(dof, -abs(estimate) / total)), _LEAST) for dof in (max(dofs), min(dofs))]
    if bounds[1] <= _LEAST or bounds[0] > 1 - _ROUNDING or bounds[1] / bounds[0] < 1 + _ROUNDING:
        return bounds[1] if bounds[1] > _LEAST else 0.0

    def excess(log_p: float) -> float:
        width = hypot(*(float(stdtrit(dof, exp(log_p) / 2)) * deviation for deviation, dof in deviations))
        return width / abs(estimate) - 1

    low, high = log(bounds[0]) - _ROUNDING, log(bounds[1]) + _ROUNDING
    return float(exp(brentq(excess, low, min(high, -_ROUNDING), xtol=1e-10)))
