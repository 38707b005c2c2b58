"""Real images that images are generated from: training images only, one line for each mistake."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.plan.conftest import PlanOf
from tests.plan.plans import dataset, specs

from prettyuseful.plan.study import Plan
from prettyuseful.steps.checks import CheckSpec
from prettyuseful.steps.datasets import LoadSpec
from prettyuseful.steps.generation import GenerateSpec
from prettyuseful.steps.prompts import EncodeSpec, PromptSpec

NEAR = "near: {generator: pocket-base, images_per_class: 6, condition: {kind: image, strength: 0.5%s}}"
Line = Callable[..., str]


def sources(plan: Plan) -> LoadSpec:
    """Return the step that loads the real images of the first shard."""
    shard = next(step for step in plan.steps.values() if isinstance(step.spec, GenerateSpec))
    spec = plan.steps[shard.inputs["sources"]].spec
    assert isinstance(spec, LoadSpec)
    return spec


@pytest.mark.parametrize(("more", "number"), [("", 6), (", sources: 3", 3), (", sources: 8", 6)])
def test_real_images_come_from_the_training_split(plan_of: PlanOf, more: str, number: int) -> None:
    """A data set uses no more of them than it has images."""
    plan = plan_of(NEAR % more)
    assert (sources(plan).split, sources(plan).per_class.value) == ("train", number)
    near = dataset(plan, "near")
    assert near.condition == f"image-to-image at strength 0.5 from {number} real training images per class"


def test_prompts_are_encoded_as_for_images_from_text_alone(plan_of: PlanOf) -> None:
    plan = plan_of(f"text: {{generator: pocket-base, images_per_class: 6}}\n{NEAR % ''}")
    assert len(specs(plan, EncodeSpec)) == 1
    conditions = {spec.condition.source.words if spec.condition else "" for spec in specs(plan, GenerateSpec)}
    assert conditions == {"", "image-to-image at strength 0.5"}


def test_classifiers_trained_on_the_real_images_are_not_tested_on_what_is_made_of_them(plan_of: PlanOf) -> None:
    half = "half: {of: near, images_per_class: 6, transform: {kind: blur, width: 0.02}}"
    plan = plan_of(f"text: {{generator: pocket-base, images_per_class: 6}}\n{NEAR % ''}\n{half}")
    assert {name for run in plan.runs if run.dataset == "real" for name in run.evaluations} == {"real", "text"}
    assert [plan.study.is_conditioned(name) for name in ("text", "near", "half", "real")] == [False, True, True, False]


def test_the_data_checks_know_that_images_are_conditioned(plan_of: PlanOf) -> None:
    plan = plan_of(f"text: {{generator: pocket-base, images_per_class: 6}}\n{NEAR % ''}")
    assert {spec.name: spec.conditioned for spec in specs(plan, CheckSpec)} == {
        "real": False,
        "text": False,
        "near": True,
    }


def test_the_instruction_of_an_editing_model_is_its_prompt(plan_of: PlanOf, tmp_path: Path) -> None:
    from tests.generators.tiny_others import build_other

    folder = build_other("Flux2KleinPipeline", tmp_path / "klein")
    edit = "condition: {kind: edit, instruction: 'the {class} in snow'}"
    common = f"generator: {folder}, images_per_class: 2, sampling: {{size: 32, steps: 2}}"
    plan = plan_of(f"edited: {{{common}, {edit}}}")
    (prompts,) = specs(plan, PromptSpec)
    assert (prompts.strategy.source, prompts.options) == ("instruction", {"templates": ["the {class} in snow"]})
    assert dataset(plan, "edited").prompts == "instruction"


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        (NEAR % ", on: test", "not from 'test', because test images must not decide what classifiers are trained on"),
        (NEAR % ", sources: 9", "sources is 9, but the class 'blue' has only 8 real training images; lower sources"),
        (NEAR.replace("0.5", "0.02") % "", "leaves none of the 12 denoising steps; increase strength to at least 0.09"),
        (NEAR.replace("pocket-base", "pocket-turbo").replace("0.5", "0.2") % "", "at least 0.25, or the steps of samp"),
        (
            "near: {mix: {real: 2}, condition: {kind: image}}",
            "condition does not apply to a mix; set it in the data sets that it is made from",
        ),
        (
            "near: {generator: sdxl-refiner, images_per_class: 2, condition: {kind: image}}",
            "'sdxl-refiner' has a refiner, which takes no real images; use its base model alone",
        ),
        (
            "near: {generator: pixart-alpha, images_per_class: 2, condition: {kind: image}}",
            "cannot be used for kind: image: the installed diffusers has no image-to-image pipeline for PixArtAlpha",
        ),
        (
            "near: {generator: pocket-base, images_per_class: 2, condition: {kind: edit, instruction: x}, prompts: "
            "class-name}",
            "prompts has no effect: the instruction of condition is the prompt; remove prompts",
        ),
        (
            "near: {generator: 'tests.planted_generators:Noise', images_per_class: 2, condition: {kind: image, "
            "strength: 0.5}}",
            "strength has no effect here: a user-defined generator has its own settings; remove it",
        ),
        (
            "near: {generator: 'tests.planted_generators:Noise', images_per_class: 2, condition: {kind: inpaint}}",
            "condition: kind: inpaint is for diffusers pipelines; a user-defined generator gets the real images of",
        ),
    ],
)
def test_mistakes_are_one_line(error_message: Line, datasets: str, message: str) -> None:
    assert message in error_message(datasets)


def test_a_folder_of_images_takes_no_condition(error_message: Line, shared_task: Path) -> None:
    folder = f"near: {{generator: {shared_task / 'train'}, images_per_class: 2, condition: {{kind: image}}}}"
    assert "condition has no effect here: the images already exist; remove it" in error_message(folder)


def test_a_real_test_image_is_refused_by_its_content(error_message: Line, shared_task: Path, tmp_path: Path) -> None:
    """Under another name, among the training images."""
    task = tmp_path / "task"
    shutil.copytree(shared_task, task)
    leaked = sorted((task / "test" / "red").iterdir())[0]
    shutil.copy(leaked, task / "train" / "red" / f"other{leaked.suffix}")
    line = error_message(NEAR.replace("6", "8") % "", task=f"{{folder: {task}}}")
    if "is a real test image, too" not in line:
        pytest.fail(line)
    assert "other" in line
