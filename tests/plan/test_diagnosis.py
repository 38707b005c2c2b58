from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.engine.step import Step
from prettyuseful.errors import DataError
from prettyuseful.plan.diagnosis import diagnosed_classes, min_images_per_class
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.steps.classifiers import TrainSpec
from prettyuseful.steps.diagnosis import DiagnoseSpec, HalfSpec, KeepClassesSpec
from prettyuseful.study.reading import parse_study

STUDY = """
version: 1
task: photos
datasets:
  one: {generator: pocket-base, images_per_class: 12}
  two: {generator: pocket-turbo, images_per_class: 20}
  half: {mix: {one: 6, two: 6}}
train: {seeds: [3, 1]}
metrics: []
diagnosis: true
"""


def plan_study(text: str) -> Plan:
    return make_plan(parse_study(text))


def steps_of(plan: Plan, spec: type) -> list[Step]:
    return [step for step in plan.steps.values() if isinstance(step.spec, spec)]


def half_trainings(plan: Plan) -> list[Step]:
    return [step for step in steps_of(plan, TrainSpec) if isinstance(plan.steps[step.inputs["pixels"]].spec, HalfSpec)]


def kinds(plan: Plan) -> Counter[str]:
    return Counter(step.spec.kind for step in plan.steps.values())


def test_the_largest_set_of_real_images_is_halved_and_a_classifier_trained_on_each_half() -> None:
    plan = plan_study(STUDY)
    halves = steps_of(plan, HalfSpec)
    assert sorted(step.spec.model_dump()["part"] for step in halves) == [0, 1]
    [pixels] = {step.inputs["pixels"] for step in halves}
    real = max((d for d in plan.datasets if d.name == "real"), key=lambda dataset: dataset.images_per_class)
    assert real.images_per_class == ClassCounts(20)
    assert plan.steps[pixels].inputs["dataset"] == real.keys["dataset"]
    classifiers = half_trainings(plan)
    assert {step.inputs["pixels"] for step in classifiers} == {step.key for step in halves}
    assert len(classifiers) == 2  # only the first seed of the study
    assert {step.spec.model_dump()["seed"] for step in classifiers} == {3}


def test_features_of_each_half_come_from_the_classifier_of_the_other_half() -> None:
    plan = plan_study(STUDY)
    with_diagnosis = steps_of(plan, DiagnoseSpec)
    assert with_diagnosis
    for step in with_diagnosis:
        for part in (0, 1):
            half, classifier = step.inputs[f"half {part}"], plan.steps[step.inputs[f"classifier {part}"]]
            assert plan.steps[half].spec == HalfSpec(part=part)
            assert classifier.inputs["pixels"] == step.inputs[f"half {1 - part}"] != half
    looks = [step for step in plan.steps.values() if {"half", "classifier"} <= set(step.inputs)]
    for step in looks:
        assert plan.steps[step.inputs["classifier"]].inputs["pixels"] != step.inputs["half"]


def test_every_synthetic_data_set_is_diagnosed_once() -> None:
    plan = plan_study(STUDY)
    keys = {dataset.name: dataset.keys["diagnose"] for dataset in plan.datasets if "diagnose" in dataset.keys}
    assert set(keys) == {"one", "two", "half"}
    assert {step.key for step in steps_of(plan, DiagnoseSpec)} == set(keys.values())
    assert len(set(keys.values())) == 3
    for dataset in plan.datasets:
        if dataset.name != "real":
            pixels = plan.steps[plan.steps[dataset.keys["diagnose"]].inputs["pixels"]]
            assert pixels.inputs["dataset"] == dataset.keys["dataset"]
            assert plan.steps[dataset.keys["diagnose"]].label == f"diagnose {dataset.name}"


def test_diagnoses_share_the_steps_of_real_images() -> None:
    with_diagnosis = steps_of(plan_study(STUDY), DiagnoseSpec)
    own = ("pixels", "dataset", "inspected")
    references = [{name: key for name, key in step.inputs.items() if name not in own} for step in with_diagnosis]
    assert references[0] == references[1] == references[2]


def test_derived_data_sets_are_not_diagnosed() -> None:
    more = "  paler: {of: one, images_per_class: 12, transform: {kind: colour-shift, contrast: 0.5}}\ntrain:"
    plan = plan_study(STUDY.replace("train:", more))
    assert {d.name for d in plan.datasets if "diagnose" in d.keys} == {"one", "two", "half"}
    assert len(steps_of(plan, DiagnoseSpec)) == 3


def test_diagnoses_use_unchanged_images_whatever_the_first_probe() -> None:
    plan = plan_study(STUDY.replace("train: {", "train: {probes: [edges, rgb], "))
    for step in steps_of(plan, DiagnoseSpec):
        half = plan.steps[step.inputs["half 0"]]
        assert plan.steps[step.inputs["pixels"]].spec.kind == "decode"
        assert plan.steps[half.inputs["pixels"]].spec.kind == "decode"


def test_without_a_diagnosis_no_steps_are_planned() -> None:
    plan, diagnosed = (
        plan_study(STUDY.replace("diagnosis: true", f"diagnosis: {value}")) for value in ("false", "true")
    )
    new = set(diagnosed.steps) - set(plan.steps)
    assert set(plan.steps) < set(diagnosed.steps)
    assert {diagnosed.steps[key].spec.kind for key in new} <= {"half", "train", "try", "diagnose", "inspect"}
    assert kinds(diagnosed)["train"] - kinds(plan)["train"] == 2
    assert not steps_of(plan, HalfSpec)
    assert not steps_of(plan, DiagnoseSpec)
    assert not [dataset.name for dataset in plan.datasets if "diagnose" in dataset.keys]


def test_a_diagnosis_does_not_change_keys_of_data_sets_and_runs() -> None:
    text = STUDY.replace("metrics: []", "metrics: [density]")
    plans = [plan_study(text), plan_study(text.replace("diagnosis: true", "diagnosis: false"))]
    keys = [
        {(d.name, d.images_per_class): {k: v for k, v in d.keys.items() if k != "diagnose"} for d in plan.datasets}
        for plan in plans
    ]
    assert keys[0] == keys[1]
    assert plans[0].runs == plans[1].runs


def test_needed_images_per_class_decrease_with_the_number_of_classes() -> None:
    assert {classes: min_images_per_class(classes) for classes in (2, 4, 10, 15, 16, 200)} == {
        2: 96,
        4: 48,
        10: 24,
        15: 24,
        16: 12,
        200: 12,
    }


@pytest.mark.parametrize(
    ("one", "two", "message"),
    [
        (11, 11, "16 classes needs 12 images per class of real, which has 11"),
        (5, 5, "16 classes needs 12 images per class of real, which has 10"),
    ],
)
def test_too_few_images_are_reported_with_the_needed_number(one: int, two: int, message: str) -> None:
    text = STUDY.replace("per_class: 12}", f"per_class: {one}}}").replace("per_class: 20}", f"per_class: {two}}}")
    text = text.replace("half: {mix: {one: 6, two: 6}}", "half: {mix: {one: 5, two: 5}}")
    with pytest.raises(DataError) as error:
        plan_study(text)
    assert message in str(error.value)
    assert "'diagnosis: false'" in str(error.value)
    assert "\n" not in str(error.value)
    plan_study(text.replace("diagnosis: true", "diagnosis: false"))


def test_a_data_set_with_too_few_images_is_left_out_with_a_note() -> None:
    text = STUDY.replace("per_class: 12}", "per_class: 5}").replace("{one: 6, two: 6}", "{one: 5, two: 5}")
    plan = plan_study(text)
    assert {d.name for d in plan.datasets if "diagnose" in d.keys} == {"two", "half"}
    assert plan.notes == (
        "Causes of one are not diagnosed: a diagnosis with 16 classes needs 6 images per class of one, which has 5.",
    )


@pytest.mark.parametrize(
    ("real", "other", "kept"),
    [
        (12, 6, 16),
        (11, 6, 0),
        ([12] * 15 + [11], 6, 0),  # 15 classes need 24 images of each
        ([24] * 15 + [11], 12, 15),
        ([96, 96] + [11] * 14, 48, 2),
        ([96] + [11] * 15, 48, 0),
    ],
)
def test_classes_with_too_few_images_are_left_out(real: int | list[int], other: int, kept: int) -> None:
    assert diagnosed_classes(ClassCounts(real), ClassCounts(other), 16) == tuple(range(kept))


def test_a_diagnosis_without_a_small_class_keeps_the_others(tmp_path: Path) -> None:
    for split, extra in (("train", 0), ("test", 100)):
        for label, count in (("a", 96), ("b", 4), ("c", 96)):
            (tmp_path / "task" / split / label).mkdir(parents=True)
            for i in range(count):
                image = np.full((8, 8, 3), (i + extra) % 256, np.uint8)
                Image.fromarray(image).save(tmp_path / "task" / split / label / f"{i}.png")
    images = "{generator: %s, images_per_class: all}" % (tmp_path / "task" / "test")
    text = f"version: 1\ntask: {{folder: {tmp_path / 'task'}}}\ndatasets: {{fake: {images}}}\nmetrics: []\n"
    plan = plan_study(f"{text}diagnosis: true\n")
    kept = steps_of(plan, KeepClassesSpec)
    assert {step.spec.model_dump()["labels"] for step in kept} == {(0, 2)}
    [diagnosis] = steps_of(plan, DiagnoseSpec)
    assert diagnosis.inputs["pixels"] in {step.key for step in kept}
    assert {plan.steps[step.inputs["pixels"]].key for step in steps_of(plan, HalfSpec)} < {step.key for step in kept}
    assert "The diagnosis of fake leaves out classes with too few images: b." in plan.notes


def test_the_minimum_number_of_images_is_accepted() -> None:
    text = STUDY.replace("per_class: 12}", "per_class: 6}").replace("per_class: 20}", "per_class: 12}")
    plan = plan_study(text.replace("half: {mix: {one: 6, two: 6}}", "half: {mix: {one: 3, two: 3}}"))
    assert len(steps_of(plan, DiagnoseSpec)) == 3


def test_too_few_real_images_are_reported(shared_task: Path) -> None:
    text = STUDY.replace("task: photos", f"task: {{folder: {shared_task}}}").replace("per_class: 20}", "per_class: 12}")
    with pytest.raises(DataError, match=r"with 2 classes needs 96 images per class of real, which has 8"):
        plan_study(text)
