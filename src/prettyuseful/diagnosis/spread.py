"""How close together the images of a class lie: what `coverage` is judged by."""

from __future__ import annotations

import numpy as np

from prettyuseful.diagnosis.distances import distances
from prettyuseful.diagnosis.features import KINDS, ScaledFeatures

NEIGHBOUR = 3
"""Which nearest neighbour: beyond the first, so that single pairs do not count; near enough to see small heaps."""
_HEAP = 0.02  # of the usual distance: nearer than that is as near as it gets


def crowding(images: ScaledFeatures, usual: np.ndarray) -> float:
    """`log_crowding` of some images, mean over kinds; `usual` (kinds,): mean distances between two real images."""
    return float(np.mean([log_crowding(images.kinds[kind], float(usual[k])) for k, kind in enumerate(KINDS)]))


def log_crowding(features: np.ndarray, usual: float) -> float:
    """Mean logarithm of the distance to the third nearest neighbour within (N, d), in units of `usual`.

    With fewer than five images, of the first.
    """
    table = distances(features, features)
    np.fill_diagonal(table, np.inf)
    nth = NEIGHBOUR if len(features) > NEIGHBOUR + 1 else 1
    return float(np.log(np.partition(table, nth - 1, axis=1)[:, nth - 1] / usual + _HEAP).mean())
