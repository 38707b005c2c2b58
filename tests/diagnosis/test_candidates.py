from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter

from prettyuseful.diagnosis.candidates import Candidate, apply_changes, candidate_changes, families
from prettyuseful.transforms.chain import AnyTransform

from .world import draw


def candidate(words: str, side: int = 32) -> Candidate:
    return next(change for change in candidate_changes(side) if change.words == words)


def test_candidate_changes_are_all_strengths_of_all_families() -> None:
    changes = candidate_changes(32)
    assert len(changes) == sum(len(family.strengths) for family in families(32)) == len(set(changes))
    assert len({change.words for change in changes}) == len(changes)


def test_large_images_have_additional_wider_blurs() -> None:
    assert len(candidate_changes(224)) == len(candidate_changes(32)) + 2


def test_the_width_of_a_blur_in_pixels_does_not_depend_on_the_image_size() -> None:
    blur = candidate("blur of 0.8 px (standard deviation)", side=64)
    assert (blur.specification or {})["width"] == pytest.approx(0.8 / 64)


def test_a_refined_strength_is_rounded_like_those_of_its_family() -> None:
    blur, jpeg = candidate("blur of 0.8 px (standard deviation)").family, candidate("JPEG of quality 30").family
    assert blur.with_strength(0.8765).strength == 0.88
    assert (jpeg.with_strength(37.4).strength, jpeg.with_strength(37.4).words) == (37, "JPEG of quality 37")


def test_a_study_file_can_specify_every_change() -> None:
    parse = TypeAdapter(AnyTransform).validate_python
    for change in candidate_changes(32):
        assert parse(change.specification) == change.transform


def test_changes_are_applied_in_order() -> None:
    drawn = draw(5, per_class=1)
    images, labels = drawn.pixels, drawn.labels
    blur, grey = candidate("blur of 1.1 px (standard deviation)"), candidate("saturation multiplied by 0")
    result = apply_changes([blur, grey], images, labels)
    assert np.array_equal(result, grey.apply(blur.apply(images, labels), labels))
    assert not np.array_equal(result, apply_changes([blur], images, labels))
    assert apply_changes([], images, labels) is images


@pytest.mark.parametrize(
    "words", ["contrast multiplied by 0.65", "saturation multiplied by 1.5", "hue rotation by 50 degrees"]
)
def test_the_inverse_of_a_change_restores_the_images(words: str) -> None:
    drawn, change = draw(5, per_class=2), candidate(words)
    images = drawn.pixels
    assert change.inverse is not None
    changed = change.apply(images, drawn.labels)
    restored = change.inverse.apply(changed)
    before, after = (np.abs(pixels.astype(float) - images).mean() for pixels in (changed, restored))
    assert after < before / 3


@pytest.mark.parametrize(
    "words", ["saturation multiplied by 0", "blur of 1.1 px (standard deviation)", "JPEG of quality 30"]
)
def test_lossy_changes_have_no_inverse(words: str) -> None:
    assert candidate(words).inverse is None
