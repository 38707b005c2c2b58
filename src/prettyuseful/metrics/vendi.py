"""Vendi score: how many really different images a set holds."""

from __future__ import annotations

import numpy as np

from prettyuseful.metrics.features import check_features, lengths

CHUNK = 2048
"""Rows that are held in float64 at a time."""


def vendi_score(features: np.ndarray) -> float:
    """Effective number of distinct images among (N, d) features: 1 (all the same) to min(N, d); N from 1.

    exp of the entropy (nats) of the eigenvalues of K / N, K the cosines of all pairs (Friedman and Dieng 2023, "The
    Vendi score", definition 3.1); `score_X` and `score_dual` of the `vendi_score` package. Cosines have one set of
    non-zero eigenvalues whether taken as images by images or as d by d, and the smaller table is used. It grows with N:
    compare equal numbers of images.

    Raises:
        DataError: no images, features that are not finite, or a row of zeros, which has no cosine.
    """
    check_features(features, "given")
    count, width = features.shape
    inverse = 1 / lengths(features, "given")[:, None]
    if count <= width:
        rows = features * inverse
        kernel = rows @ rows.T
    else:
        kernel = np.zeros((width, width))
        room = np.empty((min(count, CHUNK), width))  # one for all chunks: fresh memory costs as much as the division
        for start in range(0, count, CHUNK):
            stop = min(count, start + CHUNK)
            rows = room[: stop - start]
            rows[:] = features[start:stop]
            rows *= inverse[start:stop]
            kernel += rows.T @ rows
    values = np.linalg.eigvalsh(kernel / count)
    shares = values[values > 0]
    # Rounding may leave a single image a little below one.
    return max(1.0, float(np.exp(-(shares * np.log(shares)).sum())))
