from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from prettyuseful.diagnosis.diagnose import Examination
from prettyuseful.diagnosis.examples import SHOWN, examples_of, with_examples
from prettyuseful.diagnosis.findings import ExampleImages, FoundCause
from prettyuseful.diagnosis.images import Labelled
from prettyuseful.diagnosis.reference import Reference
from prettyuseful.transforms.degradation import Blur

from .world import CLASSES, NAMES, SIDE, changed, draw


def pixels_of(example: ExampleImages) -> list[np.ndarray]:
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(image)))) for image in example.images]


def is_one_of(image: np.ndarray, images: np.ndarray) -> bool:
    return bool((images == image).all(axis=(1, 2, 3)).any())


def shown(reference: Reference, images: Labelled, name: str) -> tuple[FoundCause, Sequence[ExampleImages]]:
    found = with_examples(Examination(reference, images), NAMES)
    cause = next(cause for cause in found.named if cause.row.name == name)
    assert all(cause.examples == () for cause in found.causes if not cause.named)
    return cause, cause.examples


def test_a_change_is_shown_on_real_images_beside_synthetic_ones(tiny: Reference, unseen: Labelled) -> None:
    blurred = changed(unseen, Blur(width=1 / SIDE).apply)
    cause, (real, same, synthetic) = shown(tiny, blurred, "high-frequencies lost")
    label = int(np.argmax(cause.per_class))
    assert real.words == f"real images of {NAMES[label]}"
    of_class = tiny.halves.images.pixels[tiny.halves.images.labels == label]
    assert all(is_one_of(image, of_class) for image in pixels_of(real))
    assert same.words == f"the same real images, {cause.like}"
    assert np.stack(pixels_of(same)).std() < np.stack(pixels_of(real)).std()
    assert all(is_one_of(image, blurred.pixels[blurred.labels == label]) for image in pixels_of(synthetic))
    assert len(real.images) == len(same.images) == len(synthetic.images) == SHOWN


def test_wrong_labels_are_shown_with_both_names_and_of_many_classes(tiny: Reference, unseen: Labelled) -> None:
    labels = unseen.labels.copy()
    labels[::3] = (labels[::3] + 1) % CLASSES
    _, [example] = shown(tiny, Labelled(unseen.pixels, labels, unseen.groups), "labels lost")
    assert len(example.titles) == len(example.images) == SHOWN
    for title, image in zip(example.titles, pixels_of(example), strict=True):
        given, other = (NAMES.index(name) for name in title.split("? "))
        assert given == (other + 1) % CLASSES
        assert is_one_of(image, unseen.pixels[unseen.labels == other])
    assert len({title.split("?")[0] for title in example.titles}) == SHOWN


def test_copies_are_shown_above_what_they_are_copies_of(tiny: Reference) -> None:
    mirrored = changed(draw(2), lambda pixels: pixels[:, :, ::-1])
    _, (copies, originals) = shown(tiny, mirrored, "copies added")
    for copy, original in zip(pixels_of(copies), pixels_of(originals), strict=True):
        assert np.array_equal(copy[:, ::-1], original)


def test_a_collapsed_class_is_shown_beside_real_images_of_it(tiny: Reference, unseen: Labelled) -> None:
    pixels, rows = unseen.pixels.copy(), np.flatnonzero(unseen.labels == 5)
    pixels[rows] = pixels[rows[0]]
    _, (synthetic, real) = shown(tiny, Labelled(pixels, unseen.labels, unseen.groups), "coverage lost")
    assert synthetic.words == f"the {SHOWN} synthetic images of {NAMES[5]} most like each other"
    assert all(np.array_equal(image, pixels[rows[0]]) for image in pixels_of(synthetic))
    half = next(iter(tiny.halves)).images
    assert all(is_one_of(image, half.pixels[half.labels == 5]) for image in pixels_of(real))


def test_undamaged_images_have_no_examples(tiny: Reference, unseen: Labelled) -> None:
    found = with_examples(Examination(tiny, unseen), NAMES)
    assert [cause.row.name for cause in found.causes if cause.examples] == []


def test_causes_that_no_image_shows_have_no_rows(tiny: Reference, unseen: Labelled) -> None:
    examination = Examination(tiny, unseen)
    for images in examination.droppable_images.values():
        images[:] = False
    of_set = (cause for cause in examination.diagnosis.causes if cause.row.drop)
    assert [example for cause in of_set for example in examples_of(examination, cause, NAMES)] == []
