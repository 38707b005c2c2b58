"""Results folders of made-up studies that differ by chance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tests.made_up import made_up_summary

from prettyuseful.records import RunRecord, TransferResult, write_records

RATES = {"real": 0.8, "base": 0.6, "other": 0.58}


def write_study(
    folder: Path, seed: int, rates: Mapping[str, float] = RATES, images: str = "", store: str = "", **changes: Any
) -> Path:
    """Write the records of a study and return its folder.

    Args:
        folder: where to write.
        seed: of its results.
        rates: the share of correct answers of each data set.
        images: prefix of the names of its test groups; its own by default.
        store: what its keys begin with; its own by default.
        changes: of the `MadeUpStudy`.
    """
    changes = {"metrics": (), "sample_images": 0, **changes}
    summary = made_up_summary(rates=dict(rates), **changes)
    rng = np.random.default_rng(seed)
    images, store = images or folder.name, store or folder.name
    groups: dict[str, float] = {}

    def tested(test: TransferResult, rate: float) -> TransferResult:
        names = [f"{images}-{group}" for group in test.groups]
        effects = [groups.setdefault(name, rng.normal(0, 0.05)) for name in names]
        share = np.clip(rate + rng.normal(0, 0.02) + np.array(effects), 0.02, 0.98)
        sizes = [40] * len(names)
        correct = rng.binomial(sizes, share)
        labels = np.array(test.group_labels)
        per_class = [correct[labels == label].sum() / (40 * (labels == label).sum()) for label in np.unique(labels)]
        update = {
            "top1": float(np.mean(per_class)),
            "per_class": [float(value) for value in per_class],
            "confusion": [[0] * len(per_class)] * len(per_class),
            "groups": names,
            "group_sizes": sizes,
            "group_correct": correct.tolist(),
        }
        return test.model_copy(update=update)

    def run(record: RunRecord) -> RunRecord:
        rate = rates[record.dataset]
        transfers = [tested(test, rate) for test in record.transfers if test.tested_on == "real"]
        key = "-".join([store, record.dataset, record.architecture, str(record.seed)])
        return record.model_copy(update={"keys": {"train": key}, "transfers": transfers})

    datasets = [
        dataset.model_copy(update={"keys": {"dataset": f"{store}-{dataset.name}"}}) for dataset in summary.datasets
    ]
    write_records([summary.study, *datasets, *map(run, summary.runs)], folder / "records")
    return folder
