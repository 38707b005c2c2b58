"""Studies whose results decide which runs they need: with `until: sure` more seeds, with `halving` fewer data sets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from prettyuseful.analysis.halving import Halving, decide_halving, with_controls
from prettyuseful.analysis.stopping import CellDecisions, Looks, decide_cell, planned_pairs
from prettyuseful.engine.execute import Outcome, with_inputs
from prettyuseful.engine.session import Session
from prettyuseful.engine.step import Step
from prettyuseful.engine.store.base import Store
from prettyuseful.plan.gather import gather_runs
from prettyuseful.plan.study import Plan
from prettyuseful.records import CellNames, RunRecord

_logger = logging.getLogger("prettyuseful")


def needed_plan(plan: Plan, store: Store | None, outcome: Outcome | None = None) -> Plan:
    """Return a plan with the runs that are needed so far: those of the first seeds or the first rung, and of the next.

    It depends on the results in the store alone, so every process that shares the store finds the same.

    Args:
        plan: of a study; other studies than those with `until: sure` or `halving` are returned as they are.
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
    later = plan.study.train.later_seeds
    if store is None or not later:
        return plan.with_seeds({(run.cell.names, run.dataset, run.seed) for run in plan.all_runs}) if later else plan
    needed, cells = _with_more_seeds(plan, store, None)
    possible = {(run.cell.names, run.dataset, run.seed) for run in needed.runs}
    for cell, decided in cells.items():
        waiting = [d for d in decided.decisions if d.stopping.reason == "not finished"]
        possible |= {(cell, name, seed) for d in waiting for name in (d.a, d.b) for seed in later}
    return plan.with_seeds(possible)


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
        _logger.info(progress())
        plan = needed


def _needed(plan: Plan, store: Store, outcome: Outcome | None) -> tuple[Plan, Callable[[], str]]:
    """Return the plan that is needed so far, and a function that says what the results ask for."""
    if plan.study.train.halving is not None:
        halved, halving = _with_fewer_datasets(plan, store, outcome)
        return halved, lambda: _halving_progress(halving)
    needed, decisions = _with_more_seeds(plan, store, outcome)
    return needed, lambda: _seeds_progress(decisions.values())


def _with_more_seeds(plan: Plan, store: Store, outcome: Outcome | None) -> tuple[Plan, dict[CellNames, CellDecisions]]:
    train, pairs = plan.study.train, planned_pairs(plan.study)
    looks, known = Looks.of(train), dict[str, RunRecord]()
    decisions: dict[CellNames, CellDecisions] = {}
    while train.until is not None:
        new = [run for run in plan.runs if run.label not in known and run.is_result]
        known |= {run.label: record for run, record in zip(new, gather_runs(plan, new, store, outcome), strict=True)}
        cells = _by_cell(known.values())
        decisions = {cell: decide_cell(pairs, runs, looks) for cell, runs in cells.items()}
        added = {
            (cell, name, seed)
            for cell, decided in decisions.items()
            for name, seeds in decided.added.items()
            for seed in seeds
        }
        extended = plan.with_seeds(added)
        if len(extended.runs) == len(plan.runs):
            break
        plan = extended
    return plan, decisions


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
