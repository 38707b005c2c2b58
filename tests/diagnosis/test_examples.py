from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from prettyuseful.diagnosis.diagnose import DiagnosisRun
from prettyuseful.diagnosis.examples import EXAMPLES_PER_ROW, add_examples, find_examples
from prettyuseful.diagnosis.findings import CauseFinding, ExampleImages
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.reference import Reference
from prettyuseful.transforms.degradation import Blur

from .world import CLASSES, NAMES, SIDE, changed, draw


def pixels_of(example: ExampleImages) -> list[np.ndarray]:
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(image)))) for image in example.images]


def is_one_of(image: np.ndarray, images: np.ndarray) -> bool:
    return bool((images == image).all(axis=(1, 2, 3)).any())


def find(reference: Reference, images: LabelledImages, name: str) -> tuple[CauseFinding, Sequence[ExampleImages]]:
    diagnosis = add_examples(DiagnosisRun(reference, images), NAMES)
    cause = next(cause for cause in diagnosis.named if cause.row.name == name)
    assert all(cause.examples == () for cause in diagnosis.causes if not cause.named)
    return cause, cause.examples


def test_a_change_is_shown_on_real_images_next_to_synthetic_images(tiny: Reference, unseen: LabelledImages) -> None:
    blurred = changed(unseen, Blur(width=1 / SIDE).apply)
    cause, (real, same, synthetic) = find(tiny, blurred, "high-frequencies lost")
    label = int(np.argmax(cause.per_class))
    assert real.words == f"real images of {NAMES[label]}"
    of_class = tiny.halves.images.pixels[tiny.halves.images.labels == label]
    assert all(is_one_of(image, of_class) for image in pixels_of(real))
    assert same.words == f"the same real images after {cause.like}"
    assert np.stack(pixels_of(same)).std() < np.stack(pixels_of(real)).std()
    assert all(is_one_of(image, blurred.pixels[blurred.labels == label]) for image in pixels_of(synthetic))
    assert len(real.images) == len(same.images) == len(synthetic.images) == EXAMPLES_PER_ROW


def test_a_fitted_change_is_shown_on_real_images(tiny: Reference, unseen: LabelledImages) -> None:
    striped = changed(
        unseen, lambda pixels: np.clip(pixels + 20.0 * (-1) ** np.arange(SIDE)[:, None, None], 0, 255).astype(np.uint8)
    )
    _, (real, same, _) = find(tiny, striped, "periodic added")
    for before, after in zip(pixels_of(real), pixels_of(same), strict=True):
        steps = np.diff(after.astype(int) - before, axis=0).mean(axis=(1, 2))
        assert (np.abs(steps) > 15).all()


def test_suspect_labels_are_shown_with_label_and_prediction_from_many_classes(
    tiny: Reference, unseen: LabelledImages
) -> None:
    labels = unseen.labels.copy()
    labels[::3] = (labels[::3] + 1) % CLASSES
    _, [example] = find(tiny, LabelledImages(unseen.pixels, labels, unseen.groups), "labels lost")
    assert len(example.titles) == len(example.images) == EXAMPLES_PER_ROW
    for title, image in zip(example.titles, pixels_of(example), strict=True):
        label, predicted = (NAMES.index(name) for name in title.split(" \u2192 "))
        assert label == (predicted + 1) % CLASSES
        assert is_one_of(image, unseen.pixels[unseen.labels == predicted])
    assert len({title.split(" \u2192 ")[0] for title in example.titles}) == EXAMPLES_PER_ROW


def test_near_duplicates_are_shown_with_their_originals(tiny: Reference) -> None:
    mirrored = changed(draw(2), lambda pixels: pixels[:, :, ::-1])
    _, (copies, originals) = find(tiny, mirrored, "copies added")
    for copy, original in zip(pixels_of(copies), pixels_of(originals), strict=True):
        assert np.array_equal(copy[:, ::-1], original)


def test_a_collapsed_class_is_shown_next_to_real_images_of_the_class(tiny: Reference, unseen: LabelledImages) -> None:
    pixels, rows = unseen.pixels.copy(), np.flatnonzero(unseen.labels == 5)
    pixels[rows] = pixels[rows[0]]
    _, (synthetic, real) = find(tiny, LabelledImages(pixels, unseen.labels, unseen.groups), "coverage lost")
    assert synthetic.words == f"the {EXAMPLES_PER_ROW} most similar synthetic images of {NAMES[5]}"
    assert all(np.array_equal(image, pixels[rows[0]]) for image in pixels_of(synthetic))
    half = next(iter(tiny.halves)).images
    assert all(is_one_of(image, half.pixels[half.labels == 5]) for image in pixels_of(real))


def test_images_without_defect_have_no_examples(tiny: Reference, unseen: LabelledImages) -> None:
    diagnosis = add_examples(DiagnosisRun(tiny, unseen), NAMES)
    assert [cause.row.name for cause in diagnosis.causes if cause.examples] == []


def test_causes_that_no_image_shows_have_no_examples(tiny: Reference, unseen: LabelledImages) -> None:
    run = DiagnosisRun(tiny, unseen)
    for images in run.droppable_images.values():
        images[:] = False
    droppable = (cause for cause in run.diagnosis.causes if cause.row.drop)
    assert [example for cause in droppable for example in find_examples(run, cause, NAMES)] == []
