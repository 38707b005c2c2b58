from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from prettyuseful.engine.step import Step
from prettyuseful.errors import DataError
from prettyuseful.plan.diagnosis import fewest_per_class
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.steps.classifiers import TrainSpec
from prettyuseful.steps.diagnosis import DiagnoseSpec, HalfSpec
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


def planned(text: str) -> Plan:
    return make_plan(parse_study(text))


def of(plan: Plan, spec: type) -> list[Step]:
    return [step for step in plan.steps.values() if isinstance(step.spec, spec)]


def trained_on_halves(plan: Plan) -> list[Step]:
    return [step for step in of(plan, TrainSpec) if isinstance(plan.steps[step.inputs["pixels"]].spec, HalfSpec)]


def kinds(plan: Plan) -> Counter[str]:
    return Counter(step.spec.kind for step in plan.steps.values())


def test_two_halves_of_the_most_real_images_and_a_classifier_on_each() -> None:
    plan = planned(STUDY)
    halves = of(plan, HalfSpec)
    assert sorted(step.spec.model_dump()["part"] for step in halves) == [0, 1]
    [pixels] = {step.inputs["pixels"] for step in halves}
    real = max((d for d in plan.datasets if d.name == "real"), key=lambda dataset: dataset.images_per_class)
    assert real.images_per_class == 20
    assert plan.steps[pixels].inputs["dataset"] == real.keys["dataset"]
    classifiers = trained_on_halves(plan)
    assert {step.inputs["pixels"] for step in classifiers} == {step.key for step in halves}
    assert len(classifiers) == 2  # one seed, the study's first
    assert {step.spec.model_dump()["seed"] for step in classifiers} == {3}


def test_each_half_is_seen_by_the_classifier_of_the_other() -> None:
    plan = planned(STUDY)
    diagnosed = of(plan, DiagnoseSpec)
    assert diagnosed
    for step in diagnosed:
        for part in (0, 1):
            half, classifier = step.inputs[f"half {part}"], plan.steps[step.inputs[f"classifier {part}"]]
            assert plan.steps[half].spec == HalfSpec(part=part)
            assert classifier.inputs["pixels"] == step.inputs[f"half {1 - part}"] != half
    looks = [step for step in plan.steps.values() if {"half", "classifier"} <= set(step.inputs)]
    for step in looks:
        assert plan.steps[step.inputs["classifier"]].inputs["pixels"] != step.inputs["half"]


def test_every_synthetic_data_set_is_diagnosed_once_and_no_real_one() -> None:
    plan = planned(STUDY)
    keys = {dataset.name: dataset.keys["diagnose"] for dataset in plan.datasets if "diagnose" in dataset.keys}
    assert set(keys) == {"one", "two", "half"}
    assert {step.key for step in of(plan, DiagnoseSpec)} == set(keys.values())
    assert len(set(keys.values())) == 3
    for dataset in plan.datasets:
        if dataset.name != "real":
            pixels = plan.steps[plan.steps[dataset.keys["diagnose"]].inputs["pixels"]]
            assert pixels.inputs["dataset"] == dataset.keys["dataset"]
            assert plan.steps[dataset.keys["diagnose"]].label == f"diagnose {dataset.name}"


def test_data_sets_share_what_real_images_are_looked_at_for() -> None:
    diagnosed = of(planned(STUDY), DiagnoseSpec)
    references = [{name: key for name, key in step.inputs.items() if name != "pixels"} for step in diagnosed]
    assert references[0] == references[1] == references[2]


def test_what_is_made_of_another_data_set_is_not_diagnosed_itself() -> None:
    more = "  paler: {of: one, images_per_class: 12, transform: {kind: colour-shift, contrast: 0.5}}\ntrain:"
    plan = planned(STUDY.replace("train:", more))
    assert {d.name for d in plan.datasets if "diagnose" in d.keys} == {"one", "two", "half"}
    assert len(of(plan, DiagnoseSpec)) == 3


def test_images_are_looked_at_as_they_are_whatever_is_probed_first() -> None:
    plan = planned(STUDY.replace("train: {", "train: {probes: [edges, rgb], "))
    for step in of(plan, DiagnoseSpec):
        half = plan.steps[step.inputs["half 0"]]
        assert plan.steps[step.inputs["pixels"]].spec.kind == "decode"
        assert plan.steps[half.inputs["pixels"]].spec.kind == "decode"


def test_without_a_diagnosis_none_of_it_is_planned() -> None:
    plan, with_it = (planned(STUDY.replace("diagnosis: true", f"diagnosis: {asked}")) for asked in ("false", "true"))
    new = set(with_it.steps) - set(plan.steps)
    assert set(plan.steps) < set(with_it.steps)
    assert {with_it.steps[key].spec.kind for key in new} <= {"half", "train", "try", "diagnose"}
    assert kinds(with_it)["train"] - kinds(plan)["train"] == 2
    assert not of(plan, HalfSpec)
    assert not of(plan, DiagnoseSpec)
    assert not [dataset.name for dataset in plan.datasets if "diagnose" in dataset.keys]


def test_a_diagnosis_changes_no_key_of_data_sets_and_runs() -> None:
    asked = STUDY.replace("metrics: []", "metrics: [density]")
    plans = [planned(asked), planned(asked.replace("diagnosis: true", "diagnosis: false"))]
    keys = [
        {(d.name, d.images_per_class): {k: v for k, v in d.keys.items() if k != "diagnose"} for d in plan.datasets}
        for plan in plans
    ]
    assert keys[0] == keys[1]
    assert plans[0].runs == plans[1].runs


def test_sixteen_classes_need_a_dozen_real_images_and_fewer_classes_more() -> None:
    assert {classes: fewest_per_class(classes) for classes in (2, 4, 10, 15, 16, 200)} == {
        2: 96,
        4: 48,
        10: 24,
        15: 24,
        16: 12,
        200: 12,
    }


@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        (11, 11, "16 classes needs 12 images per class of real, which has 11"),
        (5, 12, "16 classes needs 6 images per class of one, which has 5"),
    ],
)
def test_too_few_images_are_told_with_how_many_are_needed(one: int, two: int, words: str) -> None:
    text = STUDY.replace("per_class: 12}", f"per_class: {one}}}").replace("per_class: 20}", f"per_class: {two}}}")
    text = text.replace("half: {mix: {one: 6, two: 6}}", "half: {mix: {one: 5, two: 5}}")
    with pytest.raises(DataError) as told:
        planned(text)
    assert words in str(told.value)
    assert "'diagnosis: false'" in str(told.value)
    assert "\n" not in str(told.value)
    planned(text.replace("diagnosis: true", "diagnosis: false"))


def test_as_few_as_are_needed_will_do() -> None:
    text = STUDY.replace("per_class: 12}", "per_class: 6}").replace("per_class: 20}", "per_class: 12}")
    plan = planned(text.replace("half: {mix: {one: 6, two: 6}}", "half: {mix: {one: 3, two: 3}}"))
    assert len(of(plan, DiagnoseSpec)) == 3


def test_two_classes_need_more_than_a_folder_of_eight_images_has(shared_task: Path) -> None:
    text = STUDY.replace("task: photos", f"task: {{folder: {shared_task}}}").replace("per_class: 20}", "per_class: 12}")
    with pytest.raises(DataError, match=r"with 2 classes needs 96 images per class of real, which has 8"):
        planned(text)
