from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter

from prettyuseful.diagnosis.candidates import Candidate, apply_changes, families, known_changes
from prettyuseful.transforms.chain import AnyTransform

from .world import draw


def named(words: str, side: int = 32) -> Candidate:
    return next(change for change in known_changes(side) if change.words == words)


def test_known_changes_are_every_strength_of_every_family_once() -> None:
    changes = known_changes(32)
    assert len(changes) == sum(len(family.strengths) for family in families(32)) == len(set(changes))
    assert len({change.words for change in changes}) == len(changes)


def test_large_images_have_wider_blurs() -> None:
    assert len(known_changes(224)) == len(known_changes(32)) + 2


def test_a_blur_is_as_wide_in_pixels_whatever_the_side() -> None:
    blur = named("blur of 0.8 px (standard deviation)", side=64)
    assert blur.transform.model_dump()["width"] == pytest.approx(0.8 / 64)


def test_a_strength_between_two_is_rounded_as_the_family_is_written() -> None:
    blur, jpeg = named("blur of 0.8 px (standard deviation)").family, named("JPEG of quality 30").family
    assert blur.at(0.8765).strength == 0.88
    assert (jpeg.at(37.4).strength, jpeg.at(37.4).words) == (37, "JPEG of quality 37")


def test_every_change_is_one_that_a_study_file_can_have() -> None:
    parse = TypeAdapter(AnyTransform).validate_python
    for change in known_changes(32):
        assert parse(change.transform.model_dump(mode="json")) == change.transform


def test_changes_are_applied_one_on_the_other() -> None:
    images = draw(5, per_class=1).pixels
    blur, grey = named("blur of 1.1 px (standard deviation)"), named("saturation x 0")
    found = apply_changes([blur, grey], images)
    assert np.array_equal(found, grey.transform.apply(blur.transform.apply(images)))
    assert not np.array_equal(found, apply_changes([blur], images))
    assert apply_changes([], images) is images


@pytest.mark.parametrize("words", ["contrast x 0.65", "saturation x 1.5", "hue turned by 50 degrees"])
def test_undoing_a_change_brings_images_back(words: str) -> None:
    images, change = draw(5, per_class=2).pixels, named(words)
    assert change.undo is not None
    changed = change.transform.apply(images)
    back = change.undo.apply(changed)
    before, after = (np.abs(one.astype(float) - images).mean() for one in (changed, back))
    assert after < before / 3


@pytest.mark.parametrize("words", ["saturation x 0", "blur of 1.1 px (standard deviation)", "JPEG of quality 30"])
def test_nothing_brings_back_what_is_gone(words: str) -> None:
    assert named(words).undo is None
