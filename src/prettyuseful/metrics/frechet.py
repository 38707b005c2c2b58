"""Fréchet distance between two sets of features: FID, with the features of any encoder."""

from __future__ import annotations

import numpy as np

from prettyuseful.metrics.features import check_pair

CHUNK = 2048
"""Number of rows that are converted to float64 at a time."""


def frechet_distance(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return the squared Fréchet distance, 0 or more, between Gaussians fitted to two sets of features (FID).

    |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2), with means m and unbiased covariances C (Heusel et al. 2017, "GANs
    trained by a two time-scale update rule", eq. 6). It is biased upwards on few images, so compare equal numbers.

    The last trace is the sum of the singular values of R1 R2^T, for any roots R of the covariances, C = R^T R. This is
    more precise than `sqrtm(C1 C2)`, which other code uses, if a covariance lacks full rank, and needs no offset on the
    diagonal. Computed in float64.

    Args:
        real: (N, d) features, N at least 2.
        synthetic: (M, d) features, M at least 2.

    Raises:
        DataError: too few images, features that are not finite, or different numbers of dimensions.

    >>> frechet_distance(np.array([[0.0], [2.0]]), np.array([[1.0], [3.0]]))
    1.0
    """
    check_pair(real, synthetic, fewest=2)
    (mean, root), (other_mean, other_root) = _gaussian(real), _gaussian(synthetic)
    traces = (root**2).sum() + (other_root**2).sum()
    squared = ((mean - other_mean) ** 2).sum() + traces - 2 * overlap(root, other_root)
    # Rounding can make the distance of equal sets slightly negative.
    return max(0.0, float(squared))


def _gaussian(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean (d,) and a root R (min(N, d), d) of the covariance R^T R."""
    count, width = features.shape
    mean = features.mean(axis=0, dtype=np.float64)
    if count <= width:
        return mean, (features - mean) / np.sqrt(count - 1)
    covariance = np.zeros((width, width))
    for start in range(0, count, CHUNK):
        centred = features[start : start + CHUNK] - mean
        covariance += centred.T @ centred
    return mean, covariance_root(covariance / (count - 1))


def covariance_root(covariance: np.ndarray) -> np.ndarray:
    """Return R (d, d) with R^T R = C, for a positive semi-definite C (d, d)."""
    try:
        root: np.ndarray = np.linalg.cholesky(covariance).T
    except np.linalg.LinAlgError:  # not of full rank: constant or dependent features
        values, vectors = np.linalg.eigh(covariance)
        values[values < len(values) * np.finfo(np.float64).eps * values[-1]] = 0
        root = (vectors * np.sqrt(values)).T
    return root


def overlap(root: np.ndarray, other: np.ndarray) -> float:
    """Return tr (C1 C2)^(1/2) from roots (any, d) of the two covariances."""
    return float(np.linalg.svd(root @ other.T, compute_uv=False).sum())
