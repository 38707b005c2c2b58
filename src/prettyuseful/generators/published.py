"""The published configurations of the models of the table, built with random weights: nothing is downloaded.

They are for counting and measuring only: memory, operations and speed do not depend on the values of weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import diffusers
import torch
from torch import nn

from prettyuseful.generators.families import FAMILIES, Family
from prettyuseful.generators.model import Model

_DEVIATION = 0.02  # of random weights: activations stay small enough for float16
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


@dataclass(frozen=True)
class PipelineConfig:
    """The classes and settings of a pipeline's networks.

    `denoiser`, `vae`: a class of diffusers and its arguments. `texts`: shapes of the embeddings of one prompt of the
    largest length.
    """

    family: Family
    denoiser: tuple[str, Mapping[str, Any]]
    vae: tuple[str, Mapping[str, Any]]
    texts: Mapping[str, tuple[int, ...]]

    def build(self, dtype: torch.dtype, device: str) -> Any:
        """Return the pipeline with random weights, without text encoders. On `meta`, nothing takes memory."""
        family = self.family
        denoiser, vae = (_build(*network, dtype, device) for network in (self.denoiser, self.vae))
        texts = ("text_encoder", "tokenizer", *family.text)  # a refiner has the first ones, too
        parts = dict.fromkeys(texts) | {family.denoiser: denoiser, "vae": vae}
        options = {name: value for name, value in family.load.items() if name != "add_watermarker"}
        options |= {"requires_aesthetics_score": True} if family.refines else {}
        pipeline = getattr(diffusers, family.pipelines[0])(**parts, **options, scheduler=_scheduler(family))
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def random_embedding(self, guided: bool, dtype: torch.dtype, device: str, seed: int = 0) -> dict[str, torch.Tensor]:
        """Return a random embedding of a prompt of the largest length, and of a negative prompt if `guided`."""
        generator = None if device == "meta" else torch.Generator(device).manual_seed(seed)
        embedding = {}
        for sign in ("", "negative_")[: 1 + guided]:
            for name, shape in self.texts.items():
                tensor = torch.randn(1, *shape, generator=generator, device=device)
                embedding[f"{sign}{name}"] = torch.ones_like(tensor).long() if "mask" in name else tensor.to(dtype)
        return embedding


def published_config(model: Model) -> PipelineConfig:
    """Return the published configuration of a model of the table."""
    class_name, config = DENOISERS[model.id]
    return PipelineConfig(model.kind, (class_name, config), VAES[model.family], _texts(model.family, config))


def refiner_config(model: Model) -> PipelineConfig:
    """Return the published configuration of the refiner of a model that has one."""
    family = FAMILIES["sdxl-refiner"]
    return PipelineConfig(family, (DENOISERS[model.id][0], _REFINER), VAES[model.family], _texts(family.name, {}))


def _texts(family: str, denoiser: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    width = denoiser.get("cross_attention_dim", 0)
    return {name: tuple(size or width for size in shape) for name, shape in _TEXTS[family].items()}


def _build(class_name: str, config: Mapping[str, Any], dtype: torch.dtype, device: str) -> nn.Module:
    """Return a network with random weights, made on its device: in main memory it would take minutes."""
    with torch.device("meta"):
        network: nn.Module = getattr(diffusers, class_name)(**config).to(dtype).eval().requires_grad_(False)
    if device != "meta":
        network.to_empty(device=device)
        generator = torch.Generator(device).manual_seed(0)
        for name, tensor in network.named_parameters():
            if tensor.ndim > 1:
                tensor.normal_(0, _DEVIATION, generator=generator)
            else:  # scales of norms, and biases
                tensor.fill_(1.0 if name.endswith("weight") else 0.0)
        for buffer in network.buffers():
            buffer.zero_()
    return network


def _scheduler(family: Family) -> Any:
    if family.name in ("sd3", "flux", "sana", "lumina2", "qwen-image"):
        return diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    return diffusers.EulerDiscreteScheduler(steps_offset=1)
