from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prettyuseful.diagnosis.distances import mean_within
from prettyuseful.diagnosis.features import KINDS, RawFeatures, Sample, UnitFeatures
from prettyuseful.diagnosis.half import Half, Halves
from prettyuseful.diagnosis.images import Labelled, units_of
from prettyuseful.errors import DataError
from prettyuseful.transforms.degradation import Blur

from .world import CLASSES, SIDE, draw, extractor_of


def half_of(images: Labelled, raw: RawFeatures | None = None) -> Half:
    extractor = extractor_of(draw(2))
    units = units_of(images, CLASSES, 2, "half")
    return Half(images, units, extractor, raw or RawFeatures.of(extractor, images.pixels))


def test_features_are_in_standard_deviations_within_classes(halves: Halves) -> None:
    half = next(iter(halves))
    for kind in KINDS:
        values, labels = half.real.features.kinds[kind], half.images.labels
        means = np.stack([values[labels == label].mean(axis=0) for label in range(CLASSES)])
        assert np.allclose((values - means[labels]).std(axis=0), 1)


def test_a_dimension_that_is_constant_stays_finite() -> None:
    images = draw(1)
    raw = RawFeatures.of(extractor_of(draw(2)), images.pixels)
    raw = replace(raw, features=np.column_stack([raw.features, np.ones(len(images))]))
    assert np.isfinite(half_of(images, raw).real.features.kinds["features"]).all()


def test_wide_features_are_cut_to_their_main_axes() -> None:
    images = draw(1)
    raw = RawFeatures.of(extractor_of(draw(2)), images.pixels)
    wide = np.random.default_rng(0).normal(size=(len(images), 200))
    assert half_of(images, replace(raw, features=wide)).real.features.kinds["features"].shape[1] <= 128


def test_two_parts_of_a_unit_are_one_noise_apart(halves: Halves) -> None:
    for half in halves:
        found = [
            half.sample(one).energy_distances(half.sample(two)) / half.real.within[unit] / half.noise
            for unit, one, two in half.splits()
        ]
        assert np.sqrt(np.mean(np.square(found), axis=0)) == pytest.approx(1)


def test_splits_share_no_group_and_hold_the_unit() -> None:
    images = draw(1)
    pairs = replace(images, groups=np.array([f"{i // 2}" for i in range(len(images))]))
    half = half_of(pairs)
    for unit, one, two in half.splits():
        assert sorted([*one, *two]) == sorted(half.real.units[unit])
        assert not set(pairs.groups[one]) & set(pairs.groups[two])


def test_classes_of_one_group_each_are_a_clear_error() -> None:
    images = draw(1)
    half = Half(
        replace(images, groups=images.labels.astype(str)),
        [np.flatnonzero(images.labels == label) for label in range(CLASSES)],
        extractor_of(draw(2)),
        RawFeatures.of(extractor_of(draw(2)), images.pixels),
    )
    with pytest.raises(DataError, match="every class come from one group"):
        _ = half.noise


def test_energy_distances_are_in_the_noise_of_the_half(halves: Halves, unseen: Labelled) -> None:
    half, units = next(iter(halves)), units_of(unseen, CLASSES, 2, "others")
    other = UnitFeatures.of(half.scale(RawFeatures.of(half.extractor, unseen.pixels)), units)
    found = half.energy_distances(half.real, other)
    plain = half.real.samples[3].energy_distances(other.samples[3])
    assert found.shape == (16, len(KINDS))
    assert found[3] == pytest.approx(plain / half.real.within[3] / half.noise)
    assert half.energy_distance_of_part(3, half.real.samples[3], other.samples[3]) == pytest.approx(found[3].sum())


def test_distances_are_means_of_both_halves(halves: Halves, unseen: Labelled) -> None:
    units = units_of(unseen, CLASSES, 2, "others")
    one, two = (UnitFeatures.of(of, units) for of in halves.scale(unseen.pixels))
    first, second = halves
    both = [first.energy_distances(first.real, one), second.energy_distances(second.real, two)]
    assert halves.energy_distance(halves.real, (one, two)) == pytest.approx(np.mean(both, axis=0).sum(axis=1))
    assert halves.energy_distance_by_kind(halves.real, (one, two)) == pytest.approx(np.mean(both, axis=(0, 1)))


def test_a_blur_is_far_away_and_seen_in_the_spectrum(halves: Halves, unseen: Labelled) -> None:
    units = units_of(unseen, CLASSES, 2, "others")
    one, two = (UnitFeatures.of(of, units) for of in halves.scale(Blur(width=1 / SIDE).apply(unseen.pixels)))
    by_kind = dict(zip(KINDS, halves.energy_distance_by_kind(halves.real, (one, two)), strict=True))
    assert by_kind["spectrum"] > 10
    assert by_kind["spectrum"] > 5 * by_kind["colour"]


def test_a_shift_from_what_real_images_are_to_a_change_is_the_change(halves: Halves) -> None:
    first, second = halves
    blurred = [Blur(width=1 / SIDE).apply(half.images.pixels) for half in halves]
    one, two = (half.scale(RawFeatures.of(half.extractor, of)) for half, of in zip(halves, blurred, strict=True))
    found = halves.shift(halves.real, (one, two))
    for side, expected, half in zip(found, (one, two), (first, second), strict=True):
        assert np.allclose(side.features.kinds["texture"], expected.kinds["texture"])
        assert side.units is half.real.units
        assert side.within[0, 0] == pytest.approx(mean_within(expected.kinds["features"][half.real.units[0]]))


def test_all_real_images_are_those_of_the_first_half_and_then_of_the_second(halves: Halves) -> None:
    first, second = halves
    assert np.array_equal(halves.images.pixels, np.concatenate([first.images.pixels, second.images.pixels]))
    assert Sample.of(first.real.features).within.shape == (len(KINDS),)
