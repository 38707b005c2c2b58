"""The step that chooses images of a data set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from prettyuseful.aesthetics.rows import SCORES
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row, shard_name, write_shard
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.errors import DataError
from prettyuseful.selection.choice import Content, choose_at_random, choose_by_value, choose_spread
from prettyuseful.selection.criteria import Criterion, find_criterion
from prettyuseful.selection.keep import Part
from prettyuseful.steps.inputs import holds_sources, read_classes, read_rows
from prettyuseful.steps.scores import read_scores


class RandomChoice(BaseModel):
    """Which random choice it is: the number `draw` of those with this `seed`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    seed: int
    draw: int


class SelectSpec(StepSpec):
    """Choose `per_class` images of each class of a data set; they keep their bytes, groups and order.

    `by`: the criterion; None for the choice `random`. `part`: the end of the order that is kept; None for criteria
    without an order. What the criterion reads is in the inputs `scores`, `logits`, `features`, `real` and `texts`.
    """

    kind: ClassVar[str] = "select"
    pace: ClassVar[float] = 0.0003
    by: Pinned[str] | None
    part: Part | None
    per_class: ClassCounts
    random: RandomChoice | None = None

    def make(self, job: Job) -> dict[str, Any]:
        classes = read_classes(job, "dataset")
        contents, labels = _read_contents(job)
        numbers = [self.per_class[label] for label in range(len(classes))]
        facts: dict[str, Any] = {"images": self.part or "spread"}
        if self.by is None:
            assert self.random is not None
            chosen = choose_at_random(labels, contents, numbers, self.random.seed, self.random.draw)
        else:
            criterion = find_criterion(self.by.source)
            facts["by"] = criterion.name
            if criterion.spread:
                features = np.load(job.inputs["features"].path("features.npy"))
                chosen = choose_spread(features, labels, contents, criterion.load(), numbers)
            else:
                assert self.part is not None
                values = _values(criterion, self.by.source, job, labels)
                chosen = choose_by_value(values, labels, contents, self.part, numbers)
                facts["mean"] = {"chosen": float(values[chosen].mean()), "all": float(values.mean())}
        count = write_shard(job.folder / shard_name(0, 1), _rows(job, chosen), classes, holds_sources(job))
        return {"classes": list(classes), "images": count, "applied": {"select": facts}}


def _read_contents(job: Job) -> tuple[list[Content], np.ndarray]:
    """Return what identifies each image, and the labels (N,)."""
    contents, labels = [], []
    for row in job.track_progress(read_rows(job, "dataset"), job.inputs["dataset"].manifest.facts["images"]):
        contents.append(Content.of(row.data, row.path))
        labels.append(row.label)
    return contents, np.array(labels, np.int64)


def _rows(job: Job, chosen: np.ndarray) -> Iterator[Row]:
    return (row for row, keep in zip(read_rows(job, "dataset"), chosen, strict=True) if keep)


def _values(criterion: Criterion, name: str, job: Job, labels: np.ndarray) -> np.ndarray:
    """Return one number per image, (N,) float64; `name` is that of the criterion in the study file.

    Raises:
        DataError: real training images of a class are missing.
    """
    if criterion.reads == "score":
        return read_scores(job.inputs["scores"]).column(SCORES.label(name))
    function = criterion.load()
    if criterion.reads == "logits":
        return np.asarray(function(np.load(job.inputs["logits"].path("logits.npy")), labels))
    features = np.load(job.inputs["features"].path("features.npy"))
    if criterion.reads == "texts":
        return np.asarray(function(features, np.load(job.inputs["texts"].path("features.npy"))[labels]))
    real, real_labels = (np.load(job.inputs["real"].path(f"{name}.npy")) for name in ("features", "labels"))
    values = np.zeros(len(labels))
    for label in np.unique(labels):
        if not (real_labels == label).any():
            raise DataError(f"class {label} (from 0) has no real training images to compare with; add some")
        values[labels == label] = function(features[labels == label], real[real_labels == label])
    return values
