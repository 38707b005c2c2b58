"""Fréchet distance of two sets of features: FID, with the features of whichever encoder."""

from __future__ import annotations

import numpy as np

from prettyuseful.metrics.features import check_pair

CHUNK = 2048
"""Rows that are held in float64 at a time."""


def frechet_distance(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Squared Fréchet distance, 0 or more, of Gaussians fitted to (N, d) and (M, d) features; N and M from 2.

    |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2), with means m and unbiased covariances C (Heusel et al. 2017, "GANs
    trained by a two time-scale update rule", eq. 6). It falls with the number of images: compare equal numbers.

    The last trace is that of (C1^(1/2) C2 C1^(1/2))^(1/2), whose eigenvalues are real. With any roots R of the
    covariances, C = R^T R, those are the squares of the singular values of R1 R2^T. Taking the latter squares nothing
    that is rooted again, which costs half of the digits where a covariance lacks rank. Computed in float64; the usual
    code takes `sqrtm` of C1 C2, with an offset on the diagonals when that fails.

    Raises:
        DataError: fewer than two images, features that are not finite, or not of one space.
    """
    check_pair(real, synthetic, fewest=2)
    (mean, root), (other_mean, other_root) = _gaussian(real), _gaussian(synthetic)
    traces = (root**2).sum() + (other_root**2).sum()
    squared = ((mean - other_mean) ** 2).sum() + traces - 2 * overlap(root, other_root)
    # Rounding may leave equal sets a little below zero.
    return max(0.0, float(squared))


def _gaussian(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,), and a root R (min(N, d), d) of the covariance R^T R."""
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
    """R (d, d) with R^T R = C, of a symmetric C (d, d) without negative eigenvalues."""
    try:
        root: np.ndarray = np.linalg.cholesky(covariance).T
    except np.linalg.LinAlgError:  # it lacks rank: constant or dependent features
        values, vectors = np.linalg.eigh(covariance)
        values[values < len(values) * np.finfo(np.float64).eps * values[-1]] = 0
        root = (vectors * np.sqrt(values)).T
    return root


def overlap(root: np.ndarray, other: np.ndarray) -> float:
    """tr (C1 C2)^(1/2) by roots R (any, d) of the two covariances."""
    return float(np.linalg.svd(root @ other.T, compute_uv=False).sum())
