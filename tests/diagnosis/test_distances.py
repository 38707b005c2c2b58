import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from prettyuseful.diagnosis.distances import damp, distances, energy_distance, mean_within


@pytest.fixture
def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 5)), rng.normal(size=(30, 5))


def test_distances_agree_with_scipy(samples: tuple[np.ndarray, np.ndarray]) -> None:
    assert np.allclose(distances(*samples), cdist(*samples))
    assert mean_within(samples[0]) == pytest.approx(pdist(samples[0]).mean())


def test_energy_distance_is_zero_for_equal_distributions_and_grows_with_the_shift(
    samples: tuple[np.ndarray, np.ndarray],
) -> None:
    def energy(shift: float) -> float:
        a, b = samples[0], samples[1] + shift
        return energy_distance(a, b, mean_within(a), mean_within(b))

    assert abs(energy(0)) < 0.1
    assert energy(0) < energy(0.5) < energy(1) < energy(2)


def test_damped_distances_are_linear_near_zero_and_logarithmic_far_out() -> None:
    small, large = np.array([-0.01, 0.0, 0.01]), np.array([10.0, 1000.0])
    assert np.allclose(damp(small), small, atol=1e-6)
    assert np.diff(damp(large))[0] == pytest.approx(np.log(100), rel=0.01)
