from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.diagnosis.features import KINDS, ScaledFeatures
from prettyuseful.diagnosis.neighbour_distance import log_neighbour_distance, log_neighbour_distances


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(40, 5))


def test_clustered_images_have_small_neighbour_distances(images: np.ndarray) -> None:
    clusters = np.repeat(images[:8], 5, axis=0) + np.random.default_rng(1).normal(0, 0.01, (40, 5))
    assert log_neighbour_distance(clusters, 3.0) < log_neighbour_distance(images, 3.0) - 1


def test_identical_images_have_the_smallest_neighbour_distance() -> None:
    assert log_neighbour_distance(np.zeros((20, 3)), 1.0) == pytest.approx(np.log(0.02))


def test_pairs_of_copies_do_not_count(images: np.ndarray) -> None:
    pairs = np.concatenate([images[:20], images[:20]])
    assert log_neighbour_distance(pairs, 3.0) > np.log(0.02) + 1


def test_four_images_use_the_first_neighbour() -> None:
    corners = np.array([[0.0], [1.0], [3.0], [6.0]])
    assert log_neighbour_distance(corners, 1.0) == pytest.approx(np.mean(np.log(np.array([1, 1, 2, 3]) + 0.02)))


def test_each_kind_is_relative_to_its_scale(images: np.ndarray) -> None:
    features = ScaledFeatures({kind: images * (k + 1) for k, kind in enumerate(KINDS)}, np.zeros((40, 2)))
    scale = np.array([3.0, 6.0, 9.0, 12.0])
    expected = [log_neighbour_distance(images, 3.0)] * len(KINDS)
    assert log_neighbour_distances(features, scale) == pytest.approx(expected)
