"""False alarms of a selection that is compared with a random control, where the selection is random, too.

    python benchmarks/random_control.py --trials 1000

Halves of 500 of scikit-learn's digits train a ridge classifier, which is tested on the other 1,297. A trial compares
one half with its control: one random half for all training seeds, or another one for each. In either case half of the
images is as good as the other, so that a 95% interval should exclude zero in 5% of all trials. A training seed changes
nothing (as for linear probes on frozen features), or draws the images of the half with replacement.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits

from prettyuseful.analysis.clusters import Clusters
from prettyuseful.analysis.statistics import CellModel, Interval, Replicate

_PER_CLASS, _CLASSES, _PENALTY = 50, 10, 0.3


@dataclass(frozen=True)
class Digits:
    """Features (N, d) and labels (N,) of the images to select from, and of the test images."""

    features: np.ndarray
    labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray

    @classmethod
    def load(cls) -> Digits:
        images, labels = load_digits(return_X_y=True)
        rng = np.random.default_rng(0)
        rows = np.concatenate(
            [rng.permutation(np.flatnonzero(labels == label))[:_PER_CLASS] for label in range(_CLASSES)]
        )
        rest = np.setdiff1d(np.arange(len(labels)), rows)
        scaled = (images - images[rows].mean(axis=0)) / (images[rows].std(axis=0) + 1e-6) / images.shape[1] ** 0.5
        return cls(scaled[rows], labels[rows], scaled[rest], labels[rest])

    def half(self, rng: np.random.Generator) -> np.ndarray:
        """Return the rows of a random half of each class."""
        of_class = (np.flatnonzero(self.labels == label) for label in range(_CLASSES))
        return np.concatenate([rng.choice(rows, len(rows) // 2, replace=False) for rows in of_class])

    def correct(self, rows: np.ndarray) -> np.ndarray:
        """Return which test images a classifier that is trained on some rows gets right."""
        train, targets = self.features[rows], np.eye(_CLASSES)[self.labels[rows]] - 1 / _CLASSES
        dual = np.linalg.solve(train @ train.T + _PENALTY * np.eye(len(rows)), targets)
        return np.asarray((self.test @ (train.T @ dual)).argmax(axis=1) == self.test_labels, float)


def tests_of_halves(digits: Digits, seeds: int, varied: bool, pool: int, rng: np.random.Generator) -> np.ndarray:
    """Return (pool, seeds, images): the tests of the classifiers of every half with every training seed."""
    tests = []
    for _ in range(pool):
        half = digits.half(rng)
        drawn = [rng.choice(half, len(half)) if varied else half for _ in range(seeds)]
        tests.append([digits.correct(rows) for rows in drawn])
    return np.array(tests)


def trials(
    digits: Digits, tests: np.ndarray, per_seed: bool, count: int, rng: np.random.Generator
) -> Iterator[Interval]:
    """Yield the intervals of differences between a half and its random control."""
    seeds, labels = tests.shape[1], digits.test_labels
    clusters = Clusters(np.arange(len(labels)).astype(str), labels, np.ones(len(labels), int))
    for _ in range(count):
        half, *others = rng.choice(len(tests), 1 + seeds, replace=False)
        control = [tests[others[seed if per_seed else 0], seed] for seed in range(seeds)]
        correct = {
            name: {Replicate(0, seed): of_seed for seed, of_seed in enumerate(of_seeds)}
            for name, of_seeds in (("half", tests[half]), ("control", control))
        }
        interval = CellModel(clusters, correct).difference("half", "control")
        assert interval is not None
        yield interval


def measure(seeds: int, varied: bool, per_seed: bool, count: int, pool: int = 200) -> tuple[float, float]:
    """Return the share of intervals that exclude zero, and the mean half width."""
    rng, digits = np.random.default_rng(1), Digits.load()
    intervals = list(trials(digits, tests_of_halves(digits, seeds, varied, pool, rng), per_seed, count, rng))
    wrong = sum(interval.excludes_zero for interval in intervals) / count
    return wrong, float(np.mean([(interval.high - interval.low) / 2 for interval in intervals]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    count = parser.parse_args().trials
    for seeds in (2, 3, 5):
        for varied in (False, True):
            for per_seed in (False, True):
                wrong, half = measure(seeds, varied, per_seed, count)
                control = "another half for each seed" if per_seed else "one half for all seeds"
                training = "seeds vary" if varied else "seeds change nothing"
                print(f"{seeds} seeds, {training}, {control}: {wrong:.1%} exclude zero, half width {100 * half:.2f}")


if __name__ == "__main__":
    main()
