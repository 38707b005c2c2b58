"""Do images show what they are meant to show? By a model of images and texts, and by a classifier."""

from __future__ import annotations

import numpy as np

from prettyuseful.errors import DataError
from prettyuseful.metrics.features import check_features, unit_rows

WEIGHT = 2.5


def clip_score(images: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """CLIPScore of each image with its text, (N,) float64 in 0-2.5: 2.5 max(cos, 0).

    Hessel et al. 2021, "CLIPScore", eq. 1. (torchmetrics' has 100 in place of 2.5.)

    Args:
        images: (N, d) image features of a CLIP model; texts: (N, d), the text of each image in the same space.

    Raises:
        DataError: not one text per image in one space, values that are not finite, or a row of zeros.
    """
    check_features(images, "CLIP's image")
    check_features(texts, "CLIP's text")
    if images.shape != texts.shape:
        raise DataError(
            f"images are {images.shape} and texts {texts.shape}; give each image one text of the same space"
        )
    cosines = np.einsum("nd,nd->n", unit_rows(images, "image"), unit_rows(texts, "text"))
    return np.asarray(WEIGHT * np.clip(cosines, 0, 1))


def label_agreement(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """1 for each image that a classifier takes for its label, else 0: (N,) float64.

    Args:
        logits: (N, classes) of the classifier; labels: (N,) int from 0. Of equal logits the lowest class counts.

    Raises:
        DataError: logits that are not finite, or labels that are not one per image or no class.
    """
    check_features(logits, "classifier's")
    if (
        labels.shape != (len(logits),)
        or labels.dtype.kind not in "iu"
        or labels.min() < 0
        or labels.max() >= logits.shape[1]
    ):
        raise DataError(
            f"logits are {logits.shape} and labels {labels.shape}; give each image one label below {logits.shape[1]}"
        )
    return np.asarray(logits.argmax(axis=1) == labels, np.float64)
