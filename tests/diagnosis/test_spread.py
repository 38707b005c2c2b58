from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.diagnosis.features import KINDS, ScaledFeatures
from prettyuseful.diagnosis.spread import crowding, log_crowding


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(40, 5))


def test_images_in_heaps_are_crowded(images: np.ndarray) -> None:
    heaps = np.repeat(images[:8], 5, axis=0) + np.random.default_rng(1).normal(0, 0.01, (40, 5))
    assert log_crowding(heaps, 3.0) < log_crowding(images, 3.0) - 1


def test_identical_images_are_as_crowded_as_it_gets() -> None:
    assert log_crowding(np.zeros((20, 3)), 1.0) == pytest.approx(np.log(0.02))


def test_a_pair_of_copies_does_not_count_among_many(images: np.ndarray) -> None:
    pairs = np.concatenate([images[:20], images[:20]])
    assert log_crowding(pairs, 3.0) > np.log(0.02) + 1


def test_of_four_images_the_nearest_counts() -> None:
    corners = np.array([[0.0], [1.0], [3.0], [6.0]])
    assert log_crowding(corners, 1.0) == pytest.approx(np.mean(np.log(np.array([1, 1, 2, 3]) + 0.02)))


def test_crowding_is_the_mean_over_kinds_in_their_usual_distances(images: np.ndarray) -> None:
    found = ScaledFeatures({kind: images * (k + 1) for k, kind in enumerate(KINDS)}, np.zeros((40, 2)))
    usual = np.array([3.0, 6.0, 9.0, 12.0])
    assert crowding(found, usual) == pytest.approx(log_crowding(images, 3.0))
