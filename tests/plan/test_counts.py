"""Data sets with unequal classes, planned for a task with 8, 3 and 5 real training images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.auditing.colours import write_class_folders
from tests.plan.plans import dataset, specs

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.errors import UserError
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.steps.datasets import ImportSpec, LoadSpec
from prettyuseful.steps.measures import MeasureSpec
from prettyuseful.steps.reencode import ReencodeSpec
from prettyuseful.study.reading import parse_study

CLASSES = ("blue", "green", "red")
Datasets = Callable[..., Plan]


def folder(root: Path, counts: Mapping[str, int] | tuple[int, ...], seed: int) -> Path:
    return write_class_folders(
        root, dict(counts if isinstance(counts, Mapping) else zip(CLASSES, counts, strict=True)), seed
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("unequal")
    folder(root / "task" / "train", (8, 3, 5), 0)
    folder(root / "task" / "test", (14, 12, 4), 1)
    folder(root / "fake", (2, 9, 5), 2)
    folder(root / "even", (8, 8, 8), 3)
    return root


@pytest.fixture
def plan_of(images: Path) -> Datasets:
    def plan(*datasets: str, more: str = "metrics: []") -> Plan:
        lines = "".join(
            f"  {line.replace('FAKE', str(images / 'fake')).replace('EVEN', str(images / 'even'))}\n"
            for line in datasets
        )
        return make_plan(parse_study(f"version: 1\ntask: {{folder: {images / 'task'}}}\n{more}\ndatasets:\n{lines}"))

    return plan


@pytest.fixture
def error_of(plan_of: Datasets) -> Callable[..., str]:
    def error(*datasets: str) -> str:
        with pytest.raises(UserError) as error_info:
            plan_of(*datasets)
        assert "\n" not in str(error_info.value)
        return str(error_info.value)

    return error


ALL = "fake: {generator: FAKE, images_per_class: all}"


def test_every_class_keeps_what_it_has_up_to_the_real_images(plan_of: Datasets) -> None:
    plan = plan_of(ALL)
    matched = ClassCounts([2, 3, 5])
    assert dataset(plan, "fake").images_per_class == dataset(plan, "real").images_per_class == matched
    assert [spec.per_class for spec in specs(plan, ImportSpec)] == [matched]
    loads = {spec.split: spec.per_class for spec in specs(plan, LoadSpec)}
    assert loads == {"train": matched, "test": ClassCounts([14, 12, 4])}
    units = {step.label: step.units for step in plan.steps.values() if step.spec.kind in ("load", "import")}
    assert set(units.values()) == {10, 30}


def test_equal_numbers_give_the_steps_of_a_number(plan_of: Datasets) -> None:
    one, two, three = (
        plan_of(f"even: {{generator: EVEN, images_per_class: {count}}}") for count in ("3", "[3, 3, 3]", "3 per class")
    )
    assert list(one.steps) == list(two.steps) == list(three.steps)
    assert specs(one, ImportSpec)[0].model_dump(mode="json")["per_class"] == 3


def test_a_number_is_compared_with_up_to_that_many_real_images(plan_of: Datasets) -> None:
    plan = plan_of("even: {generator: EVEN, images_per_class: 8}")
    assert dataset(plan, "even").images_per_class == ClassCounts(8)
    assert dataset(plan, "real").images_per_class == ClassCounts([8, 3, 5])


def test_points_of_the_curve_have_up_to_so_many_images(plan_of: Datasets) -> None:
    plan = plan_of(ALL, more="metrics: []\ntrain: {real_curve: [1, 4, 8], seeds: [0]}")
    curve = {run.images_per_class: run for run in plan.runs if run.steps_of is not None}
    assert list(curve) == [ClassCounts(1), ClassCounts([4, 3, 4]), ClassCounts([8, 3, 5])]
    assert {run.steps_of for run in curve.values()} == {ClassCounts([2, 3, 5])}


def test_changed_data_sets_keep_the_numbers(plan_of: Datasets) -> None:
    blur = "transform: {kind: blur, width: 0.1}"
    plan = plan_of(
        ALL,
        f"soft: {{of: fake, images_per_class: all, {blur}, control: fake}}",
        f"soft-real: {{of: real, images_per_class: [2, 3, 5], {blur}}}",
        f"all-real: {{of: real, images_per_class: all, {blur}}}",
        "both: {mix: {fake: 2, real: 3}}",
    )
    assert {name: dataset(plan, name).images_per_class.as_json() for name in plan.study.datasets} == {
        "fake": [2, 3, 5],
        "soft": [2, 3, 5],
        "soft-real": [2, 3, 5],
        "all-real": [8, 3, 5],
        "both": 5,
    }
    real = [planned.images_per_class for planned in plan.datasets if planned.name == "real"]
    assert set(real) == {ClassCounts([2, 3, 5]), ClassCounts([8, 3, 5]), ClassCounts([5, 3, 5])}


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        (
            ["a: {generator: sd-1.5, images_per_class: all}"],
            "images_per_class: all is for images that exist, but sd-1.5",
        ),
        (
            ["a: {generator: sd-1.5, images_per_class: [1, 2, 3]}"],
            "a list in images_per_class is for images that exist",
        ),
        (["a: {generator: FAKE, images_per_class: [1, 2]}"], "lists 2 numbers, but the task has 3 classes"),
        (["a: {generator: FAKE, images_per_class: [2, 9, 6]}"], "'red' has only 5 images, but 6 were requested"),
        ([ALL, "b: {mix: {fake: 3}}"], "3 images of the class 'blue' of 'fake' are needed, which has only 2"),
        ([ALL, "b: {mix: {real: 4, fake: 1}}"], "only 3 train images of the class 'green', but 4 were requested"),
        ([ALL, "b: {of: fake, images_per_class: 2, drop: copies}"], "set images_per_class: all"),
        ([ALL, "b: {of: fake, images_per_class: [2, 2], transform: {kind: blur, width: 1}}"], "lists 2 numbers"),
    ],
)
def test_impossible_numbers_are_reported(error_of: Callable[..., str], datasets: list[str], message: str) -> None:
    assert message in error_of(*datasets)


def test_small_classes_and_sets_are_left_out_of_metrics_with_a_note(plan_of: Datasets) -> None:
    plan = plan_of(ALL, "even: {generator: EVEN, images_per_class: 8}", more="metrics: [kid]")
    # Half of the real test images are 7, 6 and 2; KID needs 3 images of a class.
    assert {spec.per_class for spec in specs(plan, MeasureSpec)} == {ClassCounts([7, 3, 0])}
    assert {spec.control for spec in specs(plan, MeasureSpec)} == {False, True}
    assert dataset(plan, "fake").measures == ()
    assert [note for note in plan.notes if "kid" in note] == [
        "Not measured for fake, because most classes have fewer than 3 images, synthetic or real test images of one "
        "half: kid.",
        "Classes with fewer than 3 images, synthetic or real test images of one half, are left out of kid of even: "
        "red.",
    ]
    assert {spec.per_class for spec in specs(plan, ReencodeSpec)} == {
        None,
        ClassCounts([2, 3, 2]),
        ClassCounts([7, 3, 2]),
    }
