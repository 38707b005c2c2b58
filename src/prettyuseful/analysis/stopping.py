"""When to stop adding training seeds: the planned comparisons of a study that trains `until: sure`.

A study looks at its planned comparisons after its first seeds, and again after every seed that it adds. Looking often
would find differences by chance, so the looks share an error rate of 5 %: half of it is kept for the last look, and the
earlier ones have equal parts of the other half. Whatever the dependence between looks, the probabilities of false
decisions add up to 5 % at most (Bonferroni's inequality; spending an error rate over looks is due to Lan and DeMets,
Biometrika 70, 1983). So a p-value divided by the share of its look holds whenever one stops. The planned comparisons of
a grid cell are one family: Holm's method adjusts these p-values.

The test images stay the same at every look, so more seeds do not make their part of an interval narrower. A comparison
also stops where this part alone is too wide to decide it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from prettyuseful import student
from prettyuseful.analysis.ranking import holm, holm_levels
from prettyuseful.analysis.statistics import (
    LEVEL,
    CellModel,
    Interval,
    RandomControl,
    RandomControls,
    fit,
    tests_of,
)
from prettyuseful.records import RunRecord, dataset_label
from prettyuseful.study.file import REAL, Study, TrainPlan

LAST_SHARE = 0.5
"""The share of the error rate that is kept for the last look; `benchmarks/stopping.py` compares it with others."""
_PLAUSIBLE = 0.95
"""Level of the t interval for where the mean of all seeds may lie, before a comparison is given up."""
Pair = tuple[str, str]
StopReason = Literal["decided", "test images", "draws", "limit", "failed runs", "not finished"]


@dataclass(frozen=True)
class Looks:
    """When a study looks: after the `first` of its `seeds`, and after each further one, in this order."""

    seeds: tuple[int, ...]
    first: int

    @classmethod
    def of(cls, train: TrainPlan) -> Looks:
        return cls(train.all_seeds, len(train.seeds))

    @property
    def last(self) -> int:
        """The number of seeds at the last look."""
        return len(self.seeds)

    def share(self, count: int) -> float:
        """Return the share of the error rate of the look after `count` seeds; the shares of all looks add up to 1."""
        if self.last == self.first:
            return 1.0
        return LAST_SHARE if count == self.last else (1 - LAST_SHARE) / (self.last - self.first)


@dataclass(frozen=True)
class Stopping:
    """Why the seeds of a planned comparison stopped.

    `looks`: the numbers of shared training seeds after which it was looked at. `at_most`: the limit of seeds.
    `reason`: `decided`; `test images` or `draws`: what the choice of these leaves open, more seeds cannot decide;
    `limit`: no more seeds are allowed; `failed runs`: too few of its classifiers could be trained; `not finished`: the
    seeds of the next look are missing. `family`: number of planned comparisons that share the error rate.
    """

    reason: StopReason
    looks: tuple[int, ...]
    at_most: int
    family: int

    @property
    def words(self) -> str:
        """The end of a sentence about the comparison."""
        if not self.looks:
            return "not looked at, because runs failed" if self.reason == "failed runs" else "not looked at yet"
        seeds = f"{self.looks[-1]} of at most {self.at_most} training seeds"
        match self.reason:
            case "decided":
                return f"decided after {seeds}"
            case "test images":
                return f"stopped after {seeds}, because more seeds cannot decide it: the test images are the limit"
            case "draws":
                return f"stopped after {seeds}, because more seeds cannot decide it: the draws are the limit"
            case "limit":
                return f"not decided after {seeds}"
            case "failed runs":
                return f"not decided after {seeds}, because runs failed"
            case "not finished":
                return f"not decided after {seeds}, and not finished"

    @property
    def note(self) -> str:
        """What its interval allows for."""
        looks = ", ".join(map(str, self.looks))
        others = f" and by {self.family} planned comparisons" if self.family > 1 else ""
        return (
            f"looked at after {looks} training seeds, and {self.words}; the interval allows for this: an error rate of "
            f"{1 - LEVEL:.0%} is shared by all looks{others}"
        )


@dataclass(frozen=True)
class Decision:
    """A planned comparison at its last look: accuracy of `a` minus that of its control `b`.

    `interval` and `p` hold whatever decided when to stop. `p`: two-sided p-value of no difference, Holm-adjusted for
    the planned comparisons of the cell. `interval`: at the level at which the comparison is tested, so that it excludes
    zero where `p` is at most 5 %. Both are None before the first look.
    """

    a: str
    b: str
    interval: Interval | None
    p: float | None
    stopping: Stopping


@dataclass(frozen=True)
class CellDecisions:
    """The planned comparisons of a grid cell. `added`: by data set, the seeds that they need beyond the first ones."""

    decisions: tuple[Decision, ...]
    added: Mapping[str, tuple[int, ...]]


def planned_pairs(study: Study) -> tuple[Pair, ...]:
    """Return the planned comparisons of a study: each data set that names a control, with this control."""
    return tuple((name, plan.control) for name, plan in study.datasets.items() if plan.control)


def random_controls(study: Study) -> dict[str, RandomControl]:
    """Return the random controls of the selections of a study, by name of the selection."""
    keeps = {name: str(plan.select.keep) for name, plan in study.datasets.items() if plan.select}
    return {name: RandomControl(control, keeps[control]) for name, control in study.random_controls.items()}


def decide_cell(
    pairs: Sequence[Pair],
    runs: Sequence[RunRecord],
    looks: Looks,
    controls: RandomControls = MappingProxyType({}),
) -> CellDecisions:
    """Apply the stopping rule to the planned comparisons of one grid cell.

    The result follows from the results of the runs: each look uses the seeds up to it, whatever came later. So a study
    that was interrupted and continued ends with the same decisions.

    Args:
        pairs: names of data sets and their controls.
        runs: all runs of the cell, without those of the curve of real images. A run that failed counts as done, one
            that is missing is waited for.
        looks: when to look.
        controls: the random controls of selections.
    """
    return _Cell(pairs, runs, looks, controls).decide()


@dataclass
class _Comparison:
    """A planned comparison while seeds are added; `model` and `p`, divided by the share of the look, are of the last.

    `reason`: why it has stopped; None while it is open.
    """

    pair: Pair
    looks: list[int] = field(default_factory=list)
    model: CellModel | None = None
    p: float = 1.0
    reason: StopReason | None = None


class _Cell:
    def __init__(
        self, pairs: Sequence[Pair], runs: Sequence[RunRecord], looks: Looks, controls: RandomControls
    ) -> None:
        self.runs, self.looks, self.controls = runs, looks, controls
        self.comparisons = [_Comparison(pair) for pair in pairs]
        self.added: dict[str, list[int]] = {}
        self.done: dict[str, set[int]] = {}
        by_dataset: dict[str, list[RunRecord]] = {}
        for run in runs:
            name = dataset_label(run.dataset, run.images_per_class)
            by_dataset.setdefault(name, []).append(run)
            if run.status != "missing":
                self.done.setdefault(name, set()).add(run.seed)
        self.tests = {name: tests_of(of_one, REAL) for name, of_one in by_dataset.items()}

    def decide(self) -> CellDecisions:
        first = set(self.looks.seeds[: self.looks.first])
        if not any(run.status == "missing" and run.seed in first for run in self.runs):
            for count in range(self.looks.first, self.looks.last + 1):
                self._look(count)
                if not (self._open and self._has_next(count)):
                    break
        added = {name: tuple(seeds) for name, seeds in sorted(self.added.items())}
        return CellDecisions(tuple(self._decisions()), added)

    @property
    def _open(self) -> list[_Comparison]:
        return [comparison for comparison in self.comparisons if comparison.reason is None]

    def _look(self, count: int) -> None:
        """Look at the open comparisons after the first `count` seeds, and find those that stop."""
        is_last, model = count == self.looks.last, self._model(self.looks.seeds[:count])
        for comparison in self._open:
            interval = None if model is None else _difference(model, comparison.pair)
            shared = 0 if interval is None else len(interval.seeds)
            if interval is not None and shared > max([self.looks.first - 1, *comparison.looks]):
                assert interval.p is not None
                comparison.looks.append(shared)
                comparison.model, comparison.p = model, min(1.0, interval.p / self.looks.share(shared))
            elif not shared or is_last:
                comparison.reason = "failed runs"
        for comparison, p in zip(self.comparisons, holm([c.p for c in self.comparisons]), strict=True):
            if comparison.reason is None:
                comparison.reason = "decided" if p <= 1 - LEVEL else self._futile(comparison)
            if comparison.reason is None and is_last:
                comparison.reason = "limit"

    def _has_next(self, count: int) -> bool:
        """Add the next seed for all data sets in open comparisons; return whether its runs are done."""
        names = sorted({name for comparison in self._open for name in comparison.pair})
        for name in names:
            self.added.setdefault(name, []).append(self.looks.seeds[count])
        # Where a record was deleted, later ones show that its run was done.
        done = set(self.looks.seeds[count:])
        return all(self.done.get(name, set()) & done for name in names) and not any(
            run.status == "missing" and run.seed == self.looks.seeds[count] and run.dataset in names
            for run in self.runs
        )

    def _model(self, seeds: Sequence[int]) -> CellModel | None:
        tests = {
            name: used
            for name, all_tests in self.tests.items()
            if (used := {replicate: test for replicate, test in all_tests.items() if replicate.seed in seeds})
        }
        return fit(tests, random_controls=self.controls) if tests else None

    def _futile(self, comparison: _Comparison) -> StopReason | None:
        """Return what leaves the comparison open at the last look even if seeds do not vary at all by then.

        The mean over all seeds may differ from the present one, so the farthest that is plausible counts.
        """
        interval = None if comparison.model is None else _difference(comparison.model, comparison.pair)
        if interval is None:
            return None
        # A few seeds say too little about how much selected images matter to give up for it.
        fixed = [part for part in interval.components if part.name in ("test images", "draws")]
        farthest = abs(interval.mean)
        for part in interval.components:
            if part.name == "training seeds":
                left = part.variance * (1 - part.count / self.looks.last)
                farthest += student.half_width(_PLAUSIBLE, [(left, part.dof)])
        level = 1 - (1 - LEVEL) * self.looks.share(self.looks.last)
        if farthest > student.half_width(level, [(part.variance, part.dof) for part in fixed]):
            return None
        largest = max(fixed, key=lambda part: part.variance, default=None)
        return "draws" if largest is not None and largest.name == "draws" else "test images"

    def _decisions(self) -> Iterator[Decision]:
        p = [comparison.p for comparison in self.comparisons]
        for comparison, adjusted, level in zip(self.comparisons, holm(p), holm_levels(p), strict=True):
            reason, looks = comparison.reason or "not finished", tuple(comparison.looks)
            stopping = Stopping(reason, looks, self.looks.last, len(self.comparisons))
            if comparison.model is None:
                yield Decision(*comparison.pair, None, None, stopping)
                continue
            interval = _difference(comparison.model, comparison.pair, 1 - (1 - level) * self.looks.share(looks[-1]))
            assert interval is not None
            interval = replace(interval, notes=(*interval.notes, stopping.note))
            yield Decision(*comparison.pair, interval, adjusted, stopping)


def _difference(model: CellModel, pair: Pair, level: float = LEVEL) -> Interval | None:
    """Return the difference of a pair; None if the data sets share no training seed."""
    return model.difference(*pair, level) if all(name in model.datasets for name in pair) else None
