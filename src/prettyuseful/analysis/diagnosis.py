"""What holds data sets back, in words, and what it costs where that was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp
from typing import TYPE_CHECKING

from prettyuseful.analysis.statistics import Interval
from prettyuseful.records import CauseResult, DatasetRecord, DiagnosisResult, StudyRecord
from prettyuseful.study.file import REAL

if TYPE_CHECKING:
    from prettyuseful.analysis.summary import Summary


@dataclass(frozen=True)
class Remedy:
    """The data set `dataset` is another one without a cause; `gain` is what it teaches more, in accuracy."""

    dataset: str
    gain: Interval


def accuracy_cost(summary: Summary, cause: CauseResult) -> Interval | None:
    """Real->Real minus T(Real)->Real, paired, where T is the change that the cause is like; None if not measured."""
    for row in summary.rows:
        plan = _plan(summary.study, row.dataset)
        if row.gap and cause.transform and plan.get("of") == REAL and plan.get("transform") == cause.transform:
            return replace(row.gap, mean=-row.gap.mean, low=-row.gap.high, high=-row.gap.low)
    return None


def remedy(summary: Summary, dataset: str, cause: CauseResult) -> Remedy | None:
    """The data set that differs from `dataset` by the cause alone, and is compared with it as planned; None if none."""
    for pair in summary.comparisons:
        plan = _plan(summary.study, pair.a)
        undone = plan.get("drop") == cause.id or (cause.undo is not None and plan.get("transform") == cause.undo)
        if pair.planned and pair.b == dataset and plan.get("of") == dataset and undone:
            return Remedy(pair.a, pair.to_real)
    return None


def _plan(study: StudyRecord, dataset: str) -> dict[str, object]:
    """What the study says of a data set."""
    found: dict[str, object] = study.study.get("datasets", {}).get(dataset, {})
    return found


def sentences(datasets: Sequence[DatasetRecord]) -> list[str]:
    """A sentence on each diagnosis."""
    return [_sentence(dataset.name, dataset.diagnosis) for dataset in datasets if dataset.diagnosis]


def _sentence(name: str, found: DiagnosisResult) -> str:
    named = [cause for cause in found.causes if cause.named]
    if named:
        return f"What holds {name} back: {'; then '.join(map(_in_short, named))}."
    if found.differs:
        return f"{name} differs clearly from real images; the cause is unknown."
    return f"Nothing clear holds {name} back: it differs from real images no more than they differ from each other."


def _in_short(cause: CauseResult) -> str:
    like = f"like {cause.like}, {cause.explained:.0%} of the difference" if cause.like else effect_words(cause)
    ties = f"; as likely {' or '.join(cause.equivalent_to)}" if cause.equivalent_to else ""
    return f"{cause.id} {cause.direction} ({like}{ties})"


def effect_words(cause: CauseResult) -> str:
    """The effect with its interval, in the unit of its cause."""
    effect, low, high = cause.effect, cause.low, cause.high
    if cause.id in ("labels", "copies"):
        # Less of it than among real images is none of it.
        share, low, high = (max(0.0, value) for value in (effect, low, high))
        return f"{share:.0%} of {'labels' if cause.id == 'labels' else 'images'}, {low:.0%} to {high:.0%}"
    if cause.id == "coverage":
        return f"neighbours at {exp(effect):.2f} times the distance in real images, {exp(low):.2f} to {exp(high):.2f}"
    return f"real images come {effect:.3g} standard deviations nearer, {low:.3g} to {high:.3g}"


def of_class_words(cause: CauseResult, value: float) -> str:
    """The effect in one class."""
    if cause.id in ("labels", "copies"):
        return f"{max(0.0, value):.0%}"
    return f"{exp(value):.2f} times the distance" if cause.id == "coverage" else f"{value:.3g}"
