"""The step that measures a distribution: embedded images against embedded real images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.errors import DataError
from prettyuseful.steps.balance import block_count, blocks, halves, spread

NEIGHBOURS = 5
"""k of density and coverage, as in the paper."""
Family = Literal["manifold", "nearest", "clip-score", "label-agreement", "frechet", "kid", "cmmd", "vendi"]
"""Metrics that are measured together: `manifold` is precision, recall, density and coverage."""


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
    version: ClassVar[int] = 2
    pace: ClassVar[float] = 0.0003
    grows: ClassVar[bool] = False
    family: Family
    control: bool
    per_class: int
    k: int = NEIGHBOURS

    def make(self, job: Job) -> dict[str, Any]:
        reference, candidate = self._chosen(job)
        numbers = np.unique(reference.labels, return_counts=True)[1].tolist()
        found: dict[str, Any] = {"images_per_class": numbers, "parts": {}, "numbers": {}, "by_class": {}}
        if self.family == "manifold":
            found |= {"k": self.k, "parts": _manifold(reference, candidate, self.k)}
        elif self.family == "nearest":
            found["parts"] = {"nearest": _nearest(reference, candidate)}
        elif self.family == "clip-score":
            texts = np.load(job.inputs["texts"].path("features.npy"))
            found["parts"] = {"clip-score": _clip_score(candidate, texts)}
        elif self.family == "label-agreement":
            found["parts"] = {"label-agreement": _agreement(candidate)}
        elif self.family == "vendi":
            found |= _vendi(candidate)
        else:
            found["numbers"] = {self.family: _distance(self.family, reference, candidate)}
        return found

    @property
    def rate_class(self) -> str:
        return f"measure {self.family}"

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


def _manifold(reference: Side, candidate: Side, k: int) -> dict[str, list[dict[str, Any]]]:
    from prettyuseful.metrics.prdc import manifold

    parts: dict[str, list[dict[str, Any]]] = {name: [] for name in ("precision", "recall", "density", "coverage")}
    for real, other in _by_class(reference, candidate):
        found = manifold(real.values, other.values, k)
        for name, values, side in (
            ("precision", found.precision_parts, other),
            ("recall", found.recall_parts, real),
            ("density", found.density_parts, other),
            ("coverage", found.coverage_parts, real),
        ):
            parts[name].append(_by_group(values, side.groups))
    return parts


def _nearest(reference: Side, candidate: Side) -> list[dict[str, Any]]:
    from prettyuseful.metrics.nearest import nearest_real

    return [
        _by_group(nearest_real(real.values, other.values).distance, other.groups)
        for real, other in _by_class(reference, candidate)
    ]


def _clip_score(candidate: Side, texts: np.ndarray) -> list[dict[str, Any]]:
    from prettyuseful.metrics.alignment import clip_scores

    return _in_classes(candidate, clip_scores(candidate.values, texts[candidate.labels]))


def _agreement(candidate: Side) -> list[dict[str, Any]]:
    from prettyuseful.metrics.alignment import label_agreement

    return _in_classes(candidate, label_agreement(candidate.values, candidate.labels))


def _distance(family: Family, reference: Side, candidate: Side) -> dict[str, Any]:
    """A distance of two whole sets, and what it is without each block of both."""
    from prettyuseful.metrics.frechet import frechet_distance
    from prettyuseful.metrics.jackknife import without_blocks
    from prettyuseful.metrics.kernel import cmmd, cmmd_without, kid, kid_without

    def frechet_without(real: np.ndarray, other: np.ndarray, *of_sets: np.ndarray) -> np.ndarray:
        return without_blocks(frechet_distance, (real, other), of_sets)

    ways: dict[str, tuple[Callable[..., float], Callable[..., np.ndarray]]] = {
        "frechet": (frechet_distance, frechet_without),
        "kid": (kid, kid_without),
        "cmmd": (cmmd, cmmd_without),
    }
    whole, without = ways[family]
    sides = (reference, candidate)
    count = block_count(*((side.labels, side.groups) for side in sides))
    of_sets = [blocks(side.labels, side.groups, count) for side in sides]
    features = [side.values for side in sides]
    return _number(whole(*features), without(*features, *of_sets))


def _vendi(candidate: Side) -> dict[str, Any]:
    """Of all images, of each class's, and the mean over classes."""
    from prettyuseful.metrics.jackknife import without_blocks
    from prettyuseful.metrics.vendi import vendi_score

    count = block_count((candidate.labels, candidate.groups))
    dealt = blocks(candidate.labels, candidate.groups, count)
    whole = _number(vendi_score(candidate.values), without_blocks(vendi_score, (candidate.values,), (dealt,)))
    values, replicates, each = [], [], []
    for label in np.unique(candidate.labels):
        rows = candidate.labels == label
        features, present = candidate.values[rows], np.unique(dealt[rows])
        value = vendi_score(features)
        kept = {block: features[dealt[rows] != block] for block in present}
        without = {block: vendi_score(rest) if len(rest) else value for block, rest in kept.items()}
        values.append(value)
        replicates.append([without.get(block, value) for block in range(count)])
        each.append(_number(value, np.array(list(without.values()))))
    mean = _number(float(np.mean(values)), np.mean(replicates, axis=0))
    return {"numbers": {"vendi": whole, "vendi-per-class": mean}, "by_class": {"vendi-per-class": each}}


def _by_class(reference: Side, candidate: Side) -> list[tuple[Side, Side]]:
    return [
        (reference.take(reference.labels == label), candidate.take(candidate.labels == label))
        for label in np.unique(reference.labels)
    ]


def _in_classes(side: Side, values: np.ndarray) -> list[dict[str, Any]]:
    return [
        _by_group(values[side.labels == label], side.groups[side.labels == label]) for label in np.unique(side.labels)
    ]


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
