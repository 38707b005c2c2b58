"""Studies that add training seeds: which ones they need follows from the results of the seeds so far."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from prettyuseful.analysis.mixing_looks import MixSeeds, mix_seeds
from prettyuseful.analysis.stopping import CellDecisions, Looks, decide_cell, planned_pairs, random_controls
from prettyuseful.engine.execute import Outcome
from prettyuseful.engine.session import Session
from prettyuseful.engine.store.base import Store
from prettyuseful.plan.gather import gather_runs
from prettyuseful.plan.planned import RunId
from prettyuseful.plan.study import Plan
from prettyuseful.records import CellNames, RunRecord, mix_label

_logger = logging.getLogger("prettyuseful")


def needed_plan(plan: Plan, store: Store | None, outcome: Outcome | None = None) -> Plan:
    """Return a plan with the runs that are needed so far: those of the first seeds, and of the next look.

    It depends on the results in the store alone, so every process that shares the store finds the same.

    Args:
        plan: of a study; that of a study that adds no seeds is returned as it is.
        store: None if it does not exist.
        outcome: of the steps that have run; runs that failed are not waited for.
    """
    return plan if store is None else _needed(plan, store, outcome)[0]


def largest_plan(plan: Plan, store: Store | None) -> Plan:
    """Return a plan with all runs that may still be needed, see `needed_plan`: up to the limit, where none decides."""
    if not plan.is_adaptive:
        return plan
    if store is None:
        return plan.with_seeds({run.id for run in plan.all_runs})
    needed, decided = _needed(plan, store, None)
    return plan.with_seeds({run.id for run in needed.runs} | decided.possible(plan))


def run_looks(plan: Plan, session: Session) -> Outcome:
    """Run the steps of a plan, and add the runs of further seeds until the rules of the study stop.

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
        needed, decided = _needed(plan, session.store, outcome)
        if len(needed.runs) == len(plan.runs):
            return outcome
        for line in decided.progress(plan):
            _logger.info(line)
        plan = needed


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
        if self.comparisons and (line := _progress(self.comparisons.values())):
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


def _needed(plan: Plan, store: Store, outcome: Outcome | None) -> tuple[Plan, _Decided]:
    study, pairs, controls = plan.study, planned_pairs(plan.study), random_controls(plan.study)
    known, decided = dict[str, RunRecord](), _Decided()
    while plan.is_adaptive:
        new = [run for run in plan.runs if run.label not in known and (run.steps_of is None or run.mixed)]
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


def _by_cell(runs: Iterable[RunRecord]) -> dict[CellNames, list[RunRecord]]:
    cells: dict[CellNames, list[RunRecord]] = {}
    for run in runs:
        cells.setdefault(run.cell, []).append(run)
    return cells


def _progress(cells: Iterable[CellDecisions]) -> str:
    decisions = [decision for cell in cells for decision in cell.decisions]
    waiting = [decision.stopping for decision in decisions if decision.stopping.reason == "not finished"]
    if not waiting:
        return ""
    seeds = max((looks.looks[-1] for looks in waiting if looks.looks), default=0)
    return (
        f"after {seeds} of at most {waiting[0].at_most} training seeds, {len(waiting)} of {len(decisions)} planned "
        f"comparison{'' if len(decisions) == 1 else 's'} need another seed"
    )
