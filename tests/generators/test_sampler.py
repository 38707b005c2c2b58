"""What comes out of embeddings is what the pipeline itself would have made, and follows every setting."""

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
from tests.generators.own_call import (
    KINDS,
    NEGATIVE,
    REFINED,
    SEEDS,
    SIZE,
    STEPS,
    TRUE_CFG,
    apart,
    documented,
    grey_levels,
    loaded,
    ours,
    settings,
    stored,
)

from prettyuseful.generators.encoder import PromptEncoder
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.numerics import DType, Numerics

GUIDANCE: dict[str, dict[str, Any]] = {
    "unguided": {"cfg": 1.0},
    "guided": {"cfg": 4.0, "negative": NEGATIVE},
    "guided, no negative": {"cfg": 4.0},
}
# Those that are not guided at all unless they are told a negative.
NEEDED_NEGATIVE = {"flux": "", "flux-schnell": "", "qwen-image": " "}

Named = Callable[[str], str]
Tiny = Callable[[str], Path]


def asked_of(kind: str, guidance: str) -> dict[str, Any]:
    return GUIDANCE[guidance] | ({"distilled_guidance": 2.0} if kind == "flux" else {})


@pytest.mark.parametrize(
    ("guidance", "dtype"), [*((guidance, "float32") for guidance in GUIDANCE), ("guided", "bfloat16")]
)
def test_images_are_the_pipelines_own(kind: str, name: str, folders: list[Path], guidance: str, dtype: DType) -> None:
    """The pipeline, asked to repeat the prompt for the micro-batch, makes the same pictures to the bit."""
    asked = asked_of(kind, guidance)
    found = ours(name, numerics=Numerics(dtype=dtype), **asked)
    if asked["cfg"] > 1 and kind in NEEDED_NEGATIVE:
        asked = {"negative": NEEDED_NEGATIVE[kind], **asked}
    assert np.array_equal(found, documented(kind, folders, asked, dtype))
    assert found.shape == (len(SEEDS), SIZE, SIZE, 3)
    assert found.std() > 20


def test_a_list_of_equal_prompts_makes_the_same_images(kind: str, name: str, folders: list[Path]) -> None:
    """But for a last bit: the pipeline then encodes one prompt many times, which some of its layers round otherwise."""
    asked = asked_of(kind, "guided")
    difference = ours(name, **asked).astype(int) - documented(kind, folders, asked, as_list=True)
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.001


def test_no_negative_and_an_empty_one_differ_where_the_pipeline_tells_them_apart(kind: str, name: str) -> None:
    differ = apart(ours(name, cfg=4.0), ours(name, cfg=4.0, negative="")) > 1
    # SDXL takes zeros for no negative; Qwen-Image's vendor gives it a space.
    assert differ == (kind in ("sdxl", REFINED, "qwen-image"))


def test_every_setting_reaches_the_model(name: str) -> None:
    base = ours(name, cfg=4.0, negative="")
    assert np.array_equal(base, ours(name, cfg=4.0, negative=""))
    assert apart(base, ours(name, "a blue dog", cfg=4.0, negative="")) > 1
    assert apart(base, ours(name, cfg=4.0, negative=NEGATIVE)) > 1
    assert apart(base, ours(name, cfg=8.0, negative="")) > 1
    assert apart(base, ours(name, cfg=1.0)) > 1
    assert apart(base, ours(name, cfg=4.0, negative="", steps=STEPS + 2)) > 1
    assert ours(name, cfg=4.0, negative="", size=2 * SIZE).shape == (len(SEEDS), 2 * SIZE, 2 * SIZE, 3)


@pytest.mark.parametrize("cfg", [1.0, 4.0])
def test_distilled_guidance_reaches_flux(name_of: Named, cfg: float) -> None:
    weak, strong = (ours(name_of("flux"), cfg=cfg, distilled_guidance=value) for value in (1.0, 8.0))
    assert apart(weak, strong) > 1


def test_an_image_depends_on_its_own_seed_alone(name: str) -> None:
    first = ours(name, seeds=(1, 2, 3), cfg=4.0)
    assert np.array_equal(ours(name, seeds=(3, 1, 2), cfg=4.0), first[[2, 0, 1]])
    assert np.array_equal(ours(name, seeds=(9, 2, 2**63 - 1), cfg=4.0)[1], first[1])
    assert all(apart(first[a], first[b]) > 1 for a, b in [(0, 1), (0, 2), (1, 2)])


def test_what_was_applied_is_said(kind: str, name: str) -> None:
    said = DiffusersSampler(name, settings(name, cfg=4.0, negative=NEGATIVE), Numerics()).applied()
    assert json.loads(json.dumps(said)) == said
    assert (said["steps"], said["cfg"], said["negative"], said["size"]) == (STEPS, 4.0, NEGATIVE, SIZE)
    assert said["dtype"] == "float32"
    assert str(said["scheduler"]).endswith("Scheduler")
    assert ("distilled_guidance" in said) == (kind == "flux")
    assert ("refiner" in said) == (kind == REFINED)
    assert ("max_sequence_length" in said) == (kind not in ("sd", "sdxl", REFINED))
    assert {"step_cache", "quantise", "fused_projections"}.isdisjoint(said)


@pytest.mark.parametrize(
    ("kind", "what"),
    [("sd", "safety checker"), ("sdxl", "watermark"), (REFINED, "watermark"), ("sana", "complex human instruction")],
)
def test_what_is_switched_off_is_off_and_said(
    name_of: Named, monkeypatch: pytest.MonkeyPatch, kind: str, what: str
) -> None:
    for module in (pipeline_stable_diffusion_xl, pipeline_stable_diffusion_xl_img2img):  # as if its package were there
        monkeypatch.setattr(module, "is_invisible_watermark_available", lambda: True)
        monkeypatch.setattr(module, "StableDiffusionXLWatermarker", object, raising=False)
    sampler = DiffusersSampler(name_of(kind), settings(name_of(kind)), Numerics())
    assert sampler.applied()["switched_off"] == [what]
    for pipeline in filter(None, (sampler.pipeline, sampler.refiner)):
        assert getattr(pipeline, "safety_checker", None) is None
        assert getattr(pipeline, "watermark", None) is None


def test_a_refiner_does_the_last_fifth_of_the_steps(name_of: Named) -> None:
    sampling = settings(name_of(REFINED), cfg=1.0, steps=10)
    sampler, done = DiffusersSampler(name_of(REFINED), sampling, Numerics()), []
    sampler.pipeline.unet.register_forward_hook(lambda *_: done.append("base"))
    sampler.refiner.unet.register_forward_hook(lambda *_: done.append("refiner"))
    sampler.sample(stored(name_of(REFINED), sampling, Numerics()), SEEDS)
    assert done == ["base"] * 8 + ["refiner"] * 2


def test_without_a_size_the_pipeline_makes_its_own(name: str) -> None:
    sampling = settings(name, cfg=1.0, steps=2).model_copy(update={"size": None})
    sampler = DiffusersSampler(name, sampling, Numerics())
    images = sampler.sample(stored(name, sampling, Numerics()), (1,))
    assert sampler.applied()["size"] == images.shape[1] == images.shape[2]


@pytest.mark.parametrize("kind", ["flux", "qwen-image"])
@pytest.mark.parametrize("cfg", [1.0, 4.0])
def test_a_step_cache_changes_images_only_if_it_is_named(name_of: Named, kind: str, cfg: float) -> None:
    name = name_of(kind)
    plain, careful, bold = (ours(name, cfg=cfg, steps=6, step_cache=value) for value in (None, 1e-6, 1.0))
    assert np.array_equal(plain, careful)
    assert apart(plain, bold) > 1
    said = DiffusersSampler(name, settings(name, step_cache=1.0), Numerics()).applied()
    assert said["step_cache"] == 1.0


def test_a_step_cache_carries_nothing_from_one_batch_to_the_next(name_of: Named) -> None:
    name = name_of("flux")
    sampling = settings(name, steps=6, step_cache=1.0)
    sampler, embeddings = DiffusersSampler(name, sampling, Numerics()), stored(name, sampling, Numerics())
    first = sampler.sample(embeddings, SEEDS)
    sampler.sample(embeddings, (8, 9))
    assert torch.equal(first, sampler.sample(embeddings, SEEDS))


@pytest.mark.parametrize(("dtype", "fuse"), [("float32", False), ("bfloat16", True)])
def test_quantising_keeps_the_denoiser_in_8_bits_and_changes_images(name: str, dtype: DType, fuse: bool) -> None:
    numerics = Numerics(dtype=dtype, fuse_projections=fuse, memory_format="channels_last")
    sampling = settings(name, cfg=1.0, quantise="float8")
    sampler = DiffusersSampler(name, sampling, numerics)
    images = sampler.sample(stored(name, sampling, numerics), SEEDS).numpy()
    denoiser = getattr(sampler.pipeline, sampler.model.kind.denoiser)
    assert torch.float8_e4m3fn in {weight.dtype for weight in denoiser.parameters()}
    assert sampler.applied()["quantise"] == "float8"
    assert 0 < apart(ours(name, numerics=numerics, cfg=1.0), images) < 40


def test_an_attention_kernel_is_the_one_that_is_named(name_of: Named) -> None:
    for kind in ("sd", "flux"):
        chosen, plain = (ours(name_of(kind), numerics=Numerics(attention=kernel)) for kernel in ("auto", "math"))
        assert np.abs(chosen.astype(int) - plain).max() <= 1
        with pytest.raises(RuntimeError, match=r"No (viable backend|available kernel)"):
            ours(name_of(kind), numerics=Numerics(attention="cudnn"))  # a CPU has none


def test_options_that_are_exact_by_intent_leave_the_images_as_they_are(name: str) -> None:
    plain = ours(name, cfg=4.0)
    for options in ({"fuse_projections": True}, {"memory_format": "channels_last"}):
        images = ours(name, cfg=4.0, numerics=Numerics.model_validate(options))
        assert np.abs(plain.astype(int) - images).max() <= 2, options


@pytest.mark.parametrize("kind", KINDS)
def test_whether_projections_are_fused_is_said(name_of: Named, kind: str) -> None:
    said = DiffusersSampler(name_of(kind), settings(name_of(kind)), Numerics(fuse_projections=True)).applied()
    # diffusers has no fused Lumina2, Sana and Qwen-Image; its fused SD 3.5 leaves out norms, and with them the picture.
    assert said["fused_projections"] == (kind not in ("sd3", "sana", "lumina2", "qwen-image"))


@pytest.mark.parametrize("kind", ["sd", "flux"])
def test_layout_and_compilation_reach_the_modules(name_of: Named, kind: str) -> None:
    name = name_of(kind)
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
def test_masks_are_not_left_to_the_pipeline_to_repeat(name_of: Named, tiny: Tiny, kind: str, mask: str) -> None:
    """Given two prompts' embeddings, pipelines repeat them as aabb and their masks as abab."""
    name, prompts = name_of(kind), ("cat", "a photo of a small red cat, a blue dog and a green bird on the grass")
    pipeline, encoder = loaded(tiny(kind)), PromptEncoder(name, Numerics())
    pairs = [encoder.encode(prompt) for prompt in prompts]
    length = max(pair[mask].shape[1] for pair in pairs)
    both = {key: torch.cat([padded(pair[key], length) for pair in pairs]) for key in pairs[0]}
    options: dict[str, Any] = {"num_inference_steps": STEPS, "height": SIZE, "width": SIZE, "output_type": "pt"}
    options |= {"true_cfg_scale" if kind in TRUE_CFG else "guidance_scale": 1.0}
    options |= {"use_resolution_binning": False} if kind == "sana" else {}
    seeds = [torch.Generator().manual_seed(seed) for seed in (1, 2, 1, 2)]
    by_hand = {key: value.repeat_interleave(2, dim=0) for key, value in both.items()}
    right = grey_levels(pipeline(**by_hand, **options, generator=seeds).images)
    seeds = [torch.Generator().manual_seed(seed) for seed in (1, 2, 1, 2)]
    theirs = grey_levels(pipeline(**both, **options, generator=seeds, num_images_per_prompt=2).images)
    found = np.concatenate([ours(name, prompt, seeds=(1, 2), cfg=1.0) for prompt in prompts])
    assert np.abs(found.astype(int) - right).max() <= 1
    if np.abs(theirs.astype(int) - right).max() <= 1:
        pytest.skip(f"this version of diffusers repeats the masks of {kind} as it should")
    assert apart(found, theirs) > 1


def padded(tensor: torch.Tensor, length: int) -> torch.Tensor:
    """With zeros behind, to so many tokens."""
    filled = tensor.new_zeros(1, length, *tensor.shape[2:])
    filled[:, : tensor.shape[1]] = tensor
    return filled
