"""Metrics of the scores of single images: where the scores of a set lie among those of real images, and their spread.

A set whose images are prettier than real ones and less different from each other in prettiness has lost part of the
real distribution ("aesthetic collapse"). All functions compare the images of one class.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from prettyuseful.aesthetics.base import Score
from prettyuseful.errors import DataError
from prettyuseful.metrics.base import Metric

_WIDEST = 0.25  # half the width, in quantiles, of the range about the median in which the densities are compared


def mean_score(real: np.ndarray, synthetic: np.ndarray) -> np.ndarray:
    """Return the scores (M,) of the synthetic images; their mean is the metric."""
    _check(real, synthetic)
    return synthetic


def mean_difference(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return the mean score of synthetic images minus that of real images.

    >>> mean_difference(np.array([0.0, 2.0]), np.array([2.0, 4.0]))
    2.0
    """
    _check(real, synthetic)
    return float(synthetic.mean() - real.mean())


def auc(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return the probability that a synthetic image has a higher score than a real one, 0 to 1; ties count half.

    It is the area under the ROC curve and the Mann-Whitney statistic U / (N M) (Mann and Whitney 1947).

    Args:
        real: (N,) scores.
        synthetic: (M,) scores.

    Raises:
        DataError: a set is empty, or a score is not finite.

    >>> auc(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    0.875
    """
    _check(real, synthetic)
    ordered = np.sort(real)
    below = np.searchsorted(ordered, synthetic, "left") + np.searchsorted(ordered, synthetic, "right")
    return float(below.mean() / 2 / len(real))


def share_above_median(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return the share of synthetic images with a score above the median of the real images; ties count half.

    >>> share_above_median(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.5, 4.0, 5.0]))
    0.875
    """
    _check(real, synthetic)
    return float(_above(synthetic, float(np.median(real))).mean())


def leave_out_above_median(
    real: np.ndarray, synthetic: np.ndarray, real_blocks: np.ndarray, synthetic_blocks: np.ndarray
) -> np.ndarray:
    """Return the share above the median (B,) with block 0..B-1 left out of both sets, linearised in the real images.

    The jackknife is not consistent for a median (Efron 1982): its intervals would be 1.4 times too wide. Here the
    median moves by as many quantiles as the left-out images change its rank, and the share by that times the ratio of
    the two densities at the median.
    """
    median, half = float(np.median(real)), min(_WIDEST, len(real) ** -0.5)
    low, high = np.quantile(real, [0.5 - half, 0.5 + half])
    of_real, of_synthetic = (float((_above(x, low) - _above(x, high)).mean()) for x in (real, synthetic))
    ratio = of_synthetic / of_real if of_real else 0.0
    above, below = _above(synthetic, median), 1 - _above(real, median)
    value, centre = above.mean(), below.mean()
    return np.array(
        [
            value if not (kept.any() and others.any()) else above[kept].mean() + ratio * (below[others].mean() - centre)
            for kept, others in _kept(synthetic_blocks, real_blocks)
        ]
    )


def spreads(real: np.ndarray, synthetic: np.ndarray) -> np.ndarray:
    """Return the spread of the synthetic images' scores, and that of the real images', (2,).

    The spread is Gini's mean difference: the mean absolute difference of two images (Yitzhaki 2003). An outlier has
    less influence on it than on the standard deviation, it varies as little where scores are normal, and the jackknife
    holds for it, other than for the interquartile range.

    >>> spreads(np.array([0.0, 2.0, 4.0]), np.array([5.0, 6.0, 7.0])).round(3)
    array([1.333, 2.667])
    """
    _check(real, synthetic)
    return np.array([mean_absolute_difference(synthetic), mean_absolute_difference(real)])


def leave_out_spreads(
    real: np.ndarray, synthetic: np.ndarray, real_blocks: np.ndarray, synthetic_blocks: np.ndarray
) -> np.ndarray:
    """Return the spreads (B, 2) with block 0..B-1 left out of both sets; those of all images where fewer than 2 remain.

    They are those of the generic jackknife, which does not know how many images a spread needs.
    """
    value = spreads(real, synthetic)
    return np.array(
        [
            spreads(real[others], synthetic[kept]) if min(kept.sum(), others.sum()) > 1 else value
            for kept, others in _kept(synthetic_blocks, real_blocks)
        ]
    )


def mean_absolute_difference(scores: np.ndarray) -> float:
    """Return Gini's mean difference of scores (N,): the mean of |a - b| over all pairs; 0 for one image."""
    count = len(scores)
    if count < 2:
        return 0.0
    weights = 2 * np.arange(count) - count + 1
    return max(0.0, float(2 * (weights * np.sort(scores)).sum() / (count * (count - 1))))


def score_metrics(score: Score) -> Iterator[Metric]:
    """Yield the metrics of a score: its mean, and three that compare it with real images.

    A study that lists the first one measures all of them. They are one family, which has the name of the score.
    """
    row = partial(Metric, reads="scores", family=score.name, source=score.source)
    about = f"of {score.title.lower()}"
    if score.parts:  # on the scale of the real images, so their choice varies it, too
        yield row(
            name=score.name,
            summary=f"{score.summary}; synthetic minus real images",
            title=score.title,
            words=score.words,
            function=mean_difference,
            per="class",
        )
    else:
        yield row(
            name=score.name,
            summary=score.summary,
            title=score.title,
            words=score.words,
            function=mean_score,
            per="synthetic image",
            low=score.low,
            high=score.high,
        )
    compared = partial(row, comes_with=score.name, per="class", low=0.0)
    yield compared(
        name=f"{score.name}-above-median",
        summary=f"share of synthetic images above the real median {about}",
        title=f"{score.title}: share above the real median",
        words="Share of the synthetic images whose score is above the median of the real images of their class. 50% "
        "where the two have the same distribution.",
        source="",
        function=share_above_median,
        leave_out=leave_out_above_median,
        high=1.0,
    )
    yield compared(
        name=f"{score.name}-auc",
        summary=f"probability that a synthetic image exceeds a real one {about}",
        title=f"{score.title}: AUC",
        words="Probability that the score of a synthetic image is higher than that of a real image of its class (area "
        "under the ROC curve): 0.5 where the two have the same distribution.",
        source="Mann and Whitney 1947",
        function=auc,
        high=1.0,
    )
    yield compared(
        name=f"{score.name}-spread",
        summary=f"spread {about} within classes, synthetic divided by real",
        title=f"{score.title}: spread, ratio to real",
        words="Mean absolute difference of the scores of two synthetic images of a class, divided by that of real "
        "images; each is averaged over the classes. 1 where both spread equally, below 1 where the synthetic images "
        "are narrower.",
        source="Gini's mean difference; Yitzhaki 2003",
        function=spreads,
        leave_out=leave_out_spreads,
        ratio=True,
    )


def _above(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Return 1 for scores above a threshold, 0.5 for those that are equal to it, else 0."""
    return np.asarray((scores > threshold) + 0.5 * (scores == threshold))


def _kept(*sides: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield, for each block, which images of each side are in another block."""
    for block in range(max(int(blocks.max()) for blocks in sides) + 1):
        yield tuple(blocks != block for blocks in sides)


def _check(*sides: np.ndarray) -> None:
    for scores in sides:
        if scores.ndim != 1 or not len(scores) or not np.isfinite(scores).all():
            raise DataError(
                f"scores have the shape {scores.shape} or are not finite; pass one finite number for each image"
            )
