"""How often a selection of images differs clearly from its random control: one without any meaning, and a harmful one.

    python benchmarks/random_control.py --trials 2000

Halves of 500 of scikit-learn's digits train a ridge classifier, which is tested on the other 1,297. A trial compares
one half with random halves, another one for each training seed, as studies do. Where the half is random, too, a 95%
interval should exclude zero in at most 5% of all trials. Where a share of its labels is wrong, it should do so often. A
training seed changes nothing (as for linear probes on frozen features), leaves out 15% of the half (which matters about
as much as the choice of the half), or draws its images with replacement (about twice as much). Of several data sets,
the mean difference is judged.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

import numpy as np
from sklearn.datasets import load_digits

from prettyuseful.analysis.clusters import Clusters
from prettyuseful.analysis.statistics import CellModel, Interval, RandomControl, Replicate

Training = Literal["nothing", "subset", "bootstrap"]
"""What a training seed changes, see the head of this file."""
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
    def train(cls, digits: Digits, seeds: int, training: Training, wrong: float, pool: int) -> Halves:
        rng = np.random.default_rng(1)
        tests: tuple[list[list[np.ndarray]], ...] = ([], [])
        for _ in range(pool):
            half = digits.half(rng)
            labels = digits.labels.copy()
            flipped = rng.choice(half, round(wrong * len(half)), replace=False)
            labels[flipped] = (labels[flipped] + rng.integers(1, _CLASSES, len(flipped))) % _CLASSES
            drawn = [_drawn(half, training, rng) for _ in range(seeds)]
            for of_labels, into in zip((digits.labels, labels), tests, strict=True):
                into.append([digits.correct(rows, of_labels) for rows in drawn])
        labels = digits.test_labels
        clusters = Clusters(np.arange(len(labels)).astype(str), labels, np.ones(len(labels), int))
        return cls(np.array(tests[0]), np.array(tests[1]), clusters)

    def trials(self, count: int, datasets: int = 1, harmed: bool = True, covered: bool = True) -> Iterator[Interval]:
        """Yield the mean differences of one half and its random controls, over some data sets.

        `harmed`: whether the half has its wrong labels. `covered`: whether the model knows of the random controls, so
        that intervals cover which images are selected.
        """
        rng, seeds = np.random.default_rng(2), self.clean.shape[1]
        for _ in range(count):
            correct, controls = {}, {}
            for name in range(datasets):
                half, *others = rng.choice(len(self.clean), 1 + seeds, replace=False)
                tests = {
                    "half": (self.wrong if harmed else self.clean)[half],
                    "random": [self.clean[o, s] for s, o in enumerate(others)],
                }
                for kind, of_seeds in tests.items():
                    correct[kind, name] = {Replicate(0, seed): of_seed for seed, of_seed in enumerate(of_seeds)}
                controls["half", name] = RandomControl(("random", name), "random 50%")
            model = CellModel(self.clusters, correct, random_controls=controls if covered else {})
            interval = model.mean_difference([(("half", name), ("random", name)) for name in range(datasets)])
            assert interval is not None
            yield interval


def _drawn(half: np.ndarray, training: Training, rng: np.random.Generator) -> np.ndarray:
    """Return the rows of a half that a training seed uses."""
    match training:
        case "nothing":
            return half
        case "subset":
            return rng.choice(half, round(0.85 * len(half)), replace=False)
        case "bootstrap":
            return rng.choice(half, len(half))


def shares(intervals: Iterable[Interval]) -> tuple[float, float]:
    """Return the share of intervals that exclude zero, and the median half width."""
    found = list(intervals)
    half = float(np.median([(interval.high - interval.low) / 2 for interval in found]))
    return sum(interval.excludes_zero for interval in found) / len(found), half


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--pool", type=int, default=150, help="random halves from which trials are drawn")
    options = parser.parse_args()
    digits, count = Digits.load(), options.trials
    print(
        "| seeds | a seed changes | data sets | not covered | covered | half width | 20% wrong | 40% wrong |",
        flush=True,
    )
    for training, seeds in product(get_args(Training), (2, 3, 5, 10)):
        halves = [Halves.train(digits, seeds, training, wrong, options.pool) for wrong in (0.2, 0.4)]
        for datasets in (1, 4):
            before, _ = shares(halves[0].trials(count, datasets, harmed=False, covered=False))
            null, half = shares(halves[0].trials(count, datasets, harmed=False))
            power = [shares(one.trials(count // 4, datasets))[0] for one in halves]
            error = 1.96 * (null * (1 - null) / count) ** 0.5
            print(
                f"| {seeds} | {training} | {datasets} | {before:.1%} | "
                f"{null:.1%} ± {error:.1%} | {100 * half:.1f} | {' | '.join(f'{p:.0%}' for p in power)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
