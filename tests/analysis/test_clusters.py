"""The formulas are compared with matrices of a regression on the classes."""

from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.analysis.clusters import Clusters

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def rows(name: str) -> Rows:
    rng = np.random.default_rng(0)
    if name == "nested":
        return np.arange(12), np.repeat([0, 1, 2], 4), rng.integers(1, 9, 12)
    if name == "crossed":
        return np.tile(np.arange(4), 3), np.repeat([0, 1, 2], 4), np.full(12, 5)
    sources = np.array([0, 0, 1, 1, 2, 2, 3, 4, 5])  # two strata: classes 0 to 2, and class 3
    return sources, np.array([0, 1, 1, 2, 0, 2, 3, 3, 3]), rng.integers(1, 9, 9)


def regression(table: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return source and class of each image, and the weights of images in the mean over classes."""
    sources, classes, sizes = table
    of_source, of_class = np.repeat(sources, sizes), np.repeat(classes, sizes)
    totals = np.bincount(of_class)
    return of_source, of_class, 1 / (len(totals) * totals[of_class])


def residual_matrix(table: Rows) -> np.ndarray:
    """Return the matrix (G, N) from values of images to the corrected residuals, with whole matrices (CR2)."""
    of_source, of_class, weights = regression(table)
    design = (of_class[:, None] == np.unique(of_class)).astype(float)
    hat = design @ np.linalg.inv(design.T @ design) @ design.T
    lines = []
    for source in np.unique(of_source):
        own = of_source == source
        values, vectors = np.linalg.eigh(np.eye(own.sum()) - hat[np.ix_(own, own)])
        root = np.where(values > 1e-9, np.maximum(values, 1e-9) ** -0.5, 0)
        lines.append(weights[own] @ (vectors * root) @ vectors.T @ (np.eye(len(own)) - hat)[own])
    return np.array(lines)


@pytest.mark.parametrize("name", ["nested", "crossed", "two strata"])
def test_residuals_are_those_of_bell_and_mccaffrey(name: str) -> None:
    table = rows(name)
    values = np.random.default_rng(1).normal(size=table[2].sum())
    starts = np.concatenate([[0], table[2].cumsum()[:-1]])
    clusters = Clusters(*table)
    sums = np.add.reduceat(values, starts)
    np.testing.assert_allclose(clusters.residuals(sums), residual_matrix(table) @ values, atol=1e-12)
    assert clusters.means(sums) == pytest.approx(regression(table)[2] @ values)


@pytest.mark.parametrize("name", ["nested", "crossed", "two strata"])
@pytest.mark.parametrize("of_source", [0.0, 3.0])
def test_variances_are_unbiased_in_both_working_models(name: str, of_source: float) -> None:
    """Images vary alone, or with their source. Where sources are few and unequal, the bias is upwards."""
    table = rows(name)
    rng, clusters = np.random.default_rng(2), Clusters(*table)
    starts = np.concatenate([[0], table[2].cumsum()[:-1]])
    image_sources = np.repeat(table[0], table[2])
    means, variances = [], []
    for _ in range(1500):
        effects = of_source * rng.normal(size=clusters.count)[image_sources]
        sums = np.add.reduceat(effects + rng.normal(size=len(image_sources)), starts)
        means.append(float(clusters.means(sums)))
        variances.append(clusters.variation(clusters.residuals(sums)[None]).sources)
    assert np.mean(variances) == pytest.approx(np.var(means), rel=0.3 if name == "two strata" else 0.15)


def test_equal_sources_of_one_class_have_the_usual_variance_and_degrees_of_freedom() -> None:
    values = np.random.default_rng(3).normal(size=9)
    clusters = Clusters(np.arange(9), np.zeros(9, int), np.full(9, 4))
    variation = clusters.variation(clusters.residuals(4 * values)[None])
    assert variation.sources == pytest.approx(values.var(ddof=1) / 9)
    assert variation.dof == pytest.approx(8)
    assert variation.shared == 0


def test_one_large_source_leaves_few_degrees_of_freedom() -> None:
    sizes = np.array([60, 2, 2, 2, 2, 2])
    clusters = Clusters(np.arange(6), np.zeros(6, int), sizes)
    sums = sizes * np.array([0.2, 0.9, 0.8, 0.1, 0.5, 0.6])
    assert clusters.variation(clusters.residuals(sums)[None]).dof < 2.5
    equal = Clusters(np.arange(6), np.zeros(6, int), np.full(6, 10))
    assert equal.variation(equal.residuals(sums)[None]).dof == pytest.approx(5)


def test_splitting_crossed_sources_by_class_would_hide_their_variation() -> None:
    sources, classes, sizes = rows("crossed")
    sums = sizes * np.array([0.9, 0.7, 0.5, 0.3])[sources]
    whole = Clusters(sources, classes, sizes)
    split = Clusters(np.arange(12), classes, sizes)
    of_whole, of_split = (c.variation(c.residuals(sums)[None]) for c in (whole, split))
    assert of_whole.sources == pytest.approx(np.var([0.9, 0.7, 0.5, 0.3], ddof=1) / 4)
    assert of_whole.dof == pytest.approx(3)
    assert of_split.sources < 0.4 * of_whole.sources
    assert whole.spans_classes
    assert not split.spans_classes


def test_classes_of_a_single_source_are_counted_and_add_nothing() -> None:
    clusters = Clusters(np.array([0, 1, 2]), np.array([0, 0, 1]), np.array([5, 5, 10]))
    assert clusters.single == 1
    assert clusters.residuals(np.array([1.0, 3.0, 7.0]))[2] == 0


def test_what_a_seed_does_with_one_source_is_shared() -> None:
    rng = np.random.default_rng(4)
    clusters = Clusters(np.arange(40), np.repeat([0, 1], 20), np.full(40, 3))
    seeds = clusters.residuals(rng.normal(size=(5, 40)))
    variation = clusters.variation(seeds)
    assert variation.shared == pytest.approx(variation.sources, rel=0.5)
    same = clusters.variation(np.repeat(seeds[:1], 5, axis=0))
    assert same.shared == pytest.approx(0, abs=1e-12)


def test_a_large_stratum_has_nearly_the_degrees_of_freedom_of_independent_sources() -> None:
    sizes = np.random.default_rng(5).integers(1, 4, 1600)
    clusters = Clusters(np.arange(1600), np.zeros(1600, int), sizes)
    variation = clusters.variation(clusters.residuals(sizes * np.random.default_rng(6).random(1600))[None])
    assert 1000 < variation.dof <= 1599.5
