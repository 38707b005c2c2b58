"""Simulated worlds with known true accuracies, and how often the statements about them hold."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal

import numpy as np

from prettyuseful.analysis.clusters import Clusters
from prettyuseful.analysis.statistics import CellModel, Replicate
from prettyuseful.engine.keys import derive_seed

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
Layout = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray, np.ndarray]]
"""Returns source, class and number of the test images of each row."""


@dataclass(frozen=True)
class World:
    """Data sets whose classifiers are correct on an image with the probability of a logistic model.

    The logit is the sum of `centre`, a fixed effect of the class, and random effects with mean 0. They are normal,
    unless `tails` is `heavy`: Student's t with 4 degrees of freedom, scaled.

    Attributes:
        layout: the test images.
        centre: mean logit.
        of_classes: standard deviation of the fixed effects of classes.
        of_seeds: standard deviation of the effect of a training seed.
        of_seeds_in_class: standard deviation of the effect of a seed in one class.
        of_sources: standard deviation of the effect of a source on all its images.
        of_sources_in_class: standard deviation of the effect of a source on its images of one class.
        of_both: standard deviation of the effect of a seed on the images of one class of a source.
        correlation: correlation of the effects of a source on two data sets.
        seed_correlation: correlation of the effects of a seed on two data sets.
        unstable: factor of the effects of seeds on the last data set.
        tails: distribution of the random effects.
    """

    layout: Layout
    centre: float = 1.2
    of_classes: float = 0.8
    of_seeds: float = 0.2
    of_seeds_in_class: float = 0.4
    of_sources: float = 1.0
    of_sources_in_class: float = 0.0
    of_both: float = 0.4
    correlation: float = 0.8
    seed_correlation: float = 0.0
    unstable: float = 1.0
    tails: Literal["normal", "heavy"] = "normal"

    @cached_property
    def rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Source, class and number of the test images of each row: what all trials share."""
        sources, classes, sizes = self.layout(np.random.default_rng(derive_seed("world", 1)))
        return np.unique(sources, return_inverse=True)[1], np.unique(classes, return_inverse=True)[1], sizes

    @cached_property
    def clusters(self) -> Clusters:
        return Clusters(*self.rows)

    @cached_property
    def split_clusters(self) -> Clusters:
        """The clusters if a source were split by class."""
        sources, classes, sizes = self.rows
        return Clusters(sources * (int(classes.max()) + 1) + classes, classes, sizes)

    @cached_property
    def logits(self) -> np.ndarray:
        """The logit of each class."""
        classes = int(self.rows[1].max()) + 1
        return self.centre + self.of_classes * np.random.default_rng(derive_seed("world", 2)).standard_normal(classes)

    def truth(self, shift: float = 0.0, scale: float = 1.0) -> float:
        """Return the expected accuracy (mean over classes) of a data set over seeds, sources and images.

        Args:
            shift: added to the mean logit.
            scale: factor of the effects of seeds.
        """
        parts = [scale * self.of_seeds, scale * self.of_seeds_in_class, self.of_both]
        parts += [self.of_sources, self.of_sources_in_class]
        logits = self.logits + shift
        if self.tails == "normal":
            effects = np.sqrt(sum(part**2 for part in parts)) * _NODES
            return float((_sigmoid(logits[:, None] + effects) @ _WEIGHTS).mean() / _WEIGHTS.sum())
        rng = np.random.default_rng(derive_seed("world", 3))
        effects = np.sum([part * self._effects(rng, (400_000,)) for part in parts], axis=0)
        return float(np.mean([_sigmoid(logit + effects).mean() for logit in logits]))

    def counts(
        self, rng: np.random.Generator, shifts: Sequence[float], scales: Sequence[float], seeds: int
    ) -> np.ndarray:
        """Simulate one trial: return the correct images (datasets, seeds, rows).

        Args:
            rng: source of the random effects.
            shifts: added to the mean logit of each data set.
            scales: factors of the effects of seeds on each data set.
            seeds: number of training seeds.
        """
        sources, classes, sizes = self.rows
        datasets = len(shifts)
        shape = (datasets, seeds, len(sizes))

        def shared(correlation: float, *ends: int) -> np.ndarray:
            common, own = self._effects(rng, (1, *ends)), self._effects(rng, (datasets, *ends))
            return np.asarray(correlation**0.5 * common + (1 - correlation) ** 0.5 * own)

        scale, shift = (np.array(values)[:, None, None] for values in (scales, shifts))
        logits = self.logits[classes] + shift
        logits = logits + scale * self.of_seeds * shared(self.seed_correlation, seeds, 1)
        of_class = self._effects(rng, (datasets, seeds, len(self.logits)))
        logits = logits + scale * self.of_seeds_in_class * of_class[..., classes]
        logits = logits + self.of_sources * shared(self.correlation, 1, int(sources.max()) + 1)[..., sources]
        logits = logits + self.of_sources_in_class * shared(self.correlation, 1, len(sizes))
        return rng.binomial(sizes, _sigmoid(logits + self.of_both * self._effects(rng, shape)))

    def model(self, counts: np.ndarray) -> CellModel:
        """Return the model of the counts of a trial; the data sets are named by their number."""
        correct = {name: {Replicate(0, seed): row for seed, row in enumerate(rows)} for name, rows in enumerate(counts)}
        return CellModel(self.clusters, correct)

    def _effects(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        if self.tails == "heavy":
            return np.asarray(rng.standard_t(4, shape) / 2**0.5)
        return rng.standard_normal(shape)


def nested(classes: int, sources: tuple[int, int], images: tuple[int, int]) -> Layout:
    """Each source has images of one class: so many sources in each class, and so many images of each source."""

    def layout(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        labels = np.repeat(np.arange(classes), rng.integers(sources[0], sources[1] + 1, classes))
        return np.arange(len(labels)), labels, rng.integers(images[0], images[1] + 1, len(labels))

    return layout


def single_images(counts: list[int]) -> Layout:
    """Every image is a source of its own; `counts` images of each class."""
    return lambda _: (np.arange(sum(counts)), np.repeat(np.arange(len(counts)), counts), np.ones(sum(counts), int))


def unequal_sources(classes: int, sizes: list[int]) -> Layout:
    """Each class has sources of these sizes."""
    count = classes * len(sizes)
    return lambda _: (np.arange(count), np.repeat(np.arange(classes), len(sizes)), np.tile(sizes, classes))


def spanning(classes: int, sources: int, images: int, share: float) -> Layout:
    """Each source has images of a share of the classes; so many images of each class."""

    def layout(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = []
        for label in range(classes):
            used = np.flatnonzero(rng.random(sources) < share)
            used = used if len(used) > 1 else rng.choice(sources, 2, replace=False)
            sizes = rng.multinomial(images, np.full(len(used), 1 / len(used)))
            rows += [(source, label, size) for source, size in zip(used, sizes, strict=True) if size]
        table = np.array(rows)
        return table[:, 0], table[:, 1], table[:, 2]

    return layout


def parse_cells(
    description: str, worlds: Collection[str], datasets: Sequence[int]
) -> tuple[list[tuple[str, int, int, int]], argparse.Namespace]:
    """Read the command line; return world, data sets, seeds and trials of each cell to measure, and the options."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 5, 10])
    parser.add_argument("--datasets", type=int, nargs="+", default=datasets)
    parser.add_argument("--worlds", nargs="+", choices=list(worlds), default=list(worlds))
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    return [(*cell, options.trials) for cell in product(options.worlds, options.datasets, options.seeds)], options


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-values)))


_SMALL = nested(16, (3, 6), (4, 9))
WORLDS: dict[str, World] = {
    "all vary": World(_SMALL),
    "as in the demonstration": World(nested(16, (30, 60), (3, 8)), centre=1.4, of_sources=1.2),
    "near the ceiling": World(_SMALL, centre=3.0),
    "near chance": World(single_images([30] * 10), centre=-2.2),
    "three sources per class": World(nested(16, (3, 3), (4, 9))),
    "sources of 1 to 20 images": World(nested(16, (3, 6), (1, 20))),
    "one source of 60, five of 2": World(unequal_sources(16, [60, 2, 2, 2, 2, 2])),
    "one of 60, five of 2, sources matter little": World(unequal_sources(16, [60, 2, 2, 2, 2, 2]), of_sources=0.1),
    "seeds matter most": World(_SMALL, of_seeds=0.35, of_seeds_in_class=0.3, of_sources=0.0, of_both=0.3),
    "sources matter most": World(_SMALL, of_seeds=0.0, of_seeds_in_class=0.0, of_sources=1.2, of_both=0.3),
    "neither matters, both together do": World(
        _SMALL, of_seeds=0.0, of_seeds_in_class=0.0, of_sources=0.0, of_both=1.0
    ),
    "seeds shared by data sets": World(_SMALL, of_seeds=0.4, seed_correlation=0.7),
    "one data set twice as unstable": World(_SMALL, of_seeds=0.3, unstable=2.0),
    "heavy tails": World(_SMALL, tails="heavy"),
    "500 single images": World(single_images([50] * 10), of_sources=1.5),
    "4 single images per class": World(single_images([4] * 10)),
    "two classes": World(nested(2, (20, 20), (1, 4))),
    "100 classes of 10 images": World(single_images([10] * 100)),
    "unequal classes": World(single_images([4, 6, 10, 20, 40, 80]), of_classes=0.3),
    "8 sources of all classes": World(spanning(10, 8, 100, 1.0)),
    "8 sources of some classes": World(spanning(10, 8, 100, 0.4)),
    "8 sources, effects differ by class": World(spanning(10, 8, 100, 0.5), of_sources=0.7, of_sources_in_class=0.7),
    "40 sources of half of the classes": World(spanning(10, 40, 60, 0.5), of_sources=0.8, of_sources_in_class=0.5),
}
