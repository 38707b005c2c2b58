"""Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020), as in clovaai's `prdc`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prettyuseful.errors import DataError
from prettyuseful.metrics.features import check_pair
from prettyuseful.metrics.neighbours import Distance, kth_nearest, make_points, pairs_within


@dataclass(frozen=True)
class Manifold:
    """Four metrics and their values per image. All are between 0 and 1, except density, which can exceed 1.

    Attributes:
        precision_parts: (M,) 1 if the synthetic image is in the neighbourhood of a real image, else 0.
        recall_parts: (N,) 1 if the real image is in the neighbourhood of a synthetic image, else 0.
        density_parts: (M,) number of real neighbourhoods that contain the synthetic image, divided by k.
        coverage_parts: (N,) 1 if the neighbourhood of the real image contains a synthetic image, else 0.
    """

    precision_parts: np.ndarray
    recall_parts: np.ndarray
    density_parts: np.ndarray
    coverage_parts: np.ndarray

    @property
    def precision(self) -> float:
        return float(self.precision_parts.mean())

    @property
    def recall(self) -> float:
        return float(self.recall_parts.mean())

    @property
    def density(self) -> float:
        return float(self.density_parts.mean())

    @property
    def coverage(self) -> float:
        return float(self.coverage_parts.mean())


def manifold(
    real: np.ndarray, synthetic: np.ndarray, k: int = 5, distance: Distance = "euclidean", device: str = "cpu"
) -> Manifold:
    """Return precision, recall, density and coverage of synthetic images.

    The neighbourhood of an image is a ball that reaches to its `k`-th nearest neighbour in the same set. Points on its
    surface are outside. Identical images count as neighbours, so an image that occurs more than k times in its set has
    an empty neighbourhood. The result is that of float64 comparisons on every device. Memory grows with N + M; see
    `metrics.neighbours`.

    Args:
        real: (N, d) features, N above k.
        synthetic: (M, d) features, M above k.
        k: number of neighbours, at least 1.
        distance: "euclidean", as in `prdc`, or "cosine" (1 - cos).
        device: torch device, such as "cpu" or "cuda".

    Raises:
        DataError: too few images for k, features that are not finite, different numbers of dimensions, or (cosine) a
            row of zeros.

    >>> real, synthetic = np.array([[0.0], [1.0], [2.0]]), np.array([[0.5], [1.5], [9.0]])
    >>> result = manifold(real, synthetic, k=1)
    >>> round(result.precision, 2), result.coverage
    (0.67, 1.0)
    """
    check_pair(real, synthetic)
    if k < 1:
        raise DataError(f"invalid k={k}; use k=1 or more (usually 5)")
    for name, features in (("real", real), ("synthetic", synthetic)):
        if len(features) <= k:
            raise DataError(
                f"{len(features)} {name} images are too few for k={k} neighbours; use more than {k} images per class"
            )
    real_radius, synthetic_radius = (
        _squared_radii(features, name, k, distance, device)
        for name, features in (("real", real), ("synthetic", synthetic))
    )
    real_points, points = make_points([real, synthetic], ["real", "synthetic"], distance, device)
    ball_count, recalled, covered = np.zeros(len(synthetic), np.int64), np.zeros(len(real)), np.zeros(len(real))
    for in_real_balls, in_synthetic_balls in pairs_within(real_points, points, real_radius, synthetic_radius):
        ball_count += np.bincount(in_real_balls[1], minlength=len(synthetic))
        covered[in_real_balls[0]] = 1
        recalled[in_synthetic_balls[0]] = 1
    return Manifold(
        precision_parts=(ball_count > 0).astype(np.float64),
        recall_parts=recalled,
        density_parts=ball_count / k,
        coverage_parts=covered,
    )


def _squared_radii(features: np.ndarray, name: str, k: int, distance: Distance, device: str) -> np.ndarray:
    # Centring each set by itself keeps the features small, so that fewer distances need float64.
    [points] = make_points([features], [name], distance, device)
    return kth_nearest(points, None, k)[0]
