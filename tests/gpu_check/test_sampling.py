"""Every kind of model that is checked, with tiny networks on a CPU."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prettyuseful.generators.families import FAMILIES
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.published import PipelineConfig
from prettyuseful.gpu_check import sampling as module
from prettyuseful.gpu_check.context import Context
from prettyuseful.gpu_check.device import Device
from prettyuseful.gpu_check.sampling import Case, check_sampling, tiny_case

CPU = Device("cpu")
VAE = tiny_case().config.vae
FLOW = {"num_attention_heads": 2, "attention_head_dim": 16, "joint_attention_dim": 32, "pooled_projection_dim": 16}
SD3 = FLOW | {"num_layers": 1, "sample_size": 8, "caption_projection_dim": 32, "pos_embed_max_size": 16}
FLUX = FLOW | {"num_layers": 1, "num_single_layers": 1, "in_channels": 16, "guidance_embeds": True}
TEXTS = {"prompt_embeds": (7, 32), "pooled_prompt_embeds": (16,)}
XL = dict(tiny_case().config.denoiser[1]) | {"addition_embed_type": "text_time", "addition_time_embed_dim": 8}
XL |= {"projection_class_embeddings_input_dim": 6 * 8 + 16}


def tiny(name: str) -> Case:
    model, case = MODELS[name], tiny_case()
    denoisers: dict[str, tuple[str, dict[str, Any]]] = {
        "sdxl": ("UNet2DConditionModel", XL),
        "sd3.5-medium": ("SD3Transformer2DModel", SD3),
        "flux.1-dev": ("FluxTransformer2DModel", FLUX | {"axes_dims_rope": (4, 6, 6)}),
    }
    latents = {} if name == "sdxl" else {"latent_channels": SD3.get("in_channels", 16) if name != "flux.1-dev" else 4}
    vae = (VAE[0], {**VAE[1], **latents, "shift_factor": 0.1})
    config = PipelineConfig(FAMILIES[model.family], denoisers[name], vae, TEXTS)
    row = replace(model, size=32, dtype="float32", footprint=case.model.footprint)
    return replace(case, model=row, config=config, batches=(1, 4))


def test_all_lines_of_a_tiny_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "tiny_case", lambda: replace(tiny_case(), batches=(1, 8)))
    lines = {line.name: line for line in check_sampling(Context(CPU, tiny=True, rate=1e12))}
    wrong = {name: line.seen for name, line in lines.items() if line.ok is False}
    assert wrong == {}
    assert lines["tiny, 32 px, batch 8: peak memory of decoding"].ok
    assert lines["tiny, 32 px, batch 8: share of the measured rate"].ok
    assert lines["tiny: images of mixed prompts equal in float16"].seen == 4


def test_what_does_not_fit_or_comes_too_late_is_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = check_sampling(Context(CPU, tiny=True, deadline=0.0))
    assert line.note == "not measured: out of time"
    monkeypatch.setattr(Device, "free_memory", 1000.0)
    (line,) = check_sampling(Context(CPU, tiny=True))
    assert "it needs" in line.note


def test_an_error_of_a_model_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("no")

    monkeypatch.setattr(module, "_make_sampler", fail)
    (line,) = check_sampling(Context(CPU, tiny=True))
    assert (line.ok, line.seen) == (False, "ZeroDivisionError: no")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sdxl", "sd3.5-medium", "flux.1-dev"])
def test_every_family_is_sampled(name: str) -> None:
    case = tiny(name)
    sampler, embeddings = module._make_sampler(case, CPU)
    sampler.sampling = case.sampling(32, 2)
    run = module._sample(sampler, embeddings[:1] * 2, CPU)
    assert run.flops > 0
    assert run.step > 0
    assert run.denoising > 0
    assert run.decoding > 0
    assert module._mixed_line(case, sampler, embeddings, "bfloat16").ok
