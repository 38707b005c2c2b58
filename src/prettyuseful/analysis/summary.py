"""From records to what a study found: intervals per data set, paired comparisons, and the answer in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, product

import numpy as np

from prettyuseful.analysis.answer import answer
from prettyuseful.analysis.distribution import main_numbers, measures_of
from prettyuseful.analysis.effective import EffectiveReal, effective_real_images
from prettyuseful.analysis.ranking import Place, holm, ranking
from prettyuseful.analysis.remedies import InterventionEffects
from prettyuseful.analysis.rows import Cell, Comparison, CurvePoint, Row, Tests
from prettyuseful.analysis.statistics import LEVEL, Interval, accuracy, difference, grouped_difference
from prettyuseful.records import DatasetRecord, MetricRecord, Record, RunRecord, StudyRecord, TransferResult
from prettyuseful.study.file import REAL


@dataclass(frozen=True)
class Summary:
    """All that reports and tables say. `rows` in the order of the study, real images first in each cell."""

    study: StudyRecord
    datasets: tuple[DatasetRecord, ...]
    runs: tuple[RunRecord, ...]
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    curve: tuple[CurvePoint, ...]
    problems: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not self.problems

    @cached_property
    def intervention_effects(self) -> InterventionEffects:
        """What was measured of data sets made of others, in the first cell that has it."""
        gaps: dict[str, Interval] = {}
        for row in self.rows:
            if row.gap:
                gaps.setdefault(row.dataset, row.gap)
        gains: dict[tuple[str, str], Interval] = {}
        for pair in self.comparisons:
            if pair.planned:
                gains.setdefault((pair.a, pair.b), pair.to_real)
        return InterventionEffects(self.study, gaps, gains)

    @cached_property
    def answer(self) -> tuple[str, ...]:
        """The answer in sentences, for the study's first cell."""
        return tuple(answer(self.study, self.datasets, self.rows, self.comparisons, self.intervention_effects))


def summarise(records: Sequence[Record]) -> Summary:
    """Reads records, changes nothing. Failed and missing runs are told in `problems` and left out of every figure."""
    study = next(record for record in records if isinstance(record, StudyRecord))
    datasets = tuple(record for record in records if isinstance(record, DatasetRecord))
    runs = tuple(record for record in records if isinstance(record, RunRecord))
    by_cell: dict[Cell, dict[tuple[str, int], list[RunRecord]]] = {}
    for run in runs:
        if run.steps_of is None:
            by_cell.setdefault(run.cell, {}).setdefault((run.dataset, run.images_per_class), []).append(run)
    curves = _curves(runs)
    controls = {name: plan.control for name, plan in study.file.datasets.items() if plan.control}
    rows: list[Row] = []
    comparisons: list[Comparison] = []
    for cell, of_cell in by_cell.items():
        tests = {which: _tests(found) for which, found in of_cell.items()}
        places = _places(datasets, tests)
        for dataset in datasets:
            which = (dataset.name, dataset.images_per_class)
            if which in of_cell:
                row = replace(_row(dataset, cell, of_cell, tests, study.metrics), place=places.get(dataset.name))
                curve = curves.get((cell, dataset.images_per_class), {})
                rows.append(row if row.holds_real else replace(row, worth=_worth(curve, tests[which])))
        comparisons += _comparisons(datasets, cell, tests, controls)
    told: list[DatasetRecord | RunRecord] = [*datasets, *runs]
    problems = (
        *(_problem(record) for record in told if record.status != "complete"),
        *_absent(study, runs),
    )
    points = tuple(
        CurvePoint(cell, steps_of, n, accuracy([*of_n.values()]))
        for (cell, steps_of), curve in curves.items()
        for n, of_n in sorted(curve.items())
    )
    return Summary(study, datasets, runs, tuple(rows), tuple(comparisons), points, problems)


def _tests(runs: Sequence[RunRecord], on: str = REAL) -> Tests:
    return {run.seed: t for run in sorted(runs, key=lambda r: r.seed) for t in run.transfers if t.tested_on == on}


def _curves(runs: Sequence[RunRecord]) -> dict[tuple[Cell, int], dict[int, Tests]]:
    """Tests of the real curve by cell and the steps they match, then by images per class."""
    found: dict[tuple[Cell, int], dict[int, list[RunRecord]]] = {}
    for run in runs:
        if run.steps_of is not None:
            found.setdefault((run.cell, run.steps_of), {}).setdefault(run.images_per_class, []).append(run)
    return {which: {n: tests for n, of_n in curve.items() if (tests := _tests(of_n))} for which, curve in found.items()}


def _worth(curve: Mapping[int, Tests], of_dataset: Tests) -> EffectiveReal | None:
    """Over the seeds that the data set and every point of the curve have."""
    shared = sorted(set(of_dataset).intersection(*curve.values()))
    if len(curve) < 2 or not shared:
        return None
    points = {n: [tests[seed] for seed in shared] for n, tests in curve.items()}
    return effective_real_images(points, [of_dataset[seed] for seed in shared])


def _paired(a: Tests, b: Tests, level: float = LEVEL) -> Interval | None:
    """The difference over the training seeds that both have; None if there are none."""
    seeds = sorted(a.keys() & b.keys())
    return difference([a[seed] for seed in seeds], [b[seed] for seed in seeds], level) if seeds else None


def _row(
    dataset: DatasetRecord,
    cell: Cell,
    of_cell: dict[tuple[str, int], list[RunRecord]],
    tests: dict[tuple[str, int], Tests],
    metrics: Sequence[MetricRecord],
) -> Row:
    by_seed = tests[dataset.name, dataset.images_per_class]
    own = list(by_seed.values())
    real_runs = [run for (name, _), runs in of_cell.items() if name == REAL for run in runs]
    measures = measures_of(dataset, metrics)
    from_real = [] if dataset.control else list(_tests(real_runs, on=dataset.name).values())
    return Row(
        dataset=dataset.name,
        images_per_class=dataset.images_per_class,
        cell=cell,
        to_real=accuracy(own) if own else None,
        from_real=accuracy(from_real) if from_real else None,
        gap=None if dataset.control else _paired(by_seed, _baseline(dataset, tests)),
        seeds=tuple(test.top1 for test in own),
        per_class=tuple(np.mean([test.per_class for test in own], axis=0).tolist()) if own else (),
        metrics=main_numbers(measures),
        distribution=measures,
        certainty=_certainty(own),
        holds_real=dataset.control or dataset.holds_real,
        of=dataset.of,
    )


def _certainty(tests: Sequence[TransferResult]) -> dict[str, tuple[float, ...]]:
    known = set.intersection(*(set(test.calibration) for test in tests)) if tests else set()
    calibration = {name: tuple(test.calibration[name] for test in tests) for name in sorted(known)}
    return {"top5": tuple(test.top5 for test in tests), **calibration}


def _baseline(dataset: DatasetRecord, tests: dict[tuple[str, int], Tests]) -> Tests:
    """Real->Real on as many real images, or on the most that the task has."""
    real = sorted((n, found) for (name, n), found in tests.items() if name == REAL)
    fitting = [found for n, found in real if n <= dataset.images_per_class]
    return fitting[-1] if fitting else {}


def _places(datasets: Sequence[DatasetRecord], tests: Mapping[tuple[str, int], Tests]) -> dict[str, Place]:
    """By name, where there are two to compare; what is made of another data set does not compete with it."""
    own = (d for d in datasets if not d.control and d.of is None)
    found = {d.name: of for d in own if (of := tests.get((d.name, d.images_per_class)))}
    shared = sorted(set.intersection(*(set(of) for of in found.values()))) if len(found) > 1 else []
    if not shared:
        return {}
    ranked = ranking({name: [of[seed] for seed in shared] for name, of in found.items()})
    return {place.name: place for place in ranked.places}


def _comparisons(
    datasets: Sequence[DatasetRecord],
    cell: Cell,
    tests: Mapping[tuple[str, int], Tests],
    controls: Mapping[str, str],
) -> list[Comparison]:
    """Planned comparisons first, then every other pair of data sets that are not made of another."""
    synthetic = {d.name: d for d in datasets if not d.control and tests.get((d.name, d.images_per_class))}
    planned = [(a, b) for a, b in controls.items() if a in synthetic and b in synthetic]
    own = [name for name, dataset in synthetic.items() if dataset.of is None]
    others = [pair for pair in combinations(own, 2) if pair not in planned and pair[::-1] not in planned]
    simultaneous = 1 - (1 - LEVEL) / max(1, len(others))
    result = []
    for pair, level in [*((p, LEVEL) for p in planned), *((p, simultaneous) for p in others)]:
        a, b = (synthetic[name] for name in pair)
        found = _paired(tests[a.name, a.images_per_class], tests[b.name, b.images_per_class], level)
        if found is not None:
            covers = _coverage_difference(a, b)
            result.append(Comparison(a.name, b.name, cell, pair in planned, found, covers, found.p))
    return _adjusted(result)


def _adjusted(comparisons: Sequence[Comparison]) -> list[Comparison]:
    tested = [pair for pair in comparisons if not pair.planned and pair.p is not None]
    adjusted = dict(zip(map(id, tested), holm([pair.p for pair in tested if pair.p is not None]), strict=True))
    return [replace(pair, p=adjusted.get(id(pair), pair.p)) for pair in comparisons]


def _coverage_difference(a: DatasetRecord, b: DatasetRecord) -> Interval | None:
    """By the study's first encoder, of images as they are."""
    plain = [
        [found for found in record.measured if "coverage" in found.parts and not found.reencoded] for record in (a, b)
    ]
    if not all(plain) or plain[0][0].encoder != plain[1][0].encoder:
        return None
    covers = "the choice of real test images, given these data sets"
    return grouped_difference(plain[0][0].parts["coverage"], plain[1][0].parts["coverage"], covers)


def _absent(study: StudyRecord, runs: Sequence[RunRecord]) -> list[str]:
    """Runs that the study asks for and that have no record at all: someone took it away."""
    names, seeds = study.file.datasets, study.file.train.seeds
    there = {(run.dataset, run.cell, run.seed) for run in runs}
    grid = product([REAL, *names], study.cells, seeds)
    return [f"{run[1][0]} on {run[0]}, seed {run[2]}: its record is not there" for run in grid if run not in there]


def _problem(record: DatasetRecord | RunRecord) -> str:
    what = (
        f"data set {record.name}"
        if isinstance(record, DatasetRecord)
        else f"{record.architecture} on {record.dataset}, seed {record.seed}"
    )
    return f"{what}: {record.status}" + (f" ({record.cause})" if record.cause else "")
