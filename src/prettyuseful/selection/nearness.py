"""Numbers per image that compare it with its label or with real training images; higher is more."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from prettyuseful.metrics.features import unit_rows


def label_confidence(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the probability (N,) of each image's label, 0-1, by the logits (N, classes) of a classifier.

    >>> label_confidence(np.array([[0.0, 0.0]]), np.array([1]))
    array([0.5])
    """
    return np.asarray(softmax(np.asarray(logits, np.float64), axis=1)[np.arange(len(labels)), labels])


def typicality(features: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Return the cosine (N,) of each image's features with the mean direction of the real images of its class, -1 to 1.

    Args:
        features: (N, d) of images of one class.
        real: (M, d) of real training images of the class, M at least 1.

    Raises:
        DataError: a row is all zeros.

    >>> typicality(np.array([[2.0, 0.0]]), np.array([[1.0, 0.0], [3.0, 0.0]]))
    array([1.])
    """
    mean = unit_rows(real, "real").mean(axis=0)
    length = np.linalg.norm(mean)
    return np.asarray(unit_rows(features, "image") @ (mean / length if length else mean))


def nearest_real(features: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Return the cosine (N,) of each image's features with those of the nearest real image of its class, -1 to 1.

    Args:
        features: (N, d) of images of one class.
        real: (M, d) of real training images of the class, M at least 1.

    Raises:
        DataError: a row is all zeros.

    >>> nearest_real(np.array([[0.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    array([1.])
    """
    points, others = unit_rows(features, "image"), unit_rows(real, "real")
    parts = [points[i : i + _CHUNK] @ others.T for i in range(0, len(points), _CHUNK)]
    return np.concatenate([part.max(axis=1) for part in parts])


_CHUNK = 1024
