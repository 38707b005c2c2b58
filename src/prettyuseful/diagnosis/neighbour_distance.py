"""How close to each other the images of a class are: the statistic of the cause `coverage`."""

from __future__ import annotations

import numpy as np

from prettyuseful.diagnosis.distances import distances
from prettyuseful.diagnosis.features import KINDS, ScaledFeatures

NEIGHBOUR = 3
"""Rank of the nearest neighbour. Above 1, so that single pairs do not count; small enough to detect small clusters."""
_OFFSET = 0.02  # added to relative distances, so that identical images have a finite logarithm


def log_neighbour_distances(images: ScaledFeatures, scale: np.ndarray) -> np.ndarray:
    """Return `log_neighbour_distance` by kind of features, (kinds,).

    Args:
        scale: (kinds,) mean distance between two real images.
    """
    return np.array([log_neighbour_distance(images.kinds[kind], float(scale[k])) for k, kind in enumerate(KINDS)])


def log_neighbour_distance(features: np.ndarray, scale: float) -> float:
    """Return the mean logarithm of the distance to the third nearest neighbour within (N, d), in units of `scale`.

    With fewer than five images the first nearest neighbour is used.
    """
    table = distances(features, features)
    np.fill_diagonal(table, np.inf)
    rank = NEIGHBOUR if len(features) > NEIGHBOUR + 1 else 1
    return float(np.log(np.partition(table, rank - 1, axis=1)[:, rank - 1] / scale + _OFFSET).mean())
