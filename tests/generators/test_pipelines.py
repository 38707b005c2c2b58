"""What the signatures of pipelines without a row say; pipelines that cannot run are refused with the reason."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from prettyuseful.errors import DataError
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.models import find_model
from prettyuseful.generators.pipelines import check_arguments, check_requirements, recorded_family
from prettyuseful.generators.settings import resolve_sampling


@pytest.fixture
def model_of(tmp_path: Path) -> Any:
    """Returns the model of a folder that has no more than the index of a pipeline and a configuration."""

    def make(pipeline: str, denoiser: str = "transformer", **config: Any) -> Any:
        (tmp_path / denoiser).mkdir(exist_ok=True)
        (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
        (tmp_path / denoiser / "config.json").write_text(json.dumps(config))
        return find_model(str(tmp_path))

    return make


def test_defaults_are_those_of_the_call() -> None:
    family = recorded_family("PixArtSigmaPipeline")
    assert (family.defaults.steps, family.defaults.cfg, family.guidance) == (20, 4.5, "guidance_scale")
    assert family.call == {"use_resolution_binning": False, "clean_caption": False}
    assert (family.whole, family.several, family.mixes_prompts) == ("", True, False)


def test_safety_checkers_and_watermarks_are_off() -> None:
    assert recorded_family("HunyuanDiTPipeline").load == {"safety_checker": None, "requires_safety_checker": False}
    assert recorded_family("StableDiffusionXLPAGPipeline").load == {"add_watermarker": False}
    assert recorded_family("IFPipeline").switched_off == ("safety checker", "watermark")


def test_guidance_of_a_pipeline_where_zero_is_off_is_one_more() -> None:
    """The scale of classifier-free guidance is 1 without guidance, in all models."""
    family = recorded_family("ZImagePipeline")
    assert (family.zero_is_off, family.defaults.cfg) == (True, 6.0)


@pytest.mark.parametrize(
    ("pipeline", "config", "expected"),
    [
        ("Flux2Pipeline", {"guidance_embeds": True}, Sampling(steps=50, cfg=1.0, distilled_guidance=4.0)),
        ("FluxKontextPipeline", {"guidance_embeds": True}, Sampling(steps=28, cfg=1.0, distilled_guidance=3.5)),
        ("FluxKontextPipeline", {}, Sampling(steps=28, cfg=1.0)),
        ("HunyuanImagePipeline", {"guidance_embeds": True}, Sampling(steps=50, cfg=1.0, distilled_guidance=3.25)),
        ("ChromaPipeline", {}, Sampling(steps=35, cfg=5.0)),
        ("Ideogram4Pipeline", {}, Sampling(steps=48, cfg=7.0)),
    ],
)
def test_settings_of_the_vendor(model_of: Any, pipeline: str, config: dict[str, Any], expected: Sampling) -> None:
    assert resolve_sampling("vendor", model_of(pipeline, **config)) == expected


def test_a_negative_prompt_is_added_only_where_guidance_needs_one(model_of: Any) -> None:
    assert resolve_sampling(Sampling(cfg=3.0), model_of("FluxKontextPipeline")).negative == ""
    assert resolve_sampling(Sampling(cfg=3.0), model_of("ChromaPipeline")).negative is None


@pytest.mark.parametrize(
    ("pipeline", "reason"),
    [
        ("StableDiffusionControlNetPipeline", "needs a control image"),
        ("FluxControlPipeline", "needs a control image"),
        ("StableDiffusionAdapterPipeline", "needs a control image"),
        ("FluxImg2ImgPipeline", "changes images"),
        ("QwenImageEditPipeline", "changes images"),
        ("WanPipeline", "makes videos"),
        ("HeliosPipeline", "makes videos"),
        ("SanaVideoPipeline", "makes videos"),
        ("StableDiffusionImg2ImgPipeline", "changes images"),
        ("StableDiffusionXLInstructPix2PixPipeline", "changes images"),
        ("HunyuanImageRefinerPipeline", "changes images"),
        ("IFSuperResolutionPipeline", "changes images"),
        ("WuerstchenPriorPipeline", "one part of a combined pipeline"),
        ("StableCascadePriorPipeline", "one part of a combined pipeline"),
        ("StableDiffusionAttendAndExcitePipeline", "needs token_indices beside a prompt"),
        ("VQDiffusionPipeline", "has no height and no width"),
        ("DiTPipeline", "does not make images from a prompt"),
        ("NoSuchPipeline", "has no such pipeline"),
        ("../Pipeline", "has no such pipeline"),
        ("ModelMixin", "has no such pipeline"),
    ],
)
def test_other_pipelines_are_refused_with_the_reason(model_of: Any, pipeline: str, reason: str) -> None:
    with pytest.raises(DataError, match=rf"{re.escape(pipeline)}, which is not supported \(.*{reason}") as error:
        model_of(pipeline)
    assert "\n" not in str(error.value)


def test_a_missing_package_is_a_one_line_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prettyuseful.generators.pipelines.find_spec", lambda _: None)
    with pytest.raises(DataError, match="needs the package ftfy"):
        check_requirements(recorded_family("PRXPipeline"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pag_scal": 2.0}, "has no argument 'pag_scal' that can be set; did you mean 'pag_scale'?"),
        ({"guidance_scale": 2.0}, "guidance_scale is set by cfg"),
        ({"height": 2}, "height is set by size"),
        ({"prompt_embeds": 2}, "has no argument 'prompt_embeds'"),
        ({"output_type": "latent"}, "has no argument 'output_type'"),
    ],
)
def test_wrong_arguments_are_one_line_errors(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)) as error:
        check_arguments(arguments, recorded_family("StableDiffusionPAGPipeline"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("pipeline", "fields", "message"),
    [
        ("Flux2KleinPipeline", {"negative": "a dog"}, "takes no negative prompt"),
        ("WuerstchenCombinedPipeline", {"cfg": 4.0}, "no argument for guidance"),
        ("ErnieImagePipeline", {"arguments": {"use_pe": True}}, "use_pe is fixed"),
        ("StableDiffusionPipeline", {"arguments": {"eta": 1.0}}, "does not support sampling.arguments"),
        ("ChromaPipeline", {"step_cache": 0.1}, "does not support step_cache"),
        ("ChromaPipeline", {"resolution_binning": True}, "does not support resolution_binning"),
    ],
)
def test_settings_that_a_pipeline_lacks_are_one_line_errors(
    model_of: Any, pipeline: str, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        resolve_sampling(Sampling(**fields), model_of(pipeline))


def test_arguments_are_in_the_settings_only_where_they_are_given(model_of: Any) -> None:
    """Keys are older than they are."""
    model = model_of("StableDiffusionPAGPipeline", "unet")
    plain, given = (resolve_sampling(Sampling(arguments=value), model) for value in (None, {"pag_scale": 2.0}))
    assert "arguments" not in plain.model_dump()
    assert given.model_dump()["arguments"] == {"pag_scale": 2.0}
    assert hash(given) != hash(plain)
