"""Detection of wrong labels by two classifiers that were not trained on them."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from prettyuseful.diagnosis.images import split_groups

CONFIDENT = 0.6
"""Smallest probability that counts as confident, of a classifier trained on real images."""
_FOLDS = 5
_RIDGE = 0.1  # relative to the within-class variance; a few dozen images cannot estimate a hundred dimensions


def suspect_labels(features: np.ndarray, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return a mask (N,) of labels that look wrong.

    A label is suspect if two classifiers agree on another class with confidence: the one trained on real images, and a
    linear discriminant trained on the other images of this data set (5 folds). This is confident learning (Northcutt et
    al. 2021) with two classifiers instead of one. The more labels are wrong, the less sure the second one is, so its
    predictions count above the mean probability of a class among the images labelled with it.

    Args:
        features: (N, d) features of the images.
        logits: (N, classes) logits of the classifier trained on real images.
        labels: (N,) int, from 0.
    """
    agreed = _agreed_predictions(features, logits, labels)
    return np.asarray((agreed >= 0) & (agreed != labels))


def recognised_images(features: np.ndarray, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return a mask (N,) of correctly labelled images whose class both classifiers of `suspect_labels` predict.

    Its mean over real images is the share of wrong labels that `suspect_labels` would find. Arguments are the same.
    """
    return np.asarray(_agreed_predictions(features, logits, labels) == labels)


def _agreed_predictions(features: np.ndarray, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the class (N,) that both classifiers predict with confidence, or -1."""
    prediction, confident = logits.argmax(axis=1), softmax(logits, axis=1).max(axis=1) > CONFIDENT
    probabilities = softmax(_out_of_fold_scores(features, labels, logits.shape[1]), axis=1)
    own_confident = probabilities >= _mean_own_probability(probabilities, labels)
    own_prediction = np.where(own_confident, probabilities, -1).argmax(axis=1)
    agreed = confident & (prediction == own_prediction) & own_confident.any(axis=1)
    return np.asarray(np.where(agreed, prediction, -1))


def _mean_own_probability(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the mean probability (classes,) of each class among the images labelled with it; 1 without any."""
    of_class = [probabilities[labels == label, label] for label in range(probabilities.shape[1])]
    return np.array([values.mean() if len(values) else 1.0 for values in of_class])


def confused_classes(logits: np.ndarray, labels: np.ndarray) -> dict[int, tuple[int, np.ndarray]]:
    """Return classes most of whose images are confidently assigned to one other class.

    This happens if a class name has another meaning, or if the images are unlike those the classifier was trained on.

    Args:
        logits: (N, classes) logits of the classifier trained on real images.
        labels: (N,) int, from 0.

    Returns:
        By label, the other class and the rows of the images that are assigned to it.
    """
    confused = {}
    prediction, confident = logits.argmax(axis=1), softmax(logits, axis=1).max(axis=1) > CONFIDENT
    for label in np.unique(labels):
        rows = np.flatnonzero((labels == label) & confident)
        counts = np.bincount(prediction[rows], minlength=logits.shape[1])
        if counts.argmax() != label and counts.max() > (labels == label).sum() / 2:
            confused[int(label)] = int(counts.argmax()), rows[prediction[rows] == counts.argmax()]
    return confused


def _out_of_fold_scores(features: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return scores (N, classes) of a linear discriminant with ridge penalty, trained without the image's fold."""
    rows = np.arange(len(labels)).astype(str)
    fold = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = labels == label
        fold[members] = split_groups(rows[members], _FOLDS, f"folds of class {label}")
    scores = np.full((len(labels), classes), -np.inf)
    scaled = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-9)
    for held_out in range(_FOLDS):
        training = fold != held_out
        present = np.unique(labels[training])
        means = np.stack([scaled[training & (labels == label)].mean(axis=0) for label in present])
        centred = scaled[training] - means[np.searchsorted(present, labels[training])]
        within = centred.T @ centred / len(centred) + _RIDGE * np.eye(features.shape[1])
        weights = np.linalg.solve(within, means.T)
        held_out_scores = scaled[~training] @ weights - 0.5 * np.einsum("cd,dc->c", means, weights)
        scores[np.ix_(~training, present)] = held_out_scores
    return scores
