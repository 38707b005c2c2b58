"""Records of a made-up study with a curve of mixtures, whose true accuracies are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from tests.made_up import MACHINE, study_file, task_record

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.records import CellGroupRecord, DatasetRecord, Record, RunRecord, StudyRecord, TransferResult
from prettyuseful.study.curve import CurvePlan, MixPoint

CELL = ("small", "small", "rgb")
CLASSES, GROUPS = 4, 160
Accuracy = Callable[[int, int], float]
"""The true accuracy with so many real and so many generated images."""


def study_record(curve: Mapping[str, Any], seeds: tuple[int, ...] = (0, 1, 2)) -> StudyRecord:
    file = study_file({"base": {}}, seeds=list(seeds)).model_copy(update={"curve": CurvePlan(**curve)})
    return StudyRecord(
        title="",
        question="",
        file=file,
        task=task_record(tuple("abcd")),
        metrics=[],
        cell_groups=[CellGroupRecord(architecture="small", recipe="small", cells=[CELL])],
        environment=MACHINE,
    )


def mixed_run(point: MixPoint, seed: int, accuracy: float | None, noise: float = 0.005) -> RunRecord:
    """Return the run of a point; it is missing if there is no accuracy. Test images are of equal difficulty for all."""
    images = ClassCounts(point.real + point.synthetic)
    common: dict[str, Any] = {
        "dataset": "base" if point.synthetic else "real",
        "images_per_class": images,
        "architecture": "small",
        "recipe": "small",
        "probe": "rgb",
        "seed": seed,
        "steps_of": images,
        "mixed": point,
        "keys": {"train": point.label},
    }
    if accuracy is None:
        return RunRecord(**common, status="missing")
    hardness = np.random.default_rng(0).normal(0, 0.05, CLASSES * GROUPS)
    rng = np.random.default_rng([seed, point.real, point.synthetic])
    rates = np.clip(accuracy + hardness + rng.normal(0, noise), 0, 1)
    correct = rng.binomial(10, rates).tolist()
    test = TransferResult(
        kind="mixed_to_real",
        tested_on="real",
        top1=sum(correct) / (10 * len(correct)),
        top5=1.0,
        per_class=[0.5] * CLASSES,
        confusion=[[0] * CLASSES] * CLASSES,
        groups=[str(number) for number in range(len(correct))],
        group_labels=[number % CLASSES for number in range(len(correct))],
        group_sizes=[10] * len(correct),
        group_correct=correct,
    )
    return RunRecord(**common, status="complete", transfers=[test])


def mixed_runs(study: StudyRecord, accuracy: Accuracy, seeds: tuple[int, ...] | None = None) -> list[RunRecord]:
    curve = study.file.curve
    assert curve is not None
    return [
        mixed_run(point, seed, accuracy(point.real, point.synthetic))
        for seed in seeds or study.file.train.seeds
        for point in curve.points
    ]


def dataset_record() -> DatasetRecord:
    return DatasetRecord(status="complete", name="base", control=False, images_per_class=ClassCounts(10), keys={})


def all_records(study: StudyRecord, accuracy: Accuracy) -> list[Record]:
    return [study, dataset_record(), *mixed_runs(study, accuracy)]
