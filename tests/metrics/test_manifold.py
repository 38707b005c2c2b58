from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prdc import compute_prdc

from prettyuseful.errors import DataError
from prettyuseful.metrics.manifold import manifold


@settings(max_examples=30, deadline=None)
@given(
    real=st.integers(10, 60),
    synthetic=st.integers(10, 60),
    width=st.integers(1, 20),
    k=st.integers(1, 7),
    shift=st.floats(0, 3),
    seed=st.integers(0, 999),
)
def test_equal_to_the_reference(real: int, synthetic: int, width: int, k: int, shift: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(real, width)), rng.normal(size=(synthetic, width)) + shift
    found, wanted = manifold(a, b, k), compute_prdc(a, b, k)
    for name in ("precision", "recall", "density", "coverage"):
        assert getattr(found, name) == pytest.approx(wanted[name], abs=1e-12)


def test_identical_sets_are_covered() -> None:
    x = np.random.default_rng(0).normal(size=(50, 4))
    found = manifold(x, x)
    assert found.precision == found.recall == found.coverage == 1.0


def test_far_sets_share_nothing() -> None:
    x = np.random.default_rng(0).normal(size=(50, 4))
    found = manifold(x, x + 100)
    assert found.precision == found.recall == found.density == found.coverage == 0.0


def test_a_collapsed_set_is_dense_and_covers_little() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(200, 4))
    collapsed = rng.normal(size=(200, 4)) * 0.05
    honest = rng.normal(size=(200, 4))
    assert manifold(real, collapsed).density > 1.2 * manifold(real, honest).density
    assert manifold(real, collapsed).coverage < 0.3 * manifold(real, honest).coverage


def test_constant_features_are_defined() -> None:
    found = manifold(np.zeros((10, 3)), np.zeros((10, 3)))
    assert found.coverage == found.density == 0.0  # strict <: nothing is nearer than a radius of 0


def test_turning_the_space_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(40, 5)), rng.normal(size=(30, 5)) + 0.5
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    before, after = manifold(a, b), manifold(a @ turn, b @ turn)
    assert (before.density, before.coverage) == pytest.approx((after.density, after.coverage))


@pytest.mark.parametrize(
    ("real", "synthetic", "message"),
    [
        (np.zeros((5, 2)), np.zeros((9, 2)), "5 real images are too few"),
        (np.zeros((9, 2)), np.zeros((5, 2)), "5 synthetic images are too few"),
        (np.full((9, 2), np.nan), np.zeros((9, 2)), "real features hold values that are not finite"),
    ],
)
def test_what_cannot_be_measured_is_said(real: np.ndarray, synthetic: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        manifold(real, synthetic)
