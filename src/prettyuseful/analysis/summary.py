"""The summary of a study's records: intervals per data set, paired comparisons, and the answer in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, product

import numpy as np

from prettyuseful.analysis.answer import answer
from prettyuseful.analysis.checks import study_findings
from prettyuseful.analysis.distribution import metrics_of_different_numbers, primary_metrics, summarise_measures
from prettyuseful.analysis.effective import EffectiveReal, effective_real_images
from prettyuseful.analysis.headline import headline
from prettyuseful.analysis.ranking import RankRange, holm, rank_datasets
from prettyuseful.analysis.remedies import InterventionEffects
from prettyuseful.analysis.rows import Cell, Comparison, CurvePoint, Row, Tests, baseline_of, curve_position
from prettyuseful.analysis.statistics import LEVEL, Interval, accuracy, difference, grouped_difference
from prettyuseful.checks.finding import Finding
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.records import DatasetRecord, MetricRecord, Record, RunRecord, StudyRecord, TransferResult
from prettyuseful.study.file import REAL

_DatasetSize = tuple[str, ClassCounts]
"""The name of a data set and its images per class: real images occur in several sizes."""


@dataclass(frozen=True)
class Summary:
    """The results of a study, from which reports and tables are made.

    `rows`: in the order of the study file; in each grid cell, real images come first. `comparisons`: all pairs of data
    sets. `curve`: accuracy by number of real training images. `problems`: one sentence for each data set or run that is
    missing or has failed.
    """

    study: StudyRecord
    datasets: tuple[DatasetRecord, ...]
    runs: tuple[RunRecord, ...]
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    curve: tuple[CurvePoint, ...]
    problems: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every data set and every run of the study is complete."""
        return not self.problems

    @cached_property
    def metrics_of_different_numbers(self) -> frozenset[str]:
        """The metrics that depend on the number of images and were measured on different numbers of images."""
        measures = (measure for row in self.rows for measure in row.distribution)
        return metrics_of_different_numbers(measures, self.study.metrics)

    @cached_property
    def intervention_effects(self) -> InterventionEffects:
        """The measured effects of causes and remedies, each from the first grid cell that has it."""
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
        """The answer to the study's question in sentences, for its first grid cell.

        Findings of the data checks that make the numbers wrong come first.
        """
        return self.errors + tuple(
            answer(self.study, self.datasets, self.rows, self.comparisons, self.intervention_effects)
        )

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the data checks found, errors first."""
        return study_findings(self.study, self.datasets, self.runs)

    @property
    def errors(self) -> tuple[str, ...]:
        """Findings of the data checks that make the numbers wrong, one sentence each."""
        return tuple(finding.words for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[str, ...]:
        """Findings of the data checks that may mislead, one sentence each."""
        return tuple(finding.words for finding in self.findings if finding.severity == "warning")

    @property
    def checked(self) -> bool:
        """Whether the data checks ran."""
        return any(dataset.findings is not None for dataset in self.datasets)

    @cached_property
    def headline(self) -> tuple[str, ...]:
        """The answer in at most three sentences, for the first grid cell of the study."""
        return headline(self.datasets, self.rows, self.comparisons)


def summarise(records: Sequence[Record]) -> Summary:
    """Compute the summary of a study from its records, see `read_records`.

    Failed and missing runs are listed in `Summary.problems` and excluded from all numbers.
    """
    study = next(record for record in records if isinstance(record, StudyRecord))
    datasets = tuple(record for record in records if isinstance(record, DatasetRecord))
    runs = tuple(record for record in records if isinstance(record, RunRecord))
    by_cell: dict[Cell, dict[_DatasetSize, list[RunRecord]]] = {}
    for run in runs:
        if run.steps_of is None:
            by_cell.setdefault(run.cell, {}).setdefault((run.dataset, run.images_per_class), []).append(run)
    curves = _curves(runs)
    controls = {name: plan.control for name, plan in study.file.datasets.items() if plan.control}
    rows: list[Row] = []
    comparisons: list[Comparison] = []
    for cell, runs_of_cell in by_cell.items():
        tests = {dataset_size: _tests_by_seed(group) for dataset_size, group in runs_of_cell.items()}
        rank_ranges = _rank_ranges(datasets, tests)
        for dataset in datasets:
            dataset_size = (dataset.name, dataset.images_per_class)
            if dataset_size in runs_of_cell:
                row = _row(dataset, cell, runs_of_cell, tests, study.metrics)
                row = replace(row, rank_range=rank_ranges.get(dataset.name))
                curve = curves.get((cell, dataset.images_per_class), {})
                rows.append(row if row.holds_real else replace(row, worth=_effective_real(curve, tests[dataset_size])))
        comparisons += _comparisons(datasets, cell, tests, controls)
    records_with_status: list[DatasetRecord | RunRecord] = [*datasets, *runs]
    problems = (
        *(_problem_message(record) for record in records_with_status if record.status != "complete"),
        *_missing_record_messages(study, runs),
    )
    points = tuple(
        CurvePoint(cell, steps_of, n, accuracy([*tests_of_size.values()]))
        for (cell, steps_of), curve in curves.items()
        for n, tests_of_size in sorted(curve.items())
    )
    return Summary(study, datasets, runs, tuple(rows), tuple(comparisons), points, problems)


def _tests_by_seed(runs: Sequence[RunRecord], tested_on: str = REAL) -> Tests:
    runs = sorted(runs, key=lambda run: run.seed)
    return {run.seed: test for run in runs for test in run.transfers if test.tested_on == tested_on}


def _curves(runs: Sequence[RunRecord]) -> dict[tuple[Cell, ClassCounts], dict[ClassCounts, Tests]]:
    """Return the tests of the real-image curves by (cell, `steps_of`), then by images per class."""
    grouped: dict[tuple[Cell, ClassCounts], dict[ClassCounts, list[RunRecord]]] = {}
    for run in runs:
        if run.steps_of is not None:
            grouped.setdefault((run.cell, run.steps_of), {}).setdefault(run.images_per_class, []).append(run)
    return {
        curve: {n: tests for n, group in sizes.items() if (tests := _tests_by_seed(group))}
        for curve, sizes in grouped.items()
    }


def _effective_real(curve: Mapping[ClassCounts, Tests], dataset_tests: Tests) -> EffectiveReal | None:
    """Use the seeds that the data set and every point of the curve have; None without such seeds or a curve."""
    shared = sorted(set(dataset_tests).intersection(*curve.values()))
    if len(curve) < 2 or not shared:
        return None
    points = {curve_position(counts): [tests[seed] for seed in shared] for counts, tests in curve.items()}
    return effective_real_images(points, [dataset_tests[seed] for seed in shared])


def _paired_difference(a: Tests, b: Tests, level: float = LEVEL) -> Interval | None:
    """Return the difference over the training seeds that both have; None if there are none."""
    seeds = sorted(a.keys() & b.keys())
    return difference([a[seed] for seed in seeds], [b[seed] for seed in seeds], level) if seeds else None


def _row(
    dataset: DatasetRecord,
    cell: Cell,
    runs_of_cell: dict[_DatasetSize, list[RunRecord]],
    tests: dict[_DatasetSize, Tests],
    metrics: Sequence[MetricRecord],
) -> Row:
    by_seed = tests[dataset.name, dataset.images_per_class]
    dataset_tests = list(by_seed.values())
    real_runs = [run for (name, _), runs in runs_of_cell.items() if name == REAL for run in runs]
    measures = summarise_measures(dataset, metrics)
    from_real = [] if dataset.control else list(_tests_by_seed(real_runs, tested_on=dataset.name).values())
    per_class = np.mean([test.per_class for test in dataset_tests], axis=0).tolist() if dataset_tests else ()
    return Row(
        dataset=dataset.name,
        images_per_class=dataset.images_per_class,
        cell=cell,
        to_real=accuracy(dataset_tests) if dataset_tests else None,
        from_real=accuracy(from_real) if from_real else None,
        gap=None if dataset.control else _paired_difference(by_seed, _baseline(dataset, tests)),
        seeds=tuple(test.top1 for test in dataset_tests),
        per_class=tuple(per_class),
        metrics=primary_metrics(measures),
        distribution=measures,
        calibration=_calibration(dataset_tests),
        holds_real=dataset.control or dataset.holds_real,
        of=dataset.of,
    )


def _calibration(tests: Sequence[TransferResult]) -> dict[str, tuple[float, ...]]:
    """Return top-5 accuracy and the calibration metrics that all tests have, one value per training seed."""
    names = set.intersection(*(set(test.calibration) for test in tests)) if tests else set()
    metrics = {name: tuple(test.calibration[name] for test in tests) for name in sorted(names)}
    return {"top5": tuple(test.top5 for test in tests), **metrics}


def _baseline(dataset: DatasetRecord, tests: dict[_DatasetSize, Tests]) -> Tests:
    """Return the Real->Real tests with as many real images as the data set has, or the most available."""
    counts = baseline_of(dataset.images_per_class, (counts for name, counts in tests if name == REAL))
    return {} if counts is None else tests[REAL, counts]


def _rank_ranges(datasets: Sequence[DatasetRecord], tests: Mapping[_DatasetSize, Tests]) -> dict[str, RankRange]:
    """Return rank ranges by data set name; data sets derived from another one are not ranked."""
    candidates = (d for d in datasets if not d.control and d.of is None)
    tested = {d.name: by_seed for d in candidates if (by_seed := tests.get((d.name, d.images_per_class)))}
    shared = sorted(set.intersection(*(set(by_seed) for by_seed in tested.values()))) if len(tested) > 1 else []
    if not shared:
        return {}
    ranking = rank_datasets({name: [by_seed[seed] for seed in shared] for name, by_seed in tested.items()})
    return {rank_range.name: rank_range for rank_range in ranking.rank_ranges}


def _comparisons(
    datasets: Sequence[DatasetRecord],
    cell: Cell,
    tests: Mapping[_DatasetSize, Tests],
    controls: Mapping[str, str],
) -> list[Comparison]:
    """Pre-registered comparisons first, then all other pairs of data sets that are not derived from another one."""
    synthetic = {d.name: d for d in datasets if not d.control and tests.get((d.name, d.images_per_class))}
    planned = [(a, b) for a, b in controls.items() if a in synthetic and b in synthetic]
    underived = [name for name, dataset in synthetic.items() if dataset.of is None]
    exploratory = [pair for pair in combinations(underived, 2) if pair not in planned and pair[::-1] not in planned]
    simultaneous_level = 1 - (1 - LEVEL) / max(1, len(exploratory))
    comparisons = []
    for pair, level in [*((pair, LEVEL) for pair in planned), *((pair, simultaneous_level) for pair in exploratory)]:
        a, b = (synthetic[name] for name in pair)
        interval = _paired_difference(tests[a.name, a.images_per_class], tests[b.name, b.images_per_class], level)
        if interval is not None:
            coverage = _coverage_difference(a, b)
            comparisons.append(Comparison(a.name, b.name, cell, pair in planned, interval, coverage, interval.p))
    return _with_adjusted_p(comparisons)


def _with_adjusted_p(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Replace the p-values of exploratory comparisons by Holm-adjusted ones."""
    tested = [pair for pair in comparisons if not pair.planned and pair.p is not None]
    adjusted = dict(zip(map(id, tested), holm([pair.p for pair in tested if pair.p is not None]), strict=True))
    return [replace(pair, p=adjusted.get(id(pair), pair.p)) for pair in comparisons]


def _coverage_difference(a: DatasetRecord, b: DatasetRecord) -> Interval | None:
    """Use the study's first encoder and the original images; None if either data set has no coverage measured."""
    measured = [
        [result for result in record.measured if "coverage" in result.parts and not result.reencoded]
        for record in (a, b)
    ]
    if not all(measured) or measured[0][0].encoder != measured[1][0].encoder:
        return None
    covers = "the choice of real test images, given these data sets"
    return grouped_difference(measured[0][0].parts["coverage"], measured[1][0].parts["coverage"], covers)


def _missing_record_messages(study: StudyRecord, runs: Sequence[RunRecord]) -> list[str]:
    """One message for each run of the study that has no record file, for example because it was deleted."""
    datasets, seeds = [REAL, *study.file.datasets], study.file.train.seeds
    recorded = {(run.dataset, run.cell, run.seed) for run in runs}
    return [
        f"{cell[0]} on {dataset}, seed {seed}: its record is missing"
        for dataset, cell, seed in product(datasets, study.cells, seeds)
        if (dataset, cell, seed) not in recorded
    ]


def _problem_message(record: DatasetRecord | RunRecord) -> str:
    label = (
        f"data set {record.name}"
        if isinstance(record, DatasetRecord)
        else f"{record.architecture} on {record.dataset}, seed {record.seed}"
    )
    return f"{label}: {record.status}" + (f" ({record.cause})" if record.cause else "")
