import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from prettyuseful import student


@pytest.mark.parametrize("dof", [1, 1.5, 2, 9.7, 1e3, 1e9])
def test_equals_scipy(dof: float) -> None:
    assert student.quantile(0.95, dof) == pytest.approx(stats.t.ppf(0.975, dof), rel=1e-12)
    values = np.array([-2.0, 0.0, 1.5, 40.0])
    np.testing.assert_allclose(student.upper_tail(values, dof), stats.t.sf(values, dof), rtol=1e-10)


@pytest.mark.parametrize("dof", [1.0, 2.0, 30.0])
def test_one_part_is_a_t_test(dof: float) -> None:
    assert student.half_width(0.9, [(4.0, dof)]) == pytest.approx(2 * stats.t.ppf(0.95, dof))
    assert student.p_value(3.0, [(4.0, dof)]) == pytest.approx(2 * stats.t.sf(1.5, dof))
    assert student.p_value(200.0, [(4.0, 30.0)]) == pytest.approx(2 * stats.t.sf(100, 30), rel=1e-6)


variances, dofs = st.floats(1e-8, 10), st.floats(1, 500)


@given(st.floats(1e-3, 30), st.lists(st.tuples(variances, dofs), min_size=1, max_size=3))
def test_the_interval_of_level_1_minus_p_ends_at_zero(estimate: float, parts: list[student.Part]) -> None:
    p = student.p_value(estimate, parts)
    if 1e-12 < p < 1 - 1e-9:
        assert student.half_width(1 - p, parts) == pytest.approx(estimate, rel=1e-3)
    assert student.p_value(-estimate, parts) == p
    assert student.p_value(2 * estimate, parts) <= p


def test_estimates_next_to_nothing_have_a_p_value() -> None:
    assert student.p_value(1e-17, [(1e-4, 2.0)]) == pytest.approx(1)
    assert student.p_value(0.3, [(1e-40, 2.0)]) < 1e-30


def test_without_variance_only_zero_is_possible() -> None:
    assert student.p_value(0.0, [(1.0, 2.0)]) == 1.0
    assert student.p_value(0.1, [(0.0, 2.0)]) == 0.0
    assert student.half_width(0.95, []) == 0.0
