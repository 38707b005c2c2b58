"""Agreement of images with their classes, by a CLIP model and by a classifier."""

from __future__ import annotations

import numpy as np

from prettyuseful.errors import DataError
from prettyuseful.metrics.features import check_features, unit_rows

WEIGHT = 2.5


def clip_score(images: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """Return the CLIPScore of each image with its text, 2.5 max(cos, 0): (N,) float64 between 0 and 2.5.

    Hessel et al. 2021, "CLIPScore", eq. 1. torchmetrics multiplies by 100 instead of 2.5.

    Args:
        images: (N, d) image features of a CLIP model.
        texts: (N, d) text features of the same model, one text per image.

    Raises:
        DataError: the shapes differ, a value is not finite, or a row is all zeros.

    >>> clip_score(np.array([[1.0, 0.0]]), np.array([[2.0, 0.0]]))
    array([2.5])
    """
    check_features(images, "CLIP's image")
    check_features(texts, "CLIP's text")
    if images.shape != texts.shape:
        raise DataError(
            f"image features have shape {images.shape} and text features {texts.shape}; pass one text per image, "
            "embedded by the same model"
        )
    cosines = np.einsum("nd,nd->n", unit_rows(images, "image"), unit_rows(texts, "text"))
    return np.asarray(WEIGHT * np.clip(cosines, 0, 1))


def label_agreement(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return 1 for each image whose predicted class is its label, else 0: (N,) float64.

    Args:
        logits: (N, classes) logits of a classifier. Among equal logits the lowest class is predicted.
        labels: (N,) int, from 0.

    Raises:
        DataError: a logit is not finite, or `labels` is not one valid class per image.

    >>> label_agreement(np.array([[2.0, 1.0], [2.0, 1.0]]), np.array([0, 1]))
    array([1., 0.])
    """
    check_features(logits, "classifier's")
    if (
        labels.shape != (len(logits),)
        or labels.dtype.kind not in "iu"
        or labels.min() < 0
        or labels.max() >= logits.shape[1]
    ):
        raise DataError(
            f"logits have shape {logits.shape} and labels {labels.shape}; pass one integer label per image, from 0 to "
            f"{logits.shape[1] - 1}"
        )
    return np.asarray(logits.argmax(axis=1) == labels, np.float64)
