"""The steps of captions, prompts and embeddings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.plan.plans import dataset, keys, specs

from prettyuseful.plan.study import Plan
from prettyuseful.steps.generation import GenerateSpec
from prettyuseful.steps.prompts import CaptionSpec, EncodeSpec, PromptSpec

PlanOf = Callable[..., Plan]
PROMPTS = "a: {{generator: sd-1.5, images_per_class: 150, prompts: {}}}"


def test_a_strategy_is_a_name_or_a_mapping(plan_of: PlanOf) -> None:
    def prompt(text: str) -> Any:
        (spec,) = specs(plan_of(PROMPTS.format(text)), PromptSpec)
        return spec

    assert prompt("class-name") == prompt("{}") == prompt("{strategy: class-name}")
    assert prompt("template") == prompt("{strategy: template, templates: clip-7}")
    assert prompt("template").options["templates"][0] == "itap of a {}."
    assert prompt("{strategy: template, templates: ['a {}', 'the {name}']}").options["templates"] == [
        "a {}",
        "the {name}",
    ]
    assert prompt("{strategy: definition, definitions: {red: a colour}}").options["definitions"] == {"red": "a colour"}


def test_all_prompts_are_encoded_in_parts_before_sampling(plan_of: PlanOf) -> None:
    text = PROMPTS.format("{strategy: template, templates: [" + ", ".join(f"'{i} {{}}'" for i in range(120)) + "]}")
    plan = plan_of(text)
    assert [(spec.first, spec.stop) for spec in specs(plan, EncodeSpec)] == [(0, 100), (100, 200), (200, 240)]
    kinds = [step.spec.kind for step in plan.steps.values()]
    assert max(i for i, kind in enumerate(kinds) if kind == "encode") < kinds.index("generate")
    encoded = keys(plan, "encode")
    for step in plan.steps.values():
        if isinstance(step.spec, GenerateSpec):
            assert step.spec.prompts == 120
            needed = {part: key for part, key in step.inputs.items() if part != "prompts"}
            expected = encoded[:2] if step.spec.label == 0 else encoded[1:]
            assert set(needed.values()) <= set(expected)
            assert [encoded.index(key) for _, key in sorted(needed.items())] == sorted(
                map(encoded.index, needed.values())
            )


def test_captions_are_made_in_parts_in_order(plan_of: PlanOf) -> None:
    plan = plan_of(PROMPTS.format("caption").replace("150", "66"), task="photos")
    parts = [(first, min(first + 100, 16 * 66)) for first in range(0, 16 * 66, 100)]
    assert [(part.first, part.stop) for part in specs(plan, CaptionSpec)] == parts
    (prompt,) = (step for step in plan.steps.values() if isinstance(step.spec, PromptSpec))
    assert [prompt.inputs[name] for name in sorted(prompt.inputs)] == keys(plan, "caption")
    assert {spec.prompts for spec in specs(plan, GenerateSpec)} == {66}


def test_there_is_one_caption_per_real_image(plan_of: PlanOf) -> None:
    assert {spec.prompts for spec in specs(plan_of(PROMPTS.format("caption")), GenerateSpec)} == {8}


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ("definition", "has no definitions; give them in the study"),
        (
            "{strategy: definition, definitions: {rot: a colour}}",
            "definitions: 'rot' is not a class of the task",
        ),
        ("{strategy: caption, captioner: descriper}", "unknown captioner 'descriper'; did you mean 'describer'?"),
    ],
)
def test_impossible_prompts_are_reported(error_message: Callable[..., str], prompts: str, message: str) -> None:
    error = error_message(PROMPTS.format(prompts))
    assert error.startswith("data set 'a': ")
    assert message in error


def test_data_sets_of_one_strategy_share_prompts_captions_and_embeddings(plan_of: PlanOf) -> None:
    dataset_text = "{{generator: sd-1.5, images_per_class: {}, prompts: caption, seed: {}}}"
    plan = plan_of(f"a: {dataset_text.format(8, 0)}\nb: {dataset_text.format(8, 1)}")
    assert dataset(plan, "a").keys["prompt"] == dataset(plan, "b").keys["prompt"]
    assert [len(keys(plan, kind)) for kind in ("caption", "prompt", "encode")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("more", "shared"),
    [(", seed: 3", True), (", sampling: {steps: 3}", True), (", sampling: {negative: grey}", False)],
)
def test_embeddings_depend_only_on_guidance_and_negative_prompt(plan_of: PlanOf, more: str, shared: bool) -> None:
    a, b = (
        f"{name}: {{generator: sd-1.5, images_per_class: 9{options}}}" for name, options in (("a", ""), ("b", more))
    )
    assert (len(keys(plan_of(f"{a}\n{b}"), "encode")) == 1) is shared


def test_labels_and_units_of_prompt_steps(plan_of: PlanOf) -> None:
    plan = plan_of(PROMPTS.format("caption"))
    labels = {step.spec.kind: step.label for step in plan.steps.values()}
    assert labels["caption"] == "caption real train images 0-16"
    assert labels["prompt"] == "write caption prompts"
    assert labels["encode"] == "encode prompts 0-16 for sd-1.5"
    assert {step.units for step in plan.steps.values() if step.spec.kind in ("caption", "encode")} == {16}
