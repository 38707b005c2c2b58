from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from prettyuseful.metrics import neighbours
from prettyuseful.metrics.neighbours import Points, kth_nearest, make_points, pairs_within, squared_distances


def bounds(a: Points, b: Points) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper bounds of all squared distances, in the order of the features."""
    space = neighbours._allocate_tile(a, len(a) * len(b))
    tile = neighbours._lower_bounds(a, slice(0, len(a)), b, slice(0, len(b)), space).cpu().numpy().astype(np.float64)
    low = np.empty(tile.shape)
    low[np.ix_(a.order, b.order)] = tile * a.unit
    return low, low + 2 * (a.slack[:, None] + b.slack)


SETS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "normal": lambda rng: rng.normal(size=(300, 64)),
    # Rounding errors of products of one sign add up.
    "positive": lambda rng: np.maximum(rng.normal(size=(300, 2048)), 0) * rng.lognormal(0, 2, (300, 1)),
    "offset": lambda rng: 1e5 + rng.normal(size=(300, 64)),
    "wide range": lambda rng: rng.normal(size=(300, 64)) * np.geomspace(1e-30, 1, 300)[:, None],
    # Pairs x, -x have mean 0, and most squares underflow in float32.
    "vanishing": lambda rng: np.kron(rng.normal(size=(150, 8)) * np.geomspace(1e-35, 1, 150)[:, None], [[1], [-1]]),
    "one dimension": lambda rng: rng.normal(size=(300, 1)),
}


@pytest.mark.parametrize("kind", SETS)
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_bounds_enclose_the_distance_and_are_narrow(kind: str, distance: Any) -> None:
    rng = np.random.default_rng(0)
    x, y = SETS[kind](rng), SETS[kind](rng)
    a, b = make_points([x, y], ["x", "y"], distance)
    if distance == "cosine":
        x, y = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (x, y))
    low, high = bounds(a, b)
    table = cdist(x, y, "sqeuclidean")
    assert (low <= table * (1 + 1e-12)).all()
    assert (table * (1 - 1e-12) <= high).all()
    assert np.median((high - low) / table.mean()) < 3e-3


@pytest.mark.parametrize("choice", ["medium", "autocast"])
def test_tf32_and_bfloat16_settings_do_not_change_the_result(choice: str) -> None:
    x = np.random.default_rng(0).normal(size=(200, 256))
    [points] = make_points([x], ["x"])
    wanted = bounds(points, points)[0]
    before = torch.get_float32_matmul_precision()
    try:
        if choice == "medium":
            torch.set_float32_matmul_precision("medium")
            result = bounds(points, points)[0]
            assert torch.get_float32_matmul_precision() == "medium"
        else:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                result = bounds(points, points)[0]
    finally:
        torch.set_float32_matmul_precision(before)
    assert np.array_equal(result, wanted)


def test_the_distance_of_a_pair_does_not_depend_on_other_pairs() -> None:
    x = np.random.default_rng(0).normal(size=(60, 77)).astype(np.float32)
    a, b = make_points([x, x], ["x", "x"])
    i, j = (part.ravel() for part in np.meshgrid(np.arange(60), np.arange(60), indexing="ij"))
    together = squared_distances(a, i, b, j)
    assert np.allclose(together, cdist(x, x, "sqeuclidean").ravel(), rtol=1e-12)
    alone = np.array([squared_distances(a, i[n : n + 1], b, j[n : n + 1])[0] for n in range(0, 3600, 7)])
    assert np.array_equal(together[::7], alone)
    assert np.array_equal(together, squared_distances(b, j, a, i))


@pytest.mark.parametrize("k", [1, 4, 299])
def test_kth_nearest_equals_the_full_table(k: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 6)), rng.normal(size=(310, 6))
    a, b = make_points([x, y], ["x", "y"])
    table = cdist(x, y, "sqeuclidean")
    squared, index = kth_nearest(a, b, k)
    assert np.array_equal(index, np.argsort(table, axis=1)[:, k - 1])
    assert np.allclose(squared, np.sort(table, axis=1)[:, k - 1], rtol=1e-12)
    own = cdist(x, x, "sqeuclidean")
    np.fill_diagonal(own, np.inf)
    squared, index = kth_nearest(a, None, k)
    assert np.array_equal(index, np.argsort(own, axis=1)[:, k - 1])
    assert np.allclose(squared, np.sort(own, axis=1)[:, k - 1], rtol=1e-12)


def test_ties_are_ordered_by_index() -> None:
    reference = np.array([[5.0], [3.0], [1.0], [3.0], [1.0]])
    a, b = make_points([np.array([[2.0]]), reference], ["query", "reference"])
    assert [int(kth_nearest(a, b, k)[1][0]) for k in (1, 2, 3, 4, 5)] == [1, 2, 3, 4, 0]


def test_memory_is_bounded_by_the_tile_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory grows with N: products are computed in tiles, and few pairs need float64."""
    monkeypatch.setattr(neighbours, "ROWS", 50)
    monkeypatch.setattr(neighbours, "COLUMNS", 80)
    monkeypatch.setattr(neighbours, "POOLED", 2000)
    tiles, exact, pooled = [], [], []
    product, difference, settle = (
        neighbours._lower_bounds,
        neighbours.squared_distances,
        neighbours._Pool._keep_k_nearest,
    )

    def seen_product(*arguments: Any) -> torch.Tensor:
        tile = product(*arguments)
        tiles.append(tile.numel())
        return tile

    def seen_difference(a: Points, i: np.ndarray, b: Points, j: np.ndarray) -> np.ndarray:
        exact.append(len(i))
        return difference(a, i, b, j)

    def seen_settle(pool: neighbours._Pool) -> None:
        pooled.append(sum(len(part[0]) for part in pool.pairs))
        settle(pool)

    monkeypatch.setattr(neighbours, "_lower_bounds", seen_product)
    monkeypatch.setattr(neighbours, "squared_distances", seen_difference)
    monkeypatch.setattr(neighbours._Pool, "_keep_k_nearest", seen_settle)
    rng = np.random.default_rng(0)
    # Sorted by class, as data sets are.
    x = rng.normal(size=(1000, 8)) + np.repeat(np.arange(10), 100)[:, None]
    a, b = make_points([x, rng.permutation(x)], ["x", "y"])
    radius, _ = kth_nearest(a, None, 5)
    # Half of the table plus the blocks on its diagonal.
    assert sum(tiles) < 0.6 * 1000**2
    list(pairs_within(a, b, radius, radius))
    assert max(tiles) <= 50 * 80
    # One radius per image and the ties of equal sets. With small tiles the pool is reduced often.
    assert sum(exact) < 20 * 1000
    # In addition to the pairs of each image, the pool contains at most 2000 pairs and one tile.
    assert max(pooled) <= 5 * 1000 + 2000 + 50 * 80
    # Few pairs are candidates, because shuffling mixes the classes in the first tile.
    assert sum(pooled) < 150 * 1000


def test_identical_images_need_few_exact_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = []
    difference = neighbours.squared_distances

    def seen(a: Points, i: np.ndarray, b: Points, j: np.ndarray) -> np.ndarray:
        exact.append(len(i))
        return difference(a, i, b, j)

    monkeypatch.setattr(neighbours, "squared_distances", seen)
    x = np.random.default_rng(0).normal(size=(3, 5)).repeat(400, axis=0)
    monkeypatch.setattr(neighbours, "POOLED", -5 * len(x))  # reduces the pool after every tile
    a, b = make_points([x, x], ["x", "x"])
    for tile in (2048, 40):
        monkeypatch.setattr(neighbours, "ROWS", tile)
        monkeypatch.setattr(neighbours, "COLUMNS", tile)
        exact.clear()
        radius, _ = kth_nearest(a, None, 5)
        assert not radius.any()
        assert not any(len(i) for near in pairs_within(a, b, radius, radius) for i, _ in near)
        assert sum(exact) <= 5 * len(x)


def test_importing_the_metrics_loads_no_torch() -> None:
    names = ("frechet", "kernel", "manifold", "nearest", "vendi")
    code = f"import sys; from prettyuseful.metrics import {', '.join(names)}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "scipy", "sklearn"} & set(loaded)
