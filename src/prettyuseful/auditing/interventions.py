"""What is worth trying once causes are named: data sets that tell what each costs, and what undoing it brings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prettyuseful.records import CauseResult, DatasetRecord
from prettyuseful.study.file import REAL

_DROPPED = {"labels": "without-suspect-labels", "copies": "without-copies"}


def interventions(datasets: Iterable[DatasetRecord]) -> dict[str, dict[str, Any]]:
    """Data sets to add to a study, as its file says them, by name.

    For a cause that is like a change of real images: real images after it, which lack nothing else. For wrong labels
    and copies: the set without them. For colours: the set with the change taken back. The last two name the set as
    their control.
    """
    found: dict[str, dict[str, Any]] = {}
    for dataset in datasets:
        for cause in dataset.diagnosis.causes if dataset.diagnosis else ():
            if cause.named:
                found |= _of_cause(dataset, cause)
    return found


def _of_cause(dataset: DatasetRecord, cause: CauseResult) -> dict[str, dict[str, Any]]:
    count = {"images_per_class": dataset.images_per_class}
    of_set = {"of": dataset.name, **count, "control": dataset.name}
    if cause.id in _DROPPED:
        return {f"{dataset.name}.{_DROPPED[cause.id]}": {**of_set, "drop": cause.id}}
    found = {}
    if cause.transform is not None:
        name = f"{dataset.name}.real-with-{cause.id}-{cause.direction}"
        found[name] = {"of": REAL, **count, "transform": cause.transform}
    if cause.undo is not None:
        found[f"{dataset.name}.without-{cause.id}-{cause.direction}"] = {**of_set, "transform": cause.undo}
    return found
