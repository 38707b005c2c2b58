"""Areas of one colour: what frames and flat backgrounds have in common."""

from __future__ import annotations

import numpy as np

FLAT_RANGE = 20
"""Largest range of values, of 255, that count as one colour."""
MIN_EXCESS = 0.4
"""Smallest difference between the shares of synthetic and of real images that have such an area."""
_MOST = 0.9  # share of the values of an area that have its colour


def have_one_colour(values: np.ndarray) -> np.ndarray:
    """Return whether at least 90% of the values (N, positions, 3) of an image have one colour, (N,) bool."""
    differences = np.abs(values - np.median(values, axis=1, keepdims=True)).max(axis=2)
    return np.asarray((differences <= FLAT_RANGE / 2).mean(axis=1) >= _MOST)
