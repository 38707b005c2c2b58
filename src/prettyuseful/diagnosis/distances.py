"""Euclidean distances within and between sets of features, and the energy distance made of them."""

from __future__ import annotations

import numpy as np


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, M) float64 of (N, d) and (M, d)."""
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * (a @ b.T)
    return np.asarray(np.sqrt(np.maximum(squared, 0)))


def mean_within(a: np.ndarray) -> float:
    """Mean distance of two different rows of (N, d), N from 2."""
    count = len(a)
    table = distances(a, a)
    return float((table.sum() - np.trace(table)) / (count * (count - 1)))


def energy_distance(a: np.ndarray, b: np.ndarray, within_a: float, within_b: float) -> float:
    """Energy distance 2 E|a - b| - E|a - a'| - E|b - b'|, unbiased, so that it may be below 0.

    Székely and Rizzo 2013, "Energy statistics"; the two means within are given, as they serve many pairs.
    """
    return 2 * float(distances(a, b).mean()) - within_a - within_b


def damped(distance: np.ndarray | float) -> np.ndarray:
    """Linear near 0, logarithmic far out: a class that reacts a thousand times as much counts a few times as much."""
    return np.asarray(np.arcsinh(distance))
