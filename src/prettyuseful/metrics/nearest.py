"""How far from its nearest neighbour an image is: what copies, gaps and outliers are counted from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from prettyuseful.metrics.features import check_pair
from prettyuseful.metrics.neighbours import Distance, kth_nearest, place


@dataclass(frozen=True)
class Nearest:
    """`distance` (N,) float64 of every image's nearest neighbour, and `index` (N,) int64 of that in its set, from 0.

    Distances are Euclidean, 0 to infinity, or 1 - cos, 0 to 2. Of equally near neighbours the first counts; under
    cosines that are equal but for rounding, any of them.
    """

    distance: np.ndarray
    index: np.ndarray


def nearest_distance(
    real: np.ndarray, synthetic: np.ndarray, distance: Distance = "euclidean", device: str = "cpu"
) -> Nearest:
    """Distance to, and index of, the nearest of the (N, d) real images, for each of the (M, d) synthetic ones.

    N and M from 1. Exact as float64 differences are, in memory that grows with N + M; see `neighbours`.

    Raises:
        DataError: an empty set, features that are not finite or not of one space, or (cosine) a row of zeros.
    """
    check_pair(real, synthetic)
    first = np.unique(_first_copies(real))
    queries, reference = place([synthetic, real[first]], ["synthetic", "real"], distance, device)
    squared, index = kth_nearest(queries, reference, 1)
    return Nearest(_as_distance(squared, distance), first[index])


def _first_copies(features: np.ndarray) -> np.ndarray:
    """For every row, the index of the first row equal to it."""
    seen: dict[bytes, int] = {}
    # Adding 0 makes -0 and 0 one value.
    digests = (hashlib.blake2b((row + 0.0).tobytes(), digest_size=16).digest() for row in features)
    return np.array([seen.setdefault(digest, i) for i, digest in enumerate(digests)], np.int64)


def _as_distance(squared: np.ndarray, distance: Distance) -> np.ndarray:
    return squared / 2 if distance == "cosine" else np.sqrt(squared)
