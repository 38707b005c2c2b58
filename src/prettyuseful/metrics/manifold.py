"""Precision, recall (Kynkaanniemi et al. 2019), density, coverage (Naeem et al. 2020), as clovaai's `prdc` has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prettyuseful.errors import DataError


@dataclass(frozen=True)
class Manifold:
    """Means over images, and the per-image parts that intervals are made from.

    `density_parts` (M,) and `precision_parts` (M,) belong to synthetic images, `coverage_parts` (N,) and `recall_parts`
    (N,) to real ones. All are in 0-1 but density, which may exceed 1.
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


def manifold(real: np.ndarray, synthetic: np.ndarray, k: int = 5) -> Manifold:
    """Euclidean, with neighbourhoods that reach to the `k`-th nearest other image (strict `<`).

    Args:
        real: (N, d) features; synthetic: (M, d); N and M above k.

    Raises:
        DataError: too few images for k, or features that are not finite.
    """
    for name, features in (("real", real), ("synthetic", synthetic)):
        if len(features) <= k:
            raise DataError(
                f"{len(features)} {name} images are too few for k={k} neighbours; take more than {k} per class"
            )
        if not np.isfinite(features).all():
            raise DataError(f"{name} features hold values that are not finite")
    real, synthetic = real.astype(np.float64), synthetic.astype(np.float64)
    real_radius, synthetic_radius = _radii(real, k), _radii(synthetic, k)
    distance = _distances(real, synthetic)
    inside_real = distance < real_radius[:, None]
    return Manifold(
        precision_parts=np.asarray(inside_real.any(axis=0), np.float64),
        recall_parts=np.asarray((distance < synthetic_radius[None, :]).any(axis=1), np.float64),
        density_parts=inside_real.sum(axis=0) / k,
        coverage_parts=(distance.min(axis=1) < real_radius).astype(np.float64),
    )


def _radii(features: np.ndarray, k: int) -> np.ndarray:
    """Distance of every image to its k-th nearest other one; itself, at distance 0, takes the first place."""
    return np.partition(_distances(features, features), k, axis=1)[:, k]


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return cdist(a, b)
