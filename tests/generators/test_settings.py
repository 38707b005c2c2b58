"""What a study asks becomes what a model is run with; what it does not have is one clear line."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from prettyuseful.errors import DataError
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.families import FAMILIES
from prettyuseful.generators.models import MODELS, Model
from prettyuseful.generators.settings import resolved

PAPER = {
    "sd-1.5": Sampling(steps=50, cfg=2.0, size=512, negative=""),
    "sdxl": Sampling(steps=50, cfg=2.0, size=512),
    "sdxl-turbo": Sampling(steps=4, cfg=1.0, size=512),
    "sd3.5-medium": Sampling(steps=50, cfg=2.0, size=512, negative=""),
    "sd3.5-large-turbo": Sampling(steps=4, cfg=1.0, size=512),
    "flux.1-dev": Sampling(steps=50, cfg=1.0, distilled_guidance=2.0, size=512),
    "flux.1-schnell": Sampling(steps=4, cfg=1.0, size=512),
    "sana-1.6b": Sampling(steps=50, cfg=2.0, size=1024, negative=""),
    "lumina-2.0": Sampling(steps=50, cfg=2.0, size=512, negative=""),
    # Its released code guided by an argument that the pipeline ignores: no guidance, so no negative.
    "qwen-image": Sampling(steps=50, cfg=1.0, size=512),
}


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_settings_are_what_its_code_really_did(name: str) -> None:
    assert resolved("paper", MODELS[name]) == PAPER[name]


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.id)
def test_the_vendors_settings_are_what_an_empty_request_gets(model: Model) -> None:
    vendor = resolved("vendor", model)
    assert vendor == resolved(Sampling(), model) == resolved(vendor, model)
    assert (vendor.steps, vendor.cfg) == (model.vendor.steps, model.vendor.cfg)
    assert (vendor.size, vendor.step_cache, vendor.quantise) == (model.size, None, None)
    assert (vendor.negative is not None) == (vendor.cfg is not None and vendor.cfg > 1 and model.family != "sdxl")
    assert (vendor.distilled_guidance is not None) == model.distilled


@pytest.mark.parametrize("name", ["sd-1.5", "sdxl", "flux.1-dev", "qwen-image"])
def test_equal_settings_are_equal_objects(name: str) -> None:
    model = MODELS[name]
    said = resolved(Sampling(steps=model.vendor.steps, cfg=model.vendor.cfg, size=model.size), model)
    assert said == resolved("vendor", model)
    assert said.model_dump_json() == resolved("vendor", model).model_dump_json()


def test_a_field_that_is_asked_for_goes_before_the_vendors() -> None:
    asked = Sampling(steps=7, cfg=3.0, negative="blurry", size=640, quantise="float8")
    assert resolved(asked, MODELS["sd-1.5"]) == asked
    dev = resolved(Sampling(distilled_guidance=0, step_cache=0.1), MODELS["flux.1-dev"])
    assert (dev.distilled_guidance, dev.step_cache, dev.steps) == (0, 0.1, 50)


def test_a_negative_is_the_vendors_unless_it_is_named() -> None:
    assert resolved("vendor", MODELS["qwen-image"]).negative == " "
    assert resolved(Sampling(negative=""), MODELS["qwen-image"]).negative == ""
    assert resolved(Sampling(negative="blurry"), MODELS["qwen-image"]).negative == "blurry"
    assert resolved(Sampling(cfg=1), MODELS["qwen-image"]).negative is None


def test_sdxl_alone_tells_no_negative_from_an_empty_one() -> None:
    none, empty = (resolved(asked, MODELS["sdxl"]) for asked in (Sampling(), Sampling(negative="")))
    assert (none.negative, empty.negative) == (None, "")
    none, empty = (resolved(asked, MODELS["sd-1.5"]) for asked in (Sampling(), Sampling(negative="")))
    assert none == empty


def test_without_guidance_an_empty_negative_is_none_at_all() -> None:
    assert resolved(Sampling(cfg=1, negative=""), MODELS["sd-1.5"]) == resolved(Sampling(cfg=1), MODELS["sd-1.5"])


@pytest.mark.parametrize(
    ("name", "asked", "message"),
    [
        ("sd-1.5", Sampling(distilled_guidance=3.5), "takes no distilled_guidance.*use cfg"),
        ("flux.1-schnell", Sampling(distilled_guidance=3.5), "takes no distilled_guidance"),
        ("qwen-image", Sampling(distilled_guidance=3.5), "takes no distilled_guidance"),
        ("sdxl", Sampling(step_cache=0.1), "has no step_cache.*flux, qwen-image"),
        ("sd-1.5", Sampling(cfg=1, negative="blurry"), "no negative prompt at cfg 1: give a cfg above 1"),
        ("flux.1-dev", Sampling(negative="blurry"), "no negative prompt at cfg 1"),
        ("pocket-base", "paper", "the paper did not run 'pocket-base'.*vendor"),
    ],
)
def test_what_a_model_does_not_have_is_one_clear_line(
    name: str, asked: Literal["paper"] | Sampling, message: str
) -> None:
    with pytest.raises(DataError, match=message) as error:
        resolved(asked, MODELS[name])
    assert repr(name) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_cache_is_for_the_families_that_diffusers_caches(family: str) -> None:
    model = replace(MODELS["sd-1.5"], family=family)
    if family in ("flux", "qwen-image"):
        assert resolved(Sampling(step_cache=0.1), model).step_cache == 0.1
    else:
        with pytest.raises(DataError, match="has no step_cache"):
            resolved(Sampling(step_cache=0.1), model)


def test_a_distilled_model_without_a_value_of_its_own_must_be_given_one() -> None:
    model = replace(MODELS["qwen-image"], id="distilled", distilled=True)
    with pytest.raises(DataError, match="give a distilled_guidance"):
        resolved("vendor", model)
    assert resolved(Sampling(distilled_guidance=2), model).distilled_guidance == 2
