from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prettyuseful.errors import DataError
from prettyuseful.metrics import vendi
from prettyuseful.metrics.vendi import vendi_score


def by_whole_table(features: np.ndarray) -> float:
    rows = features / np.linalg.norm(features, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(rows @ rows.T / len(rows))
    values = values[values > 0]
    return float(np.exp(-(values * np.log(values)).sum()))


def some(count: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, width)) + rng.normal(size=width)


SHAPES = {"count": st.integers(2, 40), "width": st.integers(1, 40), "seed": st.integers(0, 999)}


@settings(max_examples=30, deadline=None)
@given(**SHAPES, chunk=st.sampled_from([7, 2048]))
def test_chunks_equal_the_full_matrix(count: int, width: int, seed: int, chunk: int) -> None:
    features = some(count, width, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vendi, "CHUNK", chunk)
        result = vendi_score(features)
    assert result == pytest.approx(by_whole_table(features), rel=1e-9)
    assert 1 <= result <= min(count, width) * (1 + 1e-9)


@settings(max_examples=15, deadline=None)
@given(**SHAPES)
def test_agrees_with_the_vendi_score_package(count: int, width: int, seed: int) -> None:
    package = pytest.importorskip("vendi_score.vendi")
    features = some(count, width, seed)
    assert vendi_score(features) == pytest.approx(package.score_dual(features), rel=1e-9)
    assert vendi_score(features) == pytest.approx(package.score_X(features), rel=1e-9)


def test_counts_distinct_images() -> None:
    kinds = np.eye(4)
    assert vendi_score(kinds) == pytest.approx(4)
    assert vendi_score(np.repeat(kinds, 25, axis=0)) == pytest.approx(4)
    shares = np.array([0.7, 0.1, 0.1, 0.1])
    assert vendi_score(np.repeat(kinds, (shares * 10).astype(int), axis=0)) == pytest.approx(
        np.exp(-(shares * np.log(shares)).sum())
    )


def test_a_single_image_and_constant_features_score_one() -> None:
    assert vendi_score(some(1, 5)) == pytest.approx(1)
    assert min(vendi_score(some(1, 5, seed)) for seed in range(50)) >= 1
    assert vendi_score(np.full((30, 5), 0.1)) == pytest.approx(1)
    assert vendi_score(np.full((3, 5), 0.1)) == pytest.approx(1)


@settings(max_examples=20, deadline=None)
@given(**SHAPES)
def test_invariant_to_order_rotation_length_and_repetition(count: int, width: int, seed: int) -> None:
    features, rng = some(count, width, seed), np.random.default_rng(seed)
    wanted = pytest.approx(vendi_score(features), rel=1e-9)
    assert vendi_score(rng.permutation(features)) == wanted
    assert vendi_score(features @ np.linalg.qr(rng.normal(size=(width, width)))[0]) == wanted
    assert vendi_score(features * rng.uniform(0.1, 9, (count, 1))) == wanted
    assert vendi_score(np.repeat(features, 3, axis=0)) == wanted


def test_invalid_features_raise_an_error() -> None:
    features = some(6, 3)
    for wrong, message in (
        (features[:0], "there are 0 given images"),
        (features * np.nan, "not finite"),
        (features[0], r"shape \(3,\)"),
        (features[:, :0], r"shape \(6, 0\)"),
    ):
        with pytest.raises(DataError, match=message):
            vendi_score(wrong)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vendi, "CHUNK", 2)
        blank = features.copy()
        blank[5] = 0
        with pytest.raises(DataError, match=r"image 5 \(from 0\) are all zero"):
            vendi_score(blank)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_single_non_finite_value_raises_an_error(value: float) -> None:
    features = some(6, 3)
    features[4, 1] = value
    with pytest.raises(DataError, match="given features contain values that are not finite"):
        vendi_score(features)
