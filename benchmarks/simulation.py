"""Simulated worlds with known true accuracies, and the coverage of intervals in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prettyuseful.engine.keys import derive_seed
from prettyuseful.records import TransferResult

Tests = Sequence[TransferResult]
Method = Callable[[Tests, Tests], tuple[float, float]]
"""Returns the lower and upper end of an interval for the tests of two data sets, one test per training seed."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)


@dataclass(frozen=True)
class World:
    """Two data sets, a and b, whose classifiers are correct on an image with the probability of a logistic model.

    The logit is the sum of `centre`, a fixed effect of the class, `-gap` for b, and random normal effects. Seed effects
    are independent for a and b.

    Attributes:
        seeds: number of training seeds.
        classes: number of classes.
        groups: smallest and largest number of groups (source photographs or blocks) per class.
        images: smallest and largest number of images per group.
        centre: mean logit of a.
        of_classes: standard deviation of the fixed effects of classes.
        gap: difference of the mean logits of a and b.
        of_seeds: standard deviation of the effect of a training seed.
        of_seeds_in_class: standard deviation of the effect of a seed in one class.
        of_groups: standard deviation of the effect of a group.
        of_both: standard deviation of the effect of a seed in one group.
        group_correlation: correlation of the effects of a group on a and on b.
    """

    seeds: int = 3
    classes: int = 16
    groups: tuple[int, int] = (3, 6)
    images: tuple[int, int] = (4, 9)
    centre: float = 1.2
    of_classes: float = 0.8
    gap: float = 0.3
    of_seeds: float = 0.2
    of_seeds_in_class: float = 0.4
    of_groups: float = 1.0
    of_both: float = 0.4
    group_correlation: float = 0.8

    @cached_property
    def layout(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What all trials share: class and number of images of each group, (groups,), and logit of each class."""
        rng = np.random.default_rng(derive_seed("world", self.classes, self.groups, self.images))
        labels = np.repeat(np.arange(self.classes), rng.integers(self.groups[0], self.groups[1] + 1, self.classes))
        sizes = rng.integers(self.images[0], self.images[1] + 1, len(labels))
        return labels, sizes, self.centre + self.of_classes * rng.standard_normal(self.classes)

    @property
    def truth(self) -> tuple[float, float]:
        """The true accuracy (mean over classes) of a, and its difference from b: expectations over seeds and groups."""
        _, _, logits = self.layout
        deviations = (self.of_seeds, self.of_seeds_in_class, self.of_groups, self.of_both)
        effect = np.sqrt(sum(s**2 for s in deviations)) * _NODES
        a, b = (
            float((_sigmoid(logits[:, None] - gap + effect) @ _WEIGHTS).mean() / _WEIGHTS.sum())
            for gap in (0, self.gap)
        )
        return a, a - b

    def tests(self, rng: np.random.Generator) -> tuple[list[TransferResult], list[TransferResult]]:
        """Simulate one trial: return the tests of a and of b, one per seed."""
        labels, sizes, logits = self.layout
        shared, *separate = rng.standard_normal((3, len(labels)))
        correlation = self.group_correlation
        tests = []
        for index, gap in enumerate((0.0, self.gap)):
            effect = (
                self.of_seeds * rng.standard_normal((self.seeds, 1))
                + self.of_seeds_in_class * rng.standard_normal((self.seeds, self.classes))[:, labels]
                + self.of_groups * (correlation**0.5 * shared + (1 - correlation) ** 0.5 * separate[index])
                + self.of_both * rng.standard_normal((self.seeds, len(labels)))
            )
            correct = rng.binomial(sizes, _sigmoid(logits[labels] - gap + effect))
            tests.append([_test(labels, sizes, seed_correct) for seed_correct in correct])
        return tests[0], tests[1]


@dataclass(frozen=True)
class Coverage:
    """Number of intervals that contain the true value (`covered` of `trials`), and their mean `width`."""

    covered: int
    trials: int
    width: float


def coverage(world: World, trials: int, methods: Mapping[str, Method], of_difference: bool) -> dict[str, Coverage]:
    """Measure the coverage of each method on the same `trials` simulated trials, which are the same in every run.

    The true value is the difference of a and b if `of_difference`, else the accuracy of a.
    """
    rng, truth = np.random.default_rng(derive_seed("coverage")), world.truth[of_difference]
    covered, width = dict.fromkeys(methods, 0), dict.fromkeys(methods, 0.0)
    for _ in range(trials):
        a, b = world.tests(rng)
        for name, method in methods.items():
            low, high = method(a, b)
            covered[name] += low <= truth <= high
            width[name] += (high - low) / trials
    return {name: Coverage(covered[name], trials, width[name]) for name in methods}


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-logit)))


def _test(labels: np.ndarray, sizes: np.ndarray, correct: np.ndarray) -> TransferResult:
    return TransferResult(
        kind="synth_to_real",
        tested_on="real",
        top1=float((np.bincount(labels, correct) / np.bincount(labels, sizes)).mean()),
        top5=1.0,
        per_class=[],
        confusion=[],
        groups=[str(i) for i in range(len(labels))],
        group_labels=labels.tolist(),
        group_sizes=sizes.tolist(),
        group_correct=correct.tolist(),
    )
