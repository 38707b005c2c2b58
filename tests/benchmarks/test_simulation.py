from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from interval_coverage import contains, measure
from simulation import WORLDS, World, nested, single_images, spanning


@pytest.mark.parametrize(
    ("name", "seeds", "least"),
    [
        ("all vary", 3, 0.93),
        ("neither matters, both together do", 3, 0.93),
        ("8 sources of some classes", 3, 0.9),
        ("one source of 60, five of 2", 10, 0.92),
        ("500 single images", 10, 0.92),
    ],
)
def test_95_percent_intervals_hold(name: str, seeds: int, least: float) -> None:
    """250 trials have a standard error of 1.4 points. `benchmarks/interval_coverage.py` is more precise."""
    measured = measure((name, 3, seeds, 250))
    assert measured["accuracy"] >= 100 * least
    assert measured["difference"] >= 100 * least
    assert measured["any"] <= 8
    assert measured["0.001"] <= 1


@pytest.mark.parametrize("name", ["all vary", "heavy tails", "8 sources, effects differ by class"])
def test_the_true_value_is_the_limit_of_many_trials(name: str) -> None:
    world, rng = WORLDS[name], np.random.default_rng(0)
    means = [world.clusters.means(world.counts(rng, [0.3], [1.0], 2)).mean() for _ in range(600)]
    assert np.mean(means) == pytest.approx(world.truth(0.3), abs=4 * np.std(means) / 600**0.5 + 1e-4)
    assert world.truth(0.3) > world.truth()


def test_data_sets_share_the_difficulty_of_sources() -> None:
    world = World(nested(4, (60, 60), (20, 20)), of_seeds=0.0, of_seeds_in_class=0.0)
    a, b = world.counts(np.random.default_rng(1), [0.0, 0.0], [1.0, 1.0], 3).mean(axis=1)
    assert np.corrcoef(a, b)[0, 1] > 0.6
    separate = replace(world, correlation=0.0).counts(np.random.default_rng(1), [0.0, 0.0], [1.0, 1.0], 3)
    assert np.corrcoef(*separate.mean(axis=1))[0, 1] < np.corrcoef(a, b)[0, 1] - 0.2


def test_an_unstable_data_set_varies_more_between_seeds() -> None:
    world = World(nested(8, (40, 40), (10, 10)), of_seeds=0.3, of_sources=0.0)
    counts = world.counts(np.random.default_rng(2), [0.0, 0.0], [1.0, 3.0], 200)
    calm, unstable = world.clusters.means(counts).std(axis=1)
    assert unstable > 2 * calm


def test_layouts_have_the_sources_that_they_name() -> None:
    rng = np.random.default_rng(0)
    sources, classes, sizes = single_images([2, 5])(rng)
    assert (len(set(sources)), np.bincount(classes).tolist(), set(sizes)) == (7, [2, 5], {1})
    sources, classes, sizes = spanning(10, 8, 100, 0.4)(rng)
    assert len(set(sources)) == 8
    assert set(np.bincount(classes, sizes)) == {100}
    assert len({*zip(sources, classes, strict=True)}) == len(sources)


def test_an_interval_contains_its_ends() -> None:
    world = WORLDS["two classes"]
    interval = world.model(world.counts(np.random.default_rng(0), [0.0], [1.0], 3)).accuracy(0)
    assert contains(interval, interval.low)
    assert not contains(interval, interval.high + 1e-6)
