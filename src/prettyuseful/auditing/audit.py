"""An audit: are these folders of images useful training data? It writes a study, runs it, and says what came out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from prettyuseful.analysis.rows import Row
from prettyuseful.analysis.statistics import Interval
from prettyuseful.analysis.summary import Summary
from prettyuseful.auditing.interventions import interventions
from prettyuseful.auditing.result import (
    NOT_MEASURED,
    Audit,
    AuditedCause,
    AuditedTask,
    Budget,
    ClassResult,
    Difference,
    EffectiveImages,
    Groups,
    NotMeasured,
    Split,
    SyntheticSet,
    Value,
)
from prettyuseful.data.sources.open import open_source
from prettyuseful.diagnosis.findings import CauseFinding, Diagnosis
from prettyuseful.engine.events import OnEvent, ignore
from prettyuseful.engine.session import Execution, Session
from prettyuseful.errors import DataError, EveryRunFailedError
from prettyuseful.plan.diagnosis import fewest_per_class
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.results import StudyResult
from prettyuseful.run import DEFAULT_STORE, run_plan
from prettyuseful.study.file import REAL, Study
from prettyuseful.study.reading import parse_study
from prettyuseful.tasks.base import native_size
from prettyuseful.tasks.real import RealTask
from prettyuseful.tasks.source import TaskSource

_SMALL = 64  # pixels; larger images want a larger network
_CURVE = (0.02, 0.1, 0.3, 1.0)  # shares of the images, for the numbers of real images that are tried
_METRICS: Mapping[Budget, list[str]] = {
    "quick": ["density", "coverage"],
    "full": ["density", "coverage", "precision", "recall", "frechet", "kid", "vendi"],
}
_NEIGHBOURS = 12  # test images per class that metrics need at least


def audit(
    real: Path | str | TaskSource,
    synthetic: Path | str | Sequence[Path | str],
    budget: Budget = "quick",
    out: Path | str = "audit-results",
    store: Path | str = DEFAULT_STORE,
    workers: int | None = None,
    on: str = "local",
    on_event: OnEvent = ignore,
) -> Audit:
    """Audits one or several sets of synthetic images against real ones; see docs/audit.md.

    Places are class folders, .tar shards or Parquet files. A fifth of `real` is tested on, unless it is a
    `TaskSource(real=..., test=..., groups=...)` that names a place of test images. `store`, `workers` and `on` are
    those of `run_study`.

    Raises:
        UserError: images, classes or folders that cannot be used.
        EveryRunFailedError: no classifier could be trained and tested; its `result` is the audit all the same.
    """
    places = [synthetic] if isinstance(synthetic, Path | str) else list(synthetic)
    source = real if isinstance(real, TaskSource) else TaskSource(real=str(real))
    request = plan_audit(source, [Path(place) for place in places], budget)
    plan = make_plan(request.study)
    with Execution(store, workers, on, on_event).session(request.study.numerics) as session:
        return run_audit(request, plan, session, Path(out))


@dataclass(frozen=True)
class AuditRequest:
    """An audit before it runs. `left_out`: images of each set beyond the number that all sets are cut to."""

    study: Study
    text: str
    task: RealTask
    images_per_class: int
    left_out: Mapping[str, int]
    notes: tuple[str, ...]
    budget: Budget


def plan_audit(real: TaskSource, synthetic: Sequence[Path], budget: Budget) -> AuditRequest:
    """The study of an audit.

    Raises:
        UserError: images or classes that cannot be used.
    """
    task = real.open()
    if not isinstance(task, RealTask):
        raise DataError("an audit needs a place of real images: TaskSource(real=...)")
    names = _names(synthetic)
    counts = {name: open_source(str(place)).counts() for name, place in zip(names, synthetic, strict=True)}
    most = {REAL: task.available("train"), **{name: min(found.values(), default=0) for name, found in counts.items()}}
    fewest = min(most, key=lambda name: most[name])
    count = most[fewest]
    if not count:
        raise DataError(f"{fewest} has a class without images; add some, or remove the class")
    small, enough = native_size(task) <= _SMALL, count >= fewest_per_class(len(task.classes))
    measured = min(count, task.available("test")) >= _NEIGHBOURS
    notes = [f"Every set is cut to {count} images per class, as many as {fewest} has."]
    if not enough:
        notes.append(f"Causes need {fewest_per_class(len(task.classes))} images per class and were not looked for.")
    if not measured:
        notes.append(f"Density and coverage need {_NEIGHBOURS} images per class and were not measured.")
    curve = sorted({max(1, round(share * count)) for share in _CURVE})
    content = {
        "version": 1,
        "title": f"Audit of {', '.join(names)}",
        "question": f"Are these images useful training data for the {len(task.classes)} classes of {task.name}, and if "
        "not, why?",
        "task": real.model_dump(exclude_defaults=True),
        "datasets": {
            name: {"generator": str(place), "images_per_class": count}
            for name, place in zip(names, synthetic, strict=True)
        },
        "train": {
            "architectures": ["small" if small else "resnet18"],
            "recipes": ["default" if small else "quick"],
            "seeds": [0, 1, 2],
            "real_curve": curve if len(curve) > 1 else [],
            **({"curve_seeds": [0]} if budget == "quick" else {}),
        },
        "metrics": _METRICS[budget] if measured else [],
        "diagnosis": enough,
    }
    text = _text_of(content)
    left = {name: sum(found.values()) - count * len(found) for name, found in counts.items()}
    return AuditRequest(parse_study(text, "audit"), text, task, count, left, tuple(notes), budget)


def run_audit(request: AuditRequest, plan: Plan, session: Session, out: Path) -> Audit:
    """Runs an audit; its study stays in `out` as study.yaml.

    With budget `full`, the study grows by what the causes that it has named make worth trying, and goes on.
    """
    result = _run(request, plan, session, out)
    if request.budget == "full" and (more := interventions(result.summary.datasets)):
        content = yaml.safe_load(request.text)
        text = _text_of({**content, "datasets": {**content["datasets"], **more}})
        request = replace(request, text=text, study=parse_study(text, "audit"))
        result = _run(request, make_plan(request.study), session, out)
    return _audit_of(request, result)


def _run(request: AuditRequest, plan: Plan, session: Session, out: Path) -> StudyResult:
    try:
        result, failure = run_plan(plan, session, out), None
    except EveryRunFailedError as error:
        result, failure = error.result, error
    (out / "study.yaml").write_text(request.text, encoding="utf-8")
    if failure:
        raise EveryRunFailedError(str(failure), _audit_of(request, result)) from None
    return result


def _text_of(study: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(study), sort_keys=False, allow_unicode=True)


def _audit_of(request: AuditRequest, result: StudyResult) -> Audit:
    summary, division = result.summary, request.task.division
    rows = {row.dataset: row for row in summary.rows}
    records = {dataset.name: dataset for dataset in summary.datasets}
    train, test = (sum(division.images[split]) for split in ("train", "test"))
    return Audit(
        budget=request.budget,
        complete=result.complete,
        task=AuditedTask(
            name=request.task.name,
            classes=request.task.classes,
            chance=1 / len(request.task.classes),
            real_images=train + (test if division.hold_out is not None else 0),
            test_images_per_class=request.task.available("test"),
            split=Split(train=train, test=test, hold_out=division.hold_out, seed=division.seed),
            groups=Groups(test=division.groups, by=division.grouped_by),
        ),
        images_per_class=request.images_per_class,
        real_to_real=_value(rows[REAL].to_real, rows[REAL].seeds),
        synthetic=tuple(
            _set(request, summary, rows[name], rows[REAL], records[name].diagnosis) for name in request.left_out
        ),
        answer=summary.answer,
        notes=request.notes,
        problems=summary.problems,
        report=str(result.report),
    )


def _set(request: AuditRequest, summary: Summary, row: Row, real: Row, diagnosis: Diagnosis | None) -> SyntheticSet:
    classes, runs = request.task.classes, summary.runs
    recognised = [t for run in runs for t in run.transfers if run.dataset == REAL and t.tested_on == row.dataset]
    from_real = np.array([test.per_class for test in recognised])
    to_real, of_real = (
        np.array(
            [
                t.per_class
                for run in runs
                for t in run.transfers
                if run.dataset == name and t.tested_on == REAL and run.steps_of is None
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
        real_to_synth=_value(row.from_real, [test.top1 for test in recognised]),
        gap=_value(row.gap),
        effective_real_images_per_class=NOT_MEASURED
        if worth is None
        else EffectiveImages(estimate=worth.estimate, low=worth.low, high=worth.high, censored=worth.censored),
        difference=NOT_MEASURED
        if diagnosis is None
        else Difference(
            mean=diagnosis.difference,
            low=diagnosis.low,
            high=diagnosis.high,
            p_value=diagnosis.p_value,
            differs=diagnosis.differs,
        ),
        causes=NOT_MEASURED if diagnosis is None else _causes(summary, row.dataset, diagnosis, classes),
        per_class=tuple(
            ClassResult(
                name=name,
                synth_to_real=_of_class(to_real, i),
                real_to_synth=_of_class(from_real, i),
                real_to_real=_of_class(of_real, i),
            )
            for i, name in enumerate(classes)
        ),
        metrics={name: _value(found) for name, found in row.metrics.items()},
        controls={name: _value(found) for name, found in real.metrics.items()},
    )


def _causes(summary: Summary, name: str, diagnosis: Diagnosis, classes: Sequence[str]) -> tuple[AuditedCause, ...]:
    shared, effects = set(CauseFinding.model_fields), summary.intervention_effects
    return tuple(
        AuditedCause(
            **cause.model_dump(include=shared),
            per_class=dict(zip(classes, cause.per_class, strict=True)),
            few_classes=tuple(classes[i] for i in cause.few_classes),
            accuracy_cost=_value(effects.accuracy_cost(cause)),
            gain=_value(found.gain if (found := effects.remedy(name, cause)) else None),
        )
        for cause in diagnosis.causes
    )


def _value(found: Interval | None, seeds: Sequence[float] = ()) -> Value | NotMeasured:
    return NOT_MEASURED if found is None else Value(mean=found.mean, low=found.low, high=found.high, seeds=tuple(seeds))


def _of_class(accuracies: np.ndarray, label: int) -> Value | NotMeasured:
    """Mean and range over training seeds: with few of them and few images, no interval."""
    if not accuracies.size:
        return NOT_MEASURED
    seeds = accuracies[:, label]
    return Value(mean=seeds.mean(), low=seeds.min(), high=seeds.max(), seeds=tuple(seeds.tolist()))


def _names(places: Sequence[Path]) -> list[str]:
    """Of folders, as data sets can be called; each once."""
    names: list[str] = []
    for place in places:
        base = re.sub(r"[^A-Za-z0-9._-]+", "-", place.resolve().name).strip("-._") or "synthetic"
        base = "synthetic" if base == REAL else base
        name, number = base, 2
        while name in names:
            name, number = f"{base}-{number}", number + 1
        names.append(name)
    return names
