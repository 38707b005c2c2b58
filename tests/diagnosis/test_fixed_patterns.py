from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from prettyuseful.diagnosis.causes import CAUSES
from prettyuseful.diagnosis.fixed_patterns import FITTED_CAUSES, fit_patterns, one_per_group
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.transforms.colour import ColourShift
from prettyuseful.transforms.degradation import Blur
from prettyuseful.transforms.geometry import Frame

from .planted_patterns import add_background, add_letters, add_wave, shade
from .world import SIDE, changed, draw


def fitted_causes(change: Callable[[np.ndarray], np.ndarray], seed: int = 4) -> list[str]:
    return [candidate.cause.name for candidate in fit_patterns(draw(1), changed(draw(seed), change))]


def test_images_without_a_pattern_have_no_candidates() -> None:
    assert all(fitted_causes(lambda pixels: pixels, seed) == [] for seed in (4, 5, 6))


def test_changes_that_are_the_same_everywhere_have_no_candidates() -> None:
    assert fitted_causes(Blur(width=1 / SIDE).apply) == []
    assert fitted_causes(ColourShift(contrast=0.6).apply) == []


FRAME = Frame(top=2 / SIDE, left=3 / SIDE, colour=(0.8, 0.2, 0.0))


@pytest.mark.parametrize(
    ("change", "causes"),
    [
        (FRAME.apply, ["frame added", "frame added"]),
        (lambda pixels: add_background(pixels, np.full((len(pixels), 3), 250)), ["background added"] * 2),
        (add_letters, ["overlay added"]),
        (add_wave, ["periodic added", "periodic added"]),
        (shade, ["shading added"]),
        (lambda pixels: add_letters(FRAME.apply(pixels)), ["frame added", "frame added", "overlay added"]),
    ],
)
def test_each_pattern_is_fitted_as_its_cause(change: Callable[[np.ndarray], np.ndarray], causes: list[str]) -> None:
    assert fitted_causes(change) == causes


def test_the_images_of_a_group_and_equal_images_count_once() -> None:
    images = draw(4)
    grouped = LabelledImages(images.pixels, images.labels, np.array([f"{i // 2}" for i in range(len(images))]))
    assert len(one_per_group(grouped)) == len(images) / 2
    assert one_per_group(images) is images
    repeated = images.take(np.array([0, 5, 0, 5, 3]))
    assert len(one_per_group(LabelledImages(repeated.pixels, repeated.labels, np.arange(5).astype(str)))) == 3
    few = LabelledImages(images.pixels, images.labels, np.array(["one"] * len(images)))
    assert fit_patterns(draw(1), changed(few, shade)) == []


def test_all_fitted_causes_have_rows() -> None:
    assert all(name in CAUSES.rows for name in FITTED_CAUSES)
