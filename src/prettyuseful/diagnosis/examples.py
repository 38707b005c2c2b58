"""Example images of reported causes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from PIL import Image

from prettyuseful.data.images import thumbnail
from prettyuseful.diagnosis.copies import normalised_thumbnails
from prettyuseful.diagnosis.diagnose import DiagnosisRun
from prettyuseful.diagnosis.distances import distances
from prettyuseful.diagnosis.features import KINDS
from prettyuseful.diagnosis.findings import CauseFinding, Diagnosis, ExampleImages
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.neighbour_distance import NEIGHBOUR

EXAMPLES_PER_ROW = 6


def add_examples(run: DiagnosisRun, classes: Sequence[str]) -> Diagnosis:
    """Return the diagnosis with example images for every reported cause.

    Args:
        classes: names of the classes, by label.
    """
    causes = (
        cause.model_copy(update={"examples": tuple(find_examples(run, cause, classes))}) if cause.named else cause
        for cause in run.diagnosis.causes
    )
    return run.diagnosis.model_copy(update={"causes": tuple(causes)})


def find_examples(run: DiagnosisRun, cause: CauseFinding, classes: Sequence[str]) -> Iterator[ExampleImages]:
    """Yield rows of example images for one cause."""
    yield from _EXAMPLES_BY_CAUSE.get(cause.row.name, _change_examples)(run, cause, classes)


_FindExamples = Callable[[DiagnosisRun, CauseFinding, Sequence[str]], Iterator[ExampleImages]]


def _change_examples(run: DiagnosisRun, cause: CauseFinding, classes: Sequence[str]) -> Iterator[ExampleImages]:
    """Yield real images, the same images after the change, and synthetic images, of the most affected class."""
    label = cause.worst_classes[0]
    real = _sample_class(run.reference.halves.images, label)
    change = next(change for change in run.search.changes if change.words == cause.like)
    yield _row(f"real images of {classes[label]}", real)
    yield _row(f"the same real images after {cause.like}", change.apply(real, np.full(len(real), label)))
    yield _row(f"synthetic images of {classes[label]}", _sample_class(run.synthetic, label))


def _label_examples(run: DiagnosisRun, _: CauseFinding, classes: Sequence[str]) -> Iterator[ExampleImages]:
    """Yield images with suspect labels, the most confident predictions first, from as many classes as possible."""
    labels = run.synthetic.labels
    logits = np.mean([half.features.logits for half in run.comparison.features], axis=0)
    rows = _affected_rows("labels lost", run)
    margin = logits[rows].max(axis=1) - logits[rows, labels[rows]]
    rows = rows[np.argsort(-margin, kind="stable")]
    rank_in_class = np.zeros(len(rows), int)
    for label in np.unique(labels[rows]):
        in_class = labels[rows] == label
        rank_in_class[in_class] = np.arange(in_class.sum())
    chosen = rows[np.argsort(rank_in_class, kind="stable")[:EXAMPLES_PER_ROW]]
    if len(chosen):
        titles = [f"{classes[labels[row]]} \u2192 {classes[logits[row].argmax()]}" for row in chosen]
        words = "class label \u2192 class predicted by two classifiers that were not trained on these labels"
        yield _row(words, run.synthetic.pixels[chosen], titles)


def _copy_examples(run: DiagnosisRun, cause: CauseFinding, classes: Sequence[str]) -> Iterator[ExampleImages]:
    """Yield near-duplicates and, for each of them, the nearest real image."""
    label, synthetic, real = cause.worst_classes[0], run.synthetic, run.reference.halves.images
    rows = _affected_rows("copies added", run)
    rows = rows[synthetic.labels[rows] == label]
    if not len(rows):
        return
    real_pixels = real.pixels[real.labels == label]
    thumbnails = normalised_thumbnails(synthetic.pixels[rows])
    table = np.stack(
        [
            distances(thumbnails, normalised_thumbnails(pixels))
            for pixels in (real_pixels, real_pixels[:, :, ::-1])  # unchanged and mirrored
        ]
    )
    order = np.argsort(table.min(axis=(0, 2)), kind="stable")[:EXAMPLES_PER_ROW]
    nearest = table.min(axis=0).argmin(axis=1)[order]
    yield _row(f"synthetic images of {classes[label]}", synthetic.pixels[rows[order]])
    yield _row("the nearest real image of each, which may be mirrored", real_pixels[nearest])


def _repeat_examples(run: DiagnosisRun, cause: CauseFinding, classes: Sequence[str]) -> Iterator[ExampleImages]:
    """Yield repeats and, for each of them, the image that it repeats."""
    label, evidence = cause.worst_classes[0], run.set_evidence["repeats added"]
    rows = _affected_rows("repeats added", run)
    rows = rows[run.synthetic.labels[rows] == label]
    if not len(rows) or evidence.scores is None or evidence.others is None:
        return
    rows = rows[np.argsort(-evidence.scores[rows], kind="stable")[:EXAMPLES_PER_ROW]]
    yield _row(f"synthetic images of {classes[label]}", run.synthetic.pixels[rows])
    yield _row(
        "the image that each of them repeats, which may be mirrored", run.synthetic.pixels[evidence.others[rows]]
    )


def _blank_examples(run: DiagnosisRun, _: CauseFinding, classes: Sequence[str]) -> Iterator[ExampleImages]:
    """Yield images without contrast."""
    rows = _affected_rows("blank added", run)[:EXAMPLES_PER_ROW]
    if len(rows):
        titles = [classes[label] for label in run.synthetic.labels[rows]]
        yield _row("images without contrast, with their classes", run.synthetic.pixels[rows], titles)


def _coverage_examples(run: DiagnosisRun, cause: CauseFinding, classes: Sequence[str]) -> Iterator[ExampleImages]:
    """Yield the image with the closest neighbours, and these neighbours, among synthetic and among real images."""
    label, half = cause.worst_classes[0], next(iter(run.reference.halves))
    sets = (
        ("synthetic", run.synthetic, run.comparison.features[0].features),
        ("real", half.images, half.real.features),
    )
    for name, images, features in sets:
        rows = np.flatnonzero(images.labels == label)
        kinds = features.take(rows).kinds
        scale = {kind: half.real.within[:, k].mean() for k, kind in enumerate(KINDS)}
        table = np.sum([distances(values, values) / scale[kind] for kind, values in kinds.items()], axis=0)
        rank = min(NEIGHBOUR, len(rows) - 1)
        centre = np.partition(table, rank, axis=1)[:, rank].argmin()
        chosen = rows[np.argsort(table[centre], kind="stable")[:EXAMPLES_PER_ROW]]
        words = f"the {len(chosen)} most similar {name} images of {classes[label]}"
        yield _row(words, images.pixels[chosen])


_EXAMPLES_BY_CAUSE: Mapping[str, _FindExamples] = {
    "labels lost": _label_examples,
    "copies added": _copy_examples,
    "repeats added": _repeat_examples,
    "blank added": _blank_examples,
    "coverage lost": _coverage_examples,
}
"""By the name of a cause. All other causes are changes of pixels, shown by `_change_examples`."""


def _affected_rows(cause: str, run: DiagnosisRun) -> np.ndarray:
    mask = run.set_evidence[cause].images
    assert mask is not None
    return np.flatnonzero(mask)


def _sample_class(images: LabelledImages, label: int) -> np.ndarray:
    """Return images of a class, evenly spaced from the first to the last."""
    rows = np.flatnonzero(images.labels == label)
    positions = np.linspace(0, len(rows) - 1, min(EXAMPLES_PER_ROW, len(rows))).round().astype(int)
    return np.asarray(images.pixels[rows[positions]])


def _row(words: str, images: np.ndarray, titles: Sequence[str] = ()) -> ExampleImages:
    thumbnails = tuple(thumbnail(Image.fromarray(image)) for image in images)
    return ExampleImages(words=words, images=thumbnails, titles=tuple(titles))
