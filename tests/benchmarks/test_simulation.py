from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prettyuseful.analysis.statistics import accuracy, difference

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from simulation import Method, Tests, World, coverage

ALL_VARY = World()
NEITHER_MATTERS = World(of_seeds=0.0, of_seeds_in_class=0.0, of_groups=0.0, of_both=1.0)


def accuracy_interval(a: Tests, _: Tests) -> tuple[float, float]:
    interval = accuracy(a)
    return interval.low, interval.high


def difference_interval(a: Tests, b: Tests) -> tuple[float, float]:
    interval = difference(a, b)
    return interval.low, interval.high


METHODS: tuple[tuple[Method, bool], ...] = ((accuracy_interval, False), (difference_interval, True))


@pytest.mark.parametrize("world", [ALL_VARY, NEITHER_MATTERS], ids=["all vary", "neither matters"])
@pytest.mark.parametrize(("seeds", "least"), [(3, 0.90), (5, 0.92), (10, 0.92)])
@pytest.mark.parametrize(("method", "of_difference"), METHODS, ids=["accuracy", "difference"])
def test_95_percent_intervals_have_nominal_coverage(
    seeds: int, least: float, world: World, method: Method, of_difference: bool
) -> None:
    """1000 trials have a standard error of 0.7 points. `benchmarks/interval_coverage.py` is more precise."""
    measured = coverage(replace(world, seeds=seeds), 1000, {"ours": method}, of_difference)["ours"]
    assert least <= measured.covered / measured.trials <= 0.98


def test_the_true_value_is_the_limit_of_many_seeds_and_groups() -> None:
    world = World(seeds=150, classes=4, groups=(1500, 1500), images=(3, 3))
    a, b = world.tests(np.random.default_rng(0))
    simulated = np.mean([test.top1 for test in a]), np.mean([test.top1 for test in b])
    assert simulated[0] == pytest.approx(world.truth[0], abs=0.015)
    assert simulated[0] - simulated[1] == pytest.approx(world.truth[1], abs=0.015)
    assert world.truth[1] > 0.04


def test_coverage_counts_intervals_and_measures_widths() -> None:
    world, ends = World(3), {"always": (-1.0, 1.0), "never": (2.0, 2.5)}

    def fixed(name: str) -> Method:
        return lambda *_: ends[name]

    results = coverage(world, 7, {name: fixed(name) for name in ends}, of_difference=False)
    assert {name: (measured.covered, measured.trials) for name, measured in results.items()} == {
        "always": (7, 7),
        "never": (0, 7),
    }
    assert [measured.width for measured in results.values()] == pytest.approx([2.0, 0.5])


def test_trials_are_reproducible() -> None:
    assert coverage(World(3), 5, {"x": difference_interval}, True) == coverage(
        World(3), 5, {"x": difference_interval}, True
    )


def test_group_effects_correlate_between_data_sets_and_seeds() -> None:
    a, b = World(seeds=6, groups=(40, 40), images=(20, 20)).tests(np.random.default_rng(1))
    means = [np.mean([test.group_correct for test in tests], axis=0) for tests in (a, b)]
    assert np.corrcoef(means)[0, 1] > 0.6
    assert np.corrcoef([a[0].group_correct, a[1].group_correct])[0, 1] > 0.4
