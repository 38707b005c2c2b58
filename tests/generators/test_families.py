from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import diffusers
import pytest

from prettyuseful.generators.families import FAMILIES, Family, family_of_pipeline

ALL_FAMILIES = pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)


def parameters(family: Family, method: str) -> set[str]:
    pipeline = getattr(diffusers, family.pipelines[0])
    return set(inspect.signature(getattr(pipeline, method)).parameters)


@ALL_FAMILIES
def test_components_and_arguments_exist_in_diffusers(family: Family) -> None:
    call, encode, init = (parameters(family, method) for method in ("__call__", "encode_prompt", "__init__"))
    assert {*family.text, *family.image} <= init
    assert {*family.load} <= init | {"add_watermarker"}
    assert {name for name in family.returns if name} <= call
    assert {*family.call, family.guidance} <= call
    assert {*family.encode} <= encode
    assert {*family.limits} <= {*family.text}


@ALL_FAMILIES
def test_text_and_image_components_are_disjoint(family: Family) -> None:
    assert not {*family.text} & {*family.image}
    assert family.denoiser in ("unet", "transformer")
    assert "vae" in family.image


@ALL_FAMILIES
def test_together_families_return_negative_embeddings(family: Family) -> None:
    assert any(name and name.startswith("negative_") for name in family.returns) is (family.negative == "together")


@ALL_FAMILIES
def test_sequence_limit_requires_a_sequence(family: Family) -> None:
    by_sequence = "sequence" in family.limits.values()
    assert (family.sequence is not None) == by_sequence
    if by_sequence:
        assert "max_sequence_length" in parameters(family, "encode_prompt") & parameters(family, "__call__")


@ALL_FAMILIES
def test_vendor_settings_are_complete(family: Family) -> None:
    assert family.defaults.steps is not None
    assert family.defaults.cfg is not None


def test_family_is_found_by_every_pipeline_name() -> None:
    for family in FAMILIES.values():
        for name in family.pipelines:
            assert family_of_pipeline(name) is (None if family.refines else family)


@pytest.mark.parametrize(
    "name", ["", "FluxImg2ImgPipeline", "stablediffusionpipeline", "StableDiffusionXLImg2ImgPipeline"]
)
def test_unknown_pipelines_and_refiners_have_no_family(name: str) -> None:
    assert family_of_pipeline(name) is None


@pytest.mark.parametrize(
    ("name", "pipeline", "expected"),
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
def test_wrap_returns_the_text_for_the_tokenizer(
    name: str, pipeline: dict[str, Any], expected: tuple[str, int]
) -> None:
    assert FAMILIES[name].wrap(SimpleNamespace(**pipeline), "A Cat ") == expected
