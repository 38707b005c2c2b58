"""The step that computes metrics of a data set from features or logits of its images and of real images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.errors import DataError
from prettyuseful.metrics.base import Metric
from prettyuseful.metrics.rows import METRICS, family_rows
from prettyuseful.plugins import is_plugin, plugin_id
from prettyuseful.steps.balance import TooFewGroupsError, assign_blocks, count_blocks, draw_balanced, split_halves
from prettyuseful.steps.scores import ScoreTable, read_scores


@dataclass(frozen=True)
class Side:
    """One side of a comparison: features, logits or scores `values` (N, d), `labels` (N,) and `groups` (N,)."""

    values: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    def take(self, rows: np.ndarray) -> Side:
        return Side(self.values[rows], self.labels[rows], self.groups[rows])


class MeasureSpec(StepSpec):
    """Compute one family of metrics of a data set against the real test images, in one feature space.

    The real test images are split into two halves that share no group. The first half is the reference. With `control`,
    the second half is compared with it instead of a data set (there is no input `candidate`). Both sides are reduced to
    the same number of images of each class, at most `per_class`; a class with fewer images in a half than the metrics
    need is left out. Metrics with one value per image are stored as sums by class and group (`parts`). Other metrics
    (`numbers`, `by_class`) are stored with their values when a block of groups is left out of both sides. Groups are
    known only now: if they are too few, the fact `not_measured` is the reason.

    The inputs `reference` and `candidate` contain features, logits or scores, with labels and groups. If they contain
    pixels, the logits come from `reference values` and `candidate values`. The input `texts` has one row per class.
    """

    kind: ClassVar[str] = "measure"
    version: ClassVar[int] = 4
    pace: ClassVar[float] = 0.0003
    keeps_model: ClassVar[bool] = False
    grows: ClassVar[bool] = False
    family: Pinned[str]
    control: bool
    per_class: ClassCounts

    def make(self, job: Job) -> dict[str, Any]:
        try:
            with METRICS.guard(self.family.source):
                return self._measure(job)
        except TooFewGroupsError as error:
            return {"not_measured": str(error)}

    def _measure(self, job: Job) -> dict[str, Any]:
        metrics = family_rows(self.family.source)
        reference, candidate, classes = self._select_images(job, max(metric.fewest for metric in metrics))
        sides = _function_arguments(metrics[0], reference, candidate, job)
        numbers, by_class = {}, {}
        for metric in metrics:
            if metric.per == "set":
                numbers[metric.name] = _number_of_all_classes(metric, sides)
            elif metric.per == "class":
                numbers[metric.name], by_class[metric.name] = _class_numbers(metric, sides)
        return {
            "images_per_class": np.bincount(reference.labels, minlength=classes).tolist(),
            "parts": _image_parts([metric for metric in metrics if metric.per_image], sides),
            "numbers": numbers,
            "by_class": by_class,
        }

    @property
    def rate_class(self) -> str:
        name = self.family.source
        return f"measure {plugin_id(name) if is_plugin(name) else name}"

    def _select_images(self, job: Job, fewest: int) -> tuple[Side, Side, int]:
        """Return the images of both sides, and the number of classes, with those that are left out.

        `fewest`: smallest number of images of a class.

        Raises:
            TooFewGroupsError: most classes are left out.
        """
        real = _read_side(job, "reference")
        other = None if self.control else _read_side(job, "candidate")
        reference, candidate = [], []
        labels = [label for label in np.unique(real.labels) if self.per_class[label]]
        for label in labels:
            first, second = split_halves(real.groups, np.flatnonzero(real.labels == label))
            count = min(len(first), len(second), self.per_class[label])
            source, rows = (real, second) if other is None else (other, np.flatnonzero(other.labels == label))
            if count < fewest:
                continue
            if len(rows) < count:
                raise DataError(f"class {label} (from 0) has {len(rows)} images, but {count} are needed; add images")
            reference.append(draw_balanced(real.groups, first, count))
            candidate.append(draw_balanced(source.groups, rows, count))
        if 2 * len(reference) < len(labels):
            raise TooFewGroupsError(
                f"most classes have fewer than {fewest} real test images in one of two halves, which are whole groups; "
                "use images from more source groups"
            )
        classes = int(real.labels.max()) + 1
        return real.take(np.concatenate(reference)), (other or real).take(np.concatenate(candidate)), classes


def _read_side(job: Job, name: str) -> Side:
    artifact, values = job.inputs[name], job.inputs.get(f"{name} values")
    if "scores" in artifact.manifest.facts:
        table = read_scores(artifact)
        return Side(table.values, table.labels, table.groups)
    labels, groups = (np.load(artifact.path(f"{part}.npy")) for part in ("labels", "groups"))
    return Side(np.load(artifact.path("features.npy") if values is None else values.path("logits.npy")), labels, groups)


def _function_arguments(metric: Metric, reference: Side, candidate: Side, job: Job) -> list[Side]:
    """Return the arguments of the metric's function, in order. The last one belongs to the candidate."""
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
        case "scores":
            names = tuple(job.inputs["reference"].manifest.facts["scores"])
            sides = (reference, candidate)
            tables = [ScoreTable(names, side.values, side.labels, side.groups) for side in sides]
            columns = [table.column(metric.family, tables[0]) for table in tables]
            return [replace(side, values=column) for side, column in zip(sides, columns, strict=True)]


def _image_parts(metrics: Sequence[Metric], sides: Sequence[Side]) -> dict[str, list[dict[str, Any]]]:
    """Return, by metric and class, the sums of the values per image by group."""
    parts: dict[str, list[dict[str, Any]]] = {metric.name: [] for metric in metrics}
    for label in np.unique(sides[0].labels) if metrics else ():
        class_sides = [side.take(side.labels == label) for side in sides]
        returned = metrics[0].call(*(side.values for side in class_sides))
        for metric in metrics:
            images = class_sides[0 if metric.per == "real image" else -1]
            parts[metric.name].append(_sum_by_group(metric.values(returned, len(images.labels)), images.groups))
    return parts


def _number_of_all_classes(metric: Metric, sides: Sequence[Side]) -> dict[str, Any]:
    """Return the number of all classes together, and its values without each block."""
    arrays, (_, side_blocks) = [side.values for side in sides], _assign_side_blocks(sides)
    return _number(metric.number(*arrays), metric.leave_out_numbers(arrays, side_blocks))


def _class_numbers(metric: Metric, sides: Sequence[Side]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the mean over classes, and the number of each class, both with their values without each block."""
    count, side_blocks = _assign_side_blocks(sides)
    values, replicates, by_class = [], [], []
    for label in np.unique(sides[0].labels):
        masks = [side.labels == label for side in sides]
        arrays = [side.values[mask] for side, mask in zip(sides, masks, strict=True)]
        class_blocks = [blocks[mask] for blocks, mask in zip(side_blocks, masks, strict=True)]
        value, present = metric.class_number(*arrays), np.unique(np.concatenate(class_blocks))
        without = _without_blocks(metric, value, arrays, [np.searchsorted(present, blocks) for blocks in class_blocks])
        values.append(value)
        replicates.append(np.tile(value, (count, 1)))
        replicates[-1][present] = without
        by_class.append(_number(float(metric.combine(value)), metric.combine(without)))
    mean = metric.combine(np.mean(values, axis=0))
    return _number(float(mean), metric.combine(np.mean(replicates, axis=0))), by_class


def _without_blocks(
    metric: Metric, value: np.ndarray, arrays: Sequence[np.ndarray], blocks: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the numbers (B, 1 or 2) of a class without block 0..B-1; `value` where no image of a side remains."""
    if metric.leave_out is not None:
        return metric.leave_out(*arrays, *blocks).reshape(-1, len(value))
    numbers = []
    for block in range(max(int(side.max()) for side in blocks) + 1):
        rest = [array[side != block] for array, side in zip(arrays, blocks, strict=True)]
        numbers.append(metric.class_number(*rest) if all(len(array) for array in rest) else value)
    return np.array(numbers)


def _assign_side_blocks(sides: Sequence[Side]) -> tuple[int, list[np.ndarray]]:
    """Return the number of blocks, and the block of each image of each side."""
    count = count_blocks(*((side.labels, side.groups) for side in sides))
    return count, [assign_blocks(side.labels, side.groups, count) for side in sides]


def _sum_by_group(values: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
    """Return sums and sizes per group, which suffice to resample whole groups."""
    names, index = np.unique(groups, return_inverse=True)
    return {
        "groups": names.tolist(),
        "sums": [round(value, 6) for value in np.bincount(index, weights=values).tolist()],
        "sizes": np.bincount(index).tolist(),
    }


def _number(value: float, without: np.ndarray) -> dict[str, Any]:
    return {"value": value, "without": without.tolist()}
