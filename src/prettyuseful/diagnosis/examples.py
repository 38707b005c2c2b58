"""Images that show what a named cause is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from prettyuseful.diagnosis.causes import Cause, Diagnosis
from prettyuseful.diagnosis.copies import small_pictures
from prettyuseful.diagnosis.diagnose import Examination
from prettyuseful.diagnosis.distances import distances
from prettyuseful.diagnosis.half import KINDS
from prettyuseful.diagnosis.spread import NEIGHBOUR

SHOWN = 6
"""images in a row."""


@dataclass(frozen=True)
class Example:
    """A row of `images`, each (H, W, 3) uint8, what they are in words, and a title for each or none."""

    words: str
    images: tuple[np.ndarray, ...]
    titles: tuple[str, ...] = ()


def examples(examination: Examination, found: Diagnosis, classes: Sequence[str]) -> dict[str, tuple[Example, ...]]:
    """Rows of images for every named cause ("copies added"), of the class that shows it most."""
    shows: dict[str, _Show] = {"labels": _labels, "copies": _copies, "coverage": _coverage}
    return {
        f"{cause.id} {cause.direction}": tuple(shows.get(cause.id, _change)(examination, cause, classes))
        for cause in found.named
    }


_Show = Callable[[Examination, Cause, Sequence[str]], Iterator[Example]]


def worst_class(cause: Cause) -> int:
    """The label of the class where the cause is strongest."""
    values = np.array(cause.per_class)
    return int(values.argmin() if cause.id == "coverage" else values.argmax())


def _change(examination: Examination, cause: Cause, classes: Sequence[str]) -> Iterator[Example]:
    """Real images, the same once changed, and synthetic ones."""
    label = worst_class(cause)
    real = _some(examination.real.pixels, examination.real.labels, label)
    change = next(c for c in examination.changes if c.words == cause.like)
    yield Example(f"real images of {classes[label]}", tuple(real))
    yield Example(f"the same real images, {cause.like}", tuple(change.transform.apply(real)))
    synthetic = examination.synthetic
    yield Example(f"synthetic images of {classes[label]}", tuple(_some(synthetic.pixels, synthetic.labels, label)))


def _labels(examination: Examination, _: Cause, classes: Sequence[str]) -> Iterator[Example]:
    """Those that the real-trained classifiers are surest of, of different classes first."""
    synthetic, logits = examination.synthetic, np.mean([seen.logits for seen in examination.seen.seen], axis=0)
    rows = np.flatnonzero(examination.suspected)
    sure = logits[rows].max(axis=1) - logits[rows, synthetic.labels[rows]]
    rows = rows[np.argsort(-sure, kind="stable")]
    nth = np.zeros(len(rows), int)
    for label in np.unique(synthetic.labels[rows]):
        mine = synthetic.labels[rows] == label
        nth[mine] = np.arange(mine.sum())
    chosen = rows[np.argsort(nth, kind="stable")[:SHOWN]]
    if len(chosen):
        titles = (f"{classes[synthetic.labels[row]]}? {classes[logits[row].argmax()]}" for row in chosen)
        words = "labelled as the first, while two classifiers that have not learnt these labels say the second"
        yield Example(words, tuple(synthetic.pixels[chosen]), tuple(titles))


def _copies(examination: Examination, cause: Cause, classes: Sequence[str]) -> Iterator[Example]:
    """Near-copies, and below each the real image that it is nearest to."""
    label, synthetic, real = worst_class(cause), examination.synthetic, examination.real
    rows = np.flatnonzero(examination.copied & (synthetic.labels == label))
    theirs = real.pixels[real.labels == label]
    given = small_pictures(synthetic.pixels[rows]) if len(rows) else np.zeros((0, 1))
    if not len(rows):
        return
    away = np.stack([distances(given, small_pictures(of)) for of in (theirs, theirs[:, :, ::-1])])
    order = np.argsort(away.min(axis=(0, 2)), kind="stable")[:SHOWN]
    nearest = away.min(axis=0).argmin(axis=1)[order]
    yield Example(f"synthetic images of {classes[label]}", tuple(synthetic.pixels[rows[order]]))
    yield Example("the real image that each of them is nearest to, or its mirror image", tuple(theirs[nearest]))


def _coverage(examination: Examination, cause: Cause, classes: Sequence[str]) -> Iterator[Example]:
    """The image whose neighbours are nearest, with these, among synthetic images and among real ones."""
    label, half = worst_class(cause), examination.halves[0]
    sets = (
        ("synthetic", examination.synthetic.pixels, examination.synthetic.labels, examination.seen.seen[0].kinds),
        ("real", half.images.pixels, half.images.labels, half.seen.kinds),
    )
    for name, pixels, labels, kinds in sets:
        rows = np.flatnonzero(labels == label)
        away = np.sum([distances(v, v) / np.mean(half.within[:, k]) for k, v in _of_kinds(kinds, rows)], axis=0)
        nth = min(NEIGHBOUR, len(rows) - 1)
        centre = np.partition(away, nth, axis=1)[:, nth].argmin()
        shown = rows[np.argsort(away[centre], kind="stable")[:SHOWN]]
        yield Example(f"the {len(shown)} {name} images of {classes[label]} most like each other", tuple(pixels[shown]))


def _of_kinds(kinds: dict[str, np.ndarray], rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for k, kind in enumerate(KINDS):
        yield k, kinds[kind][rows]


def _some(pixels: np.ndarray, labels: np.ndarray, label: int) -> np.ndarray:
    """Images of a class, evenly from first to last."""
    rows = np.flatnonzero(labels == label)
    places = np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).round().astype(int)
    return np.asarray(pixels[rows[places]])
