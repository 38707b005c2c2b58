"""Studies that train `until: sure`: which seeds they need follows from the results of the seeds so far."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from prettyuseful.analysis.stopping import CellDecisions, Looks, decide_cell, planned_pairs, random_controls
from prettyuseful.engine.execute import Outcome
from prettyuseful.engine.session import Session
from prettyuseful.engine.store.base import Store
from prettyuseful.plan.gather import gather_runs
from prettyuseful.plan.study import Plan
from prettyuseful.records import CellNames, RunRecord

_logger = logging.getLogger("prettyuseful")


def needed_plan(plan: Plan, store: Store | None, outcome: Outcome | None = None) -> Plan:
    """Return a plan with the runs that are needed so far: those of the first seeds, and of the next look.

    It depends on the results in the store alone, so every process that shares the store finds the same.

    Args:
        plan: of a study; other studies than those with `until: sure` are returned as they are.
        store: None if it does not exist.
        outcome: of the steps that have run; runs that failed are not waited for.
    """
    return plan if store is None else _needed(plan, store, outcome)[0]


def largest_plan(plan: Plan, store: Store | None) -> Plan:
    """Return a plan with all runs that may still be needed, see `needed_plan`: up to the limit, where none decides."""
    later = plan.study.train.later_seeds
    if store is None or not later:
        return plan.with_seeds({(run.cell.names, run.dataset, run.seed) for run in plan.all_runs}) if later else plan
    needed, cells = _needed(plan, store, None)
    possible = {(run.cell.names, run.dataset, run.seed) for run in needed.runs}
    for cell, decided in cells.items():
        waiting = [d for d in decided.decisions if d.stopping.reason == "not finished"]
        possible |= {(cell, name, seed) for d in waiting for name in (d.a, d.b) for seed in later}
    return plan.with_seeds(possible)


def run_looks(plan: Plan, session: Session) -> Outcome:
    """Run the steps of a plan. With `until: sure`, add the runs of one seed after the other until the rule stops.

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
        needed, decisions = _needed(plan, session.store, outcome)
        if len(needed.runs) == len(plan.runs):
            return outcome
        _logger.info(_progress(decisions.values()))
        plan = needed


def _needed(plan: Plan, store: Store, outcome: Outcome | None) -> tuple[Plan, dict[CellNames, CellDecisions]]:
    train, pairs = plan.study.train, planned_pairs(plan.study)
    looks, controls, known = Looks.of(train), random_controls(plan.study), dict[str, RunRecord]()
    decisions: dict[CellNames, CellDecisions] = {}
    while train.until is not None:
        new = [run for run in plan.runs if run.label not in known and run.steps_of is None]
        known |= {run.label: record for run, record in zip(new, gather_runs(plan, new, store, outcome), strict=True)}
        cells = _by_cell(known.values())
        decisions = {cell: decide_cell(pairs, runs, looks, controls) for cell, runs in cells.items()}
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


def _by_cell(runs: Iterable[RunRecord]) -> dict[CellNames, list[RunRecord]]:
    cells: dict[CellNames, list[RunRecord]] = {}
    for run in runs:
        cells.setdefault(run.cell, []).append(run)
    return cells


def _progress(cells: Iterable[CellDecisions]) -> str:
    decisions = [decision for cell in cells for decision in cell.decisions]
    waiting = [decision.stopping for decision in decisions if decision.stopping.reason == "not finished"]
    seeds = max((looks.looks[-1] for looks in waiting if looks.looks), default=0)
    return (
        f"after {seeds} of at most {waiting[0].at_most} training seeds, {len(waiting)} of {len(decisions)} planned "
        f"comparison{'' if len(decisions) == 1 else 's'} need another seed"
    )
