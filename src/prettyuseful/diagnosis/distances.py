"""Euclidean distances within and between sets of features, and the energy distance based on them."""

from __future__ import annotations

import numpy as np


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the distances (N, M) float64 between the rows of (N, d) and of (M, d)."""
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * (a @ b.T)
    return np.asarray(np.sqrt(np.maximum(squared, 0)))


def mean_within(a: np.ndarray) -> float:
    """Return the mean distance between two different rows of (N, d), N at least 2."""
    count = len(a)
    table = distances(a, a)
    return float((table.sum() - np.trace(table)) / (count * (count - 1)))


def energy_distance(a: np.ndarray, b: np.ndarray, within_a: float, within_b: float) -> float:
    """Return the energy distance 2 E|a - b| - E|a - a'| - E|b - b'|. It is unbiased, so it can be negative.

    Székely and Rizzo 2013, "Energy statistics". The means within a and b are arguments because many pairs share them.
    """
    return 2 * float(distances(a, b).mean()) - within_a - within_b


def damp(distance: np.ndarray | float) -> np.ndarray:
    """Return arcsinh of a distance: linear near 0, logarithmic for large values, so that no single class dominates."""
    return np.asarray(np.arcsinh(distance))
