"""Which data sets `train.halving` stops early: what each rung says, from the records of its runs.

A rung trains one classifier on every data set that is still in, with a part of the budget, and compares them on real
training images that no data set uses. The rule keeps a fixed number of them. So a data set may be dropped that is not
clearly worse; a result says for each one whether it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from prettyuseful.analysis.statistics import LEVEL, CellModel, Interval, fit, tests_of
from prettyuseful.formatting import percent, points, share
from prettyuseful.records import HELD_OUT, RunRecord
from prettyuseful.study.file import Study
from prettyuseful.study.halving import HalvingPlan


@dataclass(frozen=True)
class Dropped:
    """A data set that was not trained with the whole budget.

    `rung`: the last one that it was on, from 1. `accuracy`: of one classifier with the budget of that rung, on held-out
    real training images; None if it could not be trained. `behind`: its accuracy minus that of `best`, the best data
    set of the rung, by an interval that allows for all comparisons with the best. Both intervals cover the choice of
    images, not another training.
    """

    dataset: str
    rung: int
    accuracy: Interval | None
    best: str | None = None
    behind: Interval | None = None

    @property
    def clearly_worse(self) -> bool:
        """Whether it is significantly below the best data set of its rung."""
        return self.behind is not None and self.behind.high < 0

    @property
    def words(self) -> str:
        """Why it was dropped, as the end of a sentence."""
        if self.accuracy is None:
            return "its classifier could not be trained"
        reached = f"{percent(self.accuracy)} on held-out real training images"
        if self.behind is None:
            return reached
        verdict = "" if self.clearly_worse else ", not significant: the rule keeps a fixed number of data sets"
        return f"{reached}, {points(self.behind)} from {self.best}{verdict}"


@dataclass(frozen=True)
class Rung:
    """What a finished rung decided.

    `number`: from 1. `share`: of the whole budget. `accuracies`: of the data sets on it whose classifier was trained,
    by name. `kept`: those that go on. `controls`: those of them that go on only because they are the control of another
    one.
    """

    number: int
    share: float
    accuracies: Mapping[str, Interval]
    kept: tuple[str, ...]
    controls: tuple[str, ...]
    dropped: tuple[Dropped, ...]


@dataclass(frozen=True)
class Halving:
    """What the rungs of a study say so far. `current`: the data sets of the next rung, or those that reached the last.

    `finished`: whether these are trained with the whole budget.
    """

    plan: HalvingPlan
    rungs: tuple[Rung, ...]
    current: tuple[str, ...]

    @property
    def finished(self) -> bool:
        return len(self.rungs) == self.plan.rungs - 1

    @property
    def datasets_by_rung(self) -> tuple[tuple[str, ...], ...]:
        """The data sets on each rung that is known so far; on the last one they are trained with the whole budget."""
        return (*((*rung.kept, *(d.dataset for d in rung.dropped)) for rung in self.rungs), self.current)

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """The data sets that were dropped: first those of the last rung, the best first."""
        return tuple(dropped for rung in reversed(self.rungs) for dropped in rung.dropped)

    def as_json(self) -> dict[str, Any]:
        rungs = [
            {"rung": rung.number, "share": rung.share, "kept": [*rung.kept], "controls": [*rung.controls]}
            for rung in self.rungs
        ]
        dropped = [{**asdict(one), "clearly_worse": one.clearly_worse} for one in self.dropped]
        return {"over": self.plan.over, "finished": self.finished, "rungs": rungs, "dropped": dropped}

    def budget_words(self, rung: int) -> str:
        """Return the budget of a rung, such as `11% of the images`."""
        return f"{share(self.plan.shares[rung - 1], 0)} of the {self.plan.over}"

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was decided, for the answer of a study."""
        if not self.finished:
            number = len(self.rungs) + 1
            return (
                f"Successive halving is not finished: {len(self.current)} data sets are on rung {number} of "
                f"{self.plan.rungs} ({self.budget_words(number)}).",
            )
        if not self.dropped:
            return ()
        count, total = len(self.dropped), len(self.dropped) + len(self.current)
        failed = sum(dropped.accuracy is None for dropped in self.dropped)
        worse = sum(dropped.clearly_worse for dropped in self.dropped)
        parts = [f"{worse} of them were significantly below the best data set of their rung"]
        if unclear := count - worse - failed:
            parts.append(f"{unclear} were not, and may be better than they looked with a part of the {self.plan.over}")
        if failed:
            parts.append(f"{failed} could not be trained")
        return (
            f"Successive halving stopped {count} of {total} data sets with a part of the {self.plan.over}, so their "
            f"accuracies with all {self.plan.over} were not measured: {'; '.join(parts)}. No test image took part in "
            "this choice.",
        )


def decide_halving(study: Study, runs: Iterable[RunRecord]) -> Halving | None:
    """Apply the rule of `train.halving` to the results of the rungs; None for a study without it.

    The result follows from the runs alone, so an interrupted study and other processes come to the same one. A rung is
    finished when every run on it is complete or has failed.
    """
    plan = study.train.halving
    if plan is None:
        return None
    of_rung: dict[int, dict[str, RunRecord]] = {}
    for run in runs:
        if run.rung is not None:
            of_rung.setdefault(run.rung, {})[run.dataset] = run
    current, rungs = tuple(study.datasets), list[Rung]()
    while len(rungs) < plan.rungs - 1:
        found = of_rung.get(len(rungs) + 1, {})
        if any(name not in found or found[name].status == "missing" for name in current):
            break
        rung = _decide(plan, len(rungs) + 1, [found[name] for name in current], study)
        rungs.append(rung)
        current = rung.kept
    return Halving(plan, tuple(rungs), current)


def with_controls(names: Collection[str], study: Study) -> tuple[str, ...]:
    """Return data sets with their controls, the controls of these, and so on, in the order of the study."""
    result, pending = set(names), list(names)
    while pending:
        control = study.datasets[pending.pop()].control
        if control is not None and control not in result:
            result.add(control)
            pending.append(control)
    return tuple(name for name in study.datasets if name in result)


def _decide(plan: HalvingPlan, number: int, runs: Sequence[RunRecord], study: Study) -> Rung:
    tests = {run.dataset: tests for run in runs if (tests := tests_of([run], HELD_OUT))}
    model = fit(tests) if tests else None
    accuracies = {name: model.accuracy(name) for name in tests} if model else {}
    best = plan.best({name: accuracy.mean for name, accuracy in accuracies.items()})
    kept = with_controls(best, study)
    dropped = [_dropped(run.dataset, number, model, accuracies) for run in runs if run.dataset not in kept]
    dropped.sort(key=lambda one: -1.0 if one.accuracy is None else one.accuracy.mean, reverse=True)
    controls = tuple(name for name in kept if name not in best)
    return Rung(number, plan.shares[number - 1], accuracies, kept, controls, tuple(dropped))


def _dropped(name: str, rung: int, model: CellModel | None, accuracies: Mapping[str, Interval]) -> Dropped:
    """Return why a data set is dropped.

    The best one in truth is significantly below another one with a probability of 5% at most, whichever looks best:
    every comparison with it is tested at 5% divided by their number (Bonferroni; the argument is that of Hsu,
    Annals of Statistics 12, 1984, on multiple comparisons with the best).
    """
    if model is None or name not in accuracies:
        return Dropped(name, rung, None)
    best = max(accuracies, key=lambda other: accuracies[other].mean)
    level = 1 - (1 - LEVEL) / max(1, len(accuracies) - 1)
    return Dropped(name, rung, accuracies[name], best, model.difference(name, best, level))
