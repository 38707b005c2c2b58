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
        reference: (M, S) scores of other images that are the scale, such as real images: their mean within the class,
            and their standard deviation within classes, pooled over all classes, because single classes may be few
            images or grey ones without any colourfulness. Default: mean and deviation of the images themselves, within
            each class; the mean is then 0 in every class.
        of: (M,) class of each reference image. Every class of `labels` occurs.

    >>> sum_of_z_scores(np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([0, 0]))
    array([-1.,  1.])
    """
    result = np.empty(len(values))
    pooled = None if reference is None or of is None else _pooled_deviation(reference, of)
    for label in np.unique(labels):
        rows = labels == label
        own = values[rows] if reference is None or of is None else reference[of == label]
        scale = (own.std(axis=0) if pooled is None else pooled) + _LEAST_DEVIATION
        result[rows] = ((values[rows] - own.mean(axis=0)) / scale).sum(axis=1)
    return result


def _pooled_deviation(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the standard deviations (S,) within classes: the root of the mean over classes of the variances."""
    return np.asarray(np.sqrt(np.mean([values[labels == label].var(axis=0) for label in np.unique(labels)], axis=0)))
