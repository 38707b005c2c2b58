"""Measure false decisions and trainings of `until: sure` by simulation: `python benchmarks/stopping.py` prints JSON.

The worlds are logistic models (`simulation.py`) with one control and one to four data sets that are compared with it.
Seeds are added after each look, as in a study. Two data sets without a gap
have the same true accuracy, so every decision between them is false; so is one with the wrong sign. For each world:

- `rule`: `analysis.stopping`, with the number of trainings until every comparison has stopped, and how many fewer these
  are than with ten fixed seeds. `given up`: comparisons that stopped because of the test images, and how many of them
  the rule would have decided with all seeds. `missed`: intervals of stopped comparisons that do not contain the truth.
  `accuracies missed`: 95% intervals of all accuracies, which do not allow for the looks.
- `ten seeds`: a fixed number, with one look.
- other rules, for worlds with one comparison: see RULES.

Percentages have 95% Clopper-Pearson intervals.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy import special, stats
from simulation import WORLDS, World

from prettyuseful import student
from prettyuseful.analysis.ranking import holm
from prettyuseful.analysis.statistics import LEVEL, CellModel, Interval, Replicate
from prettyuseful.analysis.stopping import Decision, Looks, decide_cell
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.engine.keys import derive_seed
from prettyuseful.records import RunRecord, TransferResult

LOOKS = Looks(tuple(range(12)), 3)
FIXED = 10
COUNTS = np.arange(LOOKS.first, LOOKS.last + 1)
ALPHA = 1 - LEVEL
NULL = ["all vary", "as in the demonstration", "near the ceiling", "three sources per class", "seeds matter most"]
NULL += ["sources matter most", "heavy tails", "two classes"]


@dataclass(frozen=True)
class Scene:
    """A world, and by how much the mean logits of the data sets that are compared with the control are lower."""

    world: str
    gaps: tuple[float, ...] = (0.0,)


SCENES = {
    **{f"no difference, {name}": Scene(name) for name in NULL},
    "no difference, four comparisons": Scene("all vary", (0.0,) * 4),
    "clear": Scene("all vary", (1.2,)),
    "clear, as in the demonstration": Scene("as in the demonstration", (0.8,)),
    "clear, seeds matter most": Scene("seeds matter most", (1.2,)),
    "clear, four comparisons": Scene("all vary", (1.2,) * 4),
    "two of four clear": Scene("all vary", (1.2, 1.2, 0.0, 0.0)),
    "small": Scene("all vary", (0.3,)),
    "small, as in the demonstration": Scene("as in the demonstration", (0.25,)),
    "small, seeds matter most": Scene("seeds matter most", (0.5,)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--worlds", nargs="+", choices=list(SCENES), default=list(SCENES))
    parser.add_argument("--rules", action="store_true", help="measure other rules, too")
    options = parser.parse_args()
    results = {name: measure(SCENES[name], options.trials, options.rules) for name in options.worlds}
    print(json.dumps({"trials": options.trials, "at_most": LOOKS.last, "worlds": results}, indent=1))


def measure(scene: Scene, trials: int, with_rules: bool = False) -> dict[str, Any]:
    """Return what each rule does in one world."""
    world, rng = WORLDS[scene.world], np.random.default_rng(derive_seed("stopping"))
    shifts = [0.0, *(-gap for gap in scene.gaps)]
    scales = [1.0] * len(shifts)
    accuracies = [world.truth(shift) for shift in shifts]
    truths = [accuracy - accuracies[0] for accuracy in accuracies[1:]]
    names = range(1, len(shifts))
    ours, fixed = _Tally(truths), _Tally(truths)
    others = {name: _Tally(truths) for name in RULES} if with_rules and len(truths) == 1 else {}
    given_up = wrongly = missed = accuracies_missed = 0
    for _ in range(trials):
        counts = world.counts(rng, shifts, scales, LOOKS.last)
        decisions, trained = decide(world, counts)
        ours.add([d.interval for d in decisions], [d.stopping.reason == "decided" for d in decisions], sum(trained))
        at_last, at_ten = (world.model(counts[:, :count]) for count in (LOOKS.last, FIXED))
        for decision, truth, name in zip(decisions, truths, names, strict=True):
            assert decision.interval is not None
            missed += not decision.interval.low <= truth <= decision.interval.high
            if decision.stopping.reason == "test images":
                last = at_last.difference(name, 0)
                given_up += 1
                wrongly += last is not None and (last.p or 0.0) <= ALPHA * LOOKS.share(LOOKS.last) / len(truths)
        stopped = CellModel(
            world.clusters,
            {
                name: {Replicate(0, seed): correct for seed, correct in enumerate(by_seed[:count])}
                for name, (by_seed, count) in enumerate(zip(counts, trained, strict=True))
            },
        )
        for name, accuracy in enumerate(accuracies):
            reached = stopped.accuracy(name)
            accuracies_missed += not reached.low <= accuracy <= reached.high
        found = [difference for name in names if (difference := at_ten.difference(name, 0))]
        fixed.add(found, [p <= ALPHA for p in holm([one.p or 0.0 for one in found])], FIXED * len(shifts))
        if others:
            path = [difference for n in COUNTS if (difference := world.model(counts[:, :n]).difference(1, 0))]
            for rule, tally in others.items():
                tally.add_path(path, RULES[rule])
    pairs = trials * len(truths)
    return {
        "differences": [round(truth, 4) for truth in truths],
        "rule": {
            **ours.result(trials),
            "given up": _percent(given_up, pairs),
            "given up wrongly": _percent(wrongly, pairs),
            "missed": _percent(missed, pairs),
            "accuracies missed": _percent(accuracies_missed, trials * len(accuracies)),
        },
        "ten seeds": fixed.result(trials),
        **{name: tally.result(trials) for name, tally in others.items()},
    }


def decide(world: World, counts: np.ndarray) -> tuple[Sequence[Decision], list[int]]:
    """Return the decisions of the rule, and the number of classifiers that each data set needed."""
    runs = [
        _run(str(name), seed, _test(world, correct))
        for name, by_seed in enumerate(counts)
        for seed, correct in enumerate(by_seed)
    ]
    decided = decide_cell([(str(name), "0") for name in range(1, len(counts))], runs, LOOKS)
    return decided.decisions, [LOOKS.first + len(decided.added.get(str(name), ())) for name in range(len(counts))]


def _run(name: str, seed: int, test: TransferResult) -> RunRecord:
    return RunRecord.model_construct(
        status="complete",
        dataset=name,
        images_per_class=ClassCounts(10),
        architecture="small",
        recipe="small",
        probe="rgb",
        seed=seed,
        draw=0,
        keys={},
        transfers=[test],
    )


def _test(world: World, correct: np.ndarray) -> TransferResult:
    sources, classes, sizes = world.rows
    return TransferResult.model_construct(
        kind="synth_to_real",
        tested_on="real",
        top1=0.0,
        top5=0.0,
        per_class=[],
        confusion=[],
        groups=[f"{label}/{source}" for source, label in zip(sources.tolist(), classes.tolist(), strict=True)],
        group_labels=classes.tolist(),
        group_sizes=sizes.tolist(),
        group_correct=correct.tolist(),
    )


class _Tally:
    """Counts decisions of one rule on comparisons with these true differences."""

    def __init__(self, truths: Sequence[float]) -> None:
        self.truths = truths
        self.false = self.decided = self.trainings = 0

    def add(self, intervals: Sequence[Interval | None], decided: Sequence[bool], trainings: int) -> None:
        found = [
            (interval.mean, truth)
            for interval, truth, is_decided in zip(intervals, self.truths, decided, strict=True)
            if interval is not None and is_decided
        ]
        self.false += any(mean * truth <= 0 for mean, truth in found)
        self.decided += len(found)
        self.trainings += trainings

    def add_path(self, path: Sequence[Interval], rule: Rule) -> None:
        """Add a comparison of two data sets, from its intervals at all looks."""
        index = next((i for i, interval in enumerate(path) if rule(i, interval)), None)
        last = len(path) - 1 if index is None else index
        self.add([path[last]], [index is not None], 2 * int(COUNTS[last]))

    def result(self, trials: int) -> dict[str, Any]:
        fixed = FIXED * (len(self.truths) + 1)
        return {
            "false decisions": _percent(self.false, trials),
            "decided": _percent(self.decided, trials * len(self.truths)),
            "trainings": round(self.trainings / trials, 2),
            "fewer than with ten seeds": f"{100 * (1 - self.trainings / trials / fixed):.0f}%",
        }


def _percent(count: int, trials: int) -> list[float]:
    low, high = stats.binomtest(count, trials).proportion_ci(LEVEL)
    return [round(100 * value, 2) for value in (count / trials, float(low), float(high))]


Rule = Callable[[int, Interval], bool]
"""Whether a comparison is decided at a look (0 for the first one), from its interval."""


def _of_levels(levels: Callable[[], np.ndarray]) -> Rule:
    """Return the rule that compares the p-value of each look with the error rate of this look."""
    return lambda index, interval: bool((interval.p or 0.0) <= levels()[index])


@cache
def _paths() -> np.ndarray:
    """Return absolute z-values (paths, looks) of means of normal values, without any difference."""
    steps = np.random.default_rng(derive_seed("paths")).standard_normal((400_000, len(COUNTS)))
    return np.asarray(np.abs((steps * np.diff(COUNTS, prepend=0) ** 0.5).cumsum(axis=1) / COUNTS**0.5))


def _spent(spend: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the error rates of the looks at which paths that go on so far spend what `spend` gives (Lan-DeMets)."""
    paths, levels = _paths(), []
    for column, spent in enumerate(np.diff(spend(COUNTS / LOOKS.last), prepend=0)):
        bound = np.sort(paths[:, column])[-max(1, round(spent * len(_paths())))]
        levels.append(2 * special.ndtr(-bound))
        paths = paths[paths[:, column] < bound]
    return np.array(levels)


@cache
def _pocock() -> np.ndarray:
    return _spent(lambda share: ALPHA * np.asarray(np.log(1 + (np.e - 1) * share)))


@cache
def _obrien_fleming() -> np.ndarray:
    return _spent(lambda share: 2 * np.asarray(special.ndtr(special.ndtri(ALPHA / 2) / share**0.5)))


def _mixture(index: int, interval: Interval) -> bool:
    """Whether a normal mixture of t likelihood ratios (Lai, Annals of Statistics 4, 1976) decides, prior variance 4.

    The test images add their part as in the other intervals.
    """
    parts = {component.name: component for component in interval.components}
    seeds, images, count = parts.get("training seeds"), parts.get("test images"), int(COUNTS[index])
    if seeds is None or images is None:
        return interval.excludes_zero
    spread = 1 + 4.0 * count
    ratio = (spread**0.5 / ALPHA) ** (2 / count)
    if ratio >= spread:
        return False
    quantile = (count - 1) * (ratio - 1) / (1 - ratio / spread)
    of_images = student.quantile(LEVEL, images.dof) ** 2 * images.variance
    return bool(interval.mean**2 > of_images + quantile * seeds.variance)


def _shares(last: float) -> np.ndarray:
    return ALPHA * np.array([*[(1 - last) / (len(COUNTS) - 1)] * (len(COUNTS) - 1), last])


RULES: dict[str, Rule] = {
    "5% at each look": _of_levels(lambda: np.full(len(COUNTS), ALPHA)),
    "equal shares": _of_levels(lambda: _shares(1 / len(COUNTS))),
    "half for the last look": _of_levels(lambda: _shares(0.5)),
    "Pocock type": _of_levels(_pocock),
    "O'Brien-Fleming type": _of_levels(_obrien_fleming),
    "mixture": _mixture,
}


if __name__ == "__main__":
    main()
