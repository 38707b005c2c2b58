from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prettyuseful.diagnosis.candidates import Candidate, candidate_changes
from prettyuseful.diagnosis.comparison import Comparison
from prettyuseful.diagnosis.features import KINDS, RawFeatures
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.reference import ExtractedHalf, Reference, extract_after_changes
from prettyuseful.errors import DataError
from prettyuseful.transforms.degradation import Blur

from .world import CLASSES, SIDE, changed, draw, extractor_of


def candidate(reference: Reference, words: str) -> Candidate:
    return next(change for change in reference.change_features if change.words == words)


def test_features_are_extracted_before_and_after_every_change() -> None:
    images = draw(1, per_class=1)
    result = list(extract_after_changes(images, extractor_of(images)))
    assert len(result) == 1 + len(candidate_changes(SIDE))
    assert np.array_equal(result[0].features, extractor_of(images)(images.pixels)[0])
    after = candidate_changes(SIDE)[3].transform.apply(images.pixels)
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
        pixels = grey.transform.apply(blur.transform.apply(half.images.pixels))
        expected = half.scale(RawFeatures.extract(half.extractor, pixels))
        assert all(np.array_equal(side.features.kinds[kind], expected.kinds[kind]) for kind in KINDS)


def test_excess_distance_is_small_for_another_sample_and_large_for_a_change(
    tiny: Reference, unseen: LabelledImages
) -> None:
    same = tiny.excess_distance(Comparison(tiny, unseen).features)
    blurred = tiny.excess_distance(Comparison(tiny, changed(unseen, Blur(width=1 / SIDE).apply)).features)
    assert same.shape == (16,)
    assert abs(same.mean()) < 0.5
    assert (blurred > 2).all()


def test_excess_distance_is_relative_to_the_other_part_of_the_unit(tiny: Reference, unseen: LabelledImages) -> None:
    other = Comparison(tiny, unseen).features
    result = []
    for half, theirs in zip(tiny.halves, other, strict=True):
        splits = [(half.sample(first), half.sample(second)) for unit, first, second in half.splits() if unit == 4]
        ours = [half.part_energy_distance(4, part, theirs.samples[4]) for part, _ in splits]
        real = [half.part_energy_distance(4, part, rest) for part, rest in splits]
        result.append(np.mean(np.arcsinh(ours) - np.arcsinh(real)))
    assert tiny.excess_distance(other)[4] == pytest.approx(np.mean(result))


def test_the_deviation_of_neighbour_distances_is_positive_and_bounded_below(tiny: Reference) -> None:
    result = tiny.neighbour_distance_deviation
    assert result.shape == (16,)
    assert (result > 0).all()
    assert result.min() >= np.sqrt((result**2).mean()) / 2


def test_too_few_images_of_a_class_raise_an_error() -> None:
    images = draw(1)
    few = images.take(np.flatnonzero(np.arange(len(images)) % 14 < 10))
    extractor = extractor_of(images)
    half = ExtractedHalf(few, extractor, [RawFeatures.extract(extractor, few.pixels)])
    with pytest.raises(DataError, match="class 0 of half of the real images has 10 images"):
        Reference(half, replace(half), CLASSES)
