"""Composite scores: sums of z-scores within classes."""

from __future__ import annotations

import numpy as np

_LEAST_DEVIATION = 1e-9


def sum_of_z_scores(
    values: np.ndarray, labels: np.ndarray, reference: np.ndarray | None = None, of: np.ndarray | None = None
) -> np.ndarray:
    """Return the sum over scores of their z-scores within the class, (N,) float64.

    The images that curated the generator `pocket-curated` were ranked by it, see `rows.PRETTINESS_PARTS`.

    Args:
        values: (N, S) scores.
        labels: (N,) class of each image.
        reference: (M, S) scores of the images that define mean and standard deviation, such as real images. Default:
            the images themselves; their mean is then 0 in every class.
        of: (M,) class of each reference image. Every class of `labels` occurs.

    >>> sum_of_z_scores(np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([0, 0]))
    array([-1.,  1.])
    """
    standard, classes = (values, labels) if reference is None or of is None else (reference, of)
    result = np.empty(len(values))
    for label in np.unique(labels):
        rows, own = labels == label, standard[classes == label]
        result[rows] = ((values[rows] - own.mean(axis=0)) / (own.std(axis=0) + _LEAST_DEVIATION)).sum(axis=1)
    return result
