"""Vendi score: the effective number of distinct images in a set."""

from __future__ import annotations

import numpy as np

from prettyuseful.metrics.features import check_features, lengths

CHUNK = 2048
"""Number of rows that are converted to float64 at a time."""


def vendi_score(features: np.ndarray) -> float:
    """Return the Vendi score, the effective number of distinct images: 1 (all equal) to min(N, d).

    The score is the exponential of the entropy of the eigenvalues of K / N, where K contains the cosine similarities of
    all pairs (Friedman and Dieng 2023, "The Vendi score", definition 3.1; `score_X` and `score_dual` of the
    `vendi_score` package). The N x N and the d x d matrix have the same non-zero eigenvalues; the smaller one is used.
    The score grows with N, so compare equal numbers of images.

    Args:
        features: (N, d), N at least 1.

    Raises:
        DataError: there are no images, features are not finite, or a row is all zeros, so its cosine is undefined.

    >>> round(vendi_score(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 3.0]])), 3)
    1.89
    """
    check_features(features, "given")
    count, width = features.shape
    inverse = 1 / lengths(features, "given")[:, None]
    if count <= width:
        rows = features * inverse
        kernel = rows @ rows.T
    else:
        kernel = np.zeros((width, width))
        buffer = np.empty((min(count, CHUNK), width))  # reused, because allocation costs as much as the division
        for start in range(0, count, CHUNK):
            stop = min(count, start + CHUNK)
            rows = buffer[: stop - start]
            rows[:] = features[start:stop]
            rows *= inverse[start:stop]
            kernel += rows.T @ rows
    values = np.linalg.eigvalsh(kernel / count)
    shares = values[values > 0]
    # Rounding can make the score of a single image slightly smaller than 1.
    return max(1.0, float(np.exp(-(shares * np.log(shares)).sum())))
