import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prettyuseful.diagnosis.signflip import adjusted_p, mean_interval, outliers_p, sign_p


def test_all_units_above_zero_is_the_rarest_of_all_flips() -> None:
    assert sign_p(np.arange(1, 11) / 10) == pytest.approx(2**-10)


def test_zero_is_no_evidence() -> None:
    assert sign_p(np.zeros(12)) == 1


def test_below_zero_is_no_evidence() -> None:
    assert sign_p(-np.ones(12)) == 1


def test_a_question_asked_twice_counts_once() -> None:
    values = np.random.default_rng(0).normal(0.4, 1, 12)
    assert adjusted_p(np.stack([values, 3 * values]))[0] == sign_p(values)


def test_more_questions_make_p_larger() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0.7, 1, 12)
    assert adjusted_p(np.stack([values, *rng.normal(0, 1, (20, 12))]))[0] > sign_p(values)


def test_one_of_many_questions_without_an_effect_is_called_as_often_as_promised() -> None:
    rng = np.random.default_rng(2)
    called = [adjusted_p(rng.normal(0, 1, (10, 16)) + rng.normal(0, 1, 16)).min() < 0.05 for _ in range(400)]
    assert 0.02 < np.mean(called) < 0.085


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**16), st.floats(0.01, 100))
def test_the_scale_does_not_matter(seed: int, scale: float) -> None:
    values = np.random.default_rng(seed).normal(0.3, 1, (3, 10))
    assert np.array_equal(adjusted_p(values), adjusted_p(values * scale))


def test_an_outlier_stands_out_and_the_rest_does_not() -> None:
    values = np.random.default_rng(3).normal(0, 1, 16)
    values[5] = 12
    found = outliers_p(values, least=0.5)
    assert found[5] < 1e-5
    assert (np.delete(found, 5) > 0.5).all()


def test_units_that_are_all_equal_have_no_outlier() -> None:
    assert (outliers_p(np.full(16, 0.3), least=0.5) > 0.9).all()


def test_the_interval_holds_the_mean_as_often_as_promised() -> None:
    rng = np.random.default_rng(4)
    ends = [mean_interval(rng.normal(2, 1, 16)) for _ in range(1000)]
    assert 0.93 < np.mean([low < 2 < high for _, low, high in ends]) < 0.97
