"""Measure whether the diagnosis reports planted defects and only those: `python benchmarks/planted_defects.py`.

Real sets are sampled repeatedly from worlds that need no download (`planted/worlds.py`). Two classifiers are trained on
the halves of each real set. Other images get one defect, two defects or none, at the strengths of
`planted/strengths.yaml`, and are diagnosed. The JSON output contains the confusion matrix of planted defects and first
reported causes, shares of correct causes with Clopper-Pearson intervals, false alarms by origin, results for pairs of
defects, and a power curve. `--calibrate` instead trains classifiers on images with defects and prints by how much the
accuracy on real images falls at each strength. The coverage of intervals is measured by `interval_coverage.py`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from planted.defects import DEFECTS, PAIRS
from planted.worlds import WORLDS, Digits, Origin, World
from scipy.stats import binomtest

from prettyuseful.data.pixels import Pixels
from prettyuseful.diagnosis.diagnose import diagnose
from prettyuseful.diagnosis.features import Extractor
from prettyuseful.diagnosis.findings import Diagnosis
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.reference import ExtractedHalf, Reference, extract_after_changes
from prettyuseful.numerics import TrainingNumerics

STRENGTHS = yaml.safe_load((Path(__file__).parent / "planted" / "strengths.yaml").read_text("utf-8"))
SIZES = ("weak", "medium", "strong")
NOTHING, UNKNOWN = "nothing", "cause unknown"

ExtractorTraining = Callable[[LabelledImages, int, int], Extractor]
"""Trains an extractor on images, for a number of classes, with a seed."""


@dataclass(frozen=True)
class Trial:
    """The planted defects and the reported causes of one data set.

    Attributes:
        planted: planted defects.
        size: strength of the defects, one of `SIZES`, or "none".
        named: ids of the reported causes, in order.
        tied: ids of the causes that are equivalent to the first.
        unknown: the data set differs significantly, but no cause is reported.
    """

    world: str
    seed: int
    planted: tuple[str, ...]
    size: str
    origin: Origin
    named: tuple[str, ...]
    tied: tuple[str, ...]
    unknown: bool
    seconds: float

    @property
    def first(self) -> str:
        """The first reported cause."""
        return self.named[0] if self.named else UNKNOWN if self.unknown else NOTHING

    @property
    def correct(self) -> float:
        """1 if the first reported cause is correct, 0.5 if it is only equivalent to a correct one, else 0."""
        accepted = DEFECTS[self.planted[0]].accepted
        return 1.0 if self.first in accepted else 0.5 if set(self.tied) & set(accepted) else 0.0

    @property
    def all_correct(self) -> bool:
        """Whether a correct cause is reported for every planted defect."""
        return all(set(self.named) & set(DEFECTS[defect].accepted) for defect in self.planted)


@dataclass(frozen=True)
class TrialCounts:
    """Numbers of trials on one real set; see the options of the command."""

    medium: int
    other: int
    undamaged: int
    pairs: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", nargs="+", choices=list(WORLDS), default=list(WORLDS))
    parser.add_argument("--real-sets", type=int, default=8, help="number of real sets per world")
    parser.add_argument("--medium", type=int, default=4, help="trials per defect and real set at medium strength")
    parser.add_argument(
        "--other", type=int, default=1, help="trials per defect and real set at weak and strong strength"
    )
    parser.add_argument("--undamaged", type=int, default=5, help="data sets without defect per origin and real set")
    parser.add_argument("--pairs", type=int, default=1, help="trials per pair of defects and real set")
    parser.add_argument("--defects", nargs="+", choices=list(DEFECTS), default=list(DEFECTS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--calibrate", action="store_true", help="train on images with defects instead of a diagnosis")
    parser.add_argument("--trials", type=Path, help="file to which one JSON line per trial is written")
    options = parser.parse_args()
    started = time.perf_counter()
    if options.calibrate:
        losses = {world: accuracy_losses(world, range(options.real_sets), options.defects) for world in options.worlds}
        print(json.dumps(losses, indent=1))
        return
    counts = TrialCounts(options.medium, options.other, options.undamaged, options.pairs)
    jobs = [(world, seed, counts, options.defects) for seed, world in product(range(options.real_sets), options.worlds)]
    trials: list[Trial] = []
    with multiprocessing.get_context("spawn").Pool(options.workers, maxtasksperchild=1) as pool:
        for done, new_trials in enumerate(pool.imap_unordered(_job, jobs, chunksize=1), 1):
            trials += new_trials
            print(f"{done} of {len(jobs)} real sets, {len(trials)} data sets diagnosed", file=sys.stderr, flush=True)
            if options.trials:
                options.trials.write_text("".join(json.dumps(asdict(trial)) + "\n" for trial in trials), "utf-8")
    minutes = round((time.perf_counter() - started) / 60, 1)
    print(json.dumps({"minutes": minutes, **{world: summarise(trials, world) for world in options.worlds}}, indent=1))


def _job(job: tuple[str, int, TrialCounts, list[str]]) -> list[Trial]:
    import torch

    torch.set_num_threads(1)
    return list(run_trials(*job))


def run_trials(
    name: str, seed: int, trial_counts: TrialCounts, defects: Sequence[str] = tuple(DEFECTS)
) -> Iterator[Trial]:
    """Run all trials on one real set, with each of the defects, with pairs of them and without a defect."""
    world = WORLDS[name](seed)
    reference = reference_of(world, seed)
    origins: tuple[Origin, ...] = ("unseen",) if isinstance(world, Digits) else ("unseen", "same")
    strengths = {defect: row["strengths"] for defect, row in STRENGTHS[name].items() if row and defect in defects}
    counts = {"weak": trial_counts.other, "medium": trial_counts.medium, "strong": trial_counts.other}
    planned: list[tuple[tuple[str, ...], str, Origin, int]] = [
        ((), "none", origin, number) for origin in origins for number in range(trial_counts.undamaged)
    ]
    planned += [
        ((defect,), size, origins[number % len(origins)], number)
        for defect in strengths
        for size, count in counts.items()
        for number in range(count)
    ]
    planned += [
        (pair, "medium", origins[number % len(origins)], number)
        for pair in PAIRS
        if set(pair) <= set(strengths)
        for number in range(trial_counts.pairs)
    ]
    for planted, size, origin, number in planned:
        rng = np.random.default_rng([seed, number, len(planted), *map(ord, "".join(planted) + size + origin)])
        images = world.draw(origin, rng)
        for defect in planted:
            images = DEFECTS[defect].plant(images, strengths[defect][SIZES.index(size)], world, rng)
        started = time.perf_counter()
        diagnosis = diagnose(reference, images)
        yield _trial(name, seed, planted, size, origin, diagnosis, time.perf_counter() - started)


def _trial(
    world: str, seed: int, planted: tuple[str, ...], size: str, origin: Origin, diagnosis: Diagnosis, seconds: float
) -> Trial:
    named = tuple(dict.fromkeys(cause.id for cause in diagnosis.named))
    tied = diagnosis.named[0].equivalent_to if diagnosis.named else ()
    return Trial(world, seed, planted, size, origin, named, tied, diagnosis.cause_unknown, round(seconds, 2))


def summarise(trials: Sequence[Trial], world: str) -> dict[str, Any]:
    """Return counts and shares over the trials of one world."""
    selected = [trial for trial in trials if trial.world == world]
    single = [trial for trial in selected if len(trial.planted) == 1 and trial.size == "medium"]
    matrix: dict[str, Counter[str]] = defaultdict(Counter)
    power: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for trial in selected:
        if len(trial.planted) == 1:
            power[trial.planted[0]][trial.size].append(trial.correct)
            if trial.size == "medium":
                matrix[trial.planted[0]][trial.first] += 1
    known = [trial for trial in single if "unknown" not in trial.planted[0]]
    return {
        "planted x first reported, medium": {defect: dict(names.most_common()) for defect, names in matrix.items()},
        "first reported cause correct, medium": {
            "pooled": _share([trial.correct for trial in known]),
            **{d: _share([t.correct for t in single if t.planted == (d,)]) for d in matrix},
        },
        "power": {d: {size: _share(values[size]) for size in SIZES if size in values} for d, values in power.items()},
        "false alarms": {
            origin: _share([float(bool(t.named)) for t in selected if not t.planted and t.origin == origin])
            for origin in ("unseen", "same")
        },
        "difference of unknown cause without a defect": _share([float(t.unknown) for t in selected if not t.planted]),
        "falsely reported causes": dict(Counter(name for t in selected if not t.planted for name in t.named)),
        "both defects reported": {
            "pooled": _share([float(t.all_correct) for t in selected if len(t.planted) == 2]),
            **{
                " + ".join(pair): _share([float(t.all_correct) for t in selected if t.planted == pair])
                for pair in dict.fromkeys(t.planted for t in selected if len(t.planted) == 2)
            },
        },
        "seconds per diagnosis": round(float(np.median([t.seconds for t in selected])), 2) if selected else None,
    }


def _share(values: Sequence[float]) -> dict[str, Any] | None:
    """Return the mean and its Clopper-Pearson interval. Halves are rounded down for the interval."""
    if not values:
        return None
    ends = binomtest(int(sum(values)), len(values)).proportion_ci(0.95, method="exact")
    share = {"share": round(float(np.mean(values)), 3), "trials": len(values)}
    return {**share, "low": round(float(ends.low), 3), "high": round(float(ends.high), 3)}


def accuracy_losses(name: str, seeds: Sequence[int], defects: Sequence[str]) -> dict[str, Any]:
    """Return by how many points the accuracy on real images falls at each strength, mean over real sets."""
    losses: dict[str, Any] = defaultdict(list)
    for seed in seeds:
        world = WORLDS[name](seed)
        rng = np.random.default_rng([seed, 3])
        images, test = world.draw("unseen", rng), world.test(rng)

        def accuracy(
            training: LabelledImages, seed: int = seed, world: World = world, test: LabelledImages = test
        ) -> float:
            _, logits = extractor_of(training, world.classes, seed)(test.pixels)
            return float((logits.argmax(axis=1) == test.labels).mean())

        undamaged = accuracy(images)
        losses["undamaged: accuracy"].append([round(undamaged, 4)])
        for defect, row in STRENGTHS[name].items():
            if row and defect in defects:
                damaged = [DEFECTS[defect].plant(images, s, world, np.random.default_rng(4)) for s in row["strengths"]]
                losses[defect].append([100 * (undamaged - accuracy(training)) for training in damaged])
                print(name, seed, defect, losses[defect], file=sys.stderr, flush=True)
    return {
        defect: np.mean(values, axis=0).round(3 if ":" in defect else 1).tolist() for defect, values in losses.items()
    }


def reference_of(world: World, seed: int, train: ExtractorTraining | None = None) -> Reference:
    """Train a classifier on each half of the real set, by default with `extractor_of`; return the reference."""
    train = train or extractor_of
    first, second = (
        extracted(half, train(other, world.classes, seed)) for half, other in (world.halves, world.halves[::-1])
    )
    return Reference(first, second, world.classes)


def extracted(half: LabelledImages, extractor: Extractor, coarse: bool = False) -> ExtractedHalf:
    return ExtractedHalf(half, extractor, list(extract_after_changes(half, extractor, coarse)), coarse=coarse)


def extractor_of(images: LabelledImages, classes: int, seed: int) -> Extractor:
    """Train a classifier with the recipe `small` on the images; return it as an extractor."""
    from prettyuseful.training.checkpoints import Checkpoints
    from prettyuseful.training.classifier import Design
    from prettyuseful.training.inference import features_and_logits
    from prettyuseful.training.initialisation import init_classifier
    from prettyuseful.training.loop import train
    from prettyuseful.training.recipes import SMALL, view_of

    pixels = Pixels.from_array(images.pixels, images.labels, images.groups)
    initial = init_classifier(Design("small", classes, SMALL.augmentation.size), seed).to(TrainingNumerics())
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Checkpoints(Path(folder), float("inf"))
        trained = train(initial, pixels, SMALL, seed, Path(folder) / "log", checkpoints, lambda _: None)

    def extract(batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        unlabelled = Pixels.from_array(batch, np.zeros(len(batch), np.int64), np.zeros(len(batch), str))
        return features_and_logits(trained, unlabelled, view_of(SMALL))

    return extract


if __name__ == "__main__":
    main()
