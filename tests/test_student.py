import numpy as np
import pytest
from scipy import stats

from prettyuseful import student


@pytest.mark.parametrize("dof", [1, 1.5, 2, 9.7, 1e3, 1e9])
def test_equals_scipy(dof: float) -> None:
    assert student.quantile(0.95, dof) == pytest.approx(stats.t.ppf(0.975, dof), rel=1e-12)
    values = np.array([-2.0, 0.0, 1.5, 40.0])
    np.testing.assert_allclose(student.upper_tail(values, dof), stats.t.sf(values, dof), rtol=1e-10)
