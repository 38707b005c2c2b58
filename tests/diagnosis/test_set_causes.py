from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prettyuseful.diagnosis.causes import CAUSES
from prettyuseful.diagnosis.comparison import Comparison
from prettyuseful.diagnosis.images import Labelled
from prettyuseful.diagnosis.reference import Reference
from prettyuseful.diagnosis.set_causes import SET_CAUSES, Evidence, MatchedComparison
from prettyuseful.diagnosis.undoing import undo_changes
from prettyuseful.transforms.degradation import Blur

from .world import CLASSES, SIDE, changed, draw


def matched(tiny: Reference, images: Labelled) -> MatchedComparison:
    comparison = Comparison(tiny, images)
    return MatchedComparison(comparison, undo_changes(comparison))


def measured(name: str, found: MatchedComparison) -> Evidence:
    return SET_CAUSES[name](found, CAUSES[name])


@pytest.fixture(scope="module")
def plain(tiny: Reference, unseen: Labelled) -> MatchedComparison:
    return matched(tiny, unseen)


def test_undamaged_images_show_nothing(plain: MatchedComparison) -> None:
    assert plain.left == 1
    assert measured("labels lost", plain).effect.mean() == pytest.approx(0, abs=0.02)
    assert measured("copies added", plain).effect.mean() < 0.05
    assert measured("coverage lost", plain).effect.mean() == pytest.approx(0, abs=0.15)


def test_wrong_labels_are_found_and_explain_the_difference(tiny: Reference, unseen: Labelled) -> None:
    labels = unseen.labels.copy()
    wrong = np.arange(len(labels)) % 3 == 0
    labels[wrong] = (labels[wrong] + 1) % CLASSES
    found = matched(tiny, Labelled(unseen.pixels, labels, unseen.groups))
    evidence = measured("labels lost", found)
    assert evidence.images is not None
    assert evidence.images[wrong].mean() > 0.9
    assert not evidence.images[~wrong].any()
    assert evidence.effect.mean() == pytest.approx(1 / 3, abs=0.05)
    assert evidence.explained > 0.8


def test_a_label_is_suspect_only_if_it_is_to_both_halves(tiny: Reference, unseen: Labelled) -> None:
    labels = unseen.labels.copy()
    labels[::3] = (labels[::3] + 1) % CLASSES
    comparison = Comparison(tiny, Labelled(unseen.pixels, labels, unseen.groups))
    one, two = comparison.features
    unsure = replace(two.features, logits=np.zeros_like(two.features.logits))
    comparison.features = (one, replace(two, features=unsure))
    evidence = measured("labels lost", MatchedComparison(comparison, undo_changes(comparison)))
    assert evidence.images is not None
    assert not evidence.images.any()


def test_a_class_that_shows_another_is_suspect_as_a_whole(tiny: Reference, unseen: Labelled) -> None:
    labels = np.where(unseen.labels == 2, 3, np.where(unseen.labels == 3, 2, unseen.labels))
    evidence = measured("labels lost", matched(tiny, Labelled(unseen.pixels, labels, unseen.groups)))
    assert evidence.images is not None
    assert set(unseen.labels[evidence.images]) == {2, 3}
    assert evidence.images[unseen.labels == 2].all()


def test_copies_are_found_also_after_a_change(tiny: Reference, unseen: Labelled) -> None:
    copied = np.arange(len(unseen)) % 2 == 0
    pixels = np.where(copied[:, None, None, None], draw(1).pixels, unseen.pixels)
    blurred = changed(Labelled(pixels, unseen.labels, unseen.groups), Blur(width=1 / SIDE).apply)
    evidence = measured("copies added", matched(tiny, blurred))
    assert evidence.images is not None
    assert evidence.images[copied].mean() > 0.9
    assert evidence.images[~copied].mean() < 0.2
    assert evidence.explained == 0


def test_a_collapsed_class_is_narrower_and_no_other(tiny: Reference, unseen: Labelled) -> None:
    pixels, rows = unseen.pixels.copy(), np.flatnonzero(unseen.labels == 5)
    pixels[rows] = pixels[rows[0]]
    found = matched(tiny, Labelled(pixels, unseen.labels, unseen.groups))
    evidence = measured("coverage lost", found)
    by_class = found.comparison.by_class(evidence.effect)
    assert by_class[5] < -2
    assert np.abs(np.delete(by_class, 5)).max() < 0.5
    assert np.array_equal(evidence.tested, -evidence.effect)
    assert 0 < evidence.explained <= 1
    assert evidence.spread is tiny.crowding_spread


def test_a_blur_is_no_other_cause_once_real_images_have_gone_through_it(tiny: Reference, unseen: Labelled) -> None:
    found = matched(tiny, changed(unseen, Blur(width=1 / SIDE).apply))
    assert [change.cause.id for change in found.changes] == ["high-frequencies"]
    assert found.left < 0.2
    assert found.rest.mean() < 0.1 * found.comparison.whole.mean()
    assert measured("coverage lost", found).effect.mean() == pytest.approx(0, abs=0.2)
