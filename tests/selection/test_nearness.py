from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.metrics.nearest import nearest_distance
from prettyuseful.selection.nearness import label_confidence, nearest_real, typicality


def test_label_confidence_is_the_softmax_of_the_label() -> None:
    logits = np.array([[1.0, 2.0, 3.0], [1000.0, 0.0, 0.0], [0.0, 1000.0, 0.0]])
    exact = np.exp([1, 2, 3]) / np.exp([1, 2, 3]).sum()
    assert label_confidence(logits, np.array([1, 0, 0])) == pytest.approx([exact[1], 1, 0])


def test_the_nearest_real_image_is_that_of_the_cosine_distance() -> None:
    rng = np.random.default_rng(0)
    features, real = rng.normal(size=(1500, 4)), rng.normal(size=(30, 4))
    assert nearest_real(features, real) == pytest.approx(1 - nearest_distance(real, features, "cosine").distance)


def test_an_image_like_the_mean_of_real_images_is_typical() -> None:
    real = np.array([[1.0, 0.0], [0.0, 2.0]])
    scores = typicality(np.array([[1.0, 1.0], [1.0, 0.0], [-1.0, -1.0]]), real)
    assert scores == pytest.approx([1, 2**-0.5, -1])
