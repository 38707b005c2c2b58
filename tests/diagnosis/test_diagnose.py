"""A small version of benchmarks/planted_defects.py: 48 real crops per class, one defect at a time."""

import sys
from pathlib import Path

import numpy as np
import pytest

from prettyuseful.diagnosis.causes import CAUSES
from prettyuseful.diagnosis.diagnose import diagnose
from prettyuseful.diagnosis.findings import Diagnosis
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.reference import Reference
from prettyuseful.errors import DataError
from prettyuseful.transforms.colour import ColourShift
from prettyuseful.transforms.degradation import Blur

from .world import SIDE, changed

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from planted.defects import DEFECTS
from planted.worlds import Origin, Photos
from planted_defects import reference_of


@pytest.fixture(scope="module")
def world() -> Photos:
    return Photos(0, per_class=48)


@pytest.fixture(scope="module")
def reference(world: Photos) -> Reference:
    return reference_of(world, 0)


def diagnose_defect(reference: Reference, world: Photos, defect: str, strength: float) -> Diagnosis:
    rng = np.random.default_rng(1)
    return diagnose(reference, DEFECTS[defect].plant(world.draw("unseen", rng), strength, world, rng))


@pytest.mark.parametrize("origin", ["unseen", "same"])
def test_images_without_defect_have_no_reported_cause(reference: Reference, world: Photos, origin: Origin) -> None:
    diagnosis = diagnose(reference, world.draw(origin, np.random.default_rng(2)))
    assert diagnosis.named == ()
    assert not diagnosis.differs


def test_the_smallest_allowed_sets_cause_no_false_alarm() -> None:
    small = Photos(1, per_class=12)
    reference = reference_of(small, 1)
    for draw in range(3):
        assert diagnose(reference, small.draw("unseen", np.random.default_rng(draw))).named == ()


@pytest.mark.parametrize(
    ("defect", "strength"),
    [
        ("labels at random", 0.4),
        ("labels by pairs", 0.4),
        ("collapse of all classes", 4),
        ("collapse of one class", 2),
        ("near-copies of real", 0.4),
        ("blur", 1.2),
        ("JPEG", 6),
        ("noise", 0.06),
        ("patch shuffle", 4),
        ("saturation", 0.3),
        ("native zoom", 1.7),
    ],
)
def test_the_planted_defect_is_reported_first(
    reference: Reference, world: Photos, defect: str, strength: float
) -> None:
    diagnosis = diagnose_defect(reference, world, defect, strength)
    assert diagnosis.named[0].id in DEFECTS[defect].accepted
    assert diagnosis.differs


def test_two_planted_defects_are_both_reported(reference: Reference, world: Photos) -> None:
    rng = np.random.default_rng(3)
    images = DEFECTS["labels at random"].plant(world.draw("unseen", rng), 0.4, world, rng)
    images = DEFECTS["blur"].plant(images, 1.0, world, rng)
    assert {"labels", "high-frequencies"} <= {cause.id for cause in diagnose(reference, images).named}


def test_effects_estimate_the_strength_of_the_defect(reference: Reference, world: Photos) -> None:
    labels = diagnose_defect(reference, world, "labels at random", 0.3).named[0]
    assert 0.15 < labels.effect < 0.35
    assert labels.low < labels.effect < labels.high
    blur = diagnose_defect(reference, world, "blur", 1.1).named[0]
    assert blur.direction == "lost"
    assert 0.7 < blur.explained <= 1


def test_a_single_collapsed_class_is_reported(reference: Reference, world: Photos) -> None:
    rng = np.random.default_rng(4)
    images = world.draw("unseen", rng)
    pixels = images.pixels.copy()
    pixels[images.labels == 5] = pixels[np.flatnonzero(images.labels == 5)[0]]
    diagnosis = diagnose(reference, LabelledImages(pixels, images.labels, images.groups))
    assert [(cause.id, cause.few_classes) for cause in diagnosis.named] == [("coverage", (5,))]


def test_the_diagnosis_does_not_depend_on_the_order_of_images(reference: Reference, world: Photos) -> None:
    images = world.draw("unseen", np.random.default_rng(5))
    order = np.random.default_rng(6).permutation(len(images))
    first, second = diagnose(reference, images), diagnose(reference, images.take(order))
    assert first.difference == pytest.approx(second.difference)
    assert [cause.id for cause in first.named] == [cause.id for cause in second.named]


def test_the_real_images_themselves_are_reported_as_copies_only(reference: Reference, world: Photos) -> None:
    real = LabelledImages.concatenate(world.halves)
    assert [cause.id for cause in diagnose(reference, real).named] == ["copies"]


def test_reported_causes_come_first_ordered_by_explained_share(tiny: Reference, unseen: LabelledImages) -> None:
    both = changed(changed(unseen, Blur(width=1 / SIDE).apply), ColourShift(contrast=0.5).apply)
    diagnosis = diagnose(tiny, both)
    assert [cause.row.name for cause in diagnosis.causes[:2]] == ["high-frequencies lost", "colour-contrast lost"]
    assert diagnosis.causes[:2] == diagnosis.named
    for causes in (diagnosis.named, diagnosis.causes[2:]):
        explained = [cause.explained for cause in causes]
        assert explained == sorted(explained, reverse=True)
    assert {cause.row.name for cause in diagnosis.causes} == set(CAUSES.rows)
    assert len(diagnosis.tried) == len(tiny.change_features)
    before, after = np.array(list(diagnosis.by_kind.values())).T
    assert before.sum() == pytest.approx(diagnosis.difference)
    assert after.sum() < 0.1 * before.sum()


def test_too_few_images_raise_an_error(reference: Reference, world: Photos) -> None:
    few = world.halves[0].take(np.flatnonzero(np.arange(len(world.halves[0])) % 8 == 0))
    with pytest.raises(DataError, match=r"images in .* groups, and a diagnosis needs"):
        diagnose(reference, few)
