"""What diagnoses found, in sentences, and what causes cost where a study measured that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from prettyuseful.analysis.statistics import Interval
from prettyuseful.diagnosis.findings import Diagnosis, FoundCause
from prettyuseful.records import DatasetRecord, StudyRecord
from prettyuseful.study.file import REAL
from prettyuseful.transforms.base import TransformSource


@dataclass(frozen=True)
class Remedy:
    """The data set `dataset` is another one without a cause; `gain`: by how much its accuracy is higher, paired."""

    dataset: str
    gain: Interval


@dataclass(frozen=True)
class InterventionEffects:
    """What a study measured of data sets that are made of others.

    `gaps`: by data set, its accuracy minus that of equally many real images. `gains`: by data set and its control, of
    planned comparisons, the difference of the two.
    """

    study: StudyRecord
    gaps: Mapping[str, Interval]
    gains: Mapping[tuple[str, str], Interval]

    def accuracy_cost(self, cause: FoundCause) -> Interval | None:
        """Real->Real minus T(Real)->Real, paired, where T is the change that the cause is like; None: not measured."""
        for dataset, gap in self.gaps.items():
            plan = self.study.file.datasets.get(dataset)
            if plan and plan.of == REAL and cause.transform and _said(plan.transform) == cause.transform:
                return replace(gap, mean=-gap.mean, low=-gap.high, high=-gap.low)
        return None

    def remedy(self, dataset: str, cause: FoundCause) -> Remedy | None:
        """The data set that differs from `dataset` by the cause alone, and names it as its control; None if none."""
        for (without, control), gain in self.gains.items():
            plan = self.study.file.datasets.get(without)
            if plan is None or control != dataset or plan.of != dataset:
                continue
            if plan.drop == cause.id or (cause.undo is not None and _said(plan.transform) == cause.undo):
                return Remedy(without, gain)
        return None


def _said(transform: TransformSource | None) -> dict[str, Any] | None:
    """A transform as results name it."""
    return transform.model_dump(mode="json") if transform else None


def sentences(datasets: Sequence[DatasetRecord]) -> list[str]:
    """A sentence on each diagnosis."""
    return [_sentence(dataset.name, dataset.diagnosis) for dataset in datasets if dataset.diagnosis]


def _sentence(name: str, found: Diagnosis) -> str:
    if found.named:
        return f"What holds {name} back: {'; then '.join(map(_in_short, found.named))}."
    if found.cause_unknown:
        return f"{name} differs clearly from real images; the cause is unknown."
    return f"Nothing clear holds {name} back: it differs from real images no more than they differ from each other."


def _in_short(cause: FoundCause) -> str:
    like = f"like {cause.like}, {cause.explained:.0%} of the difference" if cause.like else cause.effect_words
    ties = f"; as likely {' or '.join(cause.equivalent_to)}" if cause.equivalent_to else ""
    return f"{cause.row.name} ({like}{ties})"
