"""How often a selection of images differs clearly from its random control: one without any meaning, and a harmful one.

    python benchmarks/random_control.py --trials 2000

Halves of 500 of scikit-learn's digits train a ridge classifier, which is tested on the other 1,297. A trial compares
one half with random halves, another one for each training seed, as studies do. Where the half is random, too, a 95%
interval should exclude zero in at most 5% of all trials. Where a share of its labels is wrong, it should do so often. A
training seed changes nothing (as for linear probes on frozen features), or draws the images of the half with
replacement. Of several data sets, the mean difference is judged.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits

from prettyuseful.analysis.clusters import Clusters
from prettyuseful.analysis.statistics import CellModel, Interval, RandomControl, Replicate

_PER_CLASS, _CLASSES, _PENALTY = 50, 10, 0.3
_POOL = 250


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

    def correct(self, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return which test images a classifier that is trained on some rows with these labels (N,) gets right."""
        train, targets = self.features[rows], np.eye(_CLASSES)[labels[rows]] - 1 / _CLASSES
        dual = np.linalg.solve(train @ train.T + _PENALTY * np.eye(len(rows)), targets)
        return np.asarray((self.test @ (train.T @ dual)).argmax(axis=1) == self.test_labels, float)


@dataclass(frozen=True)
class Halves:
    """The tests (pool, seeds, images) of classifiers of random halves, and of the same halves with wrong labels."""

    clean: np.ndarray
    wrong: np.ndarray
    clusters: Clusters

    @classmethod
    def train(cls, digits: Digits, seeds: int, varied: bool, wrong: float, pool: int) -> Halves:
        rng, tests = np.random.default_rng(1), ([], [])
        for _ in range(pool):
            half = digits.half(rng)
            labels = digits.labels.copy()
            flipped = rng.choice(half, round(wrong * len(half)), replace=False)
            labels[flipped] = (labels[flipped] + rng.integers(1, _CLASSES, len(flipped))) % _CLASSES
            drawn = [rng.choice(half, len(half)) if varied else half for _ in range(seeds)]
            for of_labels, into in zip((digits.labels, labels), tests, strict=True):
                into.append([digits.correct(rows, of_labels) for rows in drawn])
        labels = digits.test_labels
        clusters = Clusters(np.arange(len(labels)).astype(str), labels, np.ones(len(labels), int))
        return cls(*map(np.array, tests), clusters)

    def trials(self, count: int, datasets: int, covered: bool = True) -> Iterator[Interval]:
        """Yield the mean differences of one half and its random controls, over some data sets.

        `covered`: whether the model knows of the random controls, so that intervals cover which images are selected.
        """
        rng, seeds = np.random.default_rng(2), self.clean.shape[1]
        for _ in range(count):
            correct, controls = {}, {}
            for name in range(datasets):
                half, *others = rng.choice(len(self.clean), 1 + seeds, replace=False)
                tests = {"half": self.wrong[half], "random": [self.clean[o, s] for s, o in enumerate(others)]}
                for kind, of_seeds in tests.items():
                    correct[kind, name] = {Replicate(0, seed): of_seed for seed, of_seed in enumerate(of_seeds)}
                controls["half", name] = RandomControl(("random", name), "random 50%")
            model = CellModel(self.clusters, correct, random_controls=controls if covered else {})
            interval = model.mean_difference([(("half", name), ("random", name)) for name in range(datasets)])
            assert interval is not None
            yield interval


def measure(
    seeds: int,
    varied: bool,
    count: int,
    pool: int = _POOL,
    wrong: float = 0.0,
    datasets: int = 1,
    covered: bool = True,
) -> tuple[float, float]:
    """Return the share of intervals that exclude zero, and the median half width. See the head of this file.

    `wrong`: share of the labels of the selected half that are wrong.
    """
    intervals = list(Halves.train(Digits.load(), seeds, varied, wrong, pool).trials(count, datasets, covered))
    found = sum(interval.excludes_zero for interval in intervals) / count
    return found, float(np.median([(interval.high - interval.low) / 2 for interval in intervals]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000)
    count = parser.parse_args().trials
    for varied in (False, True):
        for seeds in (2, 3, 5, 10):
            training = "changes the classifier" if varied else "changes nothing"
            before, _ = measure(seeds, varied, count, covered=False)
            print(f"{seeds} seeds, a seed {training}: {before:.1%} without the variance of the choice", flush=True)
            for datasets in (1, 4):
                null, half = measure(seeds, varied, count, datasets=datasets)
                error = 1.96 * (null * (1 - null) / count) ** 0.5
                power = [measure(seeds, varied, count // 4, wrong=w, datasets=datasets)[0] for w in (0.1, 0.2, 0.4)]
                print(
                    f"  {datasets} data sets: {null:.1%} +- {error:.1%} exclude zero, half width {100 * half:.1f}; "
                    f"with 10, 20, 40% wrong labels {', '.join(f'{p:.0%}' for p in power)}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
