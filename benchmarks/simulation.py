"""Worlds whose truth is known: what intervals must hold in, and how often they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prettyuseful.engine.keys import derive_seed
from prettyuseful.records import TransferResult

Tests = Sequence[TransferResult]
Method = Callable[[Tests, Tests], tuple[float, float]]
"""From tests of two data sets, one per training seed, to the lower and upper end of an interval."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)


@dataclass(frozen=True)
class World:
    """Two data sets, a and b, whose classifiers get an image right with a probability of a logistic model.

    On the logit scale: `centre`, classes that differ by `of_classes` (they are given, not drawn), minus `gap` for b;
    plus normal effects with the given standard deviations of a training seed, of a seed in one class, of a group (a
    source photograph or block), and of a seed on one group. Seeds vary anew for b; a group's effect on b has
    correlation `alike` with that on a. A class has `groups[0]` to `groups[1]` groups of `images[0]` to `images[1]`.
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
    alike: float = 0.8

    @cached_property
    def layout(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What every trial has: class of each group, images of each group (both (groups,)), logit of each class."""
        rng = np.random.default_rng(derive_seed("world", self.classes, self.groups, self.images))
        labels = np.repeat(np.arange(self.classes), rng.integers(self.groups[0], self.groups[1] + 1, self.classes))
        sizes = rng.integers(self.images[0], self.images[1] + 1, len(labels))
        return labels, sizes, self.centre + self.of_classes * rng.standard_normal(self.classes)

    @property
    def truth(self) -> tuple[float, float]:
        """Accuracy of a, and of a minus b, over all seeds and groups that could have been drawn."""
        labels, sizes, logits = self.layout
        share = np.bincount(labels, sizes) / sizes.sum()
        spreads = (self.of_seeds, self.of_seeds_in_class, self.of_groups, self.of_both)
        away = np.sqrt(sum(s**2 for s in spreads)) * _NODES
        a, b = (
            float(share @ (_chance(logits[:, None] - gap + away) @ _WEIGHTS) / _WEIGHTS.sum()) for gap in (0, self.gap)
        )
        return a, a - b

    def tests(self, rng: np.random.Generator) -> tuple[list[TransferResult], list[TransferResult]]:
        """One trial: tests of a and of b, by seed."""
        labels, sizes, logits = self.layout
        both, *own = rng.standard_normal((3, len(labels)))
        found = []
        for which, gap in enumerate((0.0, self.gap)):
            effect = (
                self.of_seeds * rng.standard_normal((self.seeds, 1))
                + self.of_seeds_in_class * rng.standard_normal((self.seeds, self.classes))[:, labels]
                + self.of_groups * (self.alike**0.5 * both + (1 - self.alike) ** 0.5 * own[which])
                + self.of_both * rng.standard_normal((self.seeds, len(labels)))
            )
            correct = rng.binomial(sizes, _chance(logits[labels] - gap + effect))
            found.append([_test(labels, sizes, of_seed) for of_seed in correct])
        return found[0], found[1]


@dataclass(frozen=True)
class Held:
    """How often intervals held the truth: `held` of `trials`, and their `width` on average."""

    held: int
    trials: int
    width: float


def coverage(world: World, trials: int, methods: Mapping[str, Method], of_difference: bool) -> dict[str, Held]:
    """Tries each method on the same `trials` redraws of everything that varies. Always the same redraws.

    The truth is that of a minus b if `of_difference`, of a otherwise.
    """
    rng, truth = np.random.default_rng(derive_seed("coverage")), world.truth[of_difference]
    held, width = dict.fromkeys(methods, 0), dict.fromkeys(methods, 0.0)
    for _ in range(trials):
        a, b = world.tests(rng)
        for name, method in methods.items():
            low, high = method(a, b)
            held[name] += low <= truth <= high
            width[name] += (high - low) / trials
    return {name: Held(held[name], trials, width[name]) for name in methods}


def _chance(logit: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-logit)))


def _test(labels: np.ndarray, sizes: np.ndarray, correct: np.ndarray) -> TransferResult:
    return TransferResult(
        kind="synth_to_real",
        tested_on="real",
        top1=float(correct.sum() / sizes.sum()),
        top5=1.0,
        per_class=[],
        confusion=[],
        groups=[str(i) for i in range(len(labels))],
        group_labels=labels.tolist(),
        group_sizes=sizes.tolist(),
        group_correct=correct.tolist(),
    )
