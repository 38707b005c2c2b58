from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prettyuseful.diagnosis.causes import CAUSES
from prettyuseful.diagnosis.change_search import search_changes
from prettyuseful.diagnosis.comparison import Comparison
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.reference import Reference
from prettyuseful.diagnosis.set_causes import SET_CAUSES, Evidence, MatchedComparison, clear_excess
from prettyuseful.transforms.degradation import Blur

from .world import CLASSES, SIDE, changed, draw


def match(tiny: Reference, images: LabelledImages) -> MatchedComparison:
    return matched(Comparison(tiny, images))


def matched(comparison: Comparison) -> MatchedComparison:
    search = search_changes(comparison)
    return MatchedComparison(comparison, search.changes, search.real)


def measure(name: str, comparison: MatchedComparison) -> Evidence:
    return SET_CAUSES[name](comparison, CAUSES[name])


@pytest.fixture(scope="module")
def plain(tiny: Reference, unseen: LabelledImages) -> MatchedComparison:
    return match(tiny, unseen)


def test_images_without_defect_show_no_cause(plain: MatchedComparison) -> None:
    assert plain.remaining_share == 1
    assert measure("labels lost", plain).effect.mean() == pytest.approx(0, abs=0.02)
    assert measure("copies added", plain).effect.mean() < 0.05
    assert measure("coverage lost", plain).effect.mean() == pytest.approx(0, abs=0.15)


def test_wrong_labels_are_detected_and_explain_the_difference(tiny: Reference, unseen: LabelledImages) -> None:
    labels = unseen.labels.copy()
    wrong = np.arange(len(labels)) % 3 == 0
    labels[wrong] = (labels[wrong] + 1) % CLASSES
    comparison = match(tiny, LabelledImages(unseen.pixels, labels, unseen.groups))
    evidence = measure("labels lost", comparison)
    assert evidence.images is not None
    assert evidence.images[wrong].mean() > 0.9
    assert not evidence.images[~wrong].any()
    assert evidence.effect.mean() == pytest.approx(1 / 3, abs=0.05)
    assert evidence.explained > 0.8


def test_a_label_counts_only_if_it_is_suspect_in_both_halves(tiny: Reference, unseen: LabelledImages) -> None:
    labels = unseen.labels.copy()
    labels[::3] = (labels[::3] + 1) % CLASSES
    comparison = Comparison(tiny, LabelledImages(unseen.pixels, labels, unseen.groups))
    first, second = comparison.features
    unsure = replace(second.features, logits=np.zeros_like(second.features.logits))
    comparison.features = (first, replace(second, features=unsure))
    evidence = measure("labels lost", matched(comparison))
    assert evidence.images is not None
    assert not evidence.images.any()


def test_a_class_that_shows_another_class_is_suspect_as_a_whole(tiny: Reference, unseen: LabelledImages) -> None:
    labels = np.where(unseen.labels == 2, 3, np.where(unseen.labels == 3, 2, unseen.labels))
    evidence = measure("labels lost", match(tiny, LabelledImages(unseen.pixels, labels, unseen.groups)))
    assert evidence.images is not None
    assert set(unseen.labels[evidence.images]) == {2, 3}
    assert evidence.images[unseen.labels == 2].all()


def test_near_duplicates_are_detected_after_a_change(tiny: Reference, unseen: LabelledImages) -> None:
    copied = np.arange(len(unseen)) % 2 == 0
    pixels = np.where(copied[:, None, None, None], draw(1).pixels, unseen.pixels)
    blurred = changed(LabelledImages(pixels, unseen.labels, unseen.groups), Blur(width=1 / SIDE).apply)
    evidence = measure("copies added", match(tiny, blurred))
    assert evidence.images is not None
    assert evidence.images[copied].mean() > 0.9
    assert evidence.images[~copied].mean() < 0.2
    assert evidence.explained == 0


def test_only_the_collapsed_class_is_narrow(tiny: Reference, unseen: LabelledImages) -> None:
    pixels, rows = unseen.pixels.copy(), np.flatnonzero(unseen.labels == 5)
    pixels[rows] = pixels[rows[0]]
    comparison = match(tiny, LabelledImages(pixels, unseen.labels, unseen.groups))
    evidence = measure("coverage lost", comparison)
    mean_by_class = comparison.comparison.mean_by_class(evidence.effect)
    assert mean_by_class[5] < -2
    assert np.abs(np.delete(mean_by_class, 5)).max() < 0.5
    assert (evidence.statistic <= -evidence.effect).all()  # the kind that narrows least
    assert comparison.comparison.mean_by_class(evidence.statistic)[5] > 2
    assert 0 < evidence.explained <= 1
    assert evidence.deviation is tiny.neighbour_distance_deviation


def test_images_that_are_similar_in_colour_alone_are_not_narrow(tiny: Reference, unseen: LabelledImages) -> None:
    dark = changed(unseen, lambda pixels: (pixels * 0.6).astype(np.uint8))
    comparison = Comparison(tiny, dark)
    evidence = measure("coverage lost", MatchedComparison(comparison, (), tiny.halves.real))  # no change is known
    assert evidence.effect.mean() < -0.1
    assert evidence.statistic.mean() < 0.05
    assert evidence.explained < 0.1


def test_images_that_are_all_a_little_nearer_to_each_other_are_no_copies() -> None:
    slightly, clearly = np.full(100, 0.05), np.full(100, 0.6)
    excess = np.full(CLASSES, 0.1)
    few = np.arange(100) < 14
    assert (clear_excess(excess, np.where(few, slightly, 0)) <= 0).all()
    assert (clear_excess(excess, np.where(few, clearly, 0)) == excess).all()


def test_a_blur_shows_no_other_cause_after_real_images_are_blurred_too(tiny: Reference, unseen: LabelledImages) -> None:
    comparison = match(tiny, changed(unseen, Blur(width=1 / SIDE).apply))
    assert [change.cause.id for change in comparison.changes] == ["high-frequencies"]
    assert comparison.remaining_share < 0.2
    assert comparison.remaining.mean() < 0.1 * comparison.comparison.initial.mean()
    assert measure("coverage lost", comparison).effect.mean() == pytest.approx(0, abs=0.2)


def test_repeats_and_blanks_are_measured_against_real_images(tiny: Reference, unseen: LabelledImages) -> None:
    pixels = unseen.pixels.copy()
    for label in range(CLASSES):
        rows = np.flatnonzero(unseen.labels == label)
        pixels[rows[1::2]] = pixels[rows[0]]  # a half of each class repeats its first image
        pixels[rows[2]] = 0
    comparison = match(tiny, LabelledImages(pixels, unseen.labels, unseen.groups))
    repeats, blanks = measure("repeats added", comparison), measure("blank added", comparison)
    assert repeats.images is not None
    assert blanks.images is not None
    assert repeats.scores is not None
    assert repeats.others is not None
    first = np.array([np.flatnonzero(unseen.labels == label)[0] for label in unseen.labels])
    assert repeats.images.mean() == pytest.approx(0.5, abs=0.06)
    assert (repeats.others[repeats.images] == first[repeats.images]).mean() > 0.9
    assert repeats.effect.mean() == pytest.approx(0.5, abs=0.1)
    assert blanks.images.sum() == CLASSES
    assert blanks.effect.mean() == pytest.approx(blanks.images.mean(), abs=0.01)
    assert not (blanks.images & repeats.images).any()


def test_near_duplicates_name_the_real_image(tiny: Reference, unseen: LabelledImages) -> None:
    real = tiny.halves.images
    pixels = unseen.pixels.copy()
    source = np.array([np.flatnonzero(real.labels == label)[3] for label in range(CLASSES)])
    target = np.array([np.flatnonzero(unseen.labels == label)[0] for label in range(CLASSES)])
    pixels[target] = real.pixels[source]
    evidence = measure("copies added", match(tiny, LabelledImages(pixels, unseen.labels, unseen.groups)))
    assert evidence.images is not None
    assert evidence.scores is not None
    assert evidence.others is not None
    assert evidence.images[target].all()
    assert evidence.scores[target] == pytest.approx(1, abs=0.01)
    assert evidence.others[target].tolist() == source.tolist()
