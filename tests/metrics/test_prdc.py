from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from prettyuseful.errors import DataError
from prettyuseful.metrics import neighbours
from prettyuseful.metrics.neighbours import Distance
from prettyuseful.metrics.prdc import Manifold, manifold

NAMES = ("precision", "recall", "density", "coverage")
PARTS = tuple(f"{name}_parts" for name in NAMES)


def by_tables(real: np.ndarray, synthetic: np.ndarray, k: int, distance: Distance = "euclidean") -> Manifold:
    """prdc's definitions, with whole tables in float64."""
    a, b = real.astype(np.float64), synthetic.astype(np.float64)
    if distance == "cosine":
        a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    a_radius, b_radius = (np.sort(cdist(x, x), axis=1)[:, k] for x in (a, b))
    table = cdist(a, b)
    inside = table < a_radius[:, None]
    return Manifold(
        inside.any(axis=0).astype(float),
        (table < b_radius).any(axis=1).astype(float),
        inside.sum(axis=0) / k,
        (table.min(axis=1) < a_radius).astype(float),
    )


def same(result: Manifold, wanted: Manifold) -> bool:
    return all(np.array_equal(getattr(result, part), getattr(wanted, part)) for part in PARTS)


def normal(rng: np.random.Generator, count: int, width: int) -> np.ndarray:
    return rng.normal(size=(count, width))


def copies(rng: np.random.Generator, count: int, width: int) -> np.ndarray:
    return normal(rng, count, width)[rng.integers(0, count // 2 + 1, count)]


def outlier(rng: np.random.Generator, count: int, width: int) -> np.ndarray:
    features = normal(rng, count, width)
    features[0] *= 1e20
    return features


MAKERS: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "normal": normal,
    "float32": lambda *how: normal(*how).astype(np.float32),
    "float16": lambda *how: normal(*how).astype(np.float16),
    "integers": lambda rng, *shape: rng.integers(-2, 3, shape),
    "far from the origin": lambda *how: normal(*how) + 1e6,
    "tight clusters": lambda rng, *shape: normal(rng, *shape) * 1e-4 + 5 * rng.integers(0, 3, (shape[0], 1)),
    "one tight cluster": lambda *how: 1 + 1e-9 * normal(*how),
    "tiny": lambda *how: 1e-30 * normal(*how),
    "huge": lambda *how: 1e38 * normal(*how),
    "copies": copies,
    "outlier": outlier,
}


@pytest.fixture(params=["small tiles", "one tile"], autouse=True)
def tiles(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run every test with the usual sizes of tiles, pool and chunks, and with very small ones."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "small tiles":
            for name, size in (("ROWS", 7), ("COLUMNS", 11), ("POOLED", 20), ("CHUNK_BYTES", 64)):
                patch.setattr(neighbours, name, size)
        yield


@pytest.mark.parametrize("kind", MAKERS)
@settings(max_examples=8, deadline=None)
@given(
    real=st.integers(10, 60),
    synthetic=st.integers(10, 60),
    width=st.integers(1, 40),
    k=st.integers(1, 9),
    seed=st.integers(0, 999),
)
def test_agrees_with_the_full_table(kind: str, real: int, synthetic: int, width: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = MAKERS[kind](rng, real, width), MAKERS[kind](rng, synthetic, width)
    assert same(manifold(a, b, k), by_tables(a, b, k))
    # Cosines of integers have ties that only rounding breaks, and outliers share one direction.
    if kind not in {"integers", "outlier"} and width > 1:
        assert same(manifold(a, b, k, "cosine"), by_tables(a, b, k, "cosine"))


@settings(max_examples=8, deadline=None)
@given(
    real=st.integers(10, 60),
    synthetic=st.integers(10, 60),
    width=st.integers(1, 20),
    k=st.integers(1, 7),
    shift=st.floats(0, 3),
    seed=st.integers(0, 999),
)
def test_agrees_with_the_prdc_package(real: int, synthetic: int, width: int, k: int, shift: float, seed: int) -> None:
    compute_prdc = pytest.importorskip("prdc").compute_prdc
    rng = np.random.default_rng(seed)
    a, b = normal(rng, real, width), normal(rng, synthetic, width) + shift
    result, wanted = manifold(a, b, k), compute_prdc(a, b, k)
    for name in NAMES:
        assert getattr(result, name) == pytest.approx(wanted[name], abs=1e-12)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", MAKERS)
def test_a_gpu_gives_the_same_result(kind: str) -> None:
    rng = np.random.default_rng(0)
    a, b = MAKERS[kind](rng, 300, 40), MAKERS[kind](rng, 200, 40)
    assert same(manifold(a, b, device="cuda"), manifold(a, b))


def test_tiny_differences_are_decided_in_float64() -> None:
    """Points just inside a neighbourhood, on its edge and just outside are equal in float32."""
    real = np.array([[0.0, 0.0], [1.0, 0.0], [9.0, 0.0], [10.0, 0.0]])
    hair = 1e-12
    synthetic = np.array([[0.0, 1 - hair], [0.0, 1.0], [0.0, 1 + hair], [50.0, 50.0]])
    result = manifold(real, synthetic, k=1)
    assert result.precision_parts.tolist() == [1, 0, 0, 0]
    assert result.coverage_parts.tolist() == [1, 0, 0, 0]


def test_identical_sets_have_full_coverage() -> None:
    x = np.random.default_rng(0).normal(size=(50, 4))
    result = manifold(x, x)
    assert result.precision == result.recall == result.coverage == 1.0
    # A neighbourhood contains its centre and k - 1 other images; the k-th neighbour is on the edge.
    assert result.density == 1.0


def test_distant_sets_score_zero() -> None:
    x = np.random.default_rng(0).normal(size=(50, 4))
    result = manifold(x, x + 100)
    assert result.precision == result.recall == result.density == result.coverage == 0.0


def test_a_collapsed_set_has_high_density_and_low_coverage() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(200, 4))
    collapsed = rng.normal(size=(200, 4)) * 0.05
    honest = rng.normal(size=(200, 4))
    assert manifold(real, collapsed).density > 1.2 * manifold(real, honest).density
    assert manifold(real, collapsed).coverage < 0.3 * manifold(real, honest).coverage


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("value", [0.1, 1e-20, 7e5])
def test_constant_features_give_defined_values(distance: Distance, value: float) -> None:
    x = np.full((30, 3), value)
    result = manifold(x, x, distance=distance)
    assert result.coverage == result.density == 0.0  # strict inequality: no distance is below a radius of 0
    spread = x + np.random.default_rng(0).normal(size=x.shape) * value
    assert manifold(spread, x, distance=distance).recall == manifold(x, spread, distance=distance).coverage == 0.0


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 999), k=st.integers(1, 6))
def test_invariant_to_order(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = normal(rng, 40, 5), normal(rng, 30, 5) + 0.5
    order, other = rng.permutation(40), rng.permutation(30)
    before, after = manifold(a, b, k), manifold(a[order], b[other], k)
    for part, moved in zip(PARTS, (other, order, other, order), strict=True):
        assert np.array_equal(getattr(before, part)[moved], getattr(after, part))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 999), distance=st.sampled_from(["euclidean", "cosine"]))
def test_invariant_to_rotation(seed: int, distance: Distance) -> None:
    rng = np.random.default_rng(seed)
    a, b = normal(rng, 40, 5), normal(rng, 30, 5) + 0.5
    turn = np.linalg.qr(normal(rng, 5, 5))[0]
    assert same(manifold(a, b, distance=distance), manifold(a @ turn, b @ turn, distance=distance))


def test_cosine_distance_is_invariant_to_length() -> None:
    rng = np.random.default_rng(0)
    a, b = normal(rng, 40, 5), normal(rng, 30, 5) + 0.5
    longer = rng.uniform(0.1, 10, (40, 1))
    assert same(manifold(a, b, distance="cosine"), manifold(a * longer, b, distance="cosine"))
    assert not same(manifold(a, b), manifold(a * longer, b))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 999), times=st.integers(2, 4))
def test_repeating_synthetic_images_lowers_only_recall(seed: int, times: int) -> None:
    """Coverage does not change; the synthetic neighbourhoods shrink and are empty with more than k copies."""
    rng = np.random.default_rng(seed)
    a, b = normal(rng, 40, 3), normal(rng, 30, 3)
    once, often = manifold(a, b, 3), manifold(a, np.repeat(b, times, axis=0), 3)
    assert (often.precision, often.density, often.coverage) == pytest.approx(
        (once.precision, once.density, once.coverage)
    )
    assert often.recall <= once.recall
    assert often.recall == 0 or times < 4


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 999), times=st.integers(2, 4))
def test_repeated_real_images(seed: int, times: int) -> None:
    """The real neighbourhoods shrink and contain fewer images; recall does not change."""
    rng = np.random.default_rng(seed)
    a, b = normal(rng, 40, 3), normal(rng, 30, 3)
    once, often = manifold(a, b, 3), manifold(np.repeat(a, times, axis=0), b, 3)
    assert often.recall == pytest.approx(once.recall)
    assert often.precision <= once.precision
    assert often.coverage <= once.coverage
    assert often.coverage == 0 or times < 4


ROWS = np.random.default_rng(0).normal(size=(9, 2))


@pytest.mark.parametrize(
    ("real", "synthetic", "message"),
    [
        (ROWS[:5], ROWS, "5 real images are too few for k=5"),
        (ROWS, ROWS[:5], "5 synthetic images are too few"),
        (ROWS[:1], ROWS, "1 real images are too few"),
        (ROWS[:0], ROWS, "there are 0 real images"),
        (ROWS, ROWS[:0], "there are 0 synthetic images"),
        (ROWS * np.nan, ROWS, "real features contain values that are not finite"),
        (ROWS, ROWS * np.inf, "synthetic features contain values that are not finite"),
        (ROWS, ROWS[:, :1], "2 dimensions and synthetic features 1"),
        (ROWS, ROWS[0], r"shape \(2,\)"),
        (ROWS, ROWS.astype(str), "type <U"),
        (ROWS, ROWS * 1e41, "exceed 1e\\+40"),
    ],
)
def test_invalid_features_raise_an_error(real: np.ndarray, synthetic: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message) as raised:
        manifold(real, synthetic)
    assert "\n" not in str(raised.value)


def test_invalid_k_and_rows_of_zeros_raise_an_error() -> None:
    with pytest.raises(DataError, match="k=0"):
        manifold(ROWS, ROWS, k=0)
    blank = ROWS.copy()
    blank[3] = 0
    with pytest.raises(DataError, match=r"synthetic features of image 3 \(from 0\) are all zero"):
        manifold(ROWS, blank, distance="cosine")
    assert manifold(ROWS, blank).precision >= 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", ["real", "synthetic"])
def test_a_single_non_finite_value_raises_an_error(side: str, value: float) -> None:
    sets = {"real": ROWS.copy(), "synthetic": ROWS.copy()}
    sets[side][4, 1] = value
    with pytest.raises(DataError, match=f"{side} features contain values that are not finite"):
        manifold(sets["real"], sets["synthetic"])


@settings(max_examples=8, deadline=None)
@given(
    k=st.integers(1, 6),
    extra=st.integers(1, 30),
    distance=st.sampled_from(["euclidean", "cosine"]),
    seed=st.integers(0, 99),
)
def test_a_permuted_set_against_itself(k: int, extra: int, distance: Distance, seed: int) -> None:
    """Includes the smallest sets that k allows. Every neighbourhood contains its centre and k - 1 other images."""
    rng = np.random.default_rng(seed)
    a = normal(rng, k + extra, 4)
    result = manifold(a, rng.permutation(a), k, distance)
    assert (result.precision, result.recall, result.coverage) == (1, 1, 1)
    assert result.density == pytest.approx(1)


@settings(max_examples=8, deadline=None)
@given(k=st.integers(1, 4), seed=st.integers(0, 99))
def test_more_than_k_copies_have_empty_neighbourhoods(k: int, seed: int) -> None:
    a = normal(np.random.default_rng(seed), 8, 3)
    within, beyond = (manifold(many, many, k) for many in (np.repeat(a, k, axis=0), np.repeat(a, k + 1, axis=0)))
    assert (within.precision, within.recall, within.coverage) == (1, 1, 1)
    assert (beyond.precision, beyond.recall, beyond.density, beyond.coverage) == (0, 0, 0, 0)


def test_all_numeric_types_are_compared_exactly() -> None:
    rng = np.random.default_rng(0)
    for kind in (bool, np.uint8, np.int64, np.float16):
        a, b = (rng.integers(0, 2 if kind is bool else 9, (20, 5)).astype(kind) for _ in range(2))
        assert same(manifold(a, b), manifold(a.astype(np.float64), b.astype(np.float64)))
