"""The step that measures a distribution: embedded images against embedded real images."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from prettyuseful.keys import derive_seed
from prettyuseful.steps.base import Job, StepSpec

NEIGHBOURS = 5
"""k of density and coverage, as in the paper."""


class MeasureSpec(StepSpec):
    """Precision, recall, density and coverage per class, in the feature space of a real-trained classifier.

    The real test images are split by groups into two halves. The first is the reference; the second is what real images
    score against it (`control`). Both and the synthetic images are cut to equal numbers per class.
    """

    kind: ClassVar[str] = "measure"
    control: bool
    per_class: int
    k: int = NEIGHBOURS

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.metrics.manifold import manifold

        real = _embedded(job, "reference")
        synthetic = None if self.control else _embedded(job, "candidate")
        parts: dict[str, list[dict[str, Any]]] = {name: [] for name in ("precision", "recall", "density", "coverage")}
        numbers = []
        for label in np.unique(real.labels):
            first, second = _halves(real.groups, np.flatnonzero(real.labels == label))
            count = min(len(first), len(second), self.per_class)
            candidate, rows = (
                (real, second) if synthetic is None else (synthetic, np.flatnonzero(synthetic.labels == label))
            )
            reference, measured = _some(first, count, "reference"), _some(rows, count, "candidate")
            numbers.append(count)
            found = manifold(real.features[reference], candidate.features[measured], self.k)
            for name, values, source, chosen in (
                ("precision", found.precision_parts, candidate, measured),
                ("recall", found.recall_parts, real, reference),
                ("density", found.density_parts, candidate, measured),
                ("coverage", found.coverage_parts, real, reference),
            ):
                parts[name].append(_by_group(values, source.groups[chosen]))
        return {"k": self.k, "images_per_class": numbers, "parts": parts}


class _Embedded:
    def __init__(self, features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> None:
        self.features, self.labels, self.groups = features, labels, groups


def _embedded(job: Job, name: str) -> _Embedded:
    artifact = job.inputs[name]
    return _Embedded(*(np.load(artifact.path(f"{part}.npy")) for part in ("features", "labels", "groups")))


def _halves(groups: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows in two halves of nearly equal size that share no group; which group goes where is fixed by its name."""
    names, sizes = np.unique(groups[rows], return_counts=True)
    order = sorted(range(len(names)), key=lambda i: derive_seed("halves", str(names[i])))
    taken, totals = ([], []), [0, 0]  # type: tuple[list[str], list[str]], list[int]
    for i in order:
        side = int(totals[1] < totals[0])
        taken[side].append(names[i])
        totals[side] += int(sizes[i])
    first = np.isin(groups[rows], taken[0])
    return rows[first], rows[~first]


def _some(rows: np.ndarray, count: int, purpose: str) -> np.ndarray:
    rng = np.random.default_rng(derive_seed("balance", purpose))
    return np.sort(rng.permutation(rows)[:count])


def _by_group(values: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
    """Sums and sizes per group: all that resampling whole groups needs."""
    names, index = np.unique(groups, return_inverse=True)
    return {
        "groups": names.tolist(),
        "sums": [round(value, 6) for value in np.bincount(index, weights=values).tolist()],
        "sizes": np.bincount(index).tolist(),
    }
