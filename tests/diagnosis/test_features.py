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


def test_raw_features_are_the_extractors_and_the_descriptors() -> None:
    images = draw(5, per_class=1)
    extract = extractor_of(images)
    found = RawFeatures.of(extract, images.pixels)
    features, logits = extract(images.pixels)
    assert np.array_equal(found.features, features)
    assert np.array_equal(found.logits, logits)
    assert {kind: values.tolist() for kind, values in found.descriptors.items()} == {
        kind: values.tolist() for kind, values in describe(images.pixels).items()
    }


def test_taking_rows_takes_them_of_every_kind_and_of_the_logits() -> None:
    whole, rows = scaled(0), np.array([3, 1])
    found = whole.take(rows)
    assert all(np.array_equal(found.kinds[kind], whole.kinds[kind][rows]) for kind in KINDS)
    assert np.array_equal(found.logits, whole.logits[rows])


def test_interpolated_images_lie_on_the_way() -> None:
    one, two = scaled(0), scaled(1)
    found = one.interpolated(two, 0.25)
    for kind in KINDS:
        assert np.allclose(found.kinds[kind], 0.75 * one.kinds[kind] + 0.25 * two.kinds[kind])
    assert np.allclose(found.logits, 0.75 * one.logits + 0.25 * two.logits)


def test_shifted_images_move_as_others_moved() -> None:
    here, before, after = scaled(0), scaled(1), scaled(2)
    found = here.shifted(before, after)
    assert np.allclose(found.kinds["colour"] - here.kinds["colour"], after.kinds["colour"] - before.kinds["colour"])
    assert np.allclose(found.logits - here.logits, after.logits - before.logits)


def test_energy_distances_of_samples_are_those_of_every_kind() -> None:
    a, b = scaled(0), scaled(1, count=9, shift=1)
    found = Sample.of(a).energy_distances(Sample.of(b))
    for k, kind in enumerate(KINDS):
        x, y = a.kinds[kind], b.kinds[kind]
        assert found[k] == pytest.approx(energy_distance(x, y, mean_within(x), mean_within(y)))
    assert (found > 0.1).all()


def test_a_set_is_cut_into_its_units() -> None:
    whole, units = scaled(0), [np.array([0, 2, 4]), np.array([1, 3, 5, 7])]
    found = UnitFeatures.of(whole, units)
    assert found.within.shape == (2, len(KINDS))
    assert np.array_equal(found.samples[1].features.logits, whole.logits[units[1]])
    assert found.within[0, 1] == pytest.approx(mean_within(whole.kinds["colour"][units[0]]))


def test_a_unit_of_equal_images_has_a_distance_above_zero_within() -> None:
    equal = ScaledFeatures({kind: np.zeros((6, 2)) for kind in KINDS}, np.zeros((6, 3)))
    assert (UnitFeatures.of(equal, [np.arange(6)]).within > 0).all()
