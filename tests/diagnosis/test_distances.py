import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from prettyuseful.diagnosis.distances import damped, distances, energy_distance, mean_within


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


def test_damped_distances_are_linear_near_zero_and_logarithmic_far_out() -> None:
    small, large = np.array([-0.01, 0.0, 0.01]), np.array([10.0, 1000.0])
    assert np.allclose(damped(small), small, atol=1e-6)
    assert np.diff(damped(large))[0] == pytest.approx(np.log(100), rel=0.01)
