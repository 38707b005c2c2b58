"""Measure the coverage of 95% intervals by simulation: `python benchmarks/interval_coverage.py` prints JSON.

The simulated worlds are logistic models with known true accuracy (`simulation.py`). Training seeds, test groups and
their interaction vary. All methods get the same trials. Coverages have 95% Clopper-Pearson intervals. Methods:

- `crossed`: the method of this package.
- `counted twice`: the former method, the sum of the variances over seeds and over groups, which counts their
  interaction twice.
- `crossed bootstrap`: resamples seeds and groups and takes percentiles.
- `seeds alone`: Student's t over seeds, for fixed test images.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import stats
from simulation import Method, Tests, World, coverage

from prettyuseful.analysis.statistics import accuracy, difference

LEVEL, BOOTSTRAPS = 0.95, 500
CountInterval = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[float, float]]
"""Returns the ends of an interval for counts (seeds, groups), images (groups,) and classes (groups,).

Counts and images are divided by the images of their class, so that their ratio is a mean over classes.
"""
WORLDS = {
    "all vary": World(),
    "as in the demonstration": World(groups=(30, 60), images=(3, 8), centre=1.4, of_groups=1.2),
    "near the ceiling": World(centre=3.0),
    "near the ceiling, three groups per class": World(centre=3.0, of_classes=1.5, groups=(3, 3)),
    "three groups per class": World(groups=(3, 3)),
    "groups of 1 to 20 images": World(images=(1, 20)),
    "seeds matter most": World(of_seeds=0.35, of_seeds_in_class=0.3, of_groups=0.0, of_both=0.3),
    "groups matter most": World(of_seeds=0.0, of_seeds_in_class=0.0, of_groups=1.2, of_both=0.3),
    "neither matters, both together do": World(of_seeds=0.0, of_seeds_in_class=0.0, of_groups=0.0, of_both=1.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 5, 10])
    parser.add_argument("--worlds", nargs="+", choices=list(WORLDS), default=list(WORLDS))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=["crossed", "counted twice"])
    options = parser.parse_args()
    results = [
        {
            "world": name,
            "seeds": seeds,
            **measure_coverage(replace(WORLDS[name], seeds=seeds), options.trials, options.methods),
        }
        for name in options.worlds
        for seeds in options.seeds
    ]
    worlds = {name: {k: v for k, v in asdict(WORLDS[name]).items() if k != "seeds"} for name in options.worlds}
    print(json.dumps({"level": LEVEL, "trials": options.trials, "results": results, "worlds": worlds}, indent=1))


def measure_coverage(world: World, trials: int, names: Sequence[str]) -> dict[str, Any]:
    """Return the coverage for accuracy and for the paired difference in percent with its interval, and mean widths."""
    results: dict[str, Any] = {}
    for of_difference, quantity in enumerate(("accuracy", "difference")):
        methods = {name: METHODS[name][of_difference] for name in names}
        results[quantity] = {"truth": round(world.truth[of_difference], 4)}
        for name, measured in coverage(world, trials, methods, bool(of_difference)).items():
            low, high = stats.binomtest(measured.covered, measured.trials).proportion_ci(LEVEL)
            share = [round(100 * value, 1) for value in (measured.covered / measured.trials, float(low), float(high))]
            results[quantity][name] = {
                "percent": share[0],
                "interval": share[1:],
                "width": round(100 * measured.width, 2),
            }
    return results


def crossed_accuracy(a: Tests, _: Tests) -> tuple[float, float]:
    interval = accuracy(a, LEVEL)
    return interval.low, interval.high


def crossed_difference(a: Tests, b: Tests) -> tuple[float, float]:
    interval = difference(a, b, LEVEL)
    return interval.low, interval.high


def correct_counts(tests: Tests) -> np.ndarray:
    return np.array([test.group_correct for test in tests], float) / class_sizes(tests)


def counted_twice(sums: np.ndarray, sizes: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the interval of the former method."""
    seeds, total, group_variance = len(sums), sizes.sum(), 0.0
    for label in np.unique(labels):
        rows = labels == label
        mean, size, n = sums[:, rows].mean(axis=0), sizes[rows], rows.sum()
        group_variance += ((mean - mean.sum() / size.sum() * size) ** 2).sum() / total**2 * n / (n - 1)
    per_seed = sums.sum(axis=1) / total
    seed_variance = per_seed.var(ddof=1) / seeds
    # Degrees of freedom by Satterthwaite.
    denominator = group_variance**2 / (len(sizes) - len(np.unique(labels))) + seed_variance**2 / (seeds - 1)
    variance = group_variance + seed_variance
    half = stats.t.ppf((1 + LEVEL) / 2, variance**2 / denominator) * variance**0.5
    return per_seed.mean() - half, per_seed.mean() + half


def seeds_alone(sums: np.ndarray, sizes: np.ndarray, _: np.ndarray) -> tuple[float, float]:
    per_seed = sums.sum(axis=1) / sizes.sum()
    half = stats.t.ppf((1 + LEVEL) / 2, len(sums) - 1) * stats.sem(per_seed)
    return per_seed.mean() - half, per_seed.mean() + half


def crossed_bootstrap(sums: np.ndarray, sizes: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    seed_weights, group_counts = resample(len(sums), tuple(labels.tolist()))
    ratios = np.zeros(BOOTSTRAPS)
    for label in np.unique(labels):
        rows = labels == label
        share, weights = sizes[rows].sum() / sizes.sum(), group_counts[:, rows]
        class_ratios = ((seed_weights @ sums[:, rows]) * weights).sum(axis=1) / (weights @ sizes[rows])
        ratios += share * class_ratios
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


@lru_cache(maxsize=4)
def resample(seeds: int, labels: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return bootstrap weights of the seeds (draws, seeds), which sum to 1, and group counts (draws, groups)."""
    rng, classes = np.random.default_rng(0), np.array(labels)
    group_counts = np.zeros((BOOTSTRAPS, len(labels)))
    for label in np.unique(classes):
        rows = np.flatnonzero(classes == label)
        group_counts[:, rows] = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), BOOTSTRAPS)
    return rng.multinomial(seeds, np.full(seeds, 1 / seeds), BOOTSTRAPS) / seeds, group_counts


def methods_of(interval: CountInterval) -> tuple[Method, Method]:
    """Return the methods for accuracies and for paired differences from an interval of counts."""

    def of_accuracy(a: Tests, _: Tests) -> tuple[float, float]:
        return interval(correct_counts(a), *layout(a))

    def of_difference(a: Tests, b: Tests) -> tuple[float, float]:
        return interval(correct_counts(a) - correct_counts(b), *layout(a))

    return of_accuracy, of_difference


def layout(tests: Tests) -> tuple[np.ndarray, np.ndarray]:
    return np.array(tests[0].group_sizes, float) / class_sizes(tests), np.array(tests[0].group_labels)


def class_sizes(tests: Tests) -> np.ndarray:
    """Return, for each group, the number of images of its class."""
    labels = np.array(tests[0].group_labels)
    return np.bincount(labels, tests[0].group_sizes)[labels]


METHODS: dict[str, tuple[Method, Method]] = {
    "crossed": (crossed_accuracy, crossed_difference),
    "counted twice": methods_of(counted_twice),
    "crossed bootstrap": methods_of(crossed_bootstrap),
    "seeds alone": methods_of(seeds_alone),
}


if __name__ == "__main__":
    main()
