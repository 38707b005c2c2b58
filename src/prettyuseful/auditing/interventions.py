"""Additional data sets that measure the accuracy cost of each reported cause and the gain of removing it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prettyuseful.diagnosis.findings import CauseFinding
from prettyuseful.records import DatasetRecord
from prettyuseful.study.file import REAL


def interventions(datasets: Iterable[DatasetRecord]) -> dict[str, dict[str, Any]]:
    """Return data sets to add to a study, by name, as in a study file.

    - For a cause with an equivalent change: real images after that change, which have no other defect.
    - For a cause whose images can be dropped: the data set without these images.
    - For a change that can be undone: the data set with the change undone.

    The last two have the original data set as their control.
    """
    return {
        name: plan
        for dataset in datasets
        for cause in dataset.named_causes
        for name, plan in _interventions_for(dataset, cause).items()
    }


def _interventions_for(dataset: DatasetRecord, cause: CauseFinding) -> dict[str, dict[str, Any]]:
    count = {"images_per_class": dataset.images_per_class.as_json()}
    derived = {"of": dataset.name, **count, "control": dataset.name}
    if drop := cause.row.drop:
        return {f"{dataset.name}.{drop.dataset}": {**derived, "drop": cause.id}}
    plans = {}
    if cause.transform is not None:
        name = f"{dataset.name}.real-with-{cause.id}-{cause.direction}"
        plans[name] = {"of": REAL, **count, "transform": cause.transform}
    if cause.undo is not None:
        plans[f"{dataset.name}.without-{cause.id}-{cause.direction}"] = {**derived, "transform": cause.undo}
    return plans
