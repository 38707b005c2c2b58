"""Do 95 % intervals hold the truth in 95 % of cases? `python benchmarks/interval_coverage.py` prints JSON.

Logistic worlds with known truth (`simulation.py`): seeds, test groups and what a seed does with one
group all vary. Every method sees the same trials. Shares come with their own 95 % interval (Clopper-Pearson), since
trials are finite. `crossed` is the product's. `counted twice` is what it was before: variance of the seeds plus
variance of the groups, though either holds what they share. `crossed bootstrap` draws seeds and groups again, and takes
percentiles. `seeds alone` is Student's t over seeds, which takes the test images as given.
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
OfCounts = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[float, float]]
"""From counts (seeds, groups), images (groups,) and classes (groups,) to the ends of an interval."""
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
    found = [
        {"world": name, "seeds": seeds, **tried(replace(WORLDS[name], seeds=seeds), options.trials, options.methods)}
        for name in options.worlds
        for seeds in options.seeds
    ]
    worlds = {name: {k: v for k, v in asdict(WORLDS[name]).items() if k != "seeds"} for name in options.worlds}
    print(json.dumps({"level": LEVEL, "trials": options.trials, "found": found, "worlds": worlds}, indent=1))


def tried(world: World, trials: int, names: Sequence[str]) -> dict[str, Any]:
    """Coverage of accuracy and of the paired difference, in per cent with its interval, and mean widths in points."""
    found: dict[str, Any] = {}
    for of_difference, what in enumerate(("accuracy", "difference")):
        methods = {name: METHODS[name][of_difference] for name in names}
        found[what] = {"truth": round(world.truth[of_difference], 4)}
        for name, held in coverage(world, trials, methods, bool(of_difference)).items():
            low, high = stats.binomtest(held.held, held.trials).proportion_ci(LEVEL)
            share = [round(100 * value, 1) for value in (held.held / held.trials, float(low), float(high))]
            found[what][name] = {"percent": share[0], "interval": share[1:], "width": round(100 * held.width, 2)}
    return found


def crossed_accuracy(a: Tests, _: Tests) -> tuple[float, float]:
    found = accuracy(a, LEVEL)
    return found.low, found.high


def crossed_difference(a: Tests, b: Tests) -> tuple[float, float]:
    found = difference(a, b, LEVEL)
    return found.low, found.high


def correct(tests: Tests) -> np.ndarray:
    return np.array([test.group_correct for test in tests], float)


def counted_twice(sums: np.ndarray, sizes: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """The former way, with the groups' variance as draws without end would have it."""
    seeds, total, of_groups = len(sums), sizes.sum(), 0.0
    for label in np.unique(labels):
        rows = labels == label
        mean, size, n = sums[:, rows].mean(axis=0), sizes[rows], rows.sum()
        of_groups += ((mean - mean.sum() / size.sum() * size) ** 2).sum() / total**2 * n / (n - 1)
    per_seed = sums.sum(axis=1) / total
    of_seeds = per_seed.var(ddof=1) / seeds
    spread = of_groups**2 / (len(sizes) - len(np.unique(labels))) + of_seeds**2 / (seeds - 1)
    variance = of_groups + of_seeds
    half = stats.t.ppf((1 + LEVEL) / 2, variance**2 / spread) * variance**0.5
    return per_seed.mean() - half, per_seed.mean() + half


def seeds_alone(sums: np.ndarray, sizes: np.ndarray, _: np.ndarray) -> tuple[float, float]:
    per_seed = sums.sum(axis=1) / sizes.sum()
    half = stats.t.ppf((1 + LEVEL) / 2, len(sums) - 1) * stats.sem(per_seed)
    return per_seed.mean() - half, per_seed.mean() + half


def crossed_bootstrap(sums: np.ndarray, sizes: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    of_seeds, of_groups = draws(len(sums), tuple(labels.tolist()))
    ratios = np.zeros(BOOTSTRAPS)
    for label in np.unique(labels):
        rows = labels == label
        share, weights = sizes[rows].sum() / sizes.sum(), of_groups[:, rows]
        drawn = ((of_seeds @ sums[:, rows]) * weights).sum(axis=1) / (weights @ sizes[rows])
        ratios += share * drawn
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


@lru_cache(maxsize=4)
def draws(seeds: int, labels: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Weights of seeds, adding up to 1, and how often each group is drawn within its class: (draws, ...) each."""
    rng, of_class = np.random.default_rng(0), np.array(labels)
    of_groups = np.zeros((BOOTSTRAPS, len(labels)))
    for label in np.unique(of_class):
        rows = np.flatnonzero(of_class == label)
        of_groups[:, rows] = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), BOOTSTRAPS)
    return rng.multinomial(seeds, np.full(seeds, 1 / seeds), BOOTSTRAPS) / seeds, of_groups


def both(interval: OfCounts) -> tuple[Method, Method]:
    """A method on counts, for accuracies and for paired differences."""

    def of_accuracy(a: Tests, _: Tests) -> tuple[float, float]:
        return interval(correct(a), *layout(a))

    def of_difference(a: Tests, b: Tests) -> tuple[float, float]:
        return interval(correct(a) - correct(b), *layout(a))

    return of_accuracy, of_difference


def layout(tests: Tests) -> tuple[np.ndarray, np.ndarray]:
    return np.array(tests[0].group_sizes, float), np.array(tests[0].group_labels)


METHODS: dict[str, tuple[Method, Method]] = {
    "crossed": (crossed_accuracy, crossed_difference),
    "counted twice": both(counted_twice),
    "crossed bootstrap": both(crossed_bootstrap),
    "seeds alone": both(seeds_alone),
}


if __name__ == "__main__":
    main()
