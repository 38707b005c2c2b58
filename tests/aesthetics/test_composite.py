from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.aesthetics.composite import sum_of_z_scores

VALUES = np.random.default_rng(0).normal(5, 3, (12, 3))
LABELS = np.repeat([0, 1], 6)


def test_scores_are_standardised_within_the_class() -> None:
    wanted = []
    for image, label in zip(VALUES, LABELS, strict=True):
        own = VALUES[6 * label : 6 * label + 6]
        wanted.append(sum((image[j] - own[:, j].mean()) / own[:, j].std() for j in range(3)))
    np.testing.assert_allclose(sum_of_z_scores(VALUES, LABELS), wanted, rtol=1e-6)


def test_other_images_can_be_the_scale() -> None:
    real = np.array([[0.0], [2.0], [10.0], [14.0]])  # deviations 1 and 2 within the classes
    result = sum_of_z_scores(np.array([[3.0], [16.0]]), np.array([0, 1]), real, np.array([0, 0, 1, 1]))
    assert result == pytest.approx([2 / 2.5**0.5, 4 / 2.5**0.5])


def test_a_class_of_grey_real_images_is_no_scale_of_its_own() -> None:
    real, synthetic = np.array([[0.0], [0.0], [10.0], [14.0]]), np.array([[5.0], [12.0]])
    assert np.abs(sum_of_z_scores(synthetic, np.array([0, 1]), real, np.array([0, 0, 1, 1]))).max() < 4


def test_units_and_classes_have_no_influence() -> None:
    scaled = VALUES * [2.0, 0.1, 30.0] + 7 + 100 * LABELS[:, None]
    np.testing.assert_allclose(sum_of_z_scores(scaled, LABELS), sum_of_z_scores(VALUES, LABELS), rtol=1e-5)
