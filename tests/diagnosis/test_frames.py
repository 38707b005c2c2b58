from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.diagnosis.frames import find_frame, margins_of
from prettyuseful.transforms.geometry import Frame

from .planted_patterns import add_background
from .world import SIDE, changed, draw


@pytest.mark.parametrize("fit", ["cover", "shrink"])
def test_a_frame_is_found_with_its_margins_and_colour(fit: str) -> None:
    planted = Frame(top=2 / SIDE, left=3 / SIDE, colour=(0.8, 0.2, 0.0), fit=fit)
    frame = find_frame(draw(1), changed(draw(4), planted.apply))
    assert frame is not None
    covering, shrinking = frame.candidates()
    assert {covering.cause.name, shrinking.cause.name} == {"frame added"}
    same = covering if fit == "cover" else shrinking
    images = draw(7).pixels
    assert np.abs(same.apply(images, np.zeros(len(images), int)).astype(int) - planted.apply(images)).max() <= 1
    assert same.specification is not None
    assert same.specification["kind"] == "frame"
    assert "(top 12%, left 19%)" in same.words


def test_margins_of_a_few_images_are_no_frame() -> None:
    images = draw(4)
    pixels = images.pixels.copy()
    pixels[::2] = Frame(top=0.2, bottom=0.2).apply(images.pixels[::2])
    assert find_frame(draw(1), changed(images, lambda _: pixels)) is None


def test_margins_that_real_images_have_too_are_no_frame() -> None:
    frame = Frame(top=0.2, bottom=0.2)
    assert find_frame(changed(draw(1), frame.apply), changed(draw(4), frame.apply)) is None


def test_a_flat_background_is_no_frame() -> None:
    white = changed(draw(4), lambda pixels: add_background(pixels, np.full((len(pixels), 3), 250)))
    assert (margins_of(white.pixels) > 0).all()
    assert find_frame(draw(1), white) is None


def test_margins_are_counted_from_each_side() -> None:
    images = np.random.default_rng(0).integers(0, 256, (1, 12, 12, 3), np.uint8)
    images[:, :2], images[:, -1:], images[:, :, :3] = 9, 9, 9
    assert margins_of(images).tolist() == [[2, 1, 3, 0]]
