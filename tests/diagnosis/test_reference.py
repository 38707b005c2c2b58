from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prettyuseful.diagnosis.candidates import Candidate, known_changes
from prettyuseful.diagnosis.comparison import Comparison
from prettyuseful.diagnosis.features import KINDS, RawFeatures
from prettyuseful.diagnosis.images import Labelled
from prettyuseful.diagnosis.reference import ExtractedHalf, Reference, extract_after_changes
from prettyuseful.errors import DataError
from prettyuseful.transforms.degradation import Blur

from .world import CLASSES, SIDE, changed, draw, extractor_of


def known(reference: Reference, words: str) -> Candidate:
    return next(change for change in reference.changed if change.words == words)


def test_features_are_extracted_of_images_as_they_are_and_after_every_change() -> None:
    images = draw(1, per_class=1)
    found = list(extract_after_changes(images, extractor_of(images)))
    assert len(found) == 1 + len(known_changes(SIDE))
    assert np.array_equal(found[0].features, extractor_of(images)(images.pixels)[0])
    after = known_changes(SIDE)[3].transform.apply(images.pixels)
    assert np.array_equal(found[4].features, extractor_of(images)(after)[0])


def test_a_reference_holds_every_change_in_order(tiny: Reference) -> None:
    assert [change.words for change in tiny.changed] == [change.words for change in known_changes(SIDE)]


def test_real_images_without_a_change_are_as_they_are(tiny: Reference) -> None:
    assert tiny.apply_changes([]) is tiny.halves.real


def test_a_known_change_is_not_computed_again(tiny: Reference) -> None:
    blur = known(tiny, "blur of 1.1 px (standard deviation)")
    for side, expected in zip(tiny.apply_changes([blur]), tiny.changed[blur], strict=True):
        assert side.features is expected


def test_changes_of_other_strengths_or_on_top_of_others_are_done_to_the_images(tiny: Reference) -> None:
    blur = known(tiny, "blur of 1.1 px (standard deviation)").family.at(0.95)
    grey = known(tiny, "saturation x 0")
    for half, side in zip(tiny.halves, tiny.apply_changes([blur, grey]), strict=True):
        pixels = grey.transform.apply(blur.transform.apply(half.images.pixels))
        expected = half.scale(RawFeatures.of(half.extractor, pixels))
        assert all(np.array_equal(side.features.kinds[kind], expected.kinds[kind]) for kind in KINDS)


def test_excess_distance_is_small_for_another_draw_and_large_for_a_change(tiny: Reference, unseen: Labelled) -> None:
    same = tiny.excess_distance(Comparison(tiny, unseen).features)
    blurred = tiny.excess_distance(Comparison(tiny, changed(unseen, Blur(width=1 / SIDE).apply)).features)
    assert same.shape == (16,)
    assert abs(same.mean()) < 0.5
    assert (blurred > 2).all()


def test_excess_distance_is_beyond_that_of_the_other_part_of_the_unit(tiny: Reference, unseen: Labelled) -> None:
    other = Comparison(tiny, unseen).features
    found = []
    for half, theirs in zip(tiny.halves, other, strict=True):
        splits = [(half.sample(one), half.sample(two)) for unit, one, two in half.splits() if unit == 4]
        ours = [half.energy_distance_of_part(4, part, theirs.samples[4]) for part, _ in splits]
        real = [half.energy_distance_of_part(4, part, rest) for part, rest in splits]
        found.append(np.mean(np.arcsinh(ours) - np.arcsinh(real)))
    assert tiny.excess_distance(other)[4] == pytest.approx(np.mean(found))


def test_real_images_vary_in_how_close_they_lie(tiny: Reference) -> None:
    found = tiny.crowding_spread
    assert found.shape == (16,)
    assert (found > 0).all()
    assert found.min() >= np.sqrt((found**2).mean()) / 2  # no unit less than usual


def test_too_few_images_of_a_class_are_one_clear_error() -> None:
    images = draw(1)
    few = images.take(np.flatnonzero(np.arange(len(images)) % 14 < 10))
    extractor = extractor_of(images)
    half = ExtractedHalf(few, extractor, [RawFeatures.of(extractor, few.pixels)])
    with pytest.raises(DataError, match="class 0 of half of the real images has 10 images"):
        Reference(half, replace(half), CLASSES)
