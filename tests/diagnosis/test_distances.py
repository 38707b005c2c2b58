import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from prettyuseful.diagnosis.distances import distances, energy_distance, mean_within
from prettyuseful.diagnosis.spread import log_crowding


@pytest.fixture
def two() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 5)), rng.normal(size=(30, 5))


def test_distances_are_scipys(two: tuple[np.ndarray, np.ndarray]) -> None:
    assert np.allclose(distances(*two), cdist(*two))
    assert mean_within(two[0]) == pytest.approx(pdist(two[0]).mean())


def test_energy_distance_is_zero_for_two_draws_and_grows_with_the_shift(
    two: tuple[np.ndarray, np.ndarray],
) -> None:
    def of(shift: float) -> float:
        a, b = two[0], two[1] + shift
        return energy_distance(a, b, mean_within(a), mean_within(b))

    assert abs(of(0)) < 0.1
    assert of(0) < of(0.5) < of(1) < of(2)


def test_images_in_heaps_are_crowded(two: tuple[np.ndarray, np.ndarray]) -> None:
    heaps = np.repeat(two[0][:8], 5, axis=0) + np.random.default_rng(1).normal(0, 0.01, (40, 5))
    assert log_crowding(heaps, 3.0) < log_crowding(two[0], 3.0) - 1


def test_identical_images_are_as_crowded_as_it_gets() -> None:
    assert log_crowding(np.zeros((20, 3)), 1.0) == pytest.approx(np.log(0.02))
