"""Images that show what a named cause is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from PIL import Image

from prettyuseful.data.images import thumbnail
from prettyuseful.diagnosis.copies import small_pictures
from prettyuseful.diagnosis.diagnose import Examination
from prettyuseful.diagnosis.distances import distances
from prettyuseful.diagnosis.features import KINDS
from prettyuseful.diagnosis.findings import Diagnosis, ExampleImages, FoundCause
from prettyuseful.diagnosis.images import Labelled
from prettyuseful.diagnosis.spread import NEIGHBOUR

SHOWN = 6
"""images in a row."""


def with_examples(examination: Examination, classes: Sequence[str]) -> Diagnosis:
    """The diagnosis with rows of images for every named cause, of the class that shows it most."""
    found = examination.diagnosis
    causes = (
        cause.model_copy(update={"examples": tuple(examples_of(examination, cause, classes))}) if cause.named else cause
        for cause in found.causes
    )
    return found.model_copy(update={"causes": tuple(causes)})


def examples_of(examination: Examination, cause: FoundCause, classes: Sequence[str]) -> Iterator[ExampleImages]:
    """Rows of images for one cause; `classes` are the names of the labels."""
    yield from _SHOWN_BY.get(cause.row.name, _changed_images)(examination, cause, classes)


_Show = Callable[[Examination, FoundCause, Sequence[str]], Iterator[ExampleImages]]


def _changed_images(examination: Examination, cause: FoundCause, classes: Sequence[str]) -> Iterator[ExampleImages]:
    """Real images, the same once changed, and synthetic ones."""
    label = cause.worst_classes[0]
    real = _some(examination.reference.halves.images, label)
    change = next(change for change in examination.undoing.changes if change.words == cause.like)
    yield _row(f"real images of {classes[label]}", real)
    yield _row(f"the same real images, {cause.like}", change.transform.apply(real))
    yield _row(f"synthetic images of {classes[label]}", _some(examination.synthetic, label))


def _wrong_labels(examination: Examination, _: FoundCause, classes: Sequence[str]) -> Iterator[ExampleImages]:
    """Those that the real-trained classifiers are surest of, of different classes first."""
    labels = examination.synthetic.labels
    logits = np.mean([side.features.logits for side in examination.comparison.features], axis=0)
    rows = _rows_that_show("labels lost", examination)
    sure = logits[rows].max(axis=1) - logits[rows, labels[rows]]
    rows = rows[np.argsort(-sure, kind="stable")]
    nth = np.zeros(len(rows), int)
    for label in np.unique(labels[rows]):
        mine = labels[rows] == label
        nth[mine] = np.arange(mine.sum())
    chosen = rows[np.argsort(nth, kind="stable")[:SHOWN]]
    if len(chosen):
        titles = [f"{classes[labels[row]]}? {classes[logits[row].argmax()]}" for row in chosen]
        words = "labelled as the first, while two classifiers that have not learnt these labels say the second"
        yield _row(words, examination.synthetic.pixels[chosen], titles)


def _copies(examination: Examination, cause: FoundCause, classes: Sequence[str]) -> Iterator[ExampleImages]:
    """Near-copies, and below each the real image that it is nearest to."""
    label, synthetic, real = cause.worst_classes[0], examination.synthetic, examination.reference.halves.images
    rows = _rows_that_show("copies added", examination)
    rows = rows[synthetic.labels[rows] == label]
    if not len(rows):
        return
    theirs = real.pixels[real.labels == label]
    given = small_pictures(synthetic.pixels[rows])
    away = np.stack([distances(given, small_pictures(of)) for of in (theirs, theirs[:, :, ::-1])])
    order = np.argsort(away.min(axis=(0, 2)), kind="stable")[:SHOWN]
    nearest = away.min(axis=0).argmin(axis=1)[order]
    yield _row(f"synthetic images of {classes[label]}", synthetic.pixels[rows[order]])
    yield _row("the real image that each of them is nearest to, or its mirror image", theirs[nearest])


def _coverage(examination: Examination, cause: FoundCause, classes: Sequence[str]) -> Iterator[ExampleImages]:
    """The image whose neighbours are nearest, with these, among synthetic images and among real ones."""
    label, half = cause.worst_classes[0], next(iter(examination.reference.halves))
    sets = (
        ("synthetic", examination.synthetic, examination.comparison.features[0].features),
        ("real", half.images, half.real.features),
    )
    for name, images, features in sets:
        rows = np.flatnonzero(images.labels == label)
        of_class = features.take(rows).kinds
        usual = {kind: half.real.within[:, k].mean() for k, kind in enumerate(KINDS)}
        away = np.sum([distances(values, values) / usual[kind] for kind, values in of_class.items()], axis=0)
        nth = min(NEIGHBOUR, len(rows) - 1)
        centre = np.partition(away, nth, axis=1)[:, nth].argmin()
        shown = rows[np.argsort(away[centre], kind="stable")[:SHOWN]]
        words = f"the {len(shown)} {name} images of {classes[label]} most like each other"
        yield _row(words, images.pixels[shown])


_SHOWN_BY: Mapping[str, _Show] = {
    "labels lost": _wrong_labels,
    "copies added": _copies,
    "coverage lost": _coverage,
}
"""By the name of a cause; a change of pixels is shown by doing it to real images."""


def _rows_that_show(cause: str, examination: Examination) -> np.ndarray:
    images = examination.set_evidence[cause].images
    assert images is not None
    return np.flatnonzero(images)


def _some(images: Labelled, label: int) -> np.ndarray:
    """Images of a class, evenly from first to last."""
    rows = np.flatnonzero(images.labels == label)
    places = np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).round().astype(int)
    return np.asarray(images.pixels[rows[places]])


def _row(words: str, images: np.ndarray, titles: Sequence[str] = ()) -> ExampleImages:
    pictures = tuple(thumbnail(Image.fromarray(image)) for image in images)
    return ExampleImages(words=words, images=pictures, titles=tuple(titles))
