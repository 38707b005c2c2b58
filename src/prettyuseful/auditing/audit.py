"""An audit of image folders as training data: it writes a study, runs it and returns the result."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from prettyuseful.analysis.rows import Row
from prettyuseful.analysis.selections import SelectionEffect
from prettyuseful.analysis.statistics import Interval
from prettyuseful.analysis.summary import Summary
from prettyuseful.auditing.interventions import interventions
from prettyuseful.auditing.matching import match_set, matching_notes, small_classes, small_classes_note
from prettyuseful.auditing.measurement import AUTO, TEST_IMAGES, Measurement, choose_measurement
from prettyuseful.auditing.result import (
    NOT_MEASURED,
    Audit,
    AuditedCause,
    AuditedSelection,
    AuditedTask,
    Budget,
    ClassResult,
    Difference,
    EffectiveImages,
    Groups,
    NotMeasured,
    Split,
    SyntheticSet,
    UnjudgedCause,
    Value,
    curve_sizes,
)
from prettyuseful.checks.rows import count_by_check
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.diagnosis.findings import CauseEstimate, Diagnosis
from prettyuseful.encoders.table import ENCODERS
from prettyuseful.engine.events import OnEvent, ignore
from prettyuseful.engine.session import Execution, Session
from prettyuseful.errors import DataError, EveryRunFailedError
from prettyuseful.output_files import make_folder, replaceable, write_text
from prettyuseful.plan.diagnosis import diagnosed_classes, min_images_per_class
from prettyuseful.plan.experiments import arms_by_dataset, experiment_datasets
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.records import DatasetRecord
from prettyuseful.results import StudyResult
from prettyuseful.run import DEFAULT_STORE, run_plan
from prettyuseful.selection.experiments import EXPERIMENTS
from prettyuseful.study.file import ALL, REAL, Study
from prettyuseful.study.reading import parse_study
from prettyuseful.tasks.base import Task, native_size
from prettyuseful.tasks.real import RealTask
from prettyuseful.tasks.source import TaskSource

STUDY_FILE = "study.yaml"
STUDY_MARK = b"title: Audit of "
"""What the study file of every audit contains near its beginning."""
_METRICS: Mapping[Budget, list[str]] = {
    "quick": ["density", "coverage"],
    "standard": ["density", "coverage"],
    "full": ["density", "coverage", "precision", "recall", "frechet", "kid", "vendi"],
}
_MAX_NAME = 80  # characters of the name of a data set
_MIN_METRIC_IMAGES = 12  # images per class that density and coverage need


def audit(
    real: Path | str | TaskSource,
    synthetic: Path | str | Sequence[Path | str],
    budget: Budget = "quick",
    out: Path | str = "audit-results",
    store: Path | str = DEFAULT_STORE,
    workers: int | None = None,
    on: str = "local",
    on_event: OnEvent = ignore,
    min_per_class: int = 0,
    encoder: str | Sequence[str] = AUTO,
    experiment: str | None = None,
) -> Audit:
    """Audit one or several sets of synthetic images as training data, compared with real images.

    See docs/how-to/audit-folders.md.

    Args:
        real: the real images: class folders, .tar shards or Parquet files. A fifth of them is held out for testing,
            unless a `TaskSource(real=..., test=..., groups=...)` names separate test images.
        synthetic: one or several folders of synthetic images of the same classes.
        budget: "quick" measures photographs with linear probes on a frozen pretrained encoder; "standard" trains
            networks from scratch; "full" also measures more metrics and the costs of the reported causes.
        out: folder of the results: `study.yaml`, records, data sets and `report.html`.
        store: folder or URL of the store, see `run_study`.
        workers: number of worker processes, see `run_study`.
        on: where steps are computed, see `run_study`.
        on_event: called with every event of the run.
        min_per_class: classes with fewer real training images, or with fewer images in a synthetic set, are left out.
        encoder: "auto", or one or several names of encoders (`prettyuseful list encoders`) or timm ids. With budgets
            above quick, encoders that are named give a second measurement.
        experiment: a name from `prettyuseful list experiments`: "pretty" also compares the prettier and the less pretty
            half of each set with random halves, "curate" measures common ways to choose images.

    Raises:
        UserError: images, classes or folders cannot be used.
        EveryRunFailedError: no classifier could be trained and tested; its `result` is the incomplete audit.
    """
    folders = [synthetic] if isinstance(synthetic, Path | str) else list(synthetic)
    source = real if isinstance(real, TaskSource) else TaskSource(real=str(real))
    request = plan_audit(source, [Path(folder) for folder in folders], budget, min_per_class, encoder, experiment)
    plan = make_plan(request.study)
    with Execution(store, workers, on, on_event).session(request.study.numerics) as session:
        return run_audit(request, plan, session, Path(out))


@dataclass(frozen=True)
class AuditRequest:
    """An audit before it runs.

    `text`: the study as YAML. `images_per_class`: the images of each class of each data set that are used. `left_out`:
    for each data set, the number of images that are not used. `notes`: how the data sets are prepared.
    """

    study: Study
    text: str
    task: RealTask
    images_per_class: Mapping[str, ClassCounts]
    left_out: Mapping[str, int]
    notes: tuple[str, ...]
    budget: Budget
    measurement: Measurement


def plan_audit(
    real: TaskSource,
    synthetic: Sequence[Path],
    budget: Budget,
    min_per_class: int = 0,
    encoder: str | Sequence[str] = AUTO,
    experiment: str | None = None,
) -> AuditRequest:
    """Create the study of an audit.

    Real and synthetic images are matched class by class: of each class, every synthetic set is compared with equally
    many real images. `min_per_class`: classes with fewer real training images, or with fewer images in a synthetic set,
    are left out. `encoder`, `experiment`: see `audit`.

    Raises:
        UserError: images or classes cannot be used.
    """
    chosen = None if experiment is None else EXPERIMENTS[experiment]
    task = _open_task(real)
    names = _dataset_names(synthetic)
    sources = {name: real.open_images(str(folder)) for name, folder in zip(names, synthetic, strict=True)}
    min_per_class = min_per_class or real.min_per_class
    notes: list[str] = []
    if min_per_class:
        small = small_classes(sources, task.classes, min_per_class)
        notes += [small_classes_note(small, min_per_class)] if small else []
        real = real.model_copy(
            update={"min_per_class": min_per_class, "leave_out": tuple(dict.fromkeys([*real.leave_out, *small]))}
        )
        task = _open_task(real)
    sets = [match_set(name, source, task) for name, source in sources.items()]
    most = max(matched.used.total(len(task.classes)) for matched in sets)
    measurement = choose_measurement(encoder, budget, native_size(task), most, chosen is not None)
    if measurement.is_frozen and real.test_images is None and sum(task.counts("test")) > TEST_IMAGES:
        real = real.model_copy(update={"test_images": TEST_IMAGES})
        task = _open_task(real)
    used = {matched.name: matched.used for matched in sets}
    needed_for_causes = min_images_per_class(len(task.classes), measurement.is_frozen)
    reference = reduce(ClassCounts.raise_to, used.values())
    with_diagnosis = any(
        diagnosed_classes(reference, counts, len(task.classes), measurement.is_frozen) for counts in used.values()
    )
    with_metrics = any(_has_metrics(counts, task) for counts in used.values())
    notes += [*task.notes, *(note for source in sources.values() for note in source.notes(task.classes))]
    notes += matching_notes(sets, task)
    notes += measurement.notes
    arms, notes_on_arms = arms_by_dataset(chosen, used, task.classes) if chosen else ({}, ())
    notes += notes_on_arms
    if not with_diagnosis:
        notes.append(f"Causes were not diagnosed: this needs at least {needed_for_causes} images per class.")
    if not with_metrics:
        notes.append(
            f"Density and coverage were not measured: this needs at least {_MIN_METRIC_IMAGES} images and "
            f"{_MIN_METRIC_IMAGES} real test images per class."
        )
    curve = curve_sizes(max(counts.largest for counts in used.values()), fine=measurement.is_frozen)
    content = {
        "version": 1,
        "title": f"Audit of {', '.join(names)}",
        "question": f"Are these images useful training data for the {len(task.classes)} classes of {task.name}, and if "
        "not, why?",
        "task": real.model_dump(mode="json", exclude_defaults=True),
        "datasets": {
            key: plan
            for name, folder in zip(names, synthetic, strict=True)
            for key, plan in {
                name: {
                    "generator": str(folder),
                    "images_per_class": used[name].as_json() if used[name].equal else ALL,
                },
                **experiment_datasets(name, arms.get(name, ())),
            }.items()
        },
        "train": {
            "architectures": list(measurement.architectures),
            "recipes": list(measurement.recipes),
            "seeds": list(measurement.seeds),
            "real_curve": curve if len(curve) > 1 else [],
        },
        "metrics": [*(_METRICS[budget] if with_metrics else []), *(chosen.scores if chosen else ())],
        **({"encoders": list(measurement.encoders)} if measurement.is_frozen else {}),
        "diagnosis": with_diagnosis,
    }
    text = _to_yaml(content)
    left_out = {matched.name: matched.left_out(len(task.classes)) for matched in sets}
    study = parse_study(text, "audit")
    return AuditRequest(study, text, task, used, left_out, tuple(dict.fromkeys(notes)), budget, measurement)


def prepared(
    real: Path, synthetic: Sequence[Path], test: Path | None, groups: Path | None, budget: Budget
) -> AuditRequest:
    """Return `plan_audit` of the same images. Deprecated: use `plan_audit`."""
    warnings.warn("prepared() has the new name plan_audit()", DeprecationWarning, stacklevel=2)
    source = TaskSource(real=str(real), test=str(test) if test else None, groups=str(groups) if groups else None)
    return plan_audit(source, synthetic, budget)


def _open_task(real: TaskSource) -> RealTask:
    task = real.open()
    if not isinstance(task, RealTask):
        raise DataError("an audit needs a folder of real images; use TaskSource(real=...)")
    return task


def _has_metrics(per_class: ClassCounts, task: Task) -> bool:
    """Whether most classes have enough synthetic and real test images for density and coverage."""
    enough = per_class.limit(task.counts("test")).without_small(_MIN_METRIC_IMAGES)
    return 2 * sum(enough[label] > 0 for label in range(len(task.classes))) >= len(task.classes)


def run_audit(request: AuditRequest, plan: Plan, session: Session, out: Path) -> Audit:
    """Run an audit and write its study to `out` as study.yaml.

    With budget `full`, a second run adds data sets that measure the cost and the gain of each reported cause.
    """
    make_folder(out)
    replaceable(out / STUDY_FILE, STUDY_MARK)
    result = _run(request, plan, session, out)
    if request.budget == "full" and (added := interventions(result.summary.datasets)):
        content = yaml.safe_load(request.text)
        text = _to_yaml({**content, "datasets": {**content["datasets"], **added}})
        request = replace(request, text=text, study=parse_study(text, "audit"))
        result = _run(request, make_plan(request.study), session, out)
    return _build_audit(request, result)


def _run(request: AuditRequest, plan: Plan, session: Session, out: Path) -> StudyResult:
    try:
        result, failure = run_plan(plan, session, out), None
    except EveryRunFailedError as error:
        result, failure = error.result, error
    write_text(out / STUDY_FILE, request.text, STUDY_MARK)
    if failure:
        raise EveryRunFailedError(str(failure), _build_audit(request, result)) from None
    return result


def _to_yaml(study: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(study), sort_keys=False, allow_unicode=True)


def _build_audit(request: AuditRequest, result: StudyResult) -> Audit:
    summary, split_summary = result.summary, request.task.split_summary
    first = [row for row in summary.rows if row.cell == summary.rows[0].cell]  # of several measurements
    rows = {row.dataset: row for row in first if not row.real}
    real_rows = {row.images_per_class: row for row in first if row.real}
    largest = max(request.images_per_class.values())
    records = {dataset.name: dataset for dataset in summary.datasets}
    train, test = (sum(split_summary.images[split]) for split in ("train", "test"))
    return Audit(
        budget=request.budget,
        complete=result.complete,
        task=AuditedTask(
            name=request.task.name,
            classes=request.task.classes,
            chance=1 / len(request.task.classes),
            real_images=train + (test if split_summary.hold_out is not None else 0),
            test_images_per_class=ClassCounts(request.task.counts("test")),
            split=Split(train=train, test=test, hold_out=split_summary.hold_out, seed=split_summary.seed),
            groups=Groups(test=split_summary.groups, by=split_summary.grouped_by),
        ),
        images_per_class=largest,
        real_to_real=_value(real_rows[largest].to_real, real_rows[largest].seeds),
        synthetic=tuple(
            _synthetic_set(
                request, summary, rows[name], real_rows[request.images_per_class[name]], records[name]
            ).model_copy(update={"list_file": str(result.image_lists[name]) if name in result.image_lists else None})
            for name in request.left_out
        ),
        answer=summary.answer,
        selections=tuple(_selection(effect) for effect in summary.first_selections),
        notes=tuple(dict.fromkeys([*request.notes, *summary.study.notes])),
        problems=summary.problems,
        report=str(result.report),
        data=count_by_check(summary.findings) if summary.checked else NOT_MEASURED,
        findings=summary.findings,
        classifiers=request.measurement.words,
        encoders=tuple(map(ENCODERS.label, request.measurement.encoders)),
    )


def _synthetic_set(
    request: AuditRequest, summary: Summary, row: Row, real: Row, dataset: DatasetRecord
) -> SyntheticSet:
    classes, diagnosis = request.task.classes, dataset.diagnosis
    runs = [run for run in summary.runs if run.cell == row.cell]
    real_to_synth_tests = [
        test for run in runs for test in run.transfers if run.dataset == REAL and test.tested_on == row.dataset
    ]
    real_to_synth = np.array([test.per_class for test in real_to_synth_tests])
    synth_to_real, real_to_real = (
        np.array(
            [
                test.per_class
                for run in runs
                for test in run.transfers
                if (run.dataset, run.images_per_class) == (name, row.images_per_class)
                and test.tested_on == REAL
                and run.is_result
            ]
        )
        for name in (row.dataset, REAL)
    )
    worth = row.worth
    return SyntheticSet(
        name=row.dataset,
        images_per_class=row.images_per_class,
        left_out=request.left_out[row.dataset],
        synth_to_real=_value(row.to_real, row.seeds),
        real_to_synth=_value(row.from_real, [test.top1 for test in real_to_synth_tests]),
        real_to_real=_value(real.to_real, real.seeds),
        gap=_value(row.gap),
        effective_real_images_per_class=NOT_MEASURED
        if worth is None
        else EffectiveImages(**{name: getattr(worth, name) for name in EffectiveImages.model_fields}),
        difference=NOT_MEASURED
        if diagnosis is None
        else Difference(
            mean=diagnosis.difference,
            low=diagnosis.low,
            high=diagnosis.high,
            p_value=diagnosis.p_value,
            differs=diagnosis.differs,
            unexplained=diagnosis.unexplained or NOT_MEASURED,
        ),
        causes=NOT_MEASURED if diagnosis is None else _causes(summary, dataset, diagnosis),
        not_judged=() if diagnosis is None else _not_judged(diagnosis),
        per_class=tuple(
            ClassResult(
                name=name,
                synth_to_real=_class_value(synth_to_real, i),
                real_to_synth=_class_value(real_to_synth, i),
                real_to_real=_class_value(real_to_real, i),
            )
            for i, name in enumerate(classes)
        ),
        metrics={name: _value(interval) for name, interval in row.metrics.items()},
        controls={name: _value(interval) for name, interval in real.metrics.items()},
        metric_images_per_class=row.metric_numbers,
        data=_data(summary, row.dataset),
        format=NOT_MEASURED if diagnosis is None else diagnosis.format,
        lists={entry.finding: entry.images for entry in diagnosis.lists} if diagnosis else NOT_MEASURED,
    )


def _selection(effect: SelectionEffect) -> AuditedSelection:
    difference = effect.difference
    return AuditedSelection(
        of=effect.of,
        selection=effect.selection,
        control=effect.control,
        words=effect.words,
        random_words=effect.random_words,
        difference=Value(mean=difference.mean, low=difference.low, high=difference.high, seeds=difference.seeds),
        p_value=NOT_MEASURED if effect.p is None else effect.p,
        detectable=NOT_MEASURED if effect.detectable is None else effect.detectable,
    )


def _data(summary: Summary, name: str) -> Mapping[str, int] | NotMeasured:
    """Return what the data checks found in a data set and in the real images that it is compared with."""
    if not summary.checked:
        return NOT_MEASURED
    others = {dataset.name for dataset in summary.datasets if not dataset.control and dataset.name != name}
    return count_by_check(finding for finding in summary.findings if finding.set not in others)


def _causes(summary: Summary, dataset: DatasetRecord, diagnosis: Diagnosis) -> tuple[AuditedCause, ...]:
    shared_fields, effects = set(CauseEstimate.model_fields), summary.intervention_effects
    classes = dataset.diagnosed_classes(summary.study.task)
    return tuple(
        AuditedCause(
            **cause.model_dump(include=shared_fields),
            per_class=dict(zip(classes, cause.per_class, strict=True)),
            few_classes=tuple(classes[i] for i in cause.few_classes),
            accuracy_cost=_value(effects.accuracy_cost(cause)),
            gain=_value(remedy.gain if (remedy := effects.remedy(dataset.name, cause)) else None),
        )
        for cause in diagnosis.causes
    )


def _not_judged(diagnosis: Diagnosis) -> tuple[UnjudgedCause, ...]:
    return tuple(
        UnjudgedCause(
            id=entry.id,
            direction=entry.direction,
            reason=entry.reason,
            classes=tuple(diagnosis.classes[label] for label in entry.few_classes),
        )
        for entry in diagnosis.not_judged
    )


def _value(interval: Interval | None, seeds: Sequence[float] = ()) -> Value | NotMeasured:
    if interval is None:
        return NOT_MEASURED
    return Value(mean=interval.mean, low=interval.low, high=interval.high, seeds=tuple(seeds))


def _class_value(accuracies: np.ndarray, label: int) -> Value | NotMeasured:
    """Return the mean and the range over training seeds; one class has too few images for an interval."""
    if not accuracies.size:
        return NOT_MEASURED
    seeds = accuracies[:, label]
    return Value(mean=seeds.mean(), low=seeds.min(), high=seeds.max(), seeds=tuple(seeds.tolist()))


def _dataset_names(folders: Sequence[Path]) -> list[str]:
    """Return unique valid data set names, made from the names of the folders."""
    names: list[str] = []
    for folder in folders:
        # Short enough for the names of files and of data sets that are derived from it.
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name)[:_MAX_NAME]
        base = name.strip("-._") or "synthetic"
        base = "synthetic" if base == REAL else base
        name, number = base, 2
        while name in names:
            name, number = f"{base}-{number}", number + 1
        names.append(name)
    return names
