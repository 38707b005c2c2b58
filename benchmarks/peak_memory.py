"""Count the memory of generation with the real architectures, without weights: `python benchmarks/peak_memory.py`.

The pipelines are built from the published configurations on the `meta` device, where tensors have shapes and no memory.
Our sampler then runs, and the bytes of all tensors are counted. The script prints the
`footprint` of each model for the table of models, and how far its prediction is from the count at vendor settings.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any
from unittest import mock

import diffusers
import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from prettyuseful.generators.base import Sampling
from prettyuseful.generators.families import FAMILIES
from prettyuseful.generators.footprint import DECODED_PIXELS, KEPT, Footprint
from prettyuseful.generators.models import MODELS, Model
from prettyuseful.generators.sampler import DiffusersSampler, decode_in_slices
from prettyuseful.generators.settings import resolve_sampling
from prettyuseful.numerics import Numerics
from prettyuseful.tensor_memory import CountedTensors

_XL: dict[str, Any] = {
    "sample_size": 128,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
}
_BASE_XL = {
    **_XL,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "projection_class_embeddings_input_dim": 2816,
}
_REFINER = {
    **_XL,
    "block_out_channels": (384, 768, 1536, 1536),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": 4,
    "attention_head_dim": (6, 12, 24, 24),
    "cross_attention_dim": 1280,
    "projection_class_embeddings_input_dim": 2560,
}
_SD2: dict[str, Any] = {"cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20)}
_SD2 |= {"use_linear_projection": True}
_SD3: dict[str, Any] = {"sample_size": 128, "num_layers": 24, "attention_head_dim": 64, "num_attention_heads": 24}
_SD3 |= {"joint_attention_dim": 4096, "caption_projection_dim": 1536, "pooled_projection_dim": 2048}
_SD3 |= {"in_channels": 16, "out_channels": 16}
_SD3_LARGE = {**_SD3, "num_layers": 38, "num_attention_heads": 38, "caption_projection_dim": 2432}
_SD3_LARGE |= {"qk_norm": "rms_norm", "pos_embed_max_size": 192}
DENOISERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sd-1.5": ("UNet2DConditionModel", {"sample_size": 64, "cross_attention_dim": 768}),
    "sd-2.0": ("UNet2DConditionModel", {"sample_size": 96, **_SD2}),
    "sd-2.1": ("UNet2DConditionModel", {"sample_size": 96, **_SD2}),
    "sdxl": ("UNet2DConditionModel", _BASE_XL),
    "sdxl-refiner": ("UNet2DConditionModel", _BASE_XL),
    "sdxl-turbo": ("UNet2DConditionModel", {**_BASE_XL, "sample_size": 64}),
    "sd3-medium": ("SD3Transformer2DModel", {**_SD3, "pos_embed_max_size": 192}),
    "sd3.5-medium": (
        "SD3Transformer2DModel",
        {**_SD3, "pos_embed_max_size": 384, "qk_norm": "rms_norm", "dual_attention_layers": tuple(range(13))},
    ),
    "sd3.5-large": ("SD3Transformer2DModel", _SD3_LARGE),
    "sd3.5-large-turbo": ("SD3Transformer2DModel", _SD3_LARGE),
    "flux.1-dev": ("FluxTransformer2DModel", {"guidance_embeds": True}),
    "flux.1-schnell": ("FluxTransformer2DModel", {"guidance_embeds": False}),
    "sana-1.6b": ("SanaTransformer2DModel", {}),
    "lumina-2.0": ("Lumina2Transformer2DModel", {"cap_feat_dim": 2304}),
    "qwen-image": ("QwenImageTransformer2DModel", {}),
    "pixart-alpha": (
        "PixArtTransformer2DModel",
        {"sample_size": 128, "num_attention_heads": 16, "attention_head_dim": 72, "cross_attention_dim": 1152}
        | {"caption_channels": 4096},
    ),
}
_KL = {
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
_KL_16 = {**_KL, "latent_channels": 16, "use_quant_conv": False, "use_post_quant_conv": False, "shift_factor": 0.1}
_DC = {
    "latent_channels": 32,
    "encoder_block_out_channels": (128, 256, 512, 512, 1024, 1024),
    "encoder_layers_per_block": (2, 2, 2, 3, 3, 3),
    "encoder_qkv_multiscales": ((), (), (), (5,), (5,), (5,)),
    "encoder_block_types": ("ResBlock",) * 3 + ("EfficientViTBlock",) * 3,
    "decoder_block_out_channels": (128, 256, 512, 512, 1024, 1024),
    "decoder_layers_per_block": (3, 3, 3, 3, 3, 3),
    "decoder_qkv_multiscales": ((), (), (), (5,), (5,), (5,)),
    "decoder_block_types": ("ResBlock",) * 3 + ("EfficientViTBlock",) * 3,
    "upsample_block_type": "interpolate",
    "downsample_block_type": "conv",
    "scaling_factor": 0.41407,
}
_QWEN_VAE = {
    "base_dim": 96,
    "z_dim": 16,
    "dim_mult": [1, 2, 4, 4],
    "num_res_blocks": 2,
    "temperal_downsample": [False, True, True],
    "latents_mean": [0.1] * 16,
    "latents_std": [1.5] * 16,
}
VAES: dict[str, tuple[str, dict[str, Any]]] = {
    "sd": ("AutoencoderKL", {**_KL, "force_upcast": False}),
    "sdxl": ("AutoencoderKL", {**_KL, "force_upcast": True}),
    "sd3": ("AutoencoderKL", _KL_16),
    "flux": ("AutoencoderKL", _KL_16),
    "sana": ("AutoencoderDC", _DC),
    "lumina2": ("AutoencoderKL", _KL_16),
    "qwen-image": ("AutoencoderKLQwenImage", _QWEN_VAE),
    "pixart": ("AutoencoderKL", {**_KL, "force_upcast": False}),
}


class _Scheduler:
    """A scheduler without values: real ones look up timesteps by value, which tensors without memory do not have."""

    order, init_noise_sigma = 1, 1.0

    def __init__(self, device: str) -> None:
        self.device = device
        self.config = mock.MagicMock(num_train_timesteps=1000)
        self.config.get = lambda _, default=None: default

    def set_timesteps(
        self, steps: int | None = None, device: Any = None, sigmas: Any = None, mu: float | None = None
    ) -> None:
        del device, mu
        self.timesteps = torch.ones(len(sigmas) if steps is None else steps, device=self.device)

    def set_begin_index(self, _: int) -> None: ...

    def scale_model_input(self, sample: torch.Tensor, _: Any) -> torch.Tensor:
        return sample

    def add_noise(self, sample: torch.Tensor, noise: torch.Tensor, _: Any) -> torch.Tensor:
        return sample + noise

    def step(self, noise: torch.Tensor, _: Any, sample: torch.Tensor, **__: Any) -> tuple[torch.Tensor]:
        return (sample - noise,)


_TEXTS: dict[str, dict[str, tuple[int, ...]]] = {
    "sd": {"prompt_embeds": (77, 0)},
    "sdxl": {"prompt_embeds": (77, 2048), "pooled_prompt_embeds": (1280,)},
    "sdxl-refiner": {"prompt_embeds": (77, 1280), "pooled_prompt_embeds": (1280,)},
    "sd3": {"prompt_embeds": (333, 4096), "pooled_prompt_embeds": (2048,)},
    "flux": {"prompt_embeds": (512, 4096), "pooled_prompt_embeds": (768,)},
    "sana": {"prompt_embeds": (300, 2304), "prompt_attention_mask": (300,)},
    "lumina2": {"prompt_embeds": (256, 2304), "prompt_attention_mask": (256,)},
    "qwen-image": {"prompt_embeds": (512, 3584), "prompt_embeds_mask": (512,)},
    "pixart": {"prompt_embeds": (120, 4096), "prompt_attention_mask": (120,)},
}
"""Shapes of the embeddings of one prompt of the largest length."""


class _FullLengths(TorchFunctionMode):
    """Answers how many tokens a prompt has, which Lumina and Qwen-Image ask its mask: all `tokens`."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.tokens = tokens

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.Tensor.tolist and args[0].is_meta:
            return [self.tokens] * len(args[0])
        if function is torch.Tensor.__bool__ and args[0].is_meta:
            return True
        return function(*args, **(kwargs or {}))


def build_sampler(model: Model, sampling: Sampling) -> DiffusersSampler:
    """Return a sampler of a known model on the meta device."""
    sampler = object.__new__(DiffusersSampler)
    numerics = Numerics.model_construct(**{**dict(Numerics(dtype=model.dtype)), "device": "meta"})
    sampler.model, sampler.sampling, sampler.numerics, sampler.refiner = model, sampling, numerics, None
    class_name, config = DENOISERS[model.id]
    sampler.pipeline = _pipeline(model.family, class_name, config, model)
    if model.refiner:
        sampler.refiner = _pipeline("sdxl-refiner", class_name, _REFINER, model)
    return sampler


def _pipeline(family_name: str, class_name: str, config: Mapping[str, Any], model: Model) -> Any:
    family, dtype = FAMILIES[family_name], getattr(torch, model.dtype)
    vae_class, vae_config = VAES[model.family]
    with torch.device("meta"):
        denoiser = getattr(diffusers, class_name)(**config).to(dtype).eval()
        vae = getattr(diffusers, vae_class)(**vae_config).to(dtype).eval()
    texts = ("text_encoder", "tokenizer", *family.text)  # a refiner has the first ones, too
    parts = dict.fromkeys(texts) | {family.denoiser: denoiser, "vae": vae}
    options = {name: value for name, value in family.load.items() if name != "add_watermarker"}
    options |= {"requires_aesthetics_score": True} if family.refines else {}
    scheduler = diffusers.EulerDiscreteScheduler(steps_offset=1)
    pipeline = getattr(diffusers, family.pipelines[0])(**parts, **options, scheduler=scheduler)
    # UNets take single timesteps, which pipelines with a refiner compare with a limit.
    pipeline.scheduler = _Scheduler("cpu" if family.denoiser == "unet" else "meta")
    pipeline.set_progress_bar_config(disable=True)
    decode_in_slices(pipeline)
    return pipeline


def largest_embedding(sampler: DiffusersSampler) -> dict[str, torch.Tensor]:
    """Return an embedding of the largest length, with that of the negative prompt if there is guidance."""
    model, guided = sampler.model, (sampler.sampling.cfg or 1) > 1
    width = DENOISERS[model.id][1].get("cross_attention_dim", 0)
    embedding: dict[str, torch.Tensor] = {}
    for family, prefix in (
        ((model.family, ""), ("sdxl-refiner", "refiner.")) if model.refiner else ((model.family, ""),)
    ):
        for name, shape in _TEXTS[family].items():
            dtype = torch.long if "mask" in name else getattr(torch, model.dtype)
            tensor = torch.empty(1, *(size or width for size in shape), dtype=dtype, device="meta")
            embedding |= {f"{prefix}{sign}{name}": tensor for sign in ("", "negative_")[: 1 + guided]}
    return embedding


def on_meta(sampler: DiffusersSampler) -> DiffusersSampler:
    """Move a sampler with weights to the meta device."""
    sampler.numerics = Numerics.model_construct(**{**dict(sampler.numerics), "device": "meta"})
    for pipeline in _pipelines(sampler):
        pipeline.to("meta")
        pipeline.scheduler = _Scheduler("cpu" if hasattr(pipeline, "unet") else "meta")
    return sampler


def count(sampler: DiffusersSampler, embedding: Mapping[str, torch.Tensor], size: int, images: int) -> tuple[int, int]:
    """Return the bytes of all tensors but the weights: at the peak of denoising, and at that of decoding."""
    sampler.sampling = sampler.sampling.model_copy(update={"size": size})
    vae, denoising = _pipelines(sampler)[-1].vae, []
    decode = vae.decode

    def count_from_here(*arguments: Any, **options: Any) -> Any:
        denoising.append(counted.peak)
        counted.reset_peak()
        return decode(*arguments, **options)

    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(vae, "decode", count_from_here))
        if _denoiser(sampler.pipeline).device.type == "meta":
            stack.enter_context(mock.patch.object(DiffusersSampler, "_check_finite"))
            stack.enter_context(_FullLengths(embedding["prompt_embeds"].shape[1]))
        counted = stack.enter_context(CountedTensors())
        sampler.sample([embedding] * images, tuple(range(images)))
    return denoising[0], counted.peak


def footprint_of(sampler: DiffusersSampler, embedding: Mapping[str, torch.Tensor], sizes: Sequence[int]) -> Footprint:
    """Return the footprint that explains the counts for one and three images of two sizes."""
    pipelines = _pipelines(sampler)
    joins = sampler.model.family not in ("flux", "lumina2", "qwen-image")
    rows = 2 if joins and (sampler.sampling.cfg or 1) > 1 else 1
    upcasts = sampler.model.family == "sdxl" and sampler.numerics.dtype == "float16"
    counts = [(size, n, *count(sampler, embedding, size, n)) for size in sizes for n in (2, 6)]
    matrix = np.array([[1, rows * n, rows * n * size**2] for size, n, *_ in counts], np.float64)
    vae = sum(_weights(pipeline.vae) for pipeline in pipelines)
    converted = 2 * _weights(pipelines[-1].vae) if upcasts else 0
    denoising = np.array([denoised for *_, denoised, _ in counts], np.float64)
    seen = denoising > 1.05 * converted  # SDXL converts its VAE before it decodes, which hides small peaks
    scale = np.abs(matrix[seen]).max(0)
    fixed, row, pixel = np.maximum(0, np.linalg.lstsq(matrix[seen] / scale, denoising[seen])[0] / scale)
    size, _, _, decoding = counts[2]
    slices = min(2, max(1, DECODED_PIXELS // size**2)) * size**2
    wide = 2 if sampler.numerics.dtype == "float32" else 1
    decoded = (decoding - converted - fixed - 2 * size**2 * KEPT) / slices / (2 if upcasts else wide)
    denoisers = sum(_weights(_denoiser(pipeline)) for pipeline in pipelines)
    return Footprint(
        denoisers / wide, vae / wide, 0, fixed / wide, row / wide, pixel / wide, max(0.0, decoded), joins, upcasts
    )


def _pipelines(sampler: DiffusersSampler) -> list[Any]:
    return [pipeline for pipeline in (sampler.pipeline, sampler.refiner) if pipeline is not None]


def _denoiser(pipeline: Any) -> Any:
    return pipeline.unet if hasattr(pipeline, "unet") else pipeline.transformer


def _weights(module: Any) -> int:
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="ids of models; default: all that are not built in")
    for name in parser.parse_args().models or [name for name, row in MODELS.items() if row.footprint]:
        model = MODELS[name]
        assert model.footprint is not None
        assert model.size is not None
        steps = 5 if model.refiner else 2
        sampler = build_sampler(model, resolve_sampling(Sampling(steps=steps), model))
        embedding = largest_embedding(sampler)
        counted = footprint_of(sampler, embedding, (512, 1024))
        peaks = count(sampler, embedding, model.size, model.micro_batch)
        weights = counted.denoiser + counted.vae
        predicted = model.footprint.sampling(sampler.sampling, model.size, model.micro_batch, model.dtype)
        share = predicted / (weights + max(peaks)) - 1
        print(
            f"{name}: {predicted / 1e9:.1f} GB predicted for {model.micro_batch} images of {model.size} px, counted "
            f"{(weights + max(peaks)) / 1e9:.1f} ({share:+.1%}); {counted}",
            flush=True,
        )


if __name__ == "__main__":
    main()
