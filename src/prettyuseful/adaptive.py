"""Studies whose results decide which runs they need: more seeds (`until: sure`, `curve`) or fewer data sets
(`halving`)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from prettyuseful.analysis.halving import Halving, decide_halving, with_controls
from prettyuseful.analysis.mixing_looks import MixSeeds, mix_seeds
from prettyuseful.analysis.stopping import CellDecisions, Looks, decide_cell, planned_pairs, random_controls
from prettyuseful.engine.execute import Outcome, with_inputs
from prettyuseful.engine.session import Session
from prettyuseful.engine.step import Step
from prettyuseful.engine.store.base import Store
from prettyuseful.plan.gather import gather_runs
from prettyuseful.plan.planned import RunId
from prettyuseful.plan.study import Plan
from prettyuseful.records import CellNames, RunRecord, mix_label

_logger = logging.getLogger("prettyuseful")


def needed_plan(plan: Plan, store: Store | None, outcome: Outcome | None = None) -> Plan:
    """Return a plan with the runs that are needed so far: those of the first seeds or the first rung, and of the next.

    It depends on the results in the store alone, so every process that shares the store finds the same.

    Args:
        plan: of a study; one whose results ask for nothing more is returned as it is.
        store: None if it does not exist.
        outcome: of the steps that have run; runs that failed are not waited for.
    """
    return plan if store is None else _needed(plan, store, outcome)[0]


def largest_plan(plan: Plan, store: Store | None) -> Plan:
    """Return a plan with all runs that may still be needed, see `needed_plan`: up to the limit, where none decides.

    With `halving`, those data sets go on that take the longest.
    """
    if plan.study.train.halving is not None:
        return _future_plan(plan, store, lambda names: names[0])
    if not plan.is_adaptive:
        return plan
    if store is None:
        return plan.with_seeds({run.id for run in plan.all_runs})
    needed, decided = _with_more_seeds(plan, store, None)
    return plan.with_seeds({run.id for run in needed.runs} | decided.possible(plan))


def expected_plan(plan: Plan, store: Store | None) -> Plan | None:
    """Return a plan with `halving` in which those data sets go on that take a median time; None for other studies.

    Which ones go on is unknown, but not how many.
    """
    if plan.study.train.halving is None:
        return None
    return _future_plan(plan, store, lambda names: names[len(names) // 2])


def run_looks(plan: Plan, session: Session) -> Outcome:
    """Run the steps of a plan, then those that the results ask for, until they ask for no more.

    Raises:
        UserError: see `engine.execute.execute`.
    """
    outcome = Outcome()
    plan, _ = _needed(plan, session.store, outcome)
    while True:
        failed = outcome.failed.keys() | outcome.blocked  # they failed at an earlier look
        done = session.run(plan.steps, [key for key in plan.result_keys if key not in failed])
        outcome.completed |= done.completed
        outcome.failed |= done.failed
        outcome.blocked |= done.blocked
        needed, progress = _needed(plan, session.store, outcome)
        if len(needed.runs) == len(plan.runs):
            return outcome
        for line in progress():
            _logger.info(line)
        plan = needed


def _needed(plan: Plan, store: Store, outcome: Outcome | None) -> tuple[Plan, Callable[[], Iterable[str]]]:
    """Return the plan that is needed so far, and a function that says what the results ask for."""
    if plan.study.train.halving is not None:
        halved, halving = _with_fewer_datasets(plan, store, outcome)
        return halved, lambda: [_halving_progress(halving)]
    needed, decided = _with_more_seeds(plan, store, outcome)
    return needed, lambda: decided.progress(plan)


@dataclass(frozen=True)
class _Decided:
    """What results so far ask for, by grid cell: seeds for planned comparisons, and seeds for mixtures."""

    comparisons: dict[CellNames, CellDecisions] = field(default_factory=dict)
    mixtures: dict[CellNames, MixSeeds] = field(default_factory=dict)

    @property
    def added(self) -> set[RunId]:
        """The runs beyond the first seeds that are needed so far."""
        of_comparisons = {
            (cell, name, seed)
            for cell, decided in self.comparisons.items()
            for name, seeds in decided.added.items()
            for seed in seeds
        }
        of_mixtures = {
            (cell, mix_label(dataset, point), seed)
            for cell, seeds_of_cell in self.mixtures.items()
            for dataset, point, seed in seeds_of_cell.added
        }
        return of_comparisons | of_mixtures

    def possible(self, plan: Plan) -> set[RunId]:
        """The runs that results to come may ask for."""
        study, runs = plan.study, set[RunId]()
        for cell, decided in self.comparisons.items():
            waiting = [d for d in decided.decisions if d.stopping.reason == "not finished"]
            runs |= {(cell, name, seed) for d in waiting for name in (d.a, d.b) for seed in study.train.later_seeds}
        for cell, seeds in self.mixtures.items():
            runs |= {(cell, mix_label(*open_point), seed) for open_point in seeds.open for seed in study.all_seeds}
        return runs

    def progress(self, plan: Plan) -> Iterable[str]:
        if self.comparisons and (line := _seeds_progress(self.comparisons.values())):
            yield line
        if self.mixtures and any(seeds.open for seeds in self.mixtures.values()):
            curve = plan.study.curve
            assert curve is not None
            count = sum(1 for seeds in self.mixtures.values() for _, point in seeds.open if point.synthetic)
            seen = max(seeds.seeds for seeds in self.mixtures.values() if seeds.open)
            yield (
                f"after {seen} of at most {curve.at_most} training seeds, {count} "
                f"mixture{' needs' if count == 1 else 's need'} more seeds for the planned precision"
            )


def _with_more_seeds(plan: Plan, store: Store, outcome: Outcome | None) -> tuple[Plan, _Decided]:
    study, pairs, controls = plan.study, planned_pairs(plan.study), random_controls(plan.study)
    known, decided = dict[str, RunRecord](), _Decided()
    while plan.is_adaptive:
        new = [run for run in plan.runs if run.label not in known and (run.is_result or run.mixed)]
        known |= {run.label: record for run, record in zip(new, gather_runs(plan, new, store, outcome), strict=True)}
        of_datasets = _by_cell(run for run in known.values() if run.mixed is None)
        decided = _Decided(
            {cell: decide_cell(pairs, runs, Looks.of(study.train), controls) for cell, runs in of_datasets.items()}
            if study.train.until is not None
            else {},
            {cell: mix_seeds(study, cell, runs) for cell, runs in _by_cell(known.values()).items()}
            if study.curve is not None and study.curve.precision is not None
            else {},
        )
        extended = plan.with_seeds(decided.added)
        if len(extended.runs) == len(plan.runs):
            break
        plan = extended
    return plan, decided


def _with_fewer_datasets(plan: Plan, store: Store | None, outcome: Outcome | None) -> tuple[Plan, Halving]:
    known: dict[str, RunRecord] = {}
    while True:
        new = [run for run in plan.runs if run.rung is not None and run.label not in known]
        if store is not None:
            records = gather_runs(plan, new, store, outcome)
            known |= {run.label: record for run, record in zip(new, records, strict=True)}
        halving = decide_halving(plan.study, known.values())
        assert halving is not None
        extended = plan.at_rungs(halving.datasets_by_rung)
        if len(extended.runs) == len(plan.runs):
            return extended, halving
        plan = extended


def _future_plan(plan: Plan, store: Store | None, pick: Callable[[list[str]], str]) -> Plan:
    """Return the plan if, at every rung to come, those data sets go on that `pick` chooses, one after the other.

    `pick`: chooses from data sets in descending order of the time that training them in full adds.
    """
    plan, halving = _with_fewer_datasets(plan, store, None)
    rungs = [*halving.datasets_by_rung]
    whole = {name: _whole_steps(plan, name) for name in rungs[-1]}
    while len(rungs) < halving.plan.rungs:
        left, chosen, steps = [*rungs[-1]], list[str](), dict[str, Step]()
        while len(chosen) < halving.plan.number_kept(len(rungs[-1])):
            left.sort(key=lambda name: -_assumed_seconds(step for key, step in whole[name].items() if key not in steps))
            name = pick(left)
            left.remove(name)
            chosen.append(name)
            steps |= whole[name]
        rungs.append(with_controls(chosen, plan.study))
    return plan.at_rungs(rungs)


def _whole_steps(plan: Plan, name: str) -> dict[str, Step]:
    """Return all steps of a data set and its controls with the whole budget, by key."""
    names = with_controls([name], plan.study)
    keys = [key for run in plan.all_runs if run.dataset in names and run.is_result for key in run.keys]
    keys += [key for dataset in plan.all_datasets if dataset.name in names for key in dataset.keys.values()]
    return with_inputs(plan.all_steps, keys)


def _assumed_seconds(steps: Iterable[Step]) -> float:
    return sum(step.units * step.spec.pace for step in steps)


def _by_cell(runs: Iterable[RunRecord]) -> dict[CellNames, list[RunRecord]]:
    cells: dict[CellNames, list[RunRecord]] = {}
    for run in runs:
        cells.setdefault(run.cell, []).append(run)
    return cells


def _seeds_progress(cells: Iterable[CellDecisions]) -> str:
    decisions = [decision for cell in cells for decision in cell.decisions]
    waiting = [decision.stopping for decision in decisions if decision.stopping.reason == "not finished"]
    if not waiting:
        return ""
    seeds = max((looks.looks[-1] for looks in waiting if looks.looks), default=0)
    return (
        f"after {seeds} of at most {waiting[0].at_most} training seeds, {len(waiting)} of {len(decisions)} planned "
        f"comparison{'' if len(decisions) == 1 else 's'} need another seed"
    )


def _halving_progress(halving: Halving) -> str:
    last = halving.rungs[-1]
    return (
        f"rung {last.number} of {halving.plan.rungs} ({halving.budget_words(last.number)}): {len(last.kept)} of "
        f"{len(last.kept) + len(last.dropped)} data sets go on"
    )
