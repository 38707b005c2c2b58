"""Precision, recall (Kynkaanniemi et al. 2019), density, coverage (Naeem et al. 2020), as clovaai's `prdc` has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prettyuseful.errors import DataError
from prettyuseful.metrics.features import check_pair
from prettyuseful.metrics.neighbours import Distance, kth_nearest, pairs_within, place


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


def manifold(
    real: np.ndarray, synthetic: np.ndarray, k: int = 5, distance: Distance = "euclidean", device: str = "cpu"
) -> Manifold:
    """Neighbourhoods reach to the `k`-th nearest other image of the same set; what lies on their edge is outside (`<`).

    All comparisons are those of float64, on every `device` (a torch device: "cpu", "cuda", "cuda:1"), in memory that
    grows with N + M; see `neighbours`. Equal images count as neighbours, so an image that its set holds more than k
    times has an empty neighbourhood.

    Args:
        real: (N, d) features; synthetic: (M, d); N and M above k, k from 1.
        distance: "euclidean", as in `prdc`, or "cosine" (1 - cos), as in the paper's copy of it.

    Raises:
        DataError: too few images for k, features that are not finite or not of one space, or a row of zeros, which has
            no cosine.
    """
    check_pair(real, synthetic)
    if k < 1:
        raise DataError(f"k={k} neighbours cannot be looked at; take k=1 or more (5 is usual)")
    for name, features in (("real", real), ("synthetic", synthetic)):
        if len(features) <= k:
            raise DataError(
                f"{len(features)} {name} images are too few for k={k} neighbours; take more than {k} per class"
            )
    real_radius, synthetic_radius = (
        _squared_radii(features, name, k, distance, device)
        for name, features in (("real", real), ("synthetic", synthetic))
    )
    around, drawn = place([real, synthetic], ["real", "synthetic"], distance, device)
    holders, recalled, covered = np.zeros(len(drawn), np.int64), np.zeros(len(around)), np.zeros(len(around))
    for (real_inside, inside_real), (inside_synthetic, _) in pairs_within(around, drawn, real_radius, synthetic_radius):
        holders += np.bincount(inside_real, minlength=len(drawn))
        covered[real_inside] = 1
        recalled[inside_synthetic] = 1
    return Manifold(
        precision_parts=(holders > 0).astype(np.float64),
        recall_parts=recalled,
        density_parts=holders / k,
        coverage_parts=covered,
    )


def _squared_radii(features: np.ndarray, name: str, k: int, distance: Distance, device: str) -> np.ndarray:
    # In a space of the set's own: the nearer the origin, the fewer distances are left open.
    [points] = place([features], [name], distance, device)
    return kth_nearest(points, None, k)[0]
