"""The step that measures a data set: features or logits of its images against those of real images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.errors import DataError
from prettyuseful.metrics.base import Metric
from prettyuseful.metrics.rows import METRICS, family_rows
from prettyuseful.plugins import is_plugin, plugin_id
from prettyuseful.steps.balance import block_count, blocks, halves, spread


@dataclass(frozen=True)
class Side:
    """Images that are compared: `values` (N, d) are features or logits; `labels` (N,); `groups` (N,)."""

    values: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    def take(self, rows: np.ndarray) -> Side:
        return Side(self.values[rows], self.labels[rows], self.groups[rows])


class MeasureSpec(StepSpec):
    """One family of metrics of a data set against the real test images, in one feature space.

    The real test images are split by groups into two halves. The first is the reference; the second is what real images
    score against it (`control`, without an input `candidate`). Both and the candidate are cut to equal numbers per
    class. What has a value per image is kept by class and group (`parts`); what has none (`numbers`, and `by_class`)
    with its values when a block of groups is left out of both sides.

    Features and logits come with labels and groups, from the artifacts `reference` and `candidate`, or, where those are
    pixels, from `reference values` and `candidate values`; `texts` has a row for each class.
    """

    kind: ClassVar[str] = "measure"
    version: ClassVar[int] = 3
    pace: ClassVar[float] = 0.0003
    grows: ClassVar[bool] = False
    family: Pinned[str]
    control: bool
    per_class: int

    def make(self, job: Job) -> dict[str, Any]:
        with METRICS.guard(self.family.source):
            return self._measured(job)

    def _measured(self, job: Job) -> dict[str, Any]:
        metrics = family_rows(self.family.source)
        reference, candidate = self._chosen(job)
        sides = _arguments(metrics[0], reference, candidate, job)
        numbers, by_class = {}, {}
        for metric in metrics:
            if metric.per == "set":
                numbers[metric.name] = _of_set(metric, sides)
            elif metric.per == "class":
                numbers[metric.name], by_class[metric.name] = _of_classes(metric, sides)
        return {
            "images_per_class": np.unique(reference.labels, return_counts=True)[1].tolist(),
            "parts": _of_images([metric for metric in metrics if metric.per_image], sides),
            "numbers": numbers,
            "by_class": by_class,
        }

    @property
    def rate_class(self) -> str:
        name = self.family.source
        return f"measure {plugin_id(name) if is_plugin(name) else name}"

    def _chosen(self, job: Job) -> tuple[Side, Side]:
        real = _side(job, "reference")
        other = None if self.control else _side(job, "candidate")
        reference, candidate = [], []
        for label in np.unique(real.labels):
            first, second = halves(real.groups, np.flatnonzero(real.labels == label))
            count = min(len(first), len(second), self.per_class)
            source, rows = (real, second) if other is None else (other, np.flatnonzero(other.labels == label))
            if len(rows) < count:
                raise DataError(f"class {label} (from 0) has {len(rows)} images, and {count} are compared; take more")
            reference.append(spread(real.groups, first, count))
            candidate.append(spread(source.groups, rows, count))
        return real.take(np.concatenate(reference)), (other or real).take(np.concatenate(candidate))


def _side(job: Job, name: str) -> Side:
    artifact, values = job.inputs[name], job.inputs.get(f"{name} values")
    labels, groups = (np.load(artifact.path(f"{part}.npy")) for part in ("labels", "groups"))
    return Side(np.load(artifact.path("features.npy") if values is None else values.path("logits.npy")), labels, groups)


def _arguments(metric: Metric, reference: Side, candidate: Side, job: Job) -> list[Side]:
    """What the metric's function is called with, in order; images of the candidate are in the last."""
    match metric.reads:
        case "both":
            return [reference, candidate]
        case "synthetic":
            return [candidate]
        case "texts":
            texts = np.load(job.inputs["texts"].path("features.npy"))
            return [candidate, replace(candidate, values=texts[candidate.labels])]
        case "logits":
            return [candidate, replace(candidate, values=candidate.labels)]


def _of_images(metrics: Sequence[Metric], sides: Sequence[Side]) -> dict[str, list[dict[str, Any]]]:
    """By metric: the sums of each class, by group."""
    parts: dict[str, list[dict[str, Any]]] = {metric.name: [] for metric in metrics}
    for label in np.unique(sides[0].labels) if metrics else ():
        of_class = [side.take(side.labels == label) for side in sides]
        returned = metrics[0].call(*(side.values for side in of_class))
        for metric in metrics:
            images = of_class[0 if metric.per == "real image" else -1]
            parts[metric.name].append(_by_group(metric.values(returned, len(images.labels)), images.groups))
    return parts


def _of_set(metric: Metric, sides: Sequence[Side]) -> dict[str, Any]:
    """The number of all classes together, and what it is without each block of all sides."""
    arrays, (_, of_sides) = [side.values for side in sides], _blocks(sides)
    return _number(metric.number(*arrays), metric.numbers_without(arrays, of_sides))


def _of_classes(metric: Metric, sides: Sequence[Side]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The mean over classes, and the number of each class."""
    count, of_sides = _blocks(sides)
    values, replicates, each = [], [], []
    for label in np.unique(sides[0].labels):
        rows = [side.labels == label for side in sides]
        arrays = [side.values[own] for side, own in zip(sides, rows, strict=True)]
        of_class = [side[own] for side, own in zip(of_sides, rows, strict=True)]
        value = metric.number(*arrays)
        without = {}
        for block in np.unique(np.concatenate(of_class)):
            left = [array[own != block] for array, own in zip(arrays, of_class, strict=True)]
            without[block] = metric.number(*left) if all(len(array) for array in left) else value
        values.append(value)
        replicates.append([without.get(block, value) for block in range(count)])
        each.append(_number(value, np.array(list(without.values()))))
    return _number(float(np.mean(values)), np.mean(replicates, axis=0)), each


def _blocks(sides: Sequence[Side]) -> tuple[int, list[np.ndarray]]:
    """How many blocks there are, and those of each side's images."""
    count = block_count(*((side.labels, side.groups) for side in sides))
    return count, [blocks(side.labels, side.groups, count) for side in sides]


def _by_group(values: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
    """Sums and sizes per group: all that resampling whole groups needs."""
    names, index = np.unique(groups, return_inverse=True)
    return {
        "groups": names.tolist(),
        "sums": [round(value, 6) for value in np.bincount(index, weights=values).tolist()],
        "sizes": np.bincount(index).tolist(),
    }


def _number(value: float, without: np.ndarray) -> dict[str, Any]:
    return {"value": value, "without": without.tolist()}
