from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import polynomial_kernel

from prettyuseful.errors import DataError
from prettyuseful.metrics import kernel
from prettyuseful.metrics.jackknife import leave_out_blocks
from prettyuseful.metrics.kernel import cmmd, cmmd_leave_out, kid, kid_leave_out


@pytest.fixture(autouse=True, params=[5, 1024])
def tiles(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "TILE", request.param)


def sets(seed: int, a: int = 23, b: int = 31, width: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(a, width)), rng.normal(size=(b, width)) + 0.3


def kid_by_tables(a: np.ndarray, b: np.ndarray) -> float:
    """Compute KID with scikit-learn's kernel, as the code of Bińkowski et al. does."""
    aa, bb, ab = (polynomial_kernel(x, y, degree=3, coef0=1) for x, y in ((a, a), (b, b), (a, b)))
    n, m = len(a), len(b)
    return float((aa.sum() - np.trace(aa)) / (n * (n - 1)) + (bb.sum() - np.trace(bb)) / (m * (m - 1)) - 2 * ab.mean())


def cmmd_by_tables(a: np.ndarray, b: np.ndarray, sigma: float = 10, scale: float = 1000) -> float:
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    aa, bb, ab = (np.exp(-cdist(x, y, "sqeuclidean") / (2 * sigma**2)).mean() for x, y in ((a, a), (b, b), (a, b)))
    return float(scale * (aa + bb - 2 * ab))


@settings(max_examples=20, deadline=None)
@given(a=st.integers(2, 30), b=st.integers(2, 30), width=st.integers(1, 9), seed=st.integers(0, 999))
def test_tiles_equal_the_full_kernel_matrix(a: int, b: int, width: int, seed: int) -> None:
    real, synthetic = sets(seed, a, b, width)
    assert kid(real, synthetic) == pytest.approx(kid_by_tables(real, synthetic), rel=1e-9, abs=1e-12)
    assert cmmd(real, synthetic) == pytest.approx(cmmd_by_tables(real, synthetic), rel=1e-6, abs=1e-9)
    assert cmmd(real, synthetic, 0.5, 1) == pytest.approx(cmmd_by_tables(real, synthetic, 0.5, 1), rel=1e-9)


def test_distances_of_simple_sets() -> None:
    a, b = np.array([[1.0], [2.0]]), np.array([[0.0], [3.0]])
    # (2 + 1)^3 within a, 1 within b, and (0 + 1)^3 twice, (3 + 1)^3, (6 + 1)^3 between them.
    assert kid(a, b) == pytest.approx(27 + 1 - 2 * (1 + 1 + 64 + 343) / 4)
    # Opposite directions give the largest value.
    assert cmmd(a, -a) == pytest.approx(2000 * (1 - np.exp(-0.02)))
    assert cmmd(a[:1], -a[:1]) == pytest.approx(2000 * (1 - np.exp(-0.02)))


def test_kid_is_unbiased_and_cmmd_is_biased() -> None:
    """For two samples of one distribution, KID scatters around 0 and CMMD is positive."""
    rng = np.random.default_rng(0)
    kids, cmmds = [], []
    for _ in range(60):
        a, b = rng.normal(size=(2, 20, 4))
        kids.append(kid(a, b))
        cmmds.append(cmmd(a, b))
    assert abs(np.mean(kids)) < 3 * np.std(kids) / np.sqrt(60)
    assert min(kids) < 0 < max(kids)
    assert min(cmmds) > 0


def test_small_differences_survive() -> None:
    """In float32, as in the reference code, rounding errors exceed this difference."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(40, 16))
    b = a.copy()
    b[:, 0] += 3e-7
    result = cmmd(a, b)
    # A wide kernel is linear: squared distance of the means of unit rows, divided by sigma^2.
    means = [(x / np.linalg.norm(x, axis=1, keepdims=True)).mean(axis=0) for x in (a, b)]
    assert result == pytest.approx(10 * ((means[0] - means[1]) ** 2).sum(), rel=0.02)
    assert 0 < result < 1e-12


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999))
def test_invariant_to_order_rotation_and_exchange(seed: int) -> None:
    a, b = sets(seed)
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    measures: tuple[Any, ...] = (kid, cmmd)
    for measure in measures:
        wanted = pytest.approx(measure(a, b), rel=1e-8, abs=1e-10)
        assert measure(rng.permutation(a), rng.permutation(b)) == wanted
        assert measure(a @ turn, b @ turn) == wanted
        assert measure(b, a) == wanted


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), times=st.integers(2, 3))
def test_repeated_images(seed: int, times: int) -> None:
    """CMMD does not change. KID does, because its unbiased estimate assumes independent images."""
    a, b = sets(seed)
    more = np.repeat(a, times, axis=0)
    assert cmmd(more, b) == pytest.approx(cmmd(a, b), rel=1e-8, abs=1e-10)
    assert kid(more, b) > kid(a, b)


def test_cmmd_is_invariant_to_length() -> None:
    a, b = sets(0)
    assert cmmd(a * np.arange(1, 24)[:, None], b) == pytest.approx(cmmd(a, b), rel=1e-9)


def test_constant_features_and_identical_sets() -> None:
    a, _ = sets(0)
    same = np.ones((7, 6))
    assert cmmd(a, a) == pytest.approx(0, abs=1e-12)
    assert min(cmmd(x, x[::-1]) for x, _ in map(sets, range(20))) >= 0
    assert kid(same, same) == pytest.approx(0, abs=1e-12)
    assert cmmd(same, same) == 0
    # The unbiased estimate omits the diagonal, which is the largest part here.
    assert kid(a, a) < 0


def test_invalid_inputs_raise_an_error() -> None:
    a, b = sets(0)
    for real, synthetic, message in (
        (a[:1], b, "there is 1 real image, and at least 2 are needed"),
        (a, b[:0], "there are 0 synthetic images"),
        (a * np.nan, b, "real features contain values that are not finite"),
        (a, b[:, :2], "6 dimensions and synthetic features 2"),
    ):
        with pytest.raises(DataError, match=message):
            kid(real, synthetic)
    with pytest.raises(DataError, match="there are 0 real images"):
        cmmd(a[:0], b)
    with pytest.raises(DataError, match="not finite"):
        cmmd(a, b * np.inf)
    with pytest.raises(DataError, match="real features of image 0"):
        cmmd(0 * a, b)
    for sigma in (0, -1, float("nan")):
        with pytest.raises(DataError, match="value above 0"):
            cmmd(a, b, sigma=sigma)


@pytest.mark.parametrize(("metric", "at_once"), [(kid, kid_leave_out), (cmmd, cmmd_leave_out)])
def test_leaving_out_blocks_in_one_pass_equals_the_generic_way(metric: Any, at_once: Any) -> None:
    real, synthetic = sets(0, 43, 37)
    blocks = np.arange(43) % 5, np.arange(37) // 3 % 5
    wanted = leave_out_blocks(metric, (real, synthetic), blocks)
    assert len(set(wanted.round(6))) == 5
    np.testing.assert_allclose(at_once(real, synthetic, *blocks), wanted, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("measure", [kid, cmmd])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_a_single_non_finite_value_raises_an_error(measure: Any, side: int, value: float) -> None:
    pair = sets(0)
    pair[side][3, 2] = value
    with pytest.raises(DataError, match=f"{('real', 'synthetic')[side]} features contain values that are not finite"):
        measure(*pair)


@settings(max_examples=20, deadline=None)
@given(count=st.integers(2, 30), seed=st.integers(0, 999))
def test_a_permuted_set_against_itself(count: int, seed: int) -> None:
    """KID of equal sets is negative by the difference between the diagonal and the other kernel values."""
    a = sets(seed, count)[0]
    table = polynomial_kernel(a, a, degree=3, coef0=1)
    alike, others = np.trace(table) / count, (table.sum() - np.trace(table)) / (count * (count - 1))
    again = np.random.default_rng(seed).permutation(a)
    assert kid(a, again) == pytest.approx(-2 / count * (alike - others), rel=1e-8, abs=1e-10)
    assert kid(a, again) < 0
    assert 0 <= cmmd(a, again) < 1e-9


def test_constant_features_have_known_values() -> None:
    ones, twos = np.ones((4, 5)), np.full((3, 5), 2.0)
    # Within: (1 + 1)^3 and (4 + 1)^3; between: (2 + 1)^3.
    assert kid(ones, twos) == pytest.approx(8 + 125 - 2 * 27)
    assert cmmd(ones, twos) == pytest.approx(0, abs=1e-9)  # the same direction
    assert cmmd(ones[:1], ones[:1]) == 0
    assert cmmd(ones, -twos) == pytest.approx(2000 * (1 - np.exp(-0.02)))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), times=st.integers(2, 4))
def test_repeating_both_sets(seed: int, times: int) -> None:
    a, b = sets(seed)
    more, others = (np.repeat(features, times, axis=0) for features in (a, b))
    assert cmmd(more, others) == pytest.approx(cmmd(a, b), rel=1e-8, abs=1e-10)
    assert kid(more, others) > kid(a, b)
