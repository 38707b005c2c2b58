"""Student's t distribution, without `scipy.stats`, whose import takes longer than planning a study."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtr, stdtrit


def quantile(level: float, dof: float) -> float:
    """Return the number that a share `level` of the absolute values lies below, for a two-sided interval."""
    return float(stdtrit(dof, (1 + level) / 2))


def upper_tail(values: np.ndarray | float, dof: float) -> np.ndarray:
    """Return the probabilities of values above these."""
    return np.asarray(stdtr(dof, -np.asarray(values)))
