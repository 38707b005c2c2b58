"""The summary of a study's records: intervals per data set, paired comparisons, and the answer in sentences."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import combinations, product
from types import MappingProxyType
from typing import Literal, TypeVar

import numpy as np

from prettyuseful.analysis.answer import answer
from prettyuseful.analysis.checks import study_findings
from prettyuseful.analysis.distribution import (
    dependence,
    metrics_of_different_numbers,
    primary_metrics,
    summarise_measures,
)
from prettyuseful.analysis.effective import EffectiveReal, effective_real_images
from prettyuseful.analysis.forecast import Forecast, Measured, make_forecast, measured_sets
from prettyuseful.analysis.halving import Halving, decide_halving
from prettyuseful.analysis.headline import headline
from prettyuseful.analysis.mixing import MixGrid, mixing_grids
from prettyuseful.analysis.mixing_answer import headline_sentence, mixing_sentences
from prettyuseful.analysis.mixing_looks import mix_seeds
from prettyuseful.analysis.power import detectable_difference
from prettyuseful.analysis.prettiness import PrettyUseful, prettiness_of
from prettyuseful.analysis.ranking import RankRange, at_holm_levels, rank_datasets
from prettyuseful.analysis.real_sources import SourceComparison, compare_with_sources, missing_points, source_headline
from prettyuseful.analysis.remedies import InterventionEffects
from prettyuseful.analysis.rows import Cell, Comparison, CurvePoint, Row, baseline_of, curve_position
from prettyuseful.analysis.selections import SelectionEffect, mean_effects, selection_effects
from prettyuseful.analysis.statistics import (
    CellModel,
    Interval,
    RandomControl,
    RandomControls,
    Replicate,
    ShareDraws,
    Tests,
    fit,
    grouped_difference,
    never,
    tests_of,
)
from prettyuseful.analysis.stopping import CellDecisions, Decision, Looks, decide_cell, planned_pairs, random_controls
from prettyuseful.checks.finding import Finding
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.records import (
    DatasetRecord,
    MetricRecord,
    Record,
    RunRecord,
    StudyRecord,
    TransferResult,
    dataset_title,
)
from prettyuseful.study.curve import MixPoint, mixed_datasets
from prettyuseful.study.file import REAL, Study

Name = TypeVar("Name", bound=Hashable)
_DatasetSize = tuple[str, ClassCounts]
"""The name of a data set and its images per class: real images occur in several sizes."""


@dataclass(frozen=True)
class Summary:
    """The results of a study, from which reports and tables are made.

    `rows`: in the order of the study file; in each grid cell, real images come first. `comparisons`: all pairs of data
    sets. `mean_selections`: of each way of selecting images, the mean effect over data sets, in each grid cell.
    `sources`: of each data set that is made from few real images, whether it is more useful than these.
    `curve`: accuracy by number of real training images. `mixing`: what generated images add to real ones, if the study
    has a `curve` of mixtures. `problems`: one sentence for each data set or run that is missing or has failed.
    """

    study: StudyRecord
    datasets: tuple[DatasetRecord, ...]
    runs: tuple[RunRecord, ...]
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    mean_selections: tuple[SelectionEffect, ...]
    sources: tuple[SourceComparison, ...]
    curve: tuple[CurvePoint, ...]
    mixing: tuple[MixGrid, ...]
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
    def pretty_useful(self) -> PrettyUseful | None:
        """Usefulness against prettiness; None unless two data sets beside the real images have a score of images."""
        return prettiness_of(self.study.metrics, self.datasets, self.rows, self.comparisons)

    @cached_property
    def selections(self) -> tuple[SelectionEffect, ...]:
        """What each selection of images gains or costs against its random control; mean effects come first."""
        return (*self.mean_selections, *selection_effects(self.study.file, self.comparisons))

    @property
    def first_selections(self) -> tuple[SelectionEffect, ...]:
        """`selections` in the study's first grid cell."""
        return tuple(effect for effect in self.selections if effect.cell == self.rows[0].cell)

    @property
    def first_sources(self) -> tuple[SourceComparison, ...]:
        """`sources` in the study's first grid cell."""
        return tuple(one for one in self.sources if one.cell == self.rows[0].cell)

    @cached_property
    def measured_sets(self) -> Measured:
        """The predictors of the data sets that can be forecast, in the first grid cell."""
        in_cell = [row for row in self.rows if row.cell == self.rows[0].cell]
        return measured_sets(in_cell, self.study.file.metrics, self.study.metrics)

    @cached_property
    def forecast(self) -> Forecast | None:
        """The forecast of the data sets that were not trained; None for a study in which all are."""
        if self.study.forecast is None:
            return None
        in_cell = (row for row in self.rows if row.cell == self.rows[0].cell and not row.real)
        accuracies = {row.dataset: row.to_real for row in in_cell if row.to_real}
        return make_forecast(self.measured_sets, accuracies, self.study.forecast)

    @cached_property
    def answer(self) -> tuple[str, ...]:
        """The answer to the study's question in sentences, for its first grid cell.

        Findings of the data checks that make the numbers wrong come first, then a forecast, then whether data sets are
        more useful than the real images that they are made from, then usefulness against prettiness, and what
        selections of images gain or cost.
        """
        forecast = self.forecast.sentences if self.forecast else ()
        pretty = self.pretty_useful.sentences if self.pretty_useful and self.pretty_useful.compares_sets else ()
        shown = (*pretty[:1], *(effect.sentence for effect in self.first_selections), *pretty[1:])
        results = answer(self.study, self.datasets, self.rows, self.comparisons, self.intervention_effects)
        stopped = self.halving.sentences if self.halving else ()
        sources = (one.sentence for one in self.first_sources)
        sizes = {dataset.name: dataset.images_per_class for dataset in self.datasets}
        missing = missing_points(self.study.file, sizes)
        return (*self.errors, *forecast, *sources, *missing, *shown, *stopped, *results, *self._mixing_sentences)

    @property
    def _mixing_sentences(self) -> tuple[str, ...]:
        """What generated images add to real ones, for the first grid cell."""
        return tuple(mixing_sentences(self.mixing, self.study.cells[0])) if self.mixing else ()

    @cached_property
    def halving(self) -> Halving | None:
        """Which data sets were stopped early, and why; None for a study without `halving`."""
        return decide_halving(self.study.file, self.runs)

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
        mixing = headline_sentence(self.mixing, self.study.cells[0]) if self.mixing else None
        stopped, selections = len(self.halving.dropped) if self.halving else 0, self.first_selections
        sources = source_headline(self.first_sources)
        found = headline(
            self.datasets, self.rows, self.comparisons, self.pretty_useful, selections, sources, mixing, stopped
        )
        return (*self.forecast.sentences[:2], *found)[: max(2, len(found))] if self.forecast else found


def summarise(records: Sequence[Record]) -> Summary:
    """Compute the summary of a study from its records, see `read_records`.

    Failed and missing runs are listed in `Summary.problems` and excluded from all numbers.
    """
    study = next(record for record in records if isinstance(record, StudyRecord))
    datasets = tuple(record for record in records if isinstance(record, DatasetRecord))
    runs = tuple(record for record in records if isinstance(record, RunRecord))
    by_cell: dict[Cell, dict[_DatasetSize, list[RunRecord]]] = {}
    for run in runs:
        if run.is_result:
            by_cell.setdefault(run.cell, {}).setdefault((run.dataset, run.images_per_class), []).append(run)
    curves = _curves(runs)
    controls = {name: plan.control for name, plan in study.file.datasets.items() if plan.control}
    rows: list[Row] = []
    comparisons: list[Comparison] = []
    mean_selections: list[SelectionEffect] = []
    sources: list[SourceComparison] = []
    sizes = {dataset.name: dataset.images_per_class for dataset in datasets if not dataset.control}
    stopped = _decisions(study, runs)
    for cell, runs_of_cell in by_cell.items():
        tests = {dataset_size: tests_of(group, REAL) for dataset_size, group in runs_of_cell.items()}
        model = _model(tests, partial(_share_draws, study.file), _random_controls(study.file, sizes))
        rank_ranges = _rank_ranges(datasets, model)
        on_curve: dict[_DatasetSize, CellModel] = {}
        for dataset in datasets:
            dataset_size = (dataset.name, dataset.images_per_class)
            if dataset_size in runs_of_cell or study.forecast is not None:  # a forecast is of sets without runs
                row = _row(dataset, cell, runs_of_cell, tests, model, study.metrics)
                row = replace(row, rank_range=rank_ranges.get(dataset.name))
                row_tests = tests.get(dataset_size, {})
                curve = curves.get((cell, dataset.images_per_class), {})
                if row_tests and len(curve) > 1 and not dataset.control:
                    on_curve[dataset_size] = fit({**curve, dataset_size: row_tests})
                    worth = None if row.holds_real else _effective_real(on_curve[dataset_size], curve, dataset_size)
                    row = replace(row, worth=worth)
                rows.append(row)
        mean_selections += mean_effects(study.file, cell, model, sizes) if model else []
        sources += compare_with_sources(study.file, cell, on_curve)
        found = _comparisons(datasets, cell, model, controls)
        comparisons += [*_with_decisions(found, stopped[cell].decisions)] if cell in stopped else found
    records_with_status: list[DatasetRecord | RunRecord] = [*datasets, *runs]
    problems = (
        *(_problem_message(record) for record in records_with_status if record.status != "complete"),
        *_missing_record_messages(study, datasets, runs, stopped),
        *_missing_mixtures(study, runs),
    )
    points = tuple(
        CurvePoint(cell, steps_of, n, model.accuracy(n))
        for (cell, steps_of), curve in curves.items()
        if (model := _model(curve))
        for n in sorted(curve)
    )
    return Summary(
        study=study,
        datasets=datasets,
        runs=runs,
        rows=tuple(rows),
        comparisons=tuple(comparisons),
        mean_selections=tuple(mean_selections),
        sources=tuple(sources),
        curve=points,
        mixing=mixing_grids(study, runs),
        problems=problems,
    )


def _model(
    tests: Mapping[Name, Tests],
    share_draws: ShareDraws = never,
    random_controls: RandomControls = MappingProxyType({}),
) -> CellModel | None:
    """Return the model of all data sets that have tests; None if there are none."""
    tested = {name: by_replicate for name, by_replicate in tests.items() if by_replicate}
    return fit(tested, share_draws, random_controls) if tested else None


def _random_controls(study: Study, sizes: Mapping[str, ClassCounts]) -> dict[_DatasetSize, RandomControl]:
    return {
        (name, sizes[name]): control._replace(name=(of_control, sizes[of_control]))
        for name, control in random_controls(study).items()
        if name in sizes and (of_control := str(control.name)) in sizes
    }


def _share_draws(study: Study, a: _DatasetSize, b: _DatasetSize) -> bool:
    """Return whether classifiers of both data sets are trained on images of the same generated data set."""
    return bool((study.training_sources(a[0]) & study.training_sources(b[0])) - {REAL})


def _curves(runs: Sequence[RunRecord]) -> dict[tuple[Cell, ClassCounts], dict[ClassCounts, Tests]]:
    """Return the tests of the real-image curves by (cell, `steps_of`), then by images per class."""
    grouped: dict[tuple[Cell, ClassCounts], dict[ClassCounts, list[RunRecord]]] = {}
    for run in runs:
        if run.steps_of is not None and run.mixed is None:
            grouped.setdefault((run.cell, run.steps_of), {}).setdefault(run.images_per_class, []).append(run)
    return {
        curve: {n: tests for n, group in sizes.items() if (tests := tests_of(group, REAL))}
        for curve, sizes in grouped.items()
    }


def _effective_real(model: CellModel, curve: Iterable[ClassCounts], dataset_size: _DatasetSize) -> EffectiveReal:
    return effective_real_images(model, {curve_position(counts): counts for counts in curve}, dataset_size)


def _row(
    dataset: DatasetRecord,
    cell: Cell,
    runs_of_cell: dict[_DatasetSize, list[RunRecord]],
    tests: Mapping[_DatasetSize, Tests],
    model: CellModel | None,
    metrics: Sequence[MetricRecord],
) -> Row:
    dataset_size = (dataset.name, dataset.images_per_class)
    of_dataset = tests.get(dataset_size, {})
    dataset_tests = list(of_dataset.values())
    real_runs = [run for (name, _), runs in runs_of_cell.items() if name == REAL for run in runs]
    measures = summarise_measures(dataset, metrics)
    from_real = {} if dataset.control else tests_of(real_runs, dataset.name)
    per_class = np.mean([test.per_class for test in dataset_tests], axis=0).tolist() if dataset_tests else ()
    baseline = None if dataset.control else _baseline(dataset, tests)
    return Row(
        dataset=dataset.name,
        images_per_class=dataset.images_per_class,
        cell=cell,
        to_real=model.accuracy(dataset_size) if model and dataset_tests else None,
        from_real=fit({REAL: from_real}).accuracy(REAL) if from_real else None,
        gap=model.difference(dataset_size, baseline) if model and baseline and dataset_tests else None,
        seeds=tuple(_mean_accuracies(of_dataset, "seed").values()),
        draws=_mean_accuracies(of_dataset, "draw"),
        per_class=tuple(per_class),
        metrics=primary_metrics(measures),
        distribution=measures,
        calibration=_calibration(dataset_tests),
        holds_real=dataset.control or dataset.holds_real,
        conditioned=dataset.condition is not None,
        of=dataset.of,
        linear_probe=_linear_probe(dataset),
    )


def _linear_probe(dataset: DatasetRecord) -> Interval | None:
    tested = dataset.linear_probe
    return fit({dataset.name: {Replicate(0, 0): tested}}).accuracy(dataset.name) if tested else None


def _mean_accuracies(tests: Tests, by: Literal["draw", "seed"]) -> dict[int, float]:
    """Return the mean accuracy of each draw or of each training seed, in ascending order."""
    values: dict[int, list[float]] = {}
    for replicate, test in tests.items():
        values.setdefault(getattr(replicate, by), []).append(test.top1)
    return {number: sum(values[number]) / len(values[number]) for number in sorted(values)}


def _calibration(tests: Sequence[TransferResult]) -> dict[str, tuple[float, ...]]:
    """Return top-5 accuracy and the calibration metrics that all tests have, one value per training seed."""
    names = set.intersection(*(set(test.calibration) for test in tests)) if tests else set()
    metrics = {name: tuple(test.calibration[name] for test in tests) for name in sorted(names)}
    return {"top5": tuple(test.top5 for test in tests), **metrics}


def _baseline(dataset: DatasetRecord, tests: Mapping[_DatasetSize, Tests]) -> _DatasetSize | None:
    """Return the real images of the same number as the data set, or the most available, that have Real->Real tests."""
    counts = baseline_of(dataset.images_per_class, (counts for name, counts in tests if name == REAL))
    return (REAL, counts) if counts is not None and tests[REAL, counts] else None


def _rank_ranges(datasets: Sequence[DatasetRecord], model: CellModel | None) -> dict[str, RankRange]:
    """Return rank ranges by data set name; data sets derived from another one are not ranked."""
    candidates = [(d.name, d.images_per_class) for d in datasets if not d.control and d.of is None]
    tested = [dataset_size for dataset_size in candidates if model and dataset_size in model.datasets]
    if model is None or len(tested) < 2:
        return {}
    return {rank_range.name[0]: rank_range for rank_range in rank_datasets(model, tested).rank_ranges}


def _comparisons(
    datasets: Sequence[DatasetRecord],
    cell: Cell,
    model: CellModel | None,
    controls: Mapping[str, str],
) -> list[Comparison]:
    """Pre-registered comparisons first, then all other pairs of data sets that are not derived from another one."""
    if model is None:
        return []
    synthetic = {d.name: d for d in datasets if not d.control and (d.name, d.images_per_class) in model.datasets}
    planned = [(a, b) for a, b in controls.items() if a in synthetic and b in synthetic]
    underived = [name for name, dataset in synthetic.items() if dataset.of is None]
    exploratory = [pair for pair in combinations(underived, 2) if pair not in planned and pair[::-1] not in planned]
    return [
        comparison
        for pairs in (planned, exploratory)
        for comparison in _family([(synthetic[a], synthetic[b]) for a, b in pairs], pairs is planned, cell, model)
    ]


def _family(
    pairs: Sequence[tuple[DatasetRecord, DatasetRecord]], planned: bool, cell: Cell, model: CellModel
) -> Iterator[Comparison]:
    """Yield comparisons that are corrected for each other, see `Comparison`."""
    compared = [
        (a, b, interval)
        for a, b in pairs
        if (interval := model.difference((a.name, a.images_per_class), (b.name, b.images_per_class)))
    ]
    tested = at_holm_levels([interval for _, _, interval in compared])
    for (a, b, _), (interval, p) in zip(compared, tested, strict=True):
        coverage, detectable = _coverage_difference(a, b), detectable_difference(interval)
        yield Comparison(a.name, b.name, cell, planned, interval, coverage, p, detectable=detectable)


def _decisions(study: StudyRecord, runs: Sequence[RunRecord]) -> dict[Cell, CellDecisions]:
    """Return the decisions of a study that trains `until: sure`, by grid cell; empty for others."""
    if study.file.train.until is None:
        return {}
    by_cell: dict[Cell, list[RunRecord]] = {}
    for run in runs:
        if run.is_result:
            by_cell.setdefault(run.cell, []).append(run)
    pairs, looks, controls = planned_pairs(study.file), Looks.of(study.file.train), random_controls(study.file)
    return {cell: decide_cell(pairs, runs_of_cell, looks, controls) for cell, runs_of_cell in by_cell.items()}


def _with_decisions(comparisons: Iterable[Comparison], decisions: Iterable[Decision]) -> Iterator[Comparison]:
    """Yield comparisons with the decisions on the planned ones; those that were never looked at are left out."""
    by_pair = {(decision.a, decision.b): decision for decision in decisions}
    for comparison in comparisons:
        decision = by_pair.get((comparison.a, comparison.b)) if comparison.planned else None
        if decision is None:
            yield comparison
        elif decision.interval is not None:
            yield replace(comparison, to_real=decision.interval, p=decision.p, stopping=decision.stopping)


def _coverage_difference(a: DatasetRecord, b: DatasetRecord) -> Interval | None:
    """Use the study's first encoder and the original images; None if either data set has no coverage measured."""
    measured = [
        [result for result in record.measured if "coverage" in result.parts and not result.reencoded]
        for record in (a, b)
    ]
    if not all(measured) or measured[0][0].encoder != measured[1][0].encoder:
        return None
    covers = "the choice of real test images, given these data sets"
    first, second = (results[0].parts["coverage"] for results in measured)
    return grouped_difference(first, second, covers, dependence("real image"))


def _missing_record_messages(
    study: StudyRecord,
    datasets: Sequence[DatasetRecord],
    runs: Sequence[RunRecord],
    stopped: Mapping[Cell, CellDecisions],
) -> list[str]:
    """One message for each run of the study that has no record file, for example because it was deleted.

    Of the seeds that `until: sure` may add, only those are missing that a planned comparison needs; of the data sets of
    a forecast, only those that were to be trained; with `halving`, only runs of data sets that reached their rung.
    """
    draws = {dataset.name: dataset.draws for dataset in datasets}
    names: Iterable[str] = study.file.datasets
    if study.forecast is not None:
        names = (*study.forecast.first, *study.forecast.best)
    of_rungs: list[str] = []
    if (halving := decide_halving(study.file, runs)) is not None:
        names = halving.current if halving.finished else ()
        on_rungs = {(run.rung, run.dataset) for run in runs}
        of_rungs = [
            f"{dataset_title(name, 0, rung=number)}: its record is missing"
            for number, on_rung in enumerate(halving.datasets_by_rung[: halving.plan.rungs - 1], start=1)
            for name in on_rung
            if (number, name) not in on_rungs
        ]
    drawn = [(name, draw) for name in [REAL, *names] for draw in range(draws.get(name, 1))]
    recorded = {(run.dataset, run.draw, run.cell, run.seed) for run in runs if run.is_result}
    needed = [*product(drawn, study.cells, study.file.train.seeds)]
    needed += [
        ((name, draw), cell, seed)
        for cell, decided in stopped.items()
        for (name, draw) in drawn
        for seed in decided.added.get(name, ())
    ]
    return of_rungs + [
        f"{cell[0]} on {dataset_title(name, draw)}, seed {seed}: its record is missing"
        for (name, draw), cell, seed in needed
        if (name, draw, cell, seed) not in recorded
    ]


def _missing_mixtures(study: StudyRecord, runs: Sequence[RunRecord]) -> list[str]:
    """One message for each run of the curve of mixtures that has no record file."""
    curve = study.file.curve
    if curve is None:
        return []
    recorded = {(run.cell, run.dataset, run.mixed, run.seed) for run in runs if run.mixed is not None}
    names, needed = mixed_datasets(curve, study.file.datasets), list[tuple[Cell, str, MixPoint, int]]()
    for cell in study.cells:
        points = [(name, point) for point in curve.points for name in (names if point.synthetic else (REAL,))]
        needed += [(cell, *named, seed) for named, seed in product(points, study.file.train.seeds)]
        if curve.precision is not None:
            of_cell = [run for run in runs if run.cell == cell and run.mixed is not None]
            needed += [(cell, *added) for added in sorted(mix_seeds(study.file, cell, of_cell).added, key=str)]
    return [
        f"{cell[0]} on {dataset_title(name, 0, point)}, seed {seed}: its record is missing"
        for cell, name, point, seed in needed
        if (cell, name, point, seed) not in recorded
    ]


def _problem_message(record: DatasetRecord | RunRecord) -> str:
    label = (
        f"data set {record.name}"
        if isinstance(record, DatasetRecord)
        else f"{record.architecture} on {record.dataset_title}, seed {record.seed}"
    )
    return f"{label}: {record.status}" + (f" ({record.cause})" if record.cause else "")
