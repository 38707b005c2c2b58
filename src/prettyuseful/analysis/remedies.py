"""The reported causes of each data set in sentences, and the measured cost and remedy of a cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prettyuseful.analysis.statistics import Interval
from prettyuseful.diagnosis.findings import CauseFinding, Diagnosis
from prettyuseful.formatting import percent, share
from prettyuseful.records import DatasetRecord, StudyRecord
from prettyuseful.study.file import REAL
from prettyuseful.tasks.base import summarise_names
from prettyuseful.transforms.base import TransformSource


@dataclass(frozen=True)
class Remedy:
    """`dataset` is another data set with one cause removed; `gain` is the paired increase of accuracy."""

    dataset: str
    gain: Interval


@dataclass(frozen=True)
class InterventionEffects:
    """Measured accuracies of data sets that are derived from others (`of:` in the study).

    `gaps`: for each data set, its accuracy minus the accuracy with equally many real images. `gains`: for each
    pre-registered comparison (data set, control), the paired difference of accuracy.
    """

    study: StudyRecord
    gaps: Mapping[str, Interval]
    gains: Mapping[tuple[str, str], Interval]

    def accuracy_cost(self, cause: CauseFinding) -> Interval | None:
        """Return the accuracy of training on real images minus that of training on real images after a change.

        The change is the candidate change that is closest to the cause. None if the study did not measure it.
        """
        for dataset, gap in self.gaps.items():
            plan = self.study.file.datasets.get(dataset)
            if plan and plan.of == REAL and cause.transform and _as_dict(plan.transform) == cause.transform:
                return -gap
        return None

    def remedy(self, dataset: str, cause: CauseFinding) -> Remedy | None:
        """Return the data set that is `dataset` with the cause removed and has it as control; None if there is none."""
        for (repaired, control), gain in self.gains.items():
            plan = self.study.file.datasets.get(repaired)
            if plan is None or control != dataset or plan.of != dataset:
                continue
            if plan.drop == cause.id or (cause.undo is not None and _as_dict(plan.transform) == cause.undo):
                return Remedy(repaired, gain)
        return None


def _as_dict(transform: TransformSource | None) -> dict[str, Any] | None:
    return transform.model_dump(mode="json") if transform else None


def diagnosis_sentences(datasets: Sequence[DatasetRecord]) -> list[str]:
    """Return the sentences of each diagnosis: the file format if it differs, the causes, and what was not judged."""
    return [
        sentence
        for dataset in datasets
        if dataset.diagnosis
        for sentence in (
            format_sentence(dataset),
            _diagnosis_sentence(dataset.name, dataset.diagnosis),
            not_judged_sentence(dataset.name, dataset.diagnosis),
        )
        if sentence
    ]


def format_sentence(dataset: DatasetRecord) -> str:
    """Return the sentence that the files of a data set differ in format from those of real images, or nothing."""
    finding = dataset.diagnosis.format if dataset.diagnosis else None
    return f"{dataset.name}: {finding.summary[:1].lower()}{finding.summary[1:]}" if finding else ""


def not_judged_sentence(name: str, diagnosis: Diagnosis) -> str:
    """Return the causes that a diagnosis could not judge, with the reasons; or nothing."""
    by_reason: dict[str, list[str]] = {}
    for entry in diagnosis.not_judged:
        classes = summarise_names([diagnosis.classes[label] for label in entry.few_classes])
        by_reason.setdefault(entry.reason, []).append(f"{entry.id} of the classes {classes}" if classes else entry.id)
    phrases = [f"{', '.join(causes)} ({reason})" for reason, causes in by_reason.items()]
    return f"Not judgeable for {name}: {'; '.join(phrases)}." if phrases else ""


def _diagnosis_sentence(name: str, diagnosis: Diagnosis) -> str:
    if diagnosis.named:
        causes = "; ".join(map(_cause_phrase, diagnosis.named))
        unexplained = diagnosis.unexplained
        rest = f" Not explained: {percent(unexplained)}." if unexplained else ""
        if diagnosis.resemblance:
            return f"{name} is changed in a way that resembles these causes, largest first: {causes}.{rest}"
        return f"Reported causes for {name}, largest first: {causes}.{rest}"
    if diagnosis.cause_unknown:
        return f"{name} differs significantly from real images; the cause is unknown."
    return f"{name} does not differ significantly from real images, so no cause is reported."


def _cause_phrase(cause: CauseFinding) -> str:
    effect = (
        f"equivalent to {cause.like}, explains {share(cause.explained, 0)} of the difference"
        if cause.like
        else cause.effect_words
    )
    equivalent = f"; {' or '.join(cause.equivalent_to)} explains it equally well" if cause.equivalent_to else ""
    return f"{cause.row.name} ({effect}{equivalent})"
