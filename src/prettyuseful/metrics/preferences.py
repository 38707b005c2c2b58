"""Scores of images by their CLIP features and those of texts."""

from __future__ import annotations

import numpy as np

from prettyuseful.errors import DataError
from prettyuseful.metrics.features import check_features, unit_rows

PAIR_SCALE = 100.0
"""What CLIP-IQA multiplies cosine similarities by: the logit scale of OpenAI's CLIP models."""


def preference_scores(images: np.ndarray, texts: np.ndarray, scale: float) -> np.ndarray:
    """Return the scaled cosine similarity of each image and its text, (N,) float64 from -`scale` to `scale`.

    PickScore: Kirstain et al. 2023, "Pick-a-Pic". HPS v2: Wu et al. 2023, "Human Preference Score v2".

    Args:
        images: (N, d) image features.
        texts: (N, d) features of the text of each image, by the same model.
        scale: the model's logit scale.

    Raises:
        DataError: the shapes differ, a value is not finite, or a row is all zeros.

    >>> preference_scores(np.array([[1.0, 0.0]]), np.array([[2.0, 0.0]]), 100.0)
    array([100.])
    """
    _check_dimensions(images, texts)
    if len(images) != len(texts):
        raise DataError(f"there are {len(images)} images and {len(texts)} texts; pass one text per image")
    return np.asarray(scale * np.einsum("nd,nd->n", unit_rows(images, "image"), unit_rows(texts, "text")))


def pair_probabilities(images: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """Return the probability of the first of two opposite texts for each image, (N,) float64 between 0 and 1.

    CLIP-IQA: Wang et al. 2023, "Exploring CLIP for Assessing the Look and Feel of Images", eq. 2.

    Args:
        images: (N, d) image features.
        texts: (2, d) features of the two texts, such as "Good photo." and "Bad photo.", by the same model.

    Raises:
        DataError: the shapes do not fit, a value is not finite, or a row is all zeros.

    >>> pair_probabilities(np.array([[1.0, 1.0]]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    array([0.5])
    """
    _check_dimensions(images, texts)
    if len(texts) != 2:
        raise DataError(f"there are {len(texts)} texts; pass two opposite ones")
    rows, (good, bad) = unit_rows(images, "image"), unit_rows(texts, "text")
    difference = PAIR_SCALE * (np.einsum("nd,d->n", rows, good) - np.einsum("nd,d->n", rows, bad))
    return np.asarray(0.5 * (1 + np.tanh(difference / 2)))  # the softmax over two values, without overflow


def _check_dimensions(images: np.ndarray, texts: np.ndarray) -> None:
    check_features(images, "CLIP's image")
    check_features(texts, "CLIP's text")
    if images.shape[1] != texts.shape[1]:
        raise DataError(
            f"image features have {images.shape[1]} dimensions and text features {texts.shape[1]}; embed both with the "
            "same model"
        )
