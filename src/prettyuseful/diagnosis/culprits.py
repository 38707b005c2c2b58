"""The images that show a finding, each with a score, from the intermediate results of a diagnosis."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.special import softmax

from prettyuseful.data.images import thumbnail
from prettyuseful.diagnosis.copies import RARE
from prettyuseful.diagnosis.diagnose import DiagnosisRun
from prettyuseful.diagnosis.distances import distances
from prettyuseful.diagnosis.features import KINDS, ScaledFeatures
from prettyuseful.diagnosis.findings import ExampleImages, ImageList
from prettyuseful.diagnosis.listed import LISTED, ListKind

EXAMPLES = 12
"""Most example images of a finding."""
_NEIGHBOURS = 3


@dataclass(frozen=True)
class Culprit:
    """An image that shows a finding.

    Attributes:
        row: row of the image in the synthetic set.
        finding: name of the row of `LISTED`.
        score: 0-1, the higher the clearer.
        suggested: label of the class that is suggested, or None.
        other: row of the image that it resembles, or None: of a real image for `copies`, of a synthetic one for
            `repeats`.
    """

    row: int
    finding: str
    score: float
    suggested: int | None = None
    other: int | None = None


def find_culprits(run: DiagnosisRun) -> list[Culprit]:
    """Return the images of every list, in the order of the lists, the clearest first."""
    return [culprit for kind in LISTED for culprit in _limited(kind, [*_FIND[kind.name](run)], run)]


def image_lists(run: DiagnosisRun, culprits: Sequence[Culprit], classes: Sequence[str]) -> tuple[ImageList, ...]:
    """Return how many images each list has, and its first images as thumbnails.

    Lists of causes that these images cannot show are left out.

    Args:
        classes: names of the classes, by label.
    """
    lists = []
    for kind in LISTED:
        if kind.name in _CAUSES and _CAUSES[kind.name] not in run.set_evidence:
            continue
        found = [culprit for culprit in culprits if culprit.finding == kind.name]
        first = found[:EXAMPLES]
        titles = tuple(_title(culprit, run, classes) for culprit in first)
        images = tuple(thumbnail(Image.fromarray(run.synthetic.pixels[culprit.row])) for culprit in first)
        example = ExampleImages(words=kind.title, images=images, titles=titles)
        share = _real_share(run, kind.name)
        lists.append(ImageList(finding=kind.name, images=len(found), real_share=share, examples=example))
    return tuple(lists)


def _limited(kind: ListKind, culprits: Sequence[Culprit], run: DiagnosisRun) -> list[Culprit]:
    """Return the culprits by falling score, cut to the limits of their list."""
    ranked = sorted(culprits, key=lambda culprit: (-culprit.score, culprit.row))
    if kind.per_class is None or kind.at_most is None:
        return ranked
    counts = np.bincount(run.synthetic.labels, minlength=run.reference.classes)
    most = max(1, min(kind.per_class, kind.at_most // run.reference.classes))
    # Not more than half of a class, so that no image is among the most and the least typical ones.
    left = np.minimum(most, counts // 2)
    kept: list[Culprit] = []
    for culprit in ranked:
        label = run.synthetic.labels[culprit.row]
        if left[label] > 0 and len(kept) < kind.at_most:
            left[label] -= 1
            kept.append(culprit)
    return kept


def _labels(run: DiagnosisRun) -> Iterator[Culprit]:
    labels = run.synthetic.labels
    logits = np.mean([half.features.logits for half in run.comparison.features], axis=0)
    probabilities = softmax(logits, axis=1)
    for row in _rows(run, "labels lost"):
        suggested = int(probabilities[row].argmax())
        margin = float(probabilities[row, suggested] - probabilities[row, labels[row]])
        yield Culprit(row, "labels", margin, suggested=suggested)


def _of_cause(finding: str, cause: str) -> Callable[[DiagnosisRun], Iterator[Culprit]]:
    """Return the function that finds the images that show a cause measured by `set_causes`."""

    def find(run: DiagnosisRun) -> Iterator[Culprit]:
        evidence = run.set_evidence.get(cause)
        if evidence is None or evidence.scores is None:
            return
        for row in _rows(run, cause):
            other = None if evidence.others is None else int(evidence.others[row])
            yield Culprit(row, finding, float(evidence.scores[row]), other=other)

    return find


def _off_class(run: DiagnosisRun) -> Iterator[Culprit]:
    """Yield images that are nearer to another class than to their own, in both halves, as few real images are."""
    labels, found = run.synthetic.labels, []
    for half, real, synthetic in run.matched.halves:
        real_labels, classes = half.images.labels, run.reference.classes
        table = _class_distances(synthetic.features, real.features, real_labels, classes)
        real_table = _class_distances(real.features, real.features, real_labels, classes, same=True)
        score, other = _off_score(table, labels)
        threshold = max(0.0, float(np.quantile(_off_score(real_table, real_labels)[0], 1 - RARE)))
        found.append((score, other, score > threshold))
    (first, other, first_mask), (second, second_other, second_mask) = found
    known = np.zeros(len(labels), bool)
    for name in ("labels lost", "blank added"):
        known[_rows(run, name)] = True
    for row in np.flatnonzero(first_mask & second_mask & (other == second_other) & ~known):
        yield Culprit(int(row), "off-class", float((first[row] + second[row]) / 2), suggested=int(other[row]))


def _class_distances(
    images: ScaledFeatures, real: ScaledFeatures, labels: np.ndarray, classes: int, same: bool = False
) -> np.ndarray:
    """Return the mean distances (N, classes) in classifier features to the three nearest real images of each class.

    Args:
        labels: labels of the real images.
        same: the images are the real images, which are no neighbours of themselves.
    """
    table = distances(images.kinds["features"], real.kinds["features"])
    if same:
        np.fill_diagonal(table, np.inf)
    columns = [table[:, labels == label] for label in range(classes)]
    return np.stack([_nearest_mean(column) for column in columns], axis=1)


def _off_score(table: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much another class is nearer than the own one, (N,) up to 1, and the nearest other class, (N,)."""
    rows = np.arange(len(labels))
    own, others = table[rows, labels], table.copy()
    others[rows, labels] = np.inf
    return 1 - others.min(axis=1) / np.maximum(own, 1e-12), others.argmin(axis=1)


def _typicality(run: DiagnosisRun) -> np.ndarray:
    """Return the mean rank (N,), 0-1, of the distance to real images of the class, over halves and kinds of features.

    The distance is the mean to the three nearest real images. 0: the nearest image of the class; 1: the farthest.
    """
    labels = run.synthetic.labels
    ranks = np.zeros(len(labels))
    for half, real, synthetic in run.matched.halves:
        for label in range(run.reference.classes):
            rows, real_rows = np.flatnonzero(labels == label), half.images.labels == label
            for kind in KINDS:
                near = _nearest_mean(
                    distances(synthetic.features.kinds[kind][rows], real.features.kinds[kind][real_rows])
                )
                order = np.argsort(np.argsort(near, kind="stable"), kind="stable")
                ranks[rows] += order / max(1, len(rows) - 1)
    return ranks / (2 * len(KINDS))


def _most_typical(run: DiagnosisRun) -> Iterator[Culprit]:
    return (Culprit(row, "most-typical", float(1 - rank)) for row, rank in enumerate(_typicality(run)))


def _least_typical(run: DiagnosisRun) -> Iterator[Culprit]:
    return (Culprit(row, "least-typical", float(rank)) for row, rank in enumerate(_typicality(run)))


_FIND: Mapping[str, Callable[[DiagnosisRun], Iterator[Culprit]]] = {
    "labels": _labels,
    "copies": _of_cause("copies", "copies added"),
    "repeats": _of_cause("repeats", "repeats added"),
    "blank": _of_cause("blank", "blank added"),
    "off-class": _off_class,
    "most-typical": _most_typical,
    "least-typical": _least_typical,
}
"""How the images of each list are found, by the name of its row."""

_CAUSES = {"labels": "labels lost", "copies": "copies added", "repeats": "repeats added", "blank": "blank added"}


def _real_share(run: DiagnosisRun, finding: str) -> float | None:
    """Return the share of real images that would be listed, or None for lists of a fixed length."""
    if finding in _CAUSES:
        evidence = run.set_evidence.get(_CAUSES[finding])
        return evidence.real_share if evidence else None
    return RARE if finding == "off-class" else None


def _rows(run: DiagnosisRun, cause: str) -> list[int]:
    """Return the images that show a cause; none if these images cannot show it."""
    evidence = run.set_evidence.get(cause)
    mask = evidence.images if evidence else None
    return [] if mask is None else [int(row) for row in np.flatnonzero(mask)]


def _nearest_mean(table: np.ndarray) -> np.ndarray:
    """Return the mean (N,) of the smallest three finite distances in each row of (N, M), M at least 1."""
    nearest = np.sort(table, axis=1)[:, :_NEIGHBOURS]
    finite = np.isfinite(nearest)
    count = np.maximum(finite.sum(axis=1), 1)
    return np.asarray(np.where(finite, nearest, 0).sum(axis=1) / count)


def _title(culprit: Culprit, run: DiagnosisRun, classes: Sequence[str]) -> str:
    name = classes[run.synthetic.labels[culprit.row]]
    return name if culprit.suggested is None else f"{name} \u2192 {classes[culprit.suggested]}"
