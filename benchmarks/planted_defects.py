"""Is a planted defect named, and no cause where none was planted? `python benchmarks/planted_defects.py` prints JSON.

Real sets are drawn again and again from worlds without download (`planted/worlds.py`), two classifiers are trained on
the halves of each, and sets of undamaged images are damaged by one defect, by two, or not at all, at the strengths of
`planted/strengths.yaml`. The output holds the matrix planted x first named, shares of right names with Clopper-Pearson
intervals, false alarms by origin, pairs, and a power curve. `--calibrate` trains classifiers on damaged sets instead,
and prints by how much Synth->Real falls at each strength. How often intervals hold is `interval_coverage.py`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
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
from prettyuseful.diagnosis.images import Labelled
from prettyuseful.diagnosis.reference import ExtractedHalf, Reference, extract_after_changes
from prettyuseful.numerics import TrainingNumerics

STRENGTHS = yaml.safe_load((Path(__file__).parent / "planted" / "strengths.yaml").read_text("utf-8"))
SIZES = ("weak", "medium", "strong")
NOTHING, UNKNOWN = "nothing", "cause unknown"


@dataclass(frozen=True)
class Trial:
    """What was planted in which set, and what was named, the first first. `tied`: causes tied with the first."""

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
        return self.named[0] if self.named else UNKNOWN if self.unknown else NOTHING

    @property
    def right(self) -> float:
        """1 if the first name is accepted, a half if it is only tied with one that is."""
        accepted = DEFECTS[self.planted[0]].accepted
        return 1.0 if self.first in accepted else 0.5 if set(self.tied) & set(accepted) else 0.0

    @property
    def all_right(self) -> bool:
        return all(set(self.named) & set(DEFECTS[defect].accepted) for defect in self.planted)


@dataclass(frozen=True)
class Numbers:
    """How often what is tried on one real set."""

    medium: int
    other: int
    undamaged: int
    pairs: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", nargs="+", choices=list(WORLDS), default=list(WORLDS))
    parser.add_argument("--real-sets", type=int, default=8, help="how often real images are drawn again, per world")
    parser.add_argument("--medium", type=int, default=4, help="trials per defect and real set at medium strength")
    parser.add_argument("--other", type=int, default=1, help="the same at weak and strong")
    parser.add_argument("--undamaged", type=int, default=5, help="undamaged sets per origin and real set")
    parser.add_argument("--pairs", type=int, default=1, help="trials per pair of defects and real set")
    parser.add_argument("--defects", nargs="+", choices=list(DEFECTS), default=list(DEFECTS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--calibrate", action="store_true", help="train on damaged sets; diagnose nothing")
    parser.add_argument("--trials", type=Path, help="file for one JSON line per trial")
    options = parser.parse_args()
    init_classifier = time.perf_counter()
    if options.calibrate:
        print(
            json.dumps(
                {world: falls(world, range(options.real_sets), options.defects) for world in options.worlds}, indent=1
            )
        )
        return
    numbers = Numbers(options.medium, options.other, options.undamaged, options.pairs)
    jobs = [
        (world, seed, numbers, options.defects) for seed, world in product(range(options.real_sets), options.worlds)
    ]
    found: list[Trial] = []
    with multiprocessing.get_context("spawn").Pool(options.workers, maxtasksperchild=1) as pool:
        for done, trials in enumerate(pool.imap_unordered(_job, jobs, chunksize=1), 1):
            found += trials
            print(f"{done} of {len(jobs)} real sets, {len(found)} sets diagnosed", file=sys.stderr, flush=True)
            if options.trials:
                options.trials.write_text("".join(json.dumps(asdict(trial)) + "\n" for trial in found), "utf-8")
    minutes = round((time.perf_counter() - init_classifier) / 60, 1)
    print(json.dumps({"minutes": minutes, **{world: summarise(found, world) for world in options.worlds}}, indent=1))


def _job(job: tuple[str, int, Numbers, list[str]]) -> list[Trial]:
    import torch

    torch.set_num_threads(1)
    return list(trials_of(*job))


def trials_of(name: str, seed: int, numbers: Numbers, defects: Sequence[str] = tuple(DEFECTS)) -> Iterator[Trial]:
    """All trials of some defects, and of none, on one real set."""
    world = WORLDS[name](seed)
    reference = reference_of(world, seed)
    origins: tuple[Origin, ...] = ("unseen",) if isinstance(world, Digits) else ("unseen", "same")
    strengths = {defect: of["strengths"] for defect, of in STRENGTHS[name].items() if of and defect in defects}
    counts = {"weak": numbers.other, "medium": numbers.medium, "strong": numbers.other}
    asked: list[tuple[tuple[str, ...], str, Origin, int]] = [
        ((), "none", origin, number) for origin in origins for number in range(numbers.undamaged)
    ]
    asked += [
        ((defect,), size, origins[number % len(origins)], number)
        for defect in strengths
        for size, count in counts.items()
        for number in range(count)
    ]
    asked += [
        (pair, "medium", origins[number % len(origins)], number)
        for pair in PAIRS
        if set(pair) <= set(strengths)
        for number in range(numbers.pairs)
    ]
    for planted, size, origin, number in asked:
        rng = np.random.default_rng([seed, number, len(planted), *map(ord, "".join(planted) + size + origin)])
        images = world.draw(origin, rng)
        for defect in planted:
            images = DEFECTS[defect].plant(images, strengths[defect][SIZES.index(size)], world, rng)
        before = time.perf_counter()
        found = diagnose(reference, images)
        yield _trial(name, seed, planted, size, origin, found, time.perf_counter() - before)


def _trial(
    world: str, seed: int, planted: tuple[str, ...], size: str, origin: Origin, found: Diagnosis, seconds: float
) -> Trial:
    named = tuple(dict.fromkeys(cause.id for cause in found.named))
    tied = found.named[0].equivalent_to if found.named else ()
    return Trial(world, seed, planted, size, origin, named, tied, found.cause_unknown, round(seconds, 2))


def summarise(trials: Sequence[Trial], world: str) -> dict[str, Any]:
    """Counts and shares over the trials of one world."""
    mine = [trial for trial in trials if trial.world == world]
    single = [trial for trial in mine if len(trial.planted) == 1 and trial.size == "medium"]
    matrix: dict[str, Counter[str]] = defaultdict(Counter)
    power: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for trial in mine:
        if len(trial.planted) == 1:
            power[trial.planted[0]][trial.size].append(trial.right)
            if trial.size == "medium":
                matrix[trial.planted[0]][trial.first] += 1
    known = [trial for trial in single if "unknown" not in trial.planted[0]]
    return {
        "planted x first named, medium": {defect: dict(names.most_common()) for defect, names in matrix.items()},
        "first named right, medium": {
            "pooled": _share([trial.right for trial in known]),
            **{d: _share([t.right for t in single if t.planted == (d,)]) for d in matrix},
        },
        "power": {d: {size: _share(of[size]) for size in SIZES if size in of} for d, of in power.items()},
        "false alarms": {
            origin: _share([float(bool(t.named)) for t in mine if not t.planted and t.origin == origin])
            for origin in ("unseen", "same")
        },
        "falsely different": _share([float(t.unknown) for t in mine if not t.planted]),
        "false names": dict(Counter(name for t in mine if not t.planted for name in t.named)),
        "both named": {
            "pooled": _share([float(t.all_right) for t in mine if len(t.planted) == 2]),
            **{
                " + ".join(pair): _share([float(t.all_right) for t in mine if t.planted == pair])
                for pair in dict.fromkeys(t.planted for t in mine if len(t.planted) == 2)
            },
        },
        "seconds per diagnosis": round(float(np.median([t.seconds for t in mine])), 2) if mine else None,
    }


def _share(values: Sequence[float]) -> dict[str, Any] | None:
    """Mean, and the Clopper-Pearson interval, in which a half counts for nothing."""
    if not values:
        return None
    ends = binomtest(int(sum(values)), len(values)).proportion_ci(0.95, method="exact")
    share = {"share": round(float(np.mean(values)), 3), "trials": len(values)}
    return {**share, "low": round(float(ends.low), 3), "high": round(float(ends.high), 3)}


def falls(world: str, seeds: Sequence[int], defects: Sequence[str]) -> dict[str, Any]:
    """Points by which accuracy on real images falls at each strength; mean over real sets."""
    found: dict[str, Any] = defaultdict(list)
    for seed in seeds:
        drawn = WORLDS[world](seed)
        rng = np.random.default_rng([seed, 3])
        images, test = drawn.draw("unseen", rng), drawn.test(rng)

        def accuracy(of: Labelled, seed: int = seed, drawn: World = drawn, test: Labelled = test) -> float:
            _, logits = extractor_of(of, drawn.classes, seed)(test.pixels)
            return float((logits.argmax(axis=1) == test.labels).mean())

        whole = accuracy(images)
        found["undamaged: accuracy"].append([round(whole, 4)])
        for defect, of in STRENGTHS[world].items():
            if of and defect in defects:
                damaged = [DEFECTS[defect].plant(images, s, drawn, np.random.default_rng(4)) for s in of["strengths"]]
                found[defect].append([100 * (whole - accuracy(one)) for one in damaged])
                print(world, seed, defect, found[defect], file=sys.stderr, flush=True)
    return {
        defect: np.mean(values, axis=0).round(3 if ":" in defect else 1).tolist() for defect, values in found.items()
    }


def reference_of(world: World, seed: int) -> Reference:
    """Classifiers on either half, and the reference that they make."""
    one, two = (
        _extracted(half, extractor_of(other, world.classes, seed)) for half, other in (world.halves, world.halves[::-1])
    )
    return Reference(one, two, world.classes)


def _extracted(half: Labelled, extractor: Extractor) -> ExtractedHalf:
    return ExtractedHalf(half, extractor, list(extract_after_changes(half, extractor)))


def extractor_of(images: Labelled, classes: int, seed: int) -> Extractor:
    """A classifier of the recipe `small`, trained on the images."""
    from prettyuseful.training.checkpoints import Checkpoints
    from prettyuseful.training.classifier import Design
    from prettyuseful.training.inference import features_and_logits
    from prettyuseful.training.initialisation import init_classifier
    from prettyuseful.training.loop import train
    from prettyuseful.training.recipes import SMALL, view_of

    pixels = Pixels.of(images.pixels, images.labels, images.groups)
    begun = init_classifier(Design("small", classes, SMALL.augmentation.size), seed).on(TrainingNumerics())
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Checkpoints(Path(folder), float("inf"))
        trained = train(begun, pixels, SMALL, seed, Path(folder) / "log", checkpoints, lambda _: None)

    def extract(given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        unlabelled = Pixels.of(given, np.zeros(len(given), np.int64), np.zeros(len(given), str))
        return features_and_logits(trained, unlabelled, view_of(SMALL))

    return extract


if __name__ == "__main__":
    main()
