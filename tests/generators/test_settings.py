"""Resolution of the requested sampling settings; unsupported settings are one-line errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from prettyuseful.errors import DataError
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.families import FAMILIES
from prettyuseful.generators.model import Model
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.settings import resolve_sampling

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
    "pixart-alpha": Sampling(steps=50, cfg=2.0, size=512, negative="", resolution_binning=True),
    # The released code used an argument that the pipeline ignores: no guidance, so no negative.
    "qwen-image": Sampling(steps=50, cfg=1.0, size=512),
}


@pytest.mark.parametrize("name", PAPER)
def test_paper_settings(name: str) -> None:
    assert resolve_sampling("paper", MODELS[name]) == PAPER[name]


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.id)
def test_missing_fields_are_the_vendor_settings(model: Model) -> None:
    vendor = resolve_sampling("vendor", model)
    assert vendor == resolve_sampling(Sampling(), model) == resolve_sampling(vendor, model)
    assert (vendor.steps, vendor.cfg) == (model.vendor.steps, model.vendor.cfg)
    assert (vendor.size, vendor.step_cache, vendor.quantise) == (model.size, None, None)
    needs_negative = model.family != "sdxl" and not model.kind.is_recorded
    assert (vendor.negative is not None) == (vendor.cfg is not None and vendor.cfg > 1 and needs_negative)
    assert (vendor.distilled_guidance is not None) == model.distilled


@pytest.mark.parametrize("name", ["sd-1.5", "sdxl", "flux.1-dev", "qwen-image"])
def test_equal_settings_are_equal_objects(name: str) -> None:
    model = MODELS[name]
    resolved = resolve_sampling(Sampling(steps=model.vendor.steps, cfg=model.vendor.cfg, size=model.size), model)
    assert resolved == resolve_sampling("vendor", model)
    assert resolved.model_dump_json() == resolve_sampling("vendor", model).model_dump_json()


def test_vendor_settings_that_one_family_has() -> None:
    assert resolve_sampling("vendor", MODELS["sana-1.6b"]).instruction is True
    assert resolve_sampling(Sampling(instruction=False), MODELS["sana-1.6b"]).instruction is None
    assert resolve_sampling("vendor", MODELS["lumina-2.0"]).cfg_trunc_ratio == 0.25
    for all_steps in (Sampling(cfg_trunc_ratio=1.0), Sampling(cfg=1.0)):
        assert resolve_sampling(all_steps, MODELS["lumina-2.0"]).cfg_trunc_ratio is None
    for option in ({"instruction": True}, {"cfg_trunc_ratio": 0.5}, {"resolution_binning": True}):
        [name] = option
        with pytest.raises(DataError, match=f"'sd-1.5' does not support {name}; remove it.*families"):
            resolve_sampling(Sampling.model_validate(option), MODELS["sd-1.5"])
    assert "instruction" not in Sampling(steps=3).model_dump()  # as in keys from before these options


def test_requested_fields_override_the_vendor() -> None:
    requested = Sampling(steps=7, cfg=3.0, negative="blurry", size=640, quantise="float8")
    assert resolve_sampling(requested, MODELS["sd-1.5"]) == requested
    dev = resolve_sampling(Sampling(distilled_guidance=0, step_cache=0.1), MODELS["flux.1-dev"])
    assert (dev.distilled_guidance, dev.step_cache, dev.steps) == (0, 0.1, 50)


def test_negative_is_the_vendors_by_default() -> None:
    assert resolve_sampling("vendor", MODELS["qwen-image"]).negative == " "
    assert resolve_sampling(Sampling(negative=""), MODELS["qwen-image"]).negative == ""
    assert resolve_sampling(Sampling(negative="blurry"), MODELS["qwen-image"]).negative == "blurry"
    assert resolve_sampling(Sampling(cfg=1), MODELS["qwen-image"]).negative is None


def test_only_sdxl_distinguishes_missing_and_empty_negative() -> None:
    none, empty = (resolve_sampling(requested, MODELS["sdxl"]) for requested in (Sampling(), Sampling(negative="")))
    assert (none.negative, empty.negative) == (None, "")
    none, empty = (resolve_sampling(requested, MODELS["sd-1.5"]) for requested in (Sampling(), Sampling(negative="")))
    assert none == empty


def test_empty_negative_without_guidance_becomes_none() -> None:
    assert resolve_sampling(Sampling(cfg=1, negative=""), MODELS["sd-1.5"]) == resolve_sampling(
        Sampling(cfg=1), MODELS["sd-1.5"]
    )


@pytest.mark.parametrize(
    ("name", "requested", "message"),
    [
        ("sd-1.5", Sampling(distilled_guidance=3.5), "does not support distilled_guidance.*use cfg"),
        ("flux.1-schnell", Sampling(distilled_guidance=3.5), "does not support distilled_guidance"),
        ("qwen-image", Sampling(distilled_guidance=3.5), "does not support distilled_guidance"),
        ("sdxl", Sampling(step_cache=0.1), "does not support step_cache.*flux, qwen-image"),
        ("sd-1.5", Sampling(cfg=1, negative="blurry"), "ignores the negative prompt at cfg 1; set cfg above 1"),
        ("flux.1-dev", Sampling(negative="blurry"), "ignores the negative prompt at cfg 1"),
        ("pocket-base", "paper", "the paper has no settings for 'pocket-base'.*vendor"),
    ],
)
def test_unsupported_setting_is_a_one_line_error(
    name: str, requested: Literal["paper"] | Sampling, message: str
) -> None:
    with pytest.raises(DataError, match=message) as error:
        resolve_sampling(requested, MODELS[name])
    assert repr(name) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("family", FAMILIES)
def test_step_cache_is_supported_by_some_families_only(family: str) -> None:
    model = replace(MODELS["sd-1.5"], family=family)
    if family in ("flux", "qwen-image"):
        assert resolve_sampling(Sampling(step_cache=0.1), model).step_cache == 0.1
    else:
        with pytest.raises(DataError, match="does not support step_cache"):
            resolve_sampling(Sampling(step_cache=0.1), model)


def test_distilled_model_without_default_requires_a_value() -> None:
    model = replace(MODELS["qwen-image"], id="distilled", distilled=True)
    with pytest.raises(DataError, match="set distilled_guidance"):
        resolve_sampling("vendor", model)
    assert resolve_sampling(Sampling(distilled_guidance=2), model).distilled_guidance == 2


def test_arguments_of_the_vendor_stay_where_a_study_gives_others() -> None:
    model = MODELS["stable-cascade"]
    assert resolve_sampling("vendor", model).arguments == {"prior_num_inference_steps": 20, "prior_guidance_scale": 4.0}
    found = resolve_sampling(Sampling(arguments={"prior_guidance_scale": 2.0}), model)
    assert found.arguments == {"prior_num_inference_steps": 20, "prior_guidance_scale": 2.0}


def test_a_pipeline_that_guides_its_prior_takes_a_negative_prompt_without_cfg() -> None:
    found = resolve_sampling(Sampling(negative="blurry"), MODELS["wuerstchen"])
    assert (found.cfg, found.negative) == (1.0, "blurry")
    assert resolve_sampling("vendor", MODELS["wuerstchen"]).negative is None
    with pytest.raises(DataError, match="ignores the negative prompt at cfg 1"):
        resolve_sampling(Sampling(negative="blurry"), MODELS["z-image-turbo"])
