from __future__ import annotations

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate, candidate_changes
from prettyuseful.diagnosis.features import KINDS, RawFeatures
from prettyuseful.diagnosis.reference import Reference, extract_after_changes

from .world import SIDE, draw, extractor_of


def candidate(reference: Reference, words: str) -> Candidate:
    return next(change for change in reference.change_features if change.words == words)


def test_features_are_extracted_before_and_after_every_change() -> None:
    images = draw(1, per_class=1)
    result = list(extract_after_changes(images, extractor_of(images)))
    assert len(result) == 1 + len(candidate_changes(SIDE))
    assert np.array_equal(result[0].features, extractor_of(images)(images.pixels)[0])
    after = candidate_changes(SIDE)[3].apply(images.pixels, images.labels)
    assert np.array_equal(result[4].features, extractor_of(images)(after)[0])


def test_a_reference_has_every_candidate_in_order(tiny: Reference) -> None:
    assert [change.words for change in tiny.change_features] == [change.words for change in candidate_changes(SIDE)]


def test_without_changes_the_real_images_are_returned(tiny: Reference) -> None:
    assert tiny.apply_changes([]) is tiny.halves.real


def test_the_features_of_a_candidate_are_not_computed_again(tiny: Reference) -> None:
    blur = candidate(tiny, "blur of 1.1 px (standard deviation)")
    for side, expected in zip(tiny.apply_changes([blur]), tiny.change_features[blur], strict=True):
        assert side.features is expected


def test_other_strengths_and_several_changes_are_applied_to_the_images(tiny: Reference) -> None:
    blur = candidate(tiny, "blur of 1.1 px (standard deviation)").family.with_strength(0.95)
    grey = candidate(tiny, "saturation multiplied by 0")
    for half, side in zip(tiny.halves, tiny.apply_changes([blur, grey]), strict=True):
        labels = half.images.labels
        pixels = grey.apply(blur.apply(half.images.pixels, labels), labels)
        expected = half.scale(RawFeatures.extract(half.extractor, pixels))
        assert all(np.array_equal(side.features.kinds[kind], expected.kinds[kind]) for kind in KINDS)
