"""The small version of benchmarks/planted_defects.py: real sets of 48 crops a class, one defect at a time."""

import sys
from pathlib import Path

import numpy as np
import pytest

from prettyuseful.diagnosis.causes import CAUSES
from prettyuseful.diagnosis.diagnose import diagnose
from prettyuseful.diagnosis.findings import Diagnosis
from prettyuseful.diagnosis.images import Labelled
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


def diagnosed(reference: Reference, world: Photos, defect: str, strength: float) -> Diagnosis:
    rng = np.random.default_rng(1)
    return diagnose(reference, DEFECTS[defect].plant(world.draw("unseen", rng), strength, world, rng))


@pytest.mark.parametrize("origin", ["unseen", "same"])
def test_undamaged_images_have_no_cause(reference: Reference, world: Photos, origin: Origin) -> None:
    found = diagnose(reference, world.draw(origin, np.random.default_rng(2)))
    assert found.named == ()
    assert not found.differs


def test_the_fewest_images_that_are_enough_do_not_alarm() -> None:
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
def test_what_was_planted_is_named_first(reference: Reference, world: Photos, defect: str, strength: float) -> None:
    found = diagnosed(reference, world, defect, strength)
    assert found.named[0].id in DEFECTS[defect].accepted
    assert found.differs


def test_two_defects_are_both_named(reference: Reference, world: Photos) -> None:
    rng = np.random.default_rng(3)
    images = DEFECTS["labels at random"].plant(world.draw("unseen", rng), 0.4, world, rng)
    images = DEFECTS["blur"].plant(images, 1.0, world, rng)
    assert {"labels", "high-frequencies"} <= {cause.id for cause in diagnose(reference, images).named}


def test_effects_say_how_much_was_planted(reference: Reference, world: Photos) -> None:
    labels = diagnosed(reference, world, "labels at random", 0.3).named[0]
    assert 0.15 < labels.effect < 0.35
    assert labels.low < labels.effect < labels.high
    blur = diagnosed(reference, world, "blur", 1.1).named[0]
    assert blur.direction == "lost"
    assert 0.7 < blur.explained <= 1


def test_the_class_that_collapsed_is_reported(reference: Reference, world: Photos) -> None:
    rng = np.random.default_rng(4)
    images = world.draw("unseen", rng)
    pixels = images.pixels.copy()
    pixels[images.labels == 5] = pixels[np.flatnonzero(images.labels == 5)[0]]
    found = diagnose(reference, Labelled(pixels, images.labels, images.groups))
    assert [(cause.id, cause.few_classes) for cause in found.named] == [("coverage", (5,))]


def test_the_same_set_has_the_same_diagnosis_in_any_order(reference: Reference, world: Photos) -> None:
    images = world.draw("unseen", np.random.default_rng(5))
    order = np.random.default_rng(6).permutation(len(images))
    one, two = diagnose(reference, images), diagnose(reference, images.take(order))
    assert one.difference == pytest.approx(two.difference)
    assert [cause.id for cause in one.named] == [cause.id for cause in two.named]


def test_the_real_images_themselves_are_copies_and_nothing_else(reference: Reference, world: Photos) -> None:
    real = Labelled.joined(world.halves)
    assert [cause.id for cause in diagnose(reference, real).named] == ["copies"]


def test_named_causes_come_first_and_the_one_that_explains_most_before_all(tiny: Reference, unseen: Labelled) -> None:
    both = changed(changed(unseen, Blur(width=1 / SIDE).apply), ColourShift(contrast=0.5).apply)
    found = diagnose(tiny, both)
    assert [cause.row.name for cause in found.causes[:2]] == ["high-frequencies lost", "colour-contrast lost"]
    assert found.causes[:2] == found.named
    for causes in (found.named, found.causes[2:]):
        explained = [cause.explained for cause in causes]
        assert explained == sorted(explained, reverse=True)
    assert {cause.row.name for cause in found.causes} == set(CAUSES.rows)
    assert len(found.tried) == len(tiny.changed)
    before, after = np.array(list(found.by_kind.values())).T
    assert before.sum() == pytest.approx(found.difference)
    assert after.sum() < 0.1 * before.sum()


def test_too_few_images_are_one_clear_line(reference: Reference, world: Photos) -> None:
    few = world.halves[0].take(np.flatnonzero(np.arange(len(world.halves[0])) % 8 == 0))
    with pytest.raises(DataError, match=r"images in .* groups, and a diagnosis needs"):
        diagnose(reference, few)
