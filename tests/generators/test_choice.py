"""The `generator` of a data set: a name, or a mapping with adapters, other weight files and another scheduler."""

from __future__ import annotations

from pathlib import Path

import pytest

from prettyuseful.errors import StudyError
from prettyuseful.generators.choice import GeneratorChoice, Lora, choice_of
from prettyuseful.generators.variants import ChosenVariant
from prettyuseful.study.file import Study
from prettyuseful.study.reading import load_study, parse_study

STUDY = "version: 1\ntask: photos\ndatasets: {{a: {{images_per_class: 9, {0}}}}}\n"


def parse(fields: str) -> Study:
    return parse_study(STUDY.format(fields))


def choice(study: Study) -> GeneratorChoice:
    generator = study.datasets["a"].generator
    assert isinstance(generator, GeneratorChoice)
    return generator


def test_a_name_and_a_mapping_with_it_are_the_same() -> None:
    plain, mapping = parse("generator: pocket-base"), parse("generator: {model: pocket-base, lora: []}")
    assert plain.datasets["a"].generator == mapping.datasets["a"].generator == choice_of("pocket-base")
    assert plain.as_written() == mapping.as_written()
    assert plain.as_written()["datasets"]["a"]["generator"] == "pocket-base"


def test_one_lora_may_be_text_a_mapping_or_a_list() -> None:
    forms = ("x.safetensors", "{path: x.safetensors}", "[x.safetensors]", "[{path: x.safetensors, weight: 1}]")
    choices = [choice(parse(f"generator: {{model: sdxl, lora: {form}}}")) for form in forms]
    assert all(found.loras == (Lora(path="x.safetensors"),) for found in choices)
    on_hub = choice(parse("generator: {model: sdxl, lora: {id: we/style@v1, file: a.safetensors, weight: 0.5}}"))
    assert list(on_hub.added) == ["LoRA we/style@v1/a.safetensors at 0.5"]
    assert on_hub.loras[0].on_hub
    assert Lora.model_validate("we/style").on_hub


def test_a_plan_reads_as_it_was_written() -> None:
    written = {"model": "sdxl", "lora": [{"path": "x.safetensors", "weight": 0.5}], "scheduler": "DDIMScheduler"}
    study = parse(f"generator: {written}")
    assert study.as_written()["datasets"]["a"]["generator"] == written
    assert Study.model_validate(study.as_written()) == study


def test_paths_are_relative_to_the_study_file(tmp_path: Path) -> None:
    (tmp_path / "style.safetensors").write_bytes(b"")
    study = tmp_path / "study.yaml"
    study.write_text(STUDY.format("generator: {model: sdxl, lora: style.safetensors, single_file: no.safetensors}"))
    found = choice(load_study(study))
    assert found.loras[0].location == str(tmp_path / "style.safetensors")
    assert not found.loras[0].on_hub
    assert found.single_file is not None
    assert found.single_file.location == "no.safetensors"


def test_the_variant_that_is_asked_for_is_exact() -> None:
    assert GeneratorChoice(model="sdxl", variant="bf16").find().variant == ChosenVariant("bf16", exact=True)
    assert choice_of("sdxl").find().variant == ChosenVariant("fp16")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("generator: {modl: sdxl}", "unknown key 'modl' in datasets.a.generator; did you mean 'model'?"),
        ("generator: {lora: x}", "'datasets.a.generator.model' is missing"),
        ("generator: {model: sdxl, lora: {weight: 1}}", "lora: set exactly one of path and id"),
        ("generator: {model: sdxl, lora: {id: /x}}", "id: '/x' is not a hub id; expected owner/name or"),
        ("generator: {model: sdxl, lora: {path: x, weight: 11}}", "lora.weight: expected a number from -10 to 10"),
        ("generator: {model: sdxl, dtype: float8}", "dtype: expected 'float32', 'bfloat16' or 'float16'"),
        ("generator: {model: sdxl, variant: ../x}", "datasets.a.generator.variant"),
        ("generator: sdxl, variant: fp16", "variant is a setting of the generator; write generator: {model: NAME, "),
        ("generator: sdxl, sampling: {scheduler: X}", "scheduler is a setting of the generator; write generator: "),
    ],
)
def test_mistakes_are_one_line_with_their_place(fields: str, message: str) -> None:
    with pytest.raises(StudyError) as error:
        parse(fields)
    assert message in str(error.value)
    assert str(error.value).startswith("study:3: ")
    assert "\n" not in str(error.value)


def test_a_row_with_few_step_weights_is_written_out() -> None:
    lightning, own = choice_of("sdxl-lightning"), Lora(path="style.safetensors")
    assert (lightning.model, lightning.loras[0].id) == ("sdxl", "ByteDance/SDXL-Lightning")
    assert lightning.scheduler == {"class": "EulerDiscreteScheduler", "timestep_spacing": "trailing"}
    assert lightning.written_out == lightning
    more = choice_of(GeneratorChoice(model="sdxl-hyper@v1", lora=own, scheduler="EulerDiscreteScheduler"))
    assert (more.model, more.scheduler) == ("sdxl@v1", "EulerDiscreteScheduler")
    assert [lora.shown for lora in more.loras] == [
        "ByteDance/Hyper-SD/Hyper-SDXL-4steps-lora.safetensors",
        "style.safetensors",
    ]
    assert choice_of("sdxl").settings == ()
