"""Distance of each synthetic image to the nearest real image, to detect copies and outliers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from prettyuseful.metrics.features import check_pair
from prettyuseful.metrics.neighbours import Distance, kth_nearest, make_points


@dataclass(frozen=True)
class Nearest:
    """The nearest real image of each synthetic image.

    Attributes:
        distance: (M,) float64, Euclidean (0 to infinity) or cosine (1 - cos, 0 to 2).
        index: (M,) int64, row of the nearest real image, from 0. Among equally close images it is the first; among
            images whose cosines differ only by rounding it can be any.
    """

    distance: np.ndarray
    index: np.ndarray


def nearest_distance(
    real: np.ndarray, synthetic: np.ndarray, distance: Distance = "euclidean", device: str = "cpu"
) -> Nearest:
    """Return the distance to, and the index of, the nearest real image of each synthetic image.

    The result is that of float64 differences. Memory grows with N + M; see `metrics.neighbours`.

    Args:
        real: (N, d) features, N at least 1.
        synthetic: (M, d) features, M at least 1.
        distance: "euclidean" or "cosine" (1 - cos).
        device: torch device, such as "cpu" or "cuda".

    Raises:
        DataError: an empty set, features that are not finite, different numbers of dimensions, or (cosine) a row of
            zeros.

    >>> result = nearest_distance(np.array([[0.0], [5.0]]), np.array([[4.0], [1.0]]))
    >>> result.distance, result.index
    (array([1., 1.]), array([1, 0]))
    """
    check_pair(real, synthetic)
    first = np.unique(_first_occurrences(real))
    queries, reference = make_points([synthetic, real[first]], ["synthetic", "real"], distance, device)
    squared, index = kth_nearest(queries, reference, 1)
    return Nearest(_to_distance(squared, distance), first[index])


def _first_occurrences(features: np.ndarray) -> np.ndarray:
    """Return, for every row, the index of the first row that is equal to it."""
    first: dict[bytes, int] = {}
    # Adding 0 turns -0 into 0.
    digests = (hashlib.blake2b((row + 0.0).tobytes(), digest_size=16).digest() for row in features)
    return np.array([first.setdefault(digest, i) for i, digest in enumerate(digests)], np.int64)


def _to_distance(squared: np.ndarray, distance: Distance) -> np.ndarray:
    return squared / 2 if distance == "cosine" else np.sqrt(squared)
