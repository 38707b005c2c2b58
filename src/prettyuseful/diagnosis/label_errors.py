"""Labels that are probably wrong: two classifiers that have not learnt them agree on another class."""

from __future__ import annotations

import numpy as np

from prettyuseful.diagnosis.images import shared_out

CONFIDENT = 0.6
_FOLDS = 5
_RIDGE = 0.1  # of the within-class variance: a few dozen images cannot tell a hundred dimensions


def suspects(features: np.ndarray, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N,) bool: the real-trained classifier and one trained on the other images of the set agree, both confidently, on
    another class than the label's.

    The idea of confident learning (Northcutt et al. 2021), asked of two classifiers instead of one. The set's own is a
    linear discriminant on the features, in 5 folds.

    Args:
        features: (N, d); logits: (N, classes) of the real-trained classifier; labels: (N,).
    """
    own = _out_of_fold(features, labels, logits.shape[1])
    real_says, own_says = logits.argmax(axis=1), own.argmax(axis=1)
    sure = (_probabilities(logits).max(axis=1) > CONFIDENT) & (_probabilities(own).max(axis=1) > CONFIDENT)
    return np.asarray((real_says != labels) & (real_says == own_says) & sure)


def taken_for(logits: np.ndarray, labels: np.ndarray) -> dict[int, tuple[int, np.ndarray]]:
    """By label, the other class that the real-trained classifier confidently takes most of its images for, and their
    rows: what a class name that means something else looks like, and what images do that are strange to a classifier.
    """
    found = {}
    says, sure = logits.argmax(axis=1), _probabilities(logits).max(axis=1) > CONFIDENT
    for label in np.unique(labels):
        rows = np.flatnonzero((labels == label) & sure)
        most = np.bincount(says[rows], minlength=logits.shape[1])
        if most.argmax() != label and most.max() > (labels == label).sum() / 2:
            found[int(label)] = int(most.argmax()), rows[says[rows] == most.argmax()]
    return found


def _out_of_fold(features: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """(N, classes) scores of a ridged linear discriminant that has not seen the image."""
    rows = np.arange(len(labels)).astype(str)
    fold = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = labels == label
        fold[members] = shared_out(rows[members], _FOLDS, f"folds of class {label}")
    scores = np.full((len(labels), classes), -np.inf)
    scaled = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-9)
    for held in range(_FOLDS):
        seen = fold != held
        present = np.unique(labels[seen])
        means = np.stack([scaled[seen & (labels == label)].mean(axis=0) for label in present])
        centred = scaled[seen] - means[np.searchsorted(present, labels[seen])]
        within = centred.T @ centred / len(centred) + _RIDGE * np.eye(features.shape[1])
        weights = np.linalg.solve(within, means.T)
        own = scaled[~seen] @ weights - 0.5 * np.einsum("cd,dc->c", means, weights)
        scores[np.ix_(~seen, present)] = own
    return scores


def _probabilities(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
