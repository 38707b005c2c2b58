"""Does `test-title` name what is planted? Prettiest images are made harmful, harmless or helpful.

    python benchmarks/pretty_experiment.py --folder cifar10=FOLDER --nulls 200 --planted 40

A folder contains `train/<class>/<image>` and `test/<class>/<image>`; it is not downloaded. Every image is embedded once
by the frozen encoder `efficientnet-lite0`. A trial draws images of each class as the "generated" set, orders them by
the score `prettiness`, and measures both halves against a random half for each training seed, with linear probes and
intervals as in an audit with the experiment `pretty`:

- harmful: a share of the labels of the prettier half is wrong. Helpful: of the less pretty half.
- meaningless: the order of the images is random, and half of that share of all labels is wrong.
- as they are: nothing is planted. What is true is not known, as real images of another prettiness may be other images.

A trial is right if the interval of the prettier half excludes zero on the planted side (after Holm's correction for the
two halves), or if no interval of a meaningless order excludes zero.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from prettyuseful.aesthetics.composite import sum_of_z_scores
from prettyuseful.aesthetics.planes import Planes
from prettyuseful.aesthetics.rows import PRETTINESS_PARTS, SCORES
from prettyuseful.analysis.clusters import Clusters
from prettyuseful.analysis.ranking import holm_levels
from prettyuseful.analysis.statistics import CellModel, Interval, RandomControl, Replicate
from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.source import EncoderSource, open_encoder
from prettyuseful.numerics import Numerics
from prettyuseful.training.linear_probe import fit_linear_probe
from prettyuseful.training.recipes import FrozenFeatures

Planted = Literal["harmful", "helpful", "meaningless", "as they are"]
Trial = dict[str, Interval]
NULLS_PER_SET = 10
_CHUNK = 64


@dataclass(frozen=True)
class Embedded:
    """Features (N, d), labels (N,) and the parts of prettiness (N, 3) of the images of a folder."""

    features: np.ndarray
    labels: np.ndarray
    parts: np.ndarray

    @classmethod
    def read(cls, folder: Path, most: int) -> Embedded:
        """Embed up to `most` images of each class."""
        encoder = open_encoder(EncoderSource(name="efficientnet-lite0").pin(), Numerics(threads=1))
        classes = sorted(path for path in folder.iterdir() if path.is_dir())
        files = [(file, i) for i, path in enumerate(classes) for file in sorted(path.iterdir())[:most]]
        features, parts = [], []
        for start in range(0, len(files), _CHUNK):
            images = [np.asarray(Image.open(file).convert("RGB")) for file, _ in files[start : start + _CHUNK]]
            features.append(encoder.features(Pixels.from_images([(image, 0, "") for image in images])))
            parts += [[SCORES[name].of(Planes(image)) for name in PRETTINESS_PARTS] for image in images]
        return cls(np.concatenate(features), np.array([label for _, label in files]), np.array(parts))

    @classmethod
    def cached(cls, folder: Path, most: int, cache: Path | None) -> Embedded:
        file = None if cache is None else cache / f"{folder.parent.name}-{folder.name}-{most}.npz"
        if file is not None and file.exists():
            with np.load(file) as stored:
                return cls(**stored)
        embedded = cls.read(folder, most)
        if file is not None:
            np.savez(file, **vars(embedded))
        return embedded


class World:
    """Images to draw generated sets from, and real test images."""

    def __init__(self, train: Embedded, test: Embedded, per_class: int, seeds: int) -> None:
        self.train, self.test, self.per_class, self.seeds = train, test, per_class, seeds
        self.classes = int(test.labels.max()) + 1
        count = len(test.labels)
        self.clusters = Clusters(np.arange(count).astype(str), test.labels, np.ones(count, int))

    def correct(self, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return which test images a linear probe that is trained on these rows and labels classifies correctly."""
        groups = rows.astype(str)
        probe = fit_linear_probe(self.train.features[rows], labels, groups, self.classes, FrozenFeatures())
        return np.asarray(probe.logits(self.test.features).argmax(axis=1) == self.test.labels, float)

    def trials(self, planted: Planted, wrong: float, count: int, rng: np.random.Generator) -> Iterator[Trial]:
        """Yield, for drawn sets of images, the differences of the `top` and `bottom` half from random halves."""
        for _ in range(count):
            rows = np.concatenate([rng.choice(of_class, self.per_class, replace=False) for of_class in self._by_class])
            true = self.train.labels[rows]
            top = self._half(sum_of_z_scores(self.train.parts[rows], true), true)
            damaged = {"harmful": top, "helpful": ~top}.get(planted, np.zeros_like(top))
            labels = self._wrong(true, np.flatnonzero(damaged & (rng.random(len(rows)) < wrong)), rng)
            halves = [top, ~top, *(self._half(rng.random(len(rows)), true) for _ in range(self.seeds))]
            top_test, bottom_test, *random = (self.correct(rows[half], labels[half]) for half in halves)
            yield self._compare(top_test, bottom_test, random)

    def null_trials(self, wrong: float, count: int, rng: np.random.Generator) -> Iterator[Trial]:
        """Yield the same for meaningless orders: several trials of each drawn set, in which labels are wrong at random.

        Both halves of a meaningless order are random, so that those of one trial are among the random ones of another.
        """
        for _ in range(0, count, NULLS_PER_SET):
            rows = np.concatenate([rng.choice(of_class, self.per_class, replace=False) for of_class in self._by_class])
            true = self.train.labels[rows]
            labels = self._wrong(true, np.flatnonzero(rng.random(len(rows)) < wrong / 2), rng)
            halves = [self._half(rng.random(len(rows)), true) for _ in range(NULLS_PER_SET + 4)]
            tests = [[self.correct(rows[half], labels[half]) for half in (one, ~one)] for one in halves]
            for number in range(NULLS_PER_SET):
                others = rng.choice([i for i in range(len(halves)) if i != number], self.seeds, replace=False)
                yield self._compare(*tests[number], [tests[i][rng.integers(2)] for i in others])

    def _compare(self, top: np.ndarray, bottom: np.ndarray, random: Sequence[np.ndarray]) -> Trial:
        """Return the differences from random halves, at their Holm levels."""
        tests = {"top": [top] * self.seeds, "bottom": [bottom] * self.seeds, "random": random}
        correct = {name: {Replicate(0, seed): one for seed, one in enumerate(of)} for name, of in tests.items()}
        controls = {name: RandomControl("random", "random 50%") for name in ("top", "bottom")}
        model = CellModel(self.clusters, correct, random_controls=controls)
        found = {name: interval for name in controls if (interval := model.difference(name, "random"))}
        levels = holm_levels([interval.p or 0.0 for interval in found.values()])
        return {name: one.at(level) for (name, one), level in zip(found.items(), levels, strict=True)}

    def _wrong(self, labels: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return labels (N,) of which those of some rows are those of another class, at random."""
        changed = labels.copy()
        changed[rows] = (labels[rows] + rng.integers(1, self.classes, len(rows))) % self.classes
        return changed

    @property
    def _by_class(self) -> list[np.ndarray]:
        return [np.flatnonzero(self.train.labels == label) for label in range(self.classes)]

    def _half(self, order: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the upper half of each class in this order, as a mask (N,)."""
        half = np.zeros(len(order), bool)
        for label in range(self.classes):
            of_class = np.flatnonzero(labels == label)
            half[of_class[np.argsort(order[of_class])[len(of_class) // 2 :]]] = True
        return half


def report(name: str, planted: Planted, trials: Sequence[Trial]) -> str:
    """Return a row of the table: how many trials were right, and the mean difference of the prettier half."""
    top = [trial["top"] for trial in trials]
    less, more = (np.mean(found) for found in ([one.high < 0 for one in top], [one.low > 0 for one in top]))
    silent = np.mean([not any(one.excludes_zero for one in trial.values()) for trial in trials])
    half = np.median([(one.high - one.low) / 2 for one in top])
    return (
        f"| {name} | {planted} | {len(trials)} | {100 * np.mean([one.mean for one in top]):+.1f} | {100 * half:.1f} | "
        f"{less:.1%} | {more:.1%} | {silent:.1%} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", action="append", required=True, metavar="NAME=FOLDER")
    parser.add_argument("--nulls", type=int, default=200)
    parser.add_argument("--planted", type=int, default=40)
    parser.add_argument("--undamaged", type=int, default=10)
    parser.add_argument("--per-class", type=int, default=40, help="images per class of a generated set")
    parser.add_argument("--wrong", type=float, default=0.5, help="share of wrong labels in the damaged half")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--cache", type=Path, help="folder for the features")
    options = parser.parse_args()
    print("| images | prettier half | trials | mean difference | half width | less | more | silent |", flush=True)
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for text in options.folder:
        name, _, folder = text.partition("=")
        train, test = (
            Embedded.cached(Path(folder) / split, most, options.cache) for split, most in (("train", 100), ("test", 60))
        )
        world = World(train, test, options.per_class, options.seeds)
        counts = {"harmful": options.planted, "helpful": options.planted, "meaningless": options.nulls}
        for planted, count in {**counts, "as they are": options.undamaged}.items():
            rng = np.random.default_rng(0)
            if planted == "meaningless":
                trials = list(world.null_trials(options.wrong, count, rng))
            else:
                trials = list(world.trials(planted, options.wrong, count, rng))
            if trials:
                print(report(name, planted, trials), flush=True)


if __name__ == "__main__":
    main()
