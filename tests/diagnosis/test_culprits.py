from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.diagnosis.culprits import EXAMPLES, Culprit, find_culprits, image_lists
from prettyuseful.diagnosis.diagnose import DiagnosisRun
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.listed import LISTED
from prettyuseful.diagnosis.reference import Reference

from .world import CLASSES, NAMES


@pytest.fixture(scope="module")
def planted(tiny: Reference, unseen: LabelledImages) -> tuple[DiagnosisRun, dict[str, list[int]]]:
    """A set with one defect in each class: the first image shows nothing, the second is a copy, and so on."""
    pixels, labels = unseen.pixels.copy(), unseen.labels.copy()
    rows = [np.flatnonzero(unseen.labels == label) for label in range(CLASSES)]
    real = tiny.halves.images
    for label, own in enumerate(rows):
        pixels[own[0]] = 255
        pixels[own[1]] = real.pixels[np.flatnonzero(real.labels == label)[4]][:, ::-1]
        pixels[own[3]] = pixels[own[2]]
        labels[own[4]] = (label + 1) % CLASSES
    planted = {
        "blank": [int(own[0]) for own in rows],
        "copies": [int(own[1]) for own in rows],
        "repeats": [int(own[3]) for own in rows],
        "labels": [int(own[4]) for own in rows],
    }
    return DiagnosisRun(tiny, LabelledImages(pixels, labels, unseen.groups)), planted


@pytest.fixture(scope="module")
def culprits(planted: tuple[DiagnosisRun, dict[str, list[int]]]) -> list[Culprit]:
    return find_culprits(planted[0])


def of(culprits: list[Culprit], finding: str) -> dict[int, Culprit]:
    return {culprit.row: culprit for culprit in culprits if culprit.finding == finding}


@pytest.mark.parametrize("finding", ["blank", "copies", "repeats", "labels"])
def test_planted_images_are_listed(
    planted: tuple[DiagnosisRun, dict[str, list[int]]], culprits: list[Culprit], finding: str
) -> None:
    listed, rows = of(culprits, finding), planted[1][finding]
    assert len(set(rows) & set(listed)) >= 0.8 * len(rows)
    assert len(set(listed) - set(rows)) <= 0.06 * len(planted[0].synthetic)


def test_each_finding_names_what_the_image_should_be_or_resembles(
    planted: tuple[DiagnosisRun, dict[str, list[int]]], culprits: list[Culprit], unseen: LabelledImages
) -> None:
    run, rows = planted
    real = run.reference.halves.images
    labels, copies, repeats = (of(culprits, finding) for finding in ("labels", "copies", "repeats"))
    assert all(labels[row].suggested == unseen.labels[row] for row in rows["labels"] if row in labels)
    for row in rows["copies"]:
        assert copies[row].other == np.flatnonzero(real.labels == unseen.labels[row])[4]
        assert copies[row].score == pytest.approx(1, abs=0.01)
    for row in rows["repeats"]:
        other = repeats[row].other
        assert other is not None
        assert np.array_equal(run.synthetic.pixels[other], run.synthetic.pixels[row])


def test_lists_come_in_order_with_falling_scores_between_0_and_1(culprits: list[Culprit]) -> None:
    assert list(dict.fromkeys(culprit.finding for culprit in culprits)) == [
        name for name in LISTED.rows if of(culprits, name)
    ]
    for name in LISTED.rows:
        scores = [culprit.score for culprit in of(culprits, name).values()]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= score <= 1 for score in scores)


def test_typical_images_are_ten_of_each_class_at_most_and_never_in_both_lists(
    planted: tuple[DiagnosisRun, dict[str, list[int]]], culprits: list[Culprit]
) -> None:
    run = planted[0]
    most, least = (of(culprits, f"{end}-typical") for end in ("most", "least"))
    assert not set(most) & set(least)
    for listed in (most, least):
        counts = np.bincount(run.synthetic.labels[list(listed)], minlength=CLASSES)
        sizes = np.bincount(run.synthetic.labels, minlength=CLASSES)
        assert counts.tolist() == np.minimum(sizes // 2, 10).tolist()
    blank = planted[1]["blank"]
    assert len(set(blank) & set(least)) > 0.8 * len(blank)


def test_images_of_another_class_that_no_classifier_knows_are_off_class(
    tiny: Reference, unseen: LabelledImages
) -> None:
    labels = unseen.labels.copy()
    moved = np.concatenate([np.flatnonzero(unseen.labels == label)[:3] for label in (0, 1)])
    labels[moved] = 1 - labels[moved]
    run = DiagnosisRun(tiny, LabelledImages(unseen.pixels, labels, unseen.groups))
    run.set_evidence["labels lost"].images[:] = False  # type: ignore[index]
    listed = of(find_culprits(run), "off-class")
    assert len(set(moved.tolist()) & set(listed)) >= 4
    assert all(listed[row].suggested == unseen.labels[row] for row in moved.tolist() if row in listed)
    assert len(listed) <= len(moved) + 0.04 * len(labels)


def test_summaries_count_every_list_and_show_its_first_images(
    planted: tuple[DiagnosisRun, dict[str, list[int]]], culprits: list[Culprit]
) -> None:
    lists = image_lists(planted[0], culprits, NAMES)
    assert [entry.finding for entry in lists] == list(LISTED.rows)
    for entry in lists:
        assert entry.images == len(of(culprits, entry.finding))
        assert len(entry.examples.images) == len(entry.examples.titles) == min(EXAMPLES, entry.images)
    shares = {entry.finding: entry.real_share for entry in lists}
    assert shares["blank"] == 0
    assert shares["most-typical"] is None
    assert shares["repeats"] is not None
    assert 0 <= shares["repeats"] < 0.05
