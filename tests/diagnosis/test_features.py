from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.diagnosis.descriptors import describe
from prettyuseful.diagnosis.distances import energy_distance, mean_within
from prettyuseful.diagnosis.features import KINDS, RawFeatures, Sample, ScaledFeatures, UnitFeatures

from .world import draw, extractor_of


def scaled(seed: int, count: int = 12, shift: float = 0.0) -> ScaledFeatures:
    rng = np.random.default_rng(seed)
    kinds = {kind: rng.normal(shift, 1, (count, k + 2)) for k, kind in enumerate(KINDS)}
    return ScaledFeatures(kinds, rng.normal(size=(count, 3)))


def test_raw_features_combine_the_extractor_and_the_descriptors() -> None:
    images = draw(5, per_class=1)
    extract = extractor_of(images)
    result = RawFeatures.extract(extract, images.pixels)
    features, logits = extract(images.pixels)
    assert np.array_equal(result.features, features)
    assert np.array_equal(result.logits, logits)
    assert {kind: values.tolist() for kind, values in result.descriptors.items()} == {
        kind: values.tolist() for kind, values in describe(images.pixels).items()
    }


def test_take_selects_rows_of_every_kind_and_of_the_logits() -> None:
    whole, rows = scaled(0), np.array([3, 1])
    result = whole.take(rows)
    assert all(np.array_equal(result.kinds[kind], whole.kinds[kind][rows]) for kind in KINDS)
    assert np.array_equal(result.logits, whole.logits[rows])


def test_interpolation_is_linear() -> None:
    start, end = scaled(0), scaled(1)
    result = start.interpolate(end, 0.25)
    for kind in KINDS:
        assert np.allclose(result.kinds[kind], 0.75 * start.kinds[kind] + 0.25 * end.kinds[kind])
    assert np.allclose(result.logits, 0.75 * start.logits + 0.25 * end.logits)


def test_shift_by_adds_the_difference_between_two_sets() -> None:
    start, before, after = scaled(0), scaled(1), scaled(2)
    result = start.shift_by(before, after)
    assert np.allclose(result.kinds["colour"] - start.kinds["colour"], after.kinds["colour"] - before.kinds["colour"])
    assert np.allclose(result.logits - start.logits, after.logits - before.logits)


def test_energy_distances_of_samples_are_computed_per_kind() -> None:
    a, b = scaled(0), scaled(1, count=9, shift=1)
    result = Sample.from_features(a).energy_distances(Sample.from_features(b))
    for k, kind in enumerate(KINDS):
        x, y = a.kinds[kind], b.kinds[kind]
        assert result[k] == pytest.approx(energy_distance(x, y, mean_within(x), mean_within(y)))
    assert (result > 0.1).all()


def test_features_are_split_into_units() -> None:
    whole, units = scaled(0), [np.array([0, 2, 4]), np.array([1, 3, 5, 7])]
    result = UnitFeatures.split(whole, units)
    assert result.within.shape == (2, len(KINDS))
    assert np.array_equal(result.samples[1].features.logits, whole.logits[units[1]])
    assert result.within[0, 1] == pytest.approx(mean_within(whole.kinds["colour"][units[0]]))


def test_identical_images_have_a_positive_distance_within_their_unit() -> None:
    equal = ScaledFeatures({kind: np.zeros((6, 2)) for kind in KINDS}, np.zeros((6, 3)))
    assert (UnitFeatures.split(equal, [np.arange(6)]).within > 0).all()
