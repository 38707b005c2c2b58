from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.diagnosis.comparison import Comparison, explained_share, unexplained_interval
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.reference import Reference
from prettyuseful.errors import DataError
from prettyuseful.transforms.colour import Colour
from prettyuseful.transforms.geometry import Frame

from .world import CLASSES, changed


def test_another_sample_is_close_and_a_changed_one_is_far(tiny: Reference, unseen: LabelledImages) -> None:
    same, grey = Comparison(tiny, unseen), Comparison(tiny, changed(unseen, Colour(saturation=0.3).apply))
    assert abs(same.initial.mean()) < 2
    assert (grey.initial > 10).all()
    assert np.array_equal(grey.distance(tiny.halves.real), grey.initial)


def test_units_are_in_the_order_of_the_reference(tiny: Reference, unseen: LabelledImages) -> None:
    comparison = Comparison(tiny, unseen)
    assert [set(unseen.labels[rows]) for rows in comparison.units] == [{unit // 2} for unit in range(2 * CLASSES)]
    assert comparison.mean_by_class(np.arange(16)).tolist() == [0.5 + 2 * label for label in range(CLASSES)]


def test_too_few_synthetic_images_raise_an_error(tiny: Reference, unseen: LabelledImages) -> None:
    with pytest.raises(DataError, match="class 0 of the synthetic images has 4 images"):
        Comparison(tiny, unseen.take(np.flatnonzero(np.arange(len(unseen)) % 14 < 4)))


def test_the_explained_share_is_based_on_mean_square_roots() -> None:
    whole = np.array([4.0, 9.0, 16.0])
    assert explained_share(np.zeros(3), whole) == 1
    assert explained_share(whole, whole) == 0
    assert explained_share(2 * whole, whole) == 0
    assert explained_share(whole / 4, whole) == pytest.approx(3 / 4)
    assert explained_share(-whole, whole) == 1
    assert explained_share(np.zeros(3), -whole) == 0


def test_no_single_unit_dominates_the_explained_share() -> None:
    whole = np.array([1.0, 1.0, 1.0, 1000.0])
    assert explained_share(np.array([0.0, 0.0, 0.0, 1000.0]), whole) > 3 / 1003


def test_only_a_changed_sample_has_a_small_p_value(tiny: Reference, unseen: LabelledImages) -> None:
    assert Comparison(tiny, unseen).p_value > 0.05
    assert Comparison(tiny, changed(unseen, Colour(saturation=0.3).apply)).p_value < 0.01


def test_changes_fitted_to_the_images_are_candidates_too(tiny: Reference, unseen: LabelledImages) -> None:
    assert dict(Comparison(tiny, unseen).change_features) == dict(tiny.change_features)
    frame = Frame(top=0.2, colour=(1.0, 0.0, 0.0))
    framed = Comparison(tiny, changed(unseen, frame.apply))
    fitted = [change for change in framed.change_features if change not in tiny.change_features]
    assert {change.cause.name for change in fitted} == {"frame added"}
    remaining = [framed.distance(framed.apply_changes([change])).mean() for change in fitted]
    assert min(remaining) < 0.1 * framed.initial.mean()
    after = framed.apply_changes([fitted[0], next(iter(tiny.change_features))])
    assert len(after) == 2


def test_relative_distances_are_shares_of_the_distance_between_classes(tiny: Reference, unseen: LabelledImages) -> None:
    comparison = Comparison(tiny, unseen)
    assert comparison.relative(np.array([tiny.halves.between_classes])) == pytest.approx([1])


def test_the_unexplained_share_has_an_interval_over_units() -> None:
    initial = np.full(20, 9.0)
    assert unexplained_interval(initial, initial) == (1, 1, 1)
    assert unexplained_interval(np.zeros(20), initial) == (0, 0, 0)
    mean, low, high = unexplained_interval(np.tile([0.0, 9.0], 10), initial)
    assert mean == pytest.approx(0.25)
    assert 0 < low < mean < high < 1
