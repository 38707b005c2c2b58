from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prettyuseful.diagnosis.distances import mean_within
from prettyuseful.diagnosis.features import KINDS, RawFeatures, Sample, UnitFeatures
from prettyuseful.diagnosis.half import Half, Halves
from prettyuseful.diagnosis.images import LabelledImages, rows_by_unit
from prettyuseful.errors import DataError
from prettyuseful.transforms.degradation import Blur

from .world import CLASSES, PER_CLASS, SIDE, draw, extractor_of, reference_of


def half_of(images: LabelledImages, raw: RawFeatures | None = None) -> Half:
    extractor = extractor_of(draw(2))
    units = rows_by_unit(images, CLASSES, 2, "half")
    return Half(images, units, extractor, raw or RawFeatures.extract(extractor, images.pixels))


def test_features_are_in_standard_deviations_within_classes(halves: Halves) -> None:
    half = next(iter(halves))
    for kind in KINDS:
        values, labels = half.real.features.kinds[kind], half.images.labels
        means = np.stack([values[labels == label].mean(axis=0) for label in range(CLASSES)])
        assert np.allclose((values - means[labels]).std(axis=0), np.sqrt(1 - 1 / PER_CLASS))


def test_a_constant_dimension_stays_finite() -> None:
    images = draw(1)
    raw = RawFeatures.extract(extractor_of(draw(2)), images.pixels)
    raw = replace(raw, features=np.column_stack([raw.features, np.ones(len(images))]))
    assert np.isfinite(half_of(images, raw).real.features.kinds["features"]).all()


def test_wide_features_are_reduced_to_their_principal_axes() -> None:
    images = draw(1)
    raw = RawFeatures.extract(extractor_of(draw(2)), images.pixels)
    wide = np.random.default_rng(0).normal(size=(len(images), 200))
    assert half_of(images, replace(raw, features=wide)).real.features.kinds["features"].shape[1] <= 128


def test_the_distance_between_two_parts_of_a_unit_is_one_on_average(halves: Halves) -> None:
    for half in halves:
        result = [
            half.sample(first).energy_distances(half.sample(second)) / half.real.within[unit] / half.noise
            for unit, first, second in half.splits()
        ]
        assert np.sqrt(np.mean(np.square(result), axis=0)) == pytest.approx(1)


def test_splits_share_no_group_and_cover_the_unit() -> None:
    images = draw(1)
    pairs = replace(images, groups=np.array([f"{i // 2}" for i in range(len(images))]))
    half = half_of(pairs)
    for unit, first, second in half.splits():
        assert sorted([*first, *second]) == sorted(half.real.units[unit])
        assert not set(pairs.groups[first]) & set(pairs.groups[second])


def test_one_group_per_class_raises_an_error() -> None:
    images = draw(1)
    half = Half(
        replace(images, groups=images.labels.astype(str)),
        [np.flatnonzero(images.labels == label) for label in range(CLASSES)],
        extractor_of(draw(2)),
        RawFeatures.extract(extractor_of(draw(2)), images.pixels),
    )
    with pytest.raises(DataError, match="every class come from one group"):
        _ = half.noise


def test_energy_distances_are_in_units_of_the_noise(halves: Halves, unseen: LabelledImages) -> None:
    half, units = next(iter(halves)), rows_by_unit(unseen, CLASSES, 2, "others")
    other = UnitFeatures.split(half.scale(RawFeatures.extract(half.extractor, unseen.pixels)), units)
    result = half.energy_distances(half.real, other)
    plain = half.real.samples[3].energy_distances(other.samples[3])
    assert result.shape == (16, len(KINDS))
    assert result[3] == pytest.approx(plain / half.real.within[3] / half.noise)


def test_distances_are_means_over_both_halves(halves: Halves, unseen: LabelledImages) -> None:
    units = rows_by_unit(unseen, CLASSES, 2, "others")
    first_features, second_features = (UnitFeatures.split(features, units) for features in halves.scale(unseen.pixels))
    first, second = halves
    both = [first.energy_distances(first.real, first_features), second.energy_distances(second.real, second_features)]
    other = (first_features, second_features)
    assert halves.energy_distance(halves.real, other) == pytest.approx(np.mean(both, axis=0).sum(axis=1))
    assert halves.energy_distance_by_kind(halves.real, other) == pytest.approx(np.mean(both, axis=(0, 1)))


def test_a_blur_is_far_from_real_images_mostly_in_the_spectrum(halves: Halves, unseen: LabelledImages) -> None:
    units = rows_by_unit(unseen, CLASSES, 2, "others")
    first, second = (UnitFeatures.split(of, units) for of in halves.scale(Blur(width=1 / SIDE).apply(unseen.pixels)))
    by_kind = dict(zip(KINDS, halves.energy_distance_by_kind(halves.real, (first, second)), strict=True))
    assert by_kind["spectrum"] > 10
    assert by_kind["spectrum"] > 5 * by_kind["colour"]


def test_shifting_unchanged_images_to_a_change_gives_the_change(halves: Halves) -> None:
    blur = Blur(width=1 / SIDE)
    first, second = (half.scale(RawFeatures.extract(half.extractor, blur.apply(half.images.pixels))) for half in halves)
    result = halves.shift(halves.real, (first, second))
    for side, expected, half in zip(result, (first, second), halves, strict=True):
        assert np.allclose(side.features.kinds["texture"], expected.kinds["texture"])
        assert side.units is half.real.units
        assert side.within[0, 0] == pytest.approx(mean_within(expected.kinds["features"][half.real.units[0]]))


def test_the_images_of_both_halves_are_concatenated(halves: Halves) -> None:
    first, second = halves
    assert np.array_equal(halves.images.pixels, np.concatenate([first.images.pixels, second.images.pixels]))
    assert Sample.from_features(first.real.features).within.shape == (len(KINDS),)


@pytest.mark.slow
def test_the_distance_between_classes_does_not_depend_on_the_number_of_images() -> None:
    few, many = (reference_of(draw(1, per_class=count), draw(2, per_class=count)).halves for count in (14, 42))
    same_noise = many.between_classes * next(iter(many)).noise.mean()
    assert few.between_classes * next(iter(few)).noise.mean() == pytest.approx(same_noise, rel=0.25)
    assert many.between_classes > 2 * few.between_classes  # in units of the noise, which falls with more images


def test_wide_features_are_projected_in_a_way_that_does_not_depend_on_the_images() -> None:
    images = draw(1)
    wide = np.random.default_rng(0).normal(size=(len(images), 300))
    units = [np.flatnonzero(images.labels == label) for label in range(CLASSES)]

    def half_of(features: np.ndarray) -> Half:
        raw = replace(RawFeatures.extract(extractor_of(draw(2)), images.pixels), features=features)
        return Half(images, units, extractor_of(draw(2)), raw)

    first, second = (half_of(features).real.features.kinds["features"] for features in (wide, 2 * wide))
    assert first.shape == (len(images), 128)
    assert second == pytest.approx(first)  # in standard deviations
