"""Calibration: does a classifier that says 70 % turn out right 70 % of the time?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prettyuseful.errors import DataError

BINS = 15


@dataclass(frozen=True)
class Calibration:
    """Four figures, lower is better, and the per-image parts (N,) float64 that intervals are made from.

    `confidence`: probability of the predicted class, 1/classes to 1. `correct`: 1 where that class is right, else 0.
    `brier_parts`: 0 to 2. `nll_parts`: in nats, 0 to infinity.
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
        """The same in 15 bins of equally many images."""
        return expected_calibration_error(self.confidence, self.correct, equal_mass=True)

    @property
    def brier(self) -> float:
        return float(self.brier_parts.mean())

    @property
    def nll(self) -> float:
        return float(self.nll_parts.mean())

    def as_json(self) -> dict[str, float]:
        return {"ece": self.ece, "ece_equal_mass": self.ece_equal_mass, "brier": self.brier, "nll": self.nll}


def calibration(logits: np.ndarray, labels: np.ndarray) -> Calibration:
    """Calibration of (N, classes) logits on (N,) labels from 0; computed in float64.

    Brier score: squared distance of the probabilities from the one-hot label, summed over classes (Brier 1950).
    Negative log-likelihood: of the label. Of classes with equal logits the lowest is predicted, as by `argmax`.

    Raises:
        DataError: no images, a logit that is not finite, or a label that is no class.
    """
    if not len(labels):
        raise DataError("there are no images to measure calibration on")
    if not np.isfinite(logits).all():
        raise DataError("the logits hold values that are not finite; the classifier cannot be used")
    count, classes = logits.shape
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(f"labels run from {labels.min()} to {labels.max()}, but the classifier has {classes} classes")
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
    """Mean distance, 0-1, of confidence from accuracy over bins of the confidence, each weighted by its images.

    Bins of equal width are open below and closed above (Guo et al. 2017, "On calibration of modern neural networks",
    eq. 3); bins of equal mass hold equally many images, give or take one (Nixon et al. 2019, "Measuring calibration in
    deep learning"). Both are too large by chance on few images: compare equal numbers of them.

    Args:
        confidence: (N,) in 0-1; correct: (N,) 0 or 1; N at least 1.
    """
    # Images of equal confidence share their accuracy: then their order cannot matter, wherever a bin ends.
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
