"""The steps that captions, prompts and embeddings become."""

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


def test_prompts_are_encoded_in_parts_before_anything_is_sampled(plan_of: PlanOf) -> None:
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
            wanted = encoded[:2] if step.spec.label == 0 else encoded[1:]
            assert set(needed.values()) <= set(wanted)
            assert [encoded.index(key) for _, key in sorted(needed.items())] == sorted(
                map(encoded.index, needed.values())
            )


def test_captions_are_written_in_parts_and_keep_their_order(plan_of: PlanOf) -> None:
    plan = plan_of(PROMPTS.format("caption").replace("150", "66"), task="photos")
    parts = [(first, min(first + 100, 16 * 66)) for first in range(0, 16 * 66, 100)]
    assert [(part.first, part.stop) for part in specs(plan, CaptionSpec)] == parts
    (prompt,) = (step for step in plan.steps.values() if isinstance(step.spec, PromptSpec))
    assert [prompt.inputs[name] for name in sorted(prompt.inputs)] == keys(plan, "caption")
    assert {spec.prompts for spec in specs(plan, GenerateSpec)} == {66}


def test_there_are_as_many_captions_as_real_images(plan_of: PlanOf) -> None:
    assert {spec.prompts for spec in specs(plan_of(PROMPTS.format("caption")), GenerateSpec)} == {8}


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        ("definition", "has no definitions of its own; give them: prompts: {strategy: definition, definitions: {"),
        (
            "{strategy: definition, definitions: {rot: a colour}}",
            "definitions name 'rot', which is no class of the task",
        ),
        ("{strategy: caption, captioner: descriper}", "unknown captioner 'descriper'; did you mean 'describer'?"),
    ],
)
def test_prompts_that_cannot_be_made_are_one_line(complaint: Callable[..., str], prompts: str, said: str) -> None:
    found = complaint(PROMPTS.format(prompts))
    assert found.startswith("data set 'a': ")
    assert said in found


def test_data_sets_of_one_strategy_share_prompts_captions_and_embeddings(plan_of: PlanOf) -> None:
    one = "{{generator: sd-1.5, images_per_class: {}, prompts: caption, seed: {}}}"
    plan = plan_of(f"a: {one.format(8, 0)}\nb: {one.format(8, 1)}")
    assert dataset(plan, "a").keys["prompt"] == dataset(plan, "b").keys["prompt"]
    assert [len(keys(plan, kind)) for kind in ("caption", "prompt", "encode")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("more", "shared"),
    [(", seed: 3", True), (", sampling: {steps: 3}", True), (", sampling: {negative: grey}", False)],
)
def test_embeddings_follow_guidance_and_the_negative_prompt_alone(plan_of: PlanOf, more: str, shared: bool) -> None:
    a, b = (f"{name}: {{generator: sd-1.5, images_per_class: 9{said}}}" for name, said in (("a", ""), ("b", more)))
    assert (len(keys(plan_of(f"{a}\n{b}"), "encode")) == 1) is shared


def test_what_a_step_says_of_itself(plan_of: PlanOf) -> None:
    plan = plan_of(PROMPTS.format("caption"))
    labels = {step.spec.kind: step.label for step in plan.steps.values()}
    assert labels["caption"] == "caption real train images 0-16"
    assert labels["prompt"] == "write caption prompts"
    assert labels["encode"] == "encode prompts 0-16 for sd-1.5"
    assert {step.units for step in plan.steps.values() if step.spec.kind in ("caption", "encode")} == {16}
