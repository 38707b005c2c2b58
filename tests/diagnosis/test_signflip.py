import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prettyuseful.diagnosis.signflip import adjusted_p, mean_interval, outliers_p, sign_p


def test_all_positive_units_give_the_smallest_p_value() -> None:
    assert sign_p(np.arange(1, 11) / 10) == pytest.approx(2**-10)


def test_zero_gives_a_p_value_of_one() -> None:
    assert sign_p(np.zeros(12)) == 1


def test_negative_values_give_a_p_value_of_one() -> None:
    assert sign_p(-np.ones(12)) == 1


def test_a_duplicate_test_does_not_change_the_p_value() -> None:
    values = np.random.default_rng(0).normal(0.4, 1, 12)
    assert adjusted_p(np.stack([values, 3 * values]))[0] == sign_p(values)


def test_more_tests_increase_the_adjusted_p_value() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0.7, 1, 12)
    assert adjusted_p(np.stack([values, *rng.normal(0, 1, (20, 12))]))[0] > sign_p(values)


def test_the_family_wise_error_rate_is_nominal() -> None:
    rng = np.random.default_rng(2)
    rejected = [adjusted_p(rng.normal(0, 1, (10, 16)) + rng.normal(0, 1, 16)).min() < 0.05 for _ in range(400)]
    assert 0.02 < np.mean(rejected) < 0.085


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**16), st.floats(0.01, 100))
def test_p_values_do_not_depend_on_the_scale(seed: int, scale: float) -> None:
    values = np.random.default_rng(seed).normal(0.3, 1, (3, 10))
    assert np.array_equal(adjusted_p(values), adjusted_p(values * scale))


def test_only_the_outlier_has_a_small_p_value() -> None:
    values = np.random.default_rng(3).normal(0, 1, 16)
    values[5] = 12
    p_values = outliers_p(values, least=0.5)
    assert p_values[5] < 1e-5
    assert (np.delete(p_values, 5) > 0.5).all()


def test_equal_units_have_no_outlier() -> None:
    assert (outliers_p(np.full(16, 0.3), least=0.5) > 0.9).all()


def test_the_interval_has_nominal_coverage() -> None:
    rng = np.random.default_rng(4)
    ends = [mean_interval(rng.normal(2, 1, 16)) for _ in range(1000)]
    assert 0.93 < np.mean([low < 2 < high for _, low, high in ends]) < 0.97
