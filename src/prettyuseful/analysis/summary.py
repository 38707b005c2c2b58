"""From records to what a study found: intervals per data set, paired comparisons, and the answer in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, product

import numpy as np

from prettyuseful.analysis import diagnosis
from prettyuseful.analysis.distribution import Measure, main_numbers, measures_of
from prettyuseful.analysis.effective import EffectiveReal, effective_real_images
from prettyuseful.analysis.ranking import Place, holm, ranking
from prettyuseful.analysis.statistics import LEVEL, Interval, accuracy, difference, grouped_difference
from prettyuseful.records import CellNames, DatasetRecord, MetricRecord, Record, RunRecord, StudyRecord, TransferResult
from prettyuseful.study.file import REAL

_PAIRS_TOLD = 4

Cell = CellNames

Tests = dict[int, TransferResult]
"""Tests of one cell on one data set, by training seed."""


@dataclass(frozen=True)
class Row:
    """What was found of one data set in one cell. `to_real`: Synth->Real, or Real->Real for the real images.

    `seeds` are the accuracies on real images, one per training seed; `per_class` their mean per class. `gap` is
    `to_real` minus that of equally many real images, paired. `metrics` are intervals by name, of images as they are,
    by the study's first encoder that has them; `distribution` holds all that was measured. `certainty` holds top-5
    accuracy and the figures of calibration on real images, one per training seed. `place`: its rank among the
    generated data sets of the cell, over the seeds that all of them have. `worth`: how many real images
    per class teach as much, if the study has a curve. `holds_real`: real images are in it, so that
    a test of real-trained classifiers on it would mean nothing. `of`: the data set that it is made of, if it is.
    """

    dataset: str
    images_per_class: int
    cell: Cell
    to_real: Interval | None
    from_real: Interval | None
    gap: Interval | None
    seeds: tuple[float, ...]
    per_class: tuple[float, ...]
    metrics: dict[str, Interval]
    distribution: tuple[Measure, ...]
    certainty: dict[str, tuple[float, ...]]
    place: Place | None = None
    worth: EffectiveReal | None = None
    holds_real: bool = False
    of: str | None = None

    @property
    def real(self) -> bool:
        return self.dataset == REAL


@dataclass(frozen=True)
class Comparison:
    """Data set `a` minus data set `b` in one cell.

    `planned`: the study names `b` as the control of `a`, and `to_real` stands for itself. All others are looked at
    because they are there: theirs hold for all pairs of the cell at once (Bonferroni). `p`: of no difference,
    two-sided; of pairs that nobody had planned adjusted for them all (Holm). None where it cannot be tested.
    """

    a: str
    b: str
    cell: Cell
    planned: bool
    to_real: Interval
    coverage: Interval | None
    p: float | None = None


@dataclass(frozen=True)
class CurvePoint:
    """Real->Real on `images_per_class`, in the steps that `steps_of` images per class would take."""

    cell: Cell
    steps_of: int
    images_per_class: int
    to_real: Interval


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
    def intervention_effects(self) -> diagnosis.InterventionEffects:
        """What was measured of data sets made of others, in the first cell that has it."""
        gaps: dict[str, Interval] = {}
        for row in self.rows:
            if row.gap:
                gaps.setdefault(row.dataset, row.gap)
        gains: dict[tuple[str, str], Interval] = {}
        for pair in self.comparisons:
            if pair.planned:
                gains.setdefault((pair.a, pair.b), pair.to_real)
        return diagnosis.InterventionEffects(self.study, gaps, gains)

    @cached_property
    def answer(self) -> tuple[str, ...]:
        """The answer in sentences, for the study's first cell."""
        return tuple(_answer(self))


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


def _answer(summary: Summary) -> list[str]:
    if not any(row.to_real for row in summary.rows):
        return ["No run is complete, so there is nothing to say yet."]
    cell = summary.rows[0].cell
    rows = [row for row in summary.rows if row.cell == cell and row.to_real]
    real = [row for row in rows if row.real]
    synthetic = sorted(
        (row for row in rows if not row.real and row.of is None),
        key=lambda row: -row.to_real.mean,  # type: ignore[union-attr]
    )
    sentences = [
        f"Trained on {row.images_per_class} real images per class, {cell[0]} gets {_percent(row.to_real)} of the real "
        f"test images right; guessing gets {summary.study.task.chance:.1%}."
        for row in real
    ]
    for row in synthetic:
        gap = "" if row.gap is None else f", {_points(row.gap)} against real images"
        worth = "" if row.worth is None else f"; real images per class that teach as much: {row.worth.words}"
        sentences.append(f"Trained on {row.dataset}, it gets {_percent(row.to_real)}{gap}{worth}.")
    sentences += [
        f"The real-trained classifier recognises {_percent(row.from_real)} of {row.dataset}'s images: they look like "
        "their class more than they teach it."
        for row in synthetic
        if row.from_real and row.to_real and row.from_real.low > row.to_real.high
    ]
    sentences += diagnosis.sentences(summary.datasets)
    sentences += [
        f"Real images after {cause.like} teach {_points(cost).replace('+', '')} less than as they are: what "
        f"{cause.id} costs, if {dataset.name} lacks nothing else."
        for dataset in summary.datasets
        for cause in (dataset.diagnosis.causes if dataset.diagnosis else ())
        if cause.named and (cost := summary.intervention_effects.accuracy_cost(cause)) and cost.mean > 0
    ]
    of_cell = [comparison for comparison in summary.comparisons if comparison.cell == cell]
    for pair in (pair for pair in of_cell if pair.planned):
        coverage = "" if pair.coverage is None else f"; coverage {_points(pair.coverage)}"
        verdict = "clear" if pair.to_real.excludes_zero else "not clear"
        sentences.append(
            f"{pair.a} against {pair.b}, its control: {_points(pair.to_real)} on real images, which is {verdict}"
            f"{coverage}."
        )
    others = [pair for pair in of_cell if not pair.planned]
    clear = sorted((pair for pair in others if pair.to_real.excludes_zero), key=lambda pair: -abs(pair.to_real.mean))
    for pair in clear[:_PAIRS_TOLD]:
        better, worse = (pair.a, pair.b) if pair.to_real.mean > 0 else (pair.b, pair.a)
        sentences.append(f"{better} teaches more than {worse}: {_points(pair.to_real, absolute=True)} on real images.")
    if others:
        sentences.append(
            f"{len(clear)} of {len(others)} pairs that nobody had planned to compare differ clearly; their intervals "
            "hold all at once."
        )
    if len(summary.study.file.train.seeds) == 1:
        sentences.append("There is one training seed: no interval says how much another training would differ.")
    return sentences


def _percent(interval: Interval | None) -> str:
    assert interval is not None
    return f"{interval.mean:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def _points(interval: Interval, absolute: bool = False) -> str:
    mean, low, high = interval.mean * 100, interval.low * 100, interval.high * 100
    if absolute and mean < 0:
        mean, low, high = -mean, -high, -low
    return f"{mean:+.1f} points ({low:+.1f} to {high:+.1f})"
