from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import diffusers
import pytest

from prettyuseful.generators.families import FAMILIES, Family, family_of_pipeline

EVERY = pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)


def parameters(family: Family, method: str) -> set[str]:
    pipeline = getattr(diffusers, family.pipelines[0])
    return set(inspect.signature(getattr(pipeline, method)).parameters)


@EVERY
def test_its_parts_and_arguments_are_those_of_diffusers(family: Family) -> None:
    call, encode, made = (parameters(family, method) for method in ("__call__", "encode_prompt", "__init__"))
    assert {*family.text, *family.image} <= made
    assert {*family.load} <= made | {"add_watermarker"}
    assert {name for name in family.returns if name} <= call
    assert {*family.call, family.guidance} <= call
    assert {*family.encode} <= encode
    assert {*family.limits} <= {*family.text}


@EVERY
def test_text_and_image_parts_are_apart(family: Family) -> None:
    assert not {*family.text} & {*family.image}
    assert family.denoiser in ("unet", "transformer")
    assert "vae" in family.image


@EVERY
def test_a_negative_that_is_encoded_together_is_returned_together(family: Family) -> None:
    assert any(name and name.startswith("negative_") for name in family.returns) is (family.negative == "together")


@EVERY
def test_a_limit_by_the_sequence_has_a_sequence(family: Family) -> None:
    by_sequence = "sequence" in family.limits.values()
    assert (family.sequence is not None) == by_sequence
    if by_sequence:
        assert "max_sequence_length" in parameters(family, "encode_prompt") & parameters(family, "__call__")


@EVERY
def test_the_vendors_settings_are_whole(family: Family) -> None:
    assert family.defaults.steps is not None
    assert family.defaults.cfg is not None


def test_a_family_is_found_by_every_name_of_its_pipeline() -> None:
    for family in FAMILIES.values():
        for name in family.pipelines:
            assert family_of_pipeline(name) is (None if family.refines else family)


@pytest.mark.parametrize(
    "name", ["", "FluxImg2ImgPipeline", "stablediffusionpipeline", "StableDiffusionXLImg2ImgPipeline"]
)
def test_what_is_of_no_family_or_refines_alone_is_none(name: str) -> None:
    assert family_of_pipeline(name) is None


@pytest.mark.parametrize(
    ("name", "pipeline", "seen"),
    [
        ("sd", {}, ("A Cat ", 0)),
        ("flux", {}, ("A Cat ", 0)),
        ("sana", {}, ("a cat", 0)),
        ("pixart", {}, ("a cat", 0)),
        ("lumina2", {"system_prompt": "Help."}, ("Help. <Prompt Start> A Cat ", 0)),
        (
            "qwen-image",
            {"prompt_template_encode": "<s>{}</s>", "prompt_template_encode_start_idx": 34},
            ("<s>A Cat </s>", 34),
        ),
    ],
)
def test_a_tokenizer_sees_the_prompt_as_the_family_wraps_it(
    name: str, pipeline: dict[str, Any], seen: tuple[str, int]
) -> None:
    assert FAMILIES[name].wrap(SimpleNamespace(**pipeline), "A Cat ") == seen
