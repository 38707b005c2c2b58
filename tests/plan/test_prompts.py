"""The steps of captions, prompts and embeddings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.plan.plans import dataset, keys, specs

from prettyuseful.engine.cost import Rates
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.pipelines import component_names
from prettyuseful.plan.study import Plan
from prettyuseful.steps.generation import GenerateSpec
from prettyuseful.steps.prompts import CaptionSpec, DescribeSpec, EncodeSpec, PromptSpec

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
    plan = plan_of(text, "numerics: {micro_batch: 2}")
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
    plan = plan_of(f"a: {dataset_text.format(8, 0)}\nb: {dataset_text.format(8, 1)}", "numerics: {micro_batch: 1}")
    assert dataset(plan, "a").keys["prompt"] == dataset(plan, "b").keys["prompt"]
    assert [len(keys(plan, kind)) for kind in ("caption", "prompt", "encode")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("strategy", "images", "stored"),
    [("class-name", 4, True), ("template", 70, True), ("template", 63, False), ("caption", 8, False)],
)
def test_embeddings_are_stored_if_every_prompt_fills_a_micro_batch(
    plan_of: PlanOf, strategy: str, images: int, stored: bool
) -> None:
    """The seven templates have ten images each with 70 images; a class name is the only prompt of its class."""
    text = PROMPTS.format(strategy).replace("150", str(images))
    plan = plan_of(text, "numerics: {micro_batch: 10}")
    assert bool(keys(plan, "encode")) is stored
    for step in plan.steps.values():
        if isinstance(step.spec, GenerateSpec):
            assert (step.spec.encoding is None) is stored
            assert any(name.startswith("embeddings") for name in step.inputs) is stored
            assert step.spec.micro_batch == (10 if images > 10 else images)


@pytest.mark.parametrize(
    ("generator", "mixed"),
    [
        ("sd-1.5", True),
        ("flux.1-dev, sampling: {step_cache: 0.1}", False),
        ("qwen-image", False),
        ("lumina-2.0", False),
    ],
)
def test_captions_share_micro_batches_where_images_do_not_depend_on_them(
    plan_of: PlanOf, generator: str, mixed: bool
) -> None:
    plan = plan_of(f"a: {{generator: {generator}, images_per_class: 8, prompts: caption}}")
    made = {(spec.encoding and spec.encoding.mixed, spec.micro_batch) for spec in specs(plan, GenerateSpec)}
    assert made == {(mixed, 8 if mixed else 1)}


def test_embeddings_of_the_papers_grid_take_less_than_100_gb(plan_of: PlanOf) -> None:
    """All models of the paper with class names and captions; only class names are stored, here of 2 of 200 classes."""
    names = [model.id for model in MODELS.values() if model.paper]  # with three more than the paper
    lines = [
        f"m{number}{strategy[:2]}: {{generator: {name}, images_per_class: 8, sampling: paper, prompts: {strategy}}}"
        for number, name in enumerate(names)
        for strategy in ("class-name", "caption")
    ]
    plan = plan_of("\n".join(lines), "numerics: {device: cuda}")
    sizes = [Rates().bytes(step) for step in plan.steps.values() if step.spec.kind == "encode"]
    assert len(sizes) == len(names) >= 13
    assert 1e9 < 100 * sum(size or 0 for size in sizes) < 10e9


def test_a_request_to_a_class_of_ones_own_has_one_caption(plan_of: PlanOf, planted: Callable[[str], str]) -> None:
    plan = plan_of(f"a: {{generator: '{planted('Noise')}', images_per_class: 8, prompts: caption}}")
    assert {(spec.encoding, spec.micro_batch) for spec in specs(plan, GenerateSpec)} == {(None, 1)}


def test_the_encoding_of_prompts_is_in_keys(plan_of: PlanOf) -> None:
    spec = specs(plan_of("a: {generator: sd-1.5, images_per_class: 8, prompts: caption}"), GenerateSpec)[0]
    assert spec.encoding is not None
    for change in ({"sequence": 9}, {"mixed": False}, {"version": 99}):
        other = spec.model_copy(update={"encoding": spec.encoding.model_copy(update=change)})
        assert other.key_content() != spec.key_content()
    stored = specs(plan_of("a: {generator: sd-1.5, images_per_class: 8}"), GenerateSpec)[0]
    assert "encoding" not in stored.key_content()


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
    plan = plan_of(PROMPTS.format("caption"), "numerics: {micro_batch: 1}")
    labels = {step.spec.kind: step.label for step in plan.steps.values()}
    assert labels["caption"] == "caption real train images 0-16"
    assert labels["prompt"] == "write caption prompts"
    assert labels["encode"] == "encode prompts 0-16 for sd-1.5"
    assert {step.units for step in plan.steps.values() if step.spec.kind in ("caption", "encode")} == {16}


def test_captions_reserve_a_gpu_only_where_the_model_runs_in_the_step(plan_of: PlanOf) -> None:
    on_gpu = "numerics: {device: cuda}"
    captioners = ("describer", "{model: a, endpoint: 'http://localhost:8000/v1'}", "owner/name")

    def captioning(captioner: str, rest: str = "") -> CaptionSpec:
        text = PROMPTS.format(f"{{strategy: caption, captioner: {captioner}}}").replace("150", "20")
        spec = specs(plan_of(text, rest), CaptionSpec)[0]
        assert isinstance(spec, CaptionSpec)
        return spec

    assert [captioning(captioner, on_gpu).needs.gpus for captioner in captioners] == [0, 0, 1]
    assert captioning("describer") == captioning("describer", on_gpu)


def recorded(folder: Path, pipeline: str) -> str:
    """Return a data set of a pipeline without a family; planning reads no more than its index."""
    index = {"_class_name": pipeline, **dict.fromkeys(component_names(pipeline), ("diffusers", "ModelMixin"))}
    (folder / "model_index.json").write_text(json.dumps(index))
    return f"a: {{generator: {folder}, images_per_class: 150, sampling: {{steps: 5, arguments: {{}}}}}}"


def test_the_prompts_of_a_recorded_pipeline_are_encoded_with_its_settings(plan_of: PlanOf, tmp_path: Path) -> None:
    plan = plan_of(recorded(tmp_path, "PixArtSigmaPipeline"))
    (encode,) = specs(plan, EncodeSpec)
    assert encode.sampling == specs(plan, GenerateSpec)[0].sampling
    assert encode.key_content()["sampling"]["steps"] == 5
    assert all("memory together" not in note for note in plan.notes)


def test_a_pipeline_that_runs_whole_encodes_its_own_prompts_and_the_plan_says_so(
    plan_of: PlanOf, tmp_path: Path
) -> None:
    plan = plan_of(recorded(tmp_path, "OmniGenPipeline"))
    assert specs(plan, EncodeSpec) == []
    assert {spec.encoding.mixed for spec in specs(plan, GenerateSpec) if spec.encoding} == {False}
    (note,) = (note for note in plan.notes if "memory together" in note)
    assert note.endswith("are in memory together, because the call of the pipeline encodes prompts itself.")


WRITER = "{model: poet, endpoint: 'http://localhost:1/v1', per_class: 5}"


def test_each_class_is_described_in_a_step_of_its_own(plan_of: PlanOf) -> None:
    plan = plan_of(PROMPTS.format(f"{{strategy: described, writer: {WRITER}}}"))
    steps = [step for step in plan.steps.values() if isinstance(step.spec, DescribeSpec)]
    assert [(step.spec.words, step.units, step.inputs) for step in steps if isinstance(step.spec, DescribeSpec)] == [
        ("blue", 5, {}),
        ("red", 5, {}),
    ]
    (prompt,) = (step for step in plan.steps.values() if isinstance(step.spec, PromptSpec))
    assert [prompt.inputs[name] for name in sorted(prompt.inputs)] == keys(plan, "describe")
    assert {spec.prompts for spec in specs(plan, GenerateSpec)} == {5}
    assert dataset(plan, "a").prompts == "described"
    implied = plan_of(PROMPTS.format(f"{{writer: {WRITER}}}"))
    assert implied.steps.keys() == plan.steps.keys()


def test_prompts_of_a_file_are_in_the_key_and_its_path_is_not(plan_of: PlanOf, tmp_path: Path) -> None:
    def key(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        (key,) = keys(plan_of(PROMPTS.format(f"{{file: {tmp_path / name}}}")), "prompt")
        return key

    text = "class,prompt\nred,a red thing\nblue,a blue thing\nblue,blue sky\n"
    assert key("a.csv", text) == key("b.csv", text) != key("a.csv", text + "red,red wine\n")
    plan = plan_of(PROMPTS.format(f"{{strategy: file, file: {tmp_path / 'b.csv'}}}"))
    (spec,) = specs(plan, PromptSpec)
    assert spec.options == {"prompts": [["a blue thing", "blue sky"], ["a red thing"]]}
    assert {made.prompts for made in specs(plan, GenerateSpec)} == {2}


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ("{strategy: file}", "the strategy 'file' needs a file; give prompts: {file: prompts.csv}"),
        ("{file: none.csv}", "cannot read the prompts none.csv: No such file or directory"),
        ("{strategy: template, file: a.csv}", "file is only for the strategy 'file', but the strategy is 'template'"),
        ("{strategy: described}", "the strategy 'described' needs a writer; add writer: {model: NAME"),
        ("{strategy: caption, writer: {model: a/b}}", "writer is only for the strategy 'described', but"),
        ("{writer: {model: nobody}}", "unknown writer 'nobody'; give a hub id"),
        ("{writer: {modl: nobody}}", "unknown key 'modl' in datasets.a.prompts.writer; did you mean 'model'?"),
    ],
)
def test_impossible_files_and_writers_are_reported(
    error_message: Callable[..., str], prompts: str, message: str
) -> None:
    assert message in error_message(PROMPTS.format(prompts))


def test_a_class_without_prompts_in_a_file_is_reported(error_message: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("class,prompt\nred,a\nblu,b\n")
    message = error_message(PROMPTS.format(f"{{file: {path}}}"))
    assert message == (
        f"data set 'a': {path}: 'blu' is not a class of the task; did you mean 'blue'?; correct or remove its prompts"
    )
    path.write_text("class,prompt\nred,a\n")
    assert "has no prompt of the class 'blue'; add at least one" in error_message(PROMPTS.format(f"{{file: {path}}}"))
