from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from prettyuseful.errors import DataError
from prettyuseful.metrics import neighbours
from prettyuseful.metrics.nearest import nearest_distance
from prettyuseful.metrics.neighbours import Distance

SEEDS = st.integers(0, 999)


@settings(max_examples=25, deadline=None)
@given(
    real=st.integers(1, 50),
    synthetic=st.integers(1, 50),
    width=st.integers(2, 20),
    distance=st.sampled_from(["euclidean", "cosine"]),
    tile=st.sampled_from([7, 2048]),
    seed=SEEDS,
)
def test_agrees_with_the_full_table(
    real: int, synthetic: int, width: int, distance: Distance, tile: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(real, width)), rng.normal(size=(synthetic, width))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "ROWS", tile)
        patch.setattr(neighbours, "COLUMNS", tile)
        result = nearest_distance(a, b, distance)
    table = cdist(b, a, distance)
    assert np.array_equal(result.index, table.argmin(axis=1))
    assert np.allclose(result.distance, table.min(axis=1), rtol=1e-9, atol=1e-15)


def test_copies_have_distance_zero_and_the_first_index() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(40, 8)).astype(np.float32)
    real[30] = real[10]
    result = nearest_distance(real, real[[30, 5, 10]])
    assert result.distance.tolist() == [0, 0, 0]
    assert result.index.tolist() == [10, 5, 10]
    # Equally close images that are not copies: the first index.
    assert nearest_distance(np.array([[1.0], [3.0], [1.0]]), np.array([[2.0]])).index.tolist() == [0]


def test_constant_features_and_single_images() -> None:
    same = np.ones((5, 3))
    result = nearest_distance(same[:1], np.array([[1.0, 1.0, 4.0], [1.0, 1.0, 1.0]]))
    assert result.distance.tolist() == [3, 0]
    assert result.index.tolist() == [0, 0]


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_invariant_to_order_and_rotation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(30, 4)), rng.normal(size=(20, 4))
    before = nearest_distance(a, b)
    order, other = rng.permutation(30), rng.permutation(20)
    after = nearest_distance(a[order], b[other])
    assert np.array_equal(after.distance, before.distance[other])
    assert np.array_equal(order[after.index], before.index[other])
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    assert np.allclose(nearest_distance(a @ turn, b @ turn).distance, before.distance, rtol=1e-12)
    assert np.array_equal(nearest_distance(np.repeat(a, 2, axis=0), b).index, 2 * before.index)


def test_invalid_features_raise_an_error() -> None:
    x = np.random.default_rng(0).normal(size=(4, 3))
    for real, synthetic, message in (
        (x[:0], x, "there are 0 real images"),
        (x, x[:0], "there are 0 synthetic images"),
        (x * np.nan, x, "not finite"),
        (x, x[:, :2], "3 dimensions and synthetic features 2"),
    ):
        with pytest.raises(DataError, match=message):
            nearest_distance(real, synthetic)
    with pytest.raises(DataError, match="real features of image 0"):
        nearest_distance(0 * x, x, "cosine")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", ["real", "synthetic"])
def test_a_single_non_finite_value_raises_an_error(side: str, value: float) -> None:
    sets = {name: np.random.default_rng(0).normal(size=(5, 3)) for name in ("real", "synthetic")}
    sets[side][2, 1] = value
    with pytest.raises(DataError, match=f"{side} features contain values that are not finite"):
        nearest_distance(sets["real"], sets["synthetic"])


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 30), width=st.integers(2, 8), distance=st.sampled_from(["euclidean", "cosine"]), seed=SEEDS)
def test_every_image_is_its_own_nearest_neighbour(count: int, width: int, distance: Distance, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, order = rng.normal(size=(count, width)), rng.permutation(count)
    result = nearest_distance(a[order], a, distance)
    assert (order[result.index] == np.arange(count)).all()
    assert np.allclose(result.distance, 0, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(times=st.integers(2, 4), seed=SEEDS)
def test_repeated_images_keep_their_distances(times: int, seed: int) -> None:
    """Repeated synthetic images get the same distances; repeated real images do not change them."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(12, 4)), rng.normal(size=(9, 4))
    once = nearest_distance(a, b)
    order = rng.permutation(np.repeat(np.arange(12), times))
    often = nearest_distance(a[order], np.tile(b, (times, 1)))
    assert np.array_equal(often.distance, np.tile(once.distance, times))
    first = np.array([np.flatnonzero(order == i)[0] for i in range(12)])
    assert np.array_equal(often.index, np.tile(first[once.index], times))


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_invariant_to_rotation_and_translation_of_both_sets(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(20, 4)), rng.normal(size=(15, 4))
    turn, shift = np.linalg.qr(rng.normal(size=(4, 4)))[0], rng.normal(size=4)
    before, after = nearest_distance(a, b), nearest_distance(a @ turn + shift, b @ turn + shift)
    assert np.array_equal(after.index, before.index)
    assert np.allclose(after.distance, before.distance, rtol=1e-9)
    longer = b * rng.uniform(0.1, 9, (15, 1))
    assert np.allclose(
        nearest_distance(a @ turn, longer @ turn, "cosine").distance, nearest_distance(a, b, "cosine").distance
    )
