"""Images from embeddings equal those of the pipeline's own call, and depend on every setting."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion_xl import (
    pipeline_stable_diffusion_xl,
    pipeline_stable_diffusion_xl_img2img,
)
from tests.generators.reference_pipelines import (
    KINDS,
    NEGATIVE,
    REFINED,
    SEEDS,
    SIZE,
    STEPS,
    TRUE_CFG,
    generate_images,
    known_images,
    load_embeddings,
    load_pipeline,
    mean_difference,
    more_images,
    reference_images,
    settings,
    to_uint8,
)

from prettyuseful.errors import DataError
from prettyuseful.generators.encoder import PromptEncoder
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.numerics import DType, Numerics

slow = pytest.mark.slow

GUIDANCE: dict[str, dict[str, Any]] = {
    "unguided": {"cfg": 1.0},
    "guided": {"cfg": 4.0, "negative": NEGATIVE},
    "guided, no negative": {"cfg": 4.0},
}
# One network, two pipelines one after the other, prompts of any length, and masks. Others are `slow` in some tests.
few_kinds = pytest.mark.parametrize(
    "kind", [kind if kind in ("sd", REFINED, "flux", "lumina2") else pytest.param(kind, marks=slow) for kind in KINDS]
)
# Pipelines that ignore guidance without a negative prompt.
NEEDED_NEGATIVE = {"flux": "", "flux-schnell": "", "qwen-image": " "}

ModelName = Callable[[str], str]
Tiny = Callable[[str], Path]


def sampling_fields_of(kind: str, guidance: str) -> dict[str, Any]:
    return GUIDANCE[guidance] | ({"distilled_guidance": 2.0} if kind == "flux" else {})


@pytest.mark.parametrize("guidance", GUIDANCE)
def test_images_equal_those_of_the_pipeline(kind: str, name: str, folders: list[Path], guidance: str) -> None:
    assert_equal_to_the_pipeline(kind, name, folders, guidance, "float32")


@pytest.mark.parametrize("kind", [kind if kind == "sd" else pytest.param(kind, marks=slow) for kind in KINDS])
def test_images_in_half_precision_equal_those_of_the_pipeline(kind: str, name: str, folders: list[Path]) -> None:
    assert_equal_to_the_pipeline(kind, name, folders, "guided", "bfloat16")


def assert_equal_to_the_pipeline(kind: str, name: str, folders: list[Path], guidance: str, dtype: DType) -> None:
    """The images are bit-identical to those of the pipeline with `num_images_per_prompt`."""
    sampling_fields = sampling_fields_of(kind, guidance)
    images = known_images(name, numerics=Numerics(dtype=dtype), **sampling_fields)
    if sampling_fields["cfg"] > 1 and kind in NEEDED_NEGATIVE:
        sampling_fields = {"negative": NEEDED_NEGATIVE[kind], **sampling_fields}
    assert np.array_equal(images, reference_images(kind, folders, sampling_fields, dtype))
    assert images.shape == (len(SEEDS), SIZE, SIZE, 3)
    assert images.std() > 20


@pytest.mark.parametrize(("kind", "option"), [("sana", {"instruction": False}), ("lumina2", {"cfg_trunc_ratio": 0.5})])
def test_options_of_a_family_equal_those_of_its_pipeline(
    kind: str, option: dict[str, Any], tiny_model_name: ModelName, tiny: Tiny
) -> None:
    fields = {**sampling_fields_of(kind, "guided"), **option}
    images = more_images(tiny_model_name(kind), **fields)
    assert np.array_equal(images, reference_images(kind, [tiny(kind)], fields))
    assert mean_difference(images, known_images(tiny_model_name(kind), **sampling_fields_of(kind, "guided"))) > 1


@pytest.mark.parametrize(("kind", "asked"), [("pixart", True), ("pixart", None), ("sana", True), ("sana", False)])
def test_resolution_binning_reaches_the_pipeline(
    tiny_model_name: ModelName, monkeypatch: pytest.MonkeyPatch, kind: str, asked: bool | None
) -> None:
    name, received = tiny_model_name(kind), []
    sampling = settings(name, cfg=1.0, resolution_binning=asked)
    sampler, embedding = DiffusersSampler(name, sampling, Numerics()), load_embeddings(name, sampling, Numerics())
    whole = type(sampler.pipeline).__call__

    def call(pipeline: Any, **arguments: Any) -> Any:
        received.append(arguments["use_resolution_binning"])
        return whole(pipeline, **{**arguments, "use_resolution_binning": False})  # tiny models have no such sizes

    monkeypatch.setattr(type(sampler.pipeline), "__call__", call)
    sampler.sample([embedding], (1,))
    assert received == [asked is True]
    assert ("resolution_binning" in sampler.applied()) == (asked is True)


def test_list_of_equal_prompts_gives_the_same_images(kind: str, name: str, folders: list[Path]) -> None:
    """Equal up to rounding: the pipeline then encodes a batch of prompts, which some layers round differently."""
    sampling_fields = sampling_fields_of(kind, "guided")
    images = known_images(name, numerics=Numerics(), **sampling_fields)
    difference = images.astype(int) - reference_images(kind, folders, sampling_fields, as_list=True)
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.001


def test_missing_and_empty_negative_differ_for_some_pipelines(kind: str, name: str) -> None:
    differ = mean_difference(known_images(name, cfg=4.0), known_images(name, cfg=4.0, negative="")) > 1
    # SDXL uses zeros without a negative; the vendor's negative for Qwen-Image is a space.
    assert differ == (kind in ("sdxl", REFINED, "qwen-image"))


@few_kinds
def test_every_setting_reaches_the_model(name: str) -> None:
    base = known_images(name, cfg=4.0, negative="")
    assert np.array_equal(base, generate_images(name, cfg=4.0, negative=""))
    assert mean_difference(base, more_images(name, "a blue dog", cfg=4.0, negative="")) > 1
    assert mean_difference(base, more_images(name, cfg=4.0, negative=NEGATIVE)) > 1
    assert mean_difference(base, more_images(name, cfg=8.0, negative="")) > 1
    assert mean_difference(base, more_images(name, cfg=1.0)) > 1
    assert mean_difference(base, more_images(name, cfg=4.0, negative="", steps=STEPS + 2)) > 1
    assert more_images(name, cfg=4.0, negative="", size=2 * SIZE).shape == (len(SEEDS), 2 * SIZE, 2 * SIZE, 3)


@pytest.mark.parametrize("cfg", [1.0, 4.0])
def test_distilled_guidance_reaches_flux(tiny_model_name: ModelName, cfg: float) -> None:
    weak, strong = (more_images(tiny_model_name("flux"), cfg=cfg, distilled_guidance=value) for value in (1.0, 8.0))
    assert mean_difference(weak, strong) > 1


def test_image_depends_only_on_its_seed(name: str) -> None:
    first = more_images(name, seeds=(1, 2, 3), cfg=4.0)
    assert np.array_equal(more_images(name, seeds=(3, 1, 2), cfg=4.0), first[[2, 0, 1]])
    assert np.array_equal(more_images(name, seeds=(9, 2, 2**63 - 1), cfg=4.0)[1], first[1])
    assert all(mean_difference(first[a], first[b]) > 1 for a, b in [(0, 1), (0, 2), (1, 2)])


@pytest.mark.parametrize(
    ("kind", "images", "slices"),
    [
        pytest.param(kind, images, slices, marks=() if kind == "sd" or images == 2 else slow)
        for kind in KINDS
        for images, slices in ((1, [1, 1, 1]), (2, [2, 1]), (100, [3]))
    ],
)
def test_decoding_in_slices_gives_the_same_images(
    kind: str, name: str, monkeypatch: pytest.MonkeyPatch, images: int, slices: list[int]
) -> None:
    """Bit-identical, but for Sana: the convolutions of its VAE round otherwise for another number of images."""
    together = known_images(name, cfg=4.0)
    monkeypatch.setattr("prettyuseful.generators.sampler.DECODED_PIXELS", images * SIZE**2 + 1)
    sampling, decoded = settings(name, cfg=4.0), []
    sampler = DiffusersSampler(name, sampling, Numerics())
    decoder = (sampler.refiner or sampler.pipeline).vae.decoder
    decoder.register_forward_pre_hook(lambda _, inputs: decoded.append(len(inputs[0])))
    made = sampler.sample([load_embeddings(name, sampling, Numerics())] * len(SEEDS), SEEDS).numpy()
    assert np.abs(made.astype(int) - together).max() <= (kind == "sana")
    assert decoded == slices


def test_applied_returns_the_settings(kind: str, name: str) -> None:
    settings_in_effect = DiffusersSampler(name, settings(name, cfg=4.0, negative=NEGATIVE), Numerics()).applied()
    assert json.loads(json.dumps(settings_in_effect)) == settings_in_effect
    assert (
        settings_in_effect["steps"],
        settings_in_effect["cfg"],
        settings_in_effect["negative"],
        settings_in_effect["size"],
    ) == (STEPS, 4.0, NEGATIVE, SIZE)
    assert settings_in_effect["dtype"] == "float32"
    assert str(settings_in_effect["scheduler"]).endswith("Scheduler")
    assert ("distilled_guidance" in settings_in_effect) == (kind == "flux")
    assert ("components" in settings_in_effect) == (kind == REFINED)
    assert ("max_sequence_length" in settings_in_effect) == (kind not in ("sd", "sdxl", REFINED))
    assert {"step_cache", "quantise", "fused_projections"}.isdisjoint(settings_in_effect)


@pytest.mark.parametrize(
    ("kind", "what"),
    [("sd", "safety checker"), ("sdxl", "watermark"), (REFINED, "watermark")],
)
def test_features_that_are_switched_off_are_recorded(
    tiny_model_name: ModelName, monkeypatch: pytest.MonkeyPatch, kind: str, what: str
) -> None:
    for module in (
        pipeline_stable_diffusion_xl,
        pipeline_stable_diffusion_xl_img2img,
    ):  # as if the watermark package were installed
        monkeypatch.setattr(module, "is_invisible_watermark_available", lambda: True)
        monkeypatch.setattr(module, "StableDiffusionXLWatermarker", object, raising=False)
    sampler = DiffusersSampler(tiny_model_name(kind), settings(tiny_model_name(kind)), Numerics())
    assert sampler.applied()["switched_off"] == [what]
    for pipeline in filter(None, (sampler.pipeline, sampler.refiner)):
        assert getattr(pipeline, "safety_checker", None) is None
        assert getattr(pipeline, "watermark", None) is None


def test_refiner_does_the_last_fifth_of_the_steps(tiny_model_name: ModelName) -> None:
    sampling = settings(tiny_model_name(REFINED), cfg=1.0, steps=10)
    sampler, calls = DiffusersSampler(tiny_model_name(REFINED), sampling, Numerics()), []
    sampler.pipeline.unet.register_forward_hook(lambda *_: calls.append("base"))
    sampler.refiner.unet.register_forward_hook(lambda *_: calls.append("refiner"))
    sampler.sample([load_embeddings(tiny_model_name(REFINED), sampling, Numerics())] * len(SEEDS), SEEDS)
    assert calls == ["base"] * 8 + ["refiner"] * 2


def test_default_size_is_that_of_the_pipeline(name: str) -> None:
    sampling = settings(name, cfg=1.0, steps=2).model_copy(update={"size": None})
    sampler = DiffusersSampler(name, sampling, Numerics())
    images = sampler.sample([load_embeddings(name, sampling, Numerics())], (1,))
    assert sampler.applied()["size"] == images.shape[1] == images.shape[2]


@pytest.mark.parametrize("kind", ["flux", "qwen-image"])
@pytest.mark.parametrize("cfg", [1.0, 4.0])
def test_step_cache_changes_images_only_if_enabled(tiny_model_name: ModelName, kind: str, cfg: float) -> None:
    name = tiny_model_name(kind)
    plain, careful, bold = (more_images(name, cfg=cfg, steps=6, step_cache=value) for value in (None, 1e-6, 1.0))
    assert np.array_equal(plain, careful)
    assert mean_difference(plain, bold) > 1
    settings_in_effect = DiffusersSampler(name, settings(name, step_cache=1.0), Numerics()).applied()
    assert settings_in_effect["step_cache"] == 1.0


def test_step_cache_is_reset_between_batches(tiny_model_name: ModelName) -> None:
    name = tiny_model_name("flux")
    sampling = settings(name, steps=6, step_cache=1.0)
    sampler, embedding = DiffusersSampler(name, sampling, Numerics()), load_embeddings(name, sampling, Numerics())
    first = sampler.sample([embedding] * 3, SEEDS)
    sampler.sample([embedding] * 2, (8, 9))
    assert torch.equal(first, sampler.sample([embedding] * 3, SEEDS))


@few_kinds
@pytest.mark.parametrize(("dtype", "fuse"), [pytest.param("float32", False, marks=slow), ("bfloat16", True)])
def test_quantisation_keeps_the_denoiser_in_8_bits_and_changes_images(name: str, dtype: DType, fuse: bool) -> None:
    numerics = Numerics(dtype=dtype, fuse_projections=fuse, memory_format="channels_last")
    sampling = settings(name, cfg=1.0, quantise="float8")
    sampler = DiffusersSampler(name, sampling, numerics)
    images = sampler.sample([load_embeddings(name, sampling, numerics)] * len(SEEDS), SEEDS).numpy()
    denoiser = getattr(sampler.pipeline, sampler.model.kind.denoiser)
    assert torch.float8_e4m3fn in {weight.dtype for weight in denoiser.parameters()}
    assert sampler.applied()["quantise"] == "float8"
    assert 0 < mean_difference(more_images(name, numerics=numerics, cfg=1.0), images) < 40


def test_requested_attention_kernel_is_used(tiny_model_name: ModelName) -> None:
    for kind in ("sd", "flux"):
        chosen, plain = (
            more_images(tiny_model_name(kind), numerics=Numerics(attention=kernel)) for kernel in ("auto", "math")
        )
        assert np.abs(chosen.astype(int) - plain).max() <= 1
        with pytest.raises(RuntimeError, match=r"No (viable backend|available kernel)"):
            more_images(tiny_model_name(kind), numerics=Numerics(attention="cudnn"))  # not available on a CPU


def test_values_that_are_not_finite_are_refused(tiny_model_name: ModelName) -> None:
    """As pixels they would be black."""
    name = tiny_model_name("sd")
    sampling, numerics = settings(name, cfg=1.0), Numerics()
    sampler = DiffusersSampler(name, sampling, numerics)
    with torch.no_grad():
        sampler.pipeline.vae.decoder.conv_out.bias.fill_(torch.nan)
    embedding = load_embeddings(name, sampling, numerics)
    with pytest.raises(DataError, match=r"2 of 2 images hold values that are not finite .* with float32; set another"):
        sampler.sample([embedding] * 2, SEEDS[:2])


def test_layout_and_fusion_do_not_change_the_images(name: str) -> None:
    options = Numerics(fuse_projections=True, memory_format="channels_last")
    images = more_images(name, cfg=4.0, numerics=options)
    assert np.abs(known_images(name, cfg=4.0).astype(int) - images).max() <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_fused_projections_are_recorded(tiny_model_name: ModelName, kind: str) -> None:
    settings_in_effect = DiffusersSampler(
        tiny_model_name(kind), settings(tiny_model_name(kind)), Numerics(fuse_projections=True)
    ).applied()
    # diffusers cannot fuse Lumina2, Sana and Qwen-Image; its fused SD 3.5 omits norms, which breaks the images.
    assert settings_in_effect["fused_projections"] == (kind not in ("sd3", "sana", "lumina2", "qwen-image"))


@pytest.mark.parametrize("kind", ["sd", "flux"])
def test_layout_and_compilation_reach_the_modules(tiny_model_name: ModelName, kind: str) -> None:
    name = tiny_model_name(kind)
    plain, compiled = (DiffusersSampler(name, settings(name), Numerics(compile=flag)) for flag in (False, True))
    sampler = DiffusersSampler(name, settings(name), Numerics(memory_format="channels_last"))
    denoiser = sampler.model.kind.denoiser
    assert getattr(plain.pipeline, denoiser)._compiled_call_impl is None
    assert getattr(compiled.pipeline, denoiser)._compiled_call_impl is not None
    weights = [w for part in (denoiser, "vae") for w in getattr(sampler.pipeline, part).parameters() if w.dim() == 4]
    assert weights
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)


@pytest.mark.parametrize(
    ("kind", "mask"),
    [("sana", "prompt_attention_mask"), ("lumina2", "prompt_attention_mask"), ("qwen-image", "prompt_embeds_mask")],
)
def test_masks_are_repeated_like_the_embeddings(tiny_model_name: ModelName, tiny: Tiny, kind: str, mask: str) -> None:
    """Given the embeddings of two prompts, pipelines repeat embeddings as aabb, but masks as abab."""
    name, prompts = (
        tiny_model_name(kind),
        ("cat", "a photo of a small red cat, a blue dog and a green bird on the grass"),
    )
    pipeline, encoder = load_pipeline(tiny(kind)), PromptEncoder(name, Numerics())
    pairs = [encoder.encode(prompt) for prompt in prompts]
    length = max(pair[mask].shape[1] for pair in pairs)
    both = {key: torch.cat([pad(pair[key], length) for pair in pairs]) for key in pairs[0]}
    options: dict[str, Any] = {"num_inference_steps": STEPS, "height": SIZE, "width": SIZE, "output_type": "pt"}
    options |= {"true_cfg_scale" if kind in TRUE_CFG else "guidance_scale": 1.0}
    options |= {"use_resolution_binning": False} if kind == "sana" else {}
    seeds = [torch.Generator().manual_seed(seed) for seed in (1, 2, 1, 2)]
    repeated = {key: value.repeat_interleave(2, dim=0) for key, value in both.items()}
    correct = to_uint8(pipeline(**repeated, **options, generator=seeds).images)
    seeds = [torch.Generator().manual_seed(seed) for seed in (1, 2, 1, 2)]
    pipeline_images = to_uint8(pipeline(**both, **options, generator=seeds, num_images_per_prompt=2).images)
    without: dict[str, Any] = {"instruction": False} if kind == "sana" else {}  # as the embeddings above
    images = np.concatenate([more_images(name, prompt, seeds=(1, 2), cfg=1.0, **without) for prompt in prompts])
    assert np.abs(images.astype(int) - correct).max() <= 1
    if np.abs(pipeline_images.astype(int) - correct).max() <= 1:
        pytest.skip(f"this version of diffusers repeats the masks of {kind} correctly")
    assert mean_difference(images, pipeline_images) > 1


def pad(tensor: torch.Tensor, length: int) -> torch.Tensor:
    """Pad with zeros to `length` tokens."""
    result = tensor.new_zeros(1, length, *tensor.shape[2:])
    result[:, : tensor.shape[1]] = tensor
    return result
