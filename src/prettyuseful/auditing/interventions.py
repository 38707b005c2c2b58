"""Data sets to add once causes are named: they measure what each costs, and what undoing it brings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prettyuseful.diagnosis.findings import FoundCause
from prettyuseful.records import DatasetRecord
from prettyuseful.study.file import REAL


def interventions(datasets: Iterable[DatasetRecord]) -> dict[str, dict[str, Any]]:
    """Data sets to add to a study, as its file says them, by name.

    For a cause that is like a change of real images: real images after it, which lack nothing else. For causes whose
    images can be dropped: the set without them. For changes that can be undone: the set with the change taken back. The
    last two name the set as their control.
    """
    found: dict[str, dict[str, Any]] = {}
    for dataset in datasets:
        for cause in dataset.named_causes:
            found |= _of_cause(dataset, cause)
    return found


def _of_cause(dataset: DatasetRecord, cause: FoundCause) -> dict[str, dict[str, Any]]:
    count = {"images_per_class": dataset.images_per_class}
    of_set = {"of": dataset.name, **count, "control": dataset.name}
    if drop := cause.row.drop:
        return {f"{dataset.name}.{drop.dataset}": {**of_set, "drop": cause.id}}
    found = {}
    if cause.transform is not None:
        name = f"{dataset.name}.real-with-{cause.id}-{cause.direction}"
        found[name] = {"of": REAL, **count, "transform": cause.transform}
    if cause.undo is not None:
        found[f"{dataset.name}.without-{cause.id}-{cause.direction}"] = {**of_set, "transform": cause.undo}
    return found
