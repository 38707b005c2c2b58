"""A small version of benchmarks/planted_defects.py: one defect at a time in 32 real crops of each of 8 photographs.

The slow tests use all 16 photographs, with 48 crops of each.
"""

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tests.photographs import SomePhotos

from prettyuseful.diagnosis.causes import CAUSES
from prettyuseful.diagnosis.diagnose import diagnose
from prettyuseful.diagnosis.findings import Diagnosis
from prettyuseful.diagnosis.fixed_patterns import FITTED_CAUSES
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.reference import Reference
from prettyuseful.errors import DataError
from prettyuseful.transforms.colour import ColourShift
from prettyuseful.transforms.degradation import Blur
from prettyuseful.transforms.geometry import Frame

from .world import SIDE, changed, draw
from .world import reference_of as tiny_reference_of

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from planted.defects import DEFECTS
from planted.worlds import Origin, Photos
from planted_defects import extracted, extractor_of, reference_of

slow = pytest.mark.slow


@pytest.fixture(scope="module", params=["some", pytest.param("all", marks=slow)])
def world(request: pytest.FixtureRequest) -> Photos:
    return Photos(0, per_class=48) if request.param == "all" else SomePhotos(0, per_class=32)


@pytest.fixture(scope="module")
def reference(world: Photos) -> Reference:
    if isinstance(world, SomePhotos):  # fewer candidate changes, as with frozen encoders
        first, second = (
            extracted(half, extractor_of(other, world.classes, 0), coarse=True)
            for half, other in (world.halves, world.halves[::-1])
        )
        return Reference(first, second, world.classes)
    return reference_of(world, 0)


@cache
def diagnose_defect(reference: Reference, world: Photos, defect: str, strength: float) -> Diagnosis:
    rng = np.random.default_rng(1)
    return diagnose(reference, DEFECTS[defect].plant(world.draw("unseen", rng), strength, world, rng))


@pytest.mark.parametrize("origin", ["unseen", "same"])
def test_images_without_defect_have_no_reported_cause(reference: Reference, world: Photos, origin: Origin) -> None:
    diagnosis = diagnose(reference, world.draw(origin, np.random.default_rng(2)))
    assert diagnosis.named == ()
    assert not diagnosis.differs


@slow
def test_the_smallest_allowed_sets_cause_no_false_alarm() -> None:
    smallest = 12
    reference = tiny_reference_of(draw(1, smallest), draw(2, smallest))
    for seed in range(4, 7):
        assert diagnose(reference, draw(seed, smallest)).named == ()
    with pytest.raises(DataError, match="use more images"):
        tiny_reference_of(draw(1, smallest - 1), draw(2, smallest - 1))


@slow
def test_the_smallest_allowed_sets_of_photographs_cause_no_false_alarm() -> None:
    small = Photos(1, per_class=12)
    reference = reference_of(small, 1)
    for seed in range(3):
        assert diagnose(reference, small.draw("unseen", np.random.default_rng(seed))).named == ()


@pytest.mark.parametrize(
    ("defect", "strength"),
    [
        ("labels at random", 0.4),
        pytest.param("labels by pairs", 0.4, marks=slow),
        ("collapse of all classes", 4),
        ("near-copies of real", 0.4),
        ("blur", 1.2),
        ("JPEG", 6),
        pytest.param("noise", 0.06, marks=slow),
        pytest.param("patch shuffle", 4, marks=slow),
        ("saturation", 0.3),
        pytest.param("native zoom", 1.7, marks=slow),
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
    labels = diagnose_defect(reference, world, "labels at random", 0.4).named[0]
    assert 0.2 < labels.effect < 0.6
    assert labels.low < 0.4 < labels.high
    blur = diagnose_defect(reference, world, "blur", 1.2).named[0]
    assert blur.direction == "lost"
    assert 0.7 < blur.explained <= 1


def test_a_single_collapsed_class_is_reported(reference: Reference, world: Photos) -> None:
    rng = np.random.default_rng(4)
    images = world.draw("unseen", rng)
    pixels = images.pixels.copy()
    pixels[images.labels == 5] = pixels[np.flatnonzero(images.labels == 5)[0]]
    diagnosis = diagnose(reference, LabelledImages(pixels, images.labels, images.groups))
    assert [(cause.id, cause.few_classes) for cause in diagnosis.named] == [("coverage", (5,)), ("repeats", (5,))]


@slow
def test_the_diagnosis_does_not_depend_on_the_order_of_images(tiny: Reference, unseen: LabelledImages) -> None:
    images = changed(unseen, Blur(width=1 / SIDE).apply)
    order = np.random.default_rng(6).permutation(len(images))
    first, second = diagnose(tiny, images), diagnose(tiny, images.take(order))
    assert first.named != ()
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


def watermarked(images: LabelledImages) -> LabelledImages:
    mask = np.zeros((SIDE, SIDE, 1))
    mask[11:14, 8:15:2] = 0.7
    return changed(images, lambda pixels: np.rint(pixels * (1 - mask) + 255 * mask).astype(np.uint8))


def test_an_overlay_is_reported_with_its_place_and_no_transform(tiny: Reference, unseen: LabelledImages) -> None:
    diagnosis = diagnose(tiny, watermarked(unseen))
    [overlay] = diagnosis.named
    assert overlay.row.name == "overlay added"
    assert overlay.like.startswith("an overlay (lower right")
    assert overlay.explained > 0.9
    assert overlay.transform is None
    assert overlay.next_best is not None
    assert overlay.next_best.p_value < 0.05
    assert overlay.like in {change.like for change in diagnosis.tried}
    assert {cause.row.name for cause in diagnosis.causes} == set(CAUSES.rows)


def test_a_frame_is_reported_as_a_study_file_specifies_it(tiny: Reference, unseen: LabelledImages) -> None:
    frame = Frame(left=3 / SIDE, right=2 / SIDE, colour=(1.0, 1.0, 1.0), fit="shrink")
    diagnosis = diagnose(tiny, changed(unseen, frame.apply))
    assert diagnosis.named[0].row.name == "frame added"
    assert Frame.model_validate(diagnosis.named[0].transform) == frame


def test_a_pattern_that_is_not_fitted_has_no_effect(tiny: Reference, unseen: LabelledImages) -> None:
    causes = {cause.row.name: cause for cause in diagnose(tiny, unseen).causes}
    for name in FITTED_CAUSES:
        assert (causes[name].effect, causes[name].p_adjusted, causes[name].named) == (0, 1, False)


def test_too_few_images_raise_an_error(reference: Reference, world: Photos) -> None:
    few = world.halves[0].take(np.flatnonzero(np.arange(len(world.halves[0])) % 8 == 0))
    with pytest.raises(DataError, match=r"images in .* groups, and a diagnosis needs"):
        diagnose(reference, few)
