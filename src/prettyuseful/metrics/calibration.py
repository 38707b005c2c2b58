"""Calibration of a classifier: is it correct on 70% of the images that it predicts with probability 0.7?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prettyuseful.errors import DataError

BINS = 15


@dataclass(frozen=True)
class Calibration:
    """Four calibration metrics, lower is better, and their values per image, (N,) float64 each.

    Attributes:
        confidence: probability of the predicted class, 1/classes to 1.
        correct: 1 if the prediction is correct, else 0.
        brier_parts: Brier score of each image, 0 to 2.
        nll_parts: negative log-likelihood of each image in nats, 0 to infinity.
    """

    confidence: np.ndarray
    correct: np.ndarray
    brier_parts: np.ndarray
    nll_parts: np.ndarray

    @property
    def ece(self) -> float:
        """Expected calibration error, 0-1, in 15 bins of equal width."""
        return expected_calibration_error(self.confidence, self.correct)

    @property
    def ece_equal_mass(self) -> float:
        """Expected calibration error, 0-1, in 15 bins of equal mass (equally many images)."""
        return expected_calibration_error(self.confidence, self.correct, equal_mass=True)

    @property
    def brier(self) -> float:
        """Brier score, 0 to 2."""
        return float(self.brier_parts.mean())

    @property
    def nll(self) -> float:
        """Mean negative log-likelihood in nats."""
        return float(self.nll_parts.mean())

    def as_json(self) -> dict[str, float]:
        return {"ece": self.ece, "ece_equal_mass": self.ece_equal_mass, "brier": self.brier, "nll": self.nll}


def calibration(logits: np.ndarray, labels: np.ndarray) -> Calibration:
    """Return the calibration of a classifier, computed in float64.

    The Brier score is the squared distance of the probabilities from the one-hot label, summed over classes (Brier
    1950). Among equal logits the lowest class is predicted, as by `argmax`.

    Args:
        logits: (N, classes).
        labels: (N,) int, from 0.

    Raises:
        DataError: there are no images, a logit is not finite, or a label is not a class.
    """
    if not len(labels):
        raise DataError("no images to measure calibration on")
    if not np.isfinite(logits).all():
        raise DataError("the logits contain values that are not finite; train the classifier again")
    count, classes = logits.shape
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(f"labels range from {labels.min()} to {labels.max()}, but the classifier has {classes} classes")
    rows = np.arange(count)
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    probability = np.exp(log_probability)
    predicted = logits.argmax(axis=1)
    return Calibration(
        confidence=probability[rows, predicted],
        correct=(predicted == labels).astype(np.float64),
        brier_parts=((probability - np.eye(classes)[labels]) ** 2).sum(axis=1),
        nll_parts=-log_probability[rows, labels],
    )


def expected_calibration_error(
    confidence: np.ndarray, correct: np.ndarray, bins: int = BINS, equal_mass: bool = False
) -> float:
    """Return the expected calibration error: the mean absolute difference, 0-1, of confidence and accuracy over bins.

    Bins are weighted by their number of images. Bins of equal width are open below and closed above (Guo et al. 2017,
    "On calibration of modern neural networks", eq. 3). Bins of equal mass hold the same number of images, plus or minus
    one (Nixon et al. 2019, "Measuring calibration in deep learning"). Both are biased upwards on few images, so compare
    equal numbers of images.

    Args:
        confidence: (N,) probabilities of the predicted classes, N at least 1.
        correct: (N,) 0 or 1.
        bins: number of bins.
        equal_mass: use bins of equal mass instead of equal width.
    """
    # Images of equal confidence get their mean accuracy, so that their order does not matter where a bin ends.
    _, tie, ties = np.unique(confidence, return_inverse=True, return_counts=True)
    accuracy = (np.bincount(tie, correct) / ties)[tie]
    order = np.argsort(confidence)
    gap, sorted_confidence = (confidence - accuracy)[order], confidence[order]
    if equal_mass:
        parts = np.array_split(gap, bins)
    else:
        inner_edges = np.linspace(0, 1, bins + 1)[1:-1]
        parts = np.split(gap, np.searchsorted(sorted_confidence, inner_edges, side="right"))
    return float(sum(abs(part.sum()) for part in parts) / len(gap))
