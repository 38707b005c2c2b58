"""Embeddings to images: a pipeline without its text encoders, called with one prompt's embeddings per micro-batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from prettyuseful.generators.base import Sampling
from prettyuseful.generators.families import FAMILIES, Family
from prettyuseful.generators.loading import load_parts
from prettyuseful.generators.models import Source, find_model
from prettyuseful.numerics import Numerics

_HANDOVER = 0.8  # share of the steps that a base model does before its refiner


class DiffusersSampler:
    """A model's denoiser and VAE. Every image has a CPU noise generator of its own.

    Raises:
        DataError: the model cannot be loaded.
    """

    def __init__(self, name: str, sampling: Sampling, numerics: Numerics) -> None:
        self.model, self.sampling, self.numerics = find_model(name), sampling, numerics
        family = self.model.kind
        self.pipeline = _load(self.model.source, family, sampling, numerics)
        self.refiner: Any = None
        if self.model.refiner:
            self.refiner = _load(self.model.refiner_source, FAMILIES["sdxl-refiner"], sampling, numerics)

    def applied(self) -> dict[str, object]:
        """What was really applied, for the record."""
        sampling, family = self.sampling, self.model.kind
        said: dict[str, object] = {
            "pipeline": type(self.pipeline).__name__,
            "scheduler": type(self.pipeline.scheduler).__name__,
            "steps": sampling.steps,
            "cfg": sampling.cfg,
            "negative": sampling.negative,
            "size": sampling.size or self.native_size,
            "dtype": self.numerics.dtype,
            "switched_off": list(family.switched_off),
        }
        if self.model.distilled:
            said["distilled_guidance"] = sampling.distilled_guidance
        if self.model.max_sequence:
            said["max_sequence_length"] = self.model.max_sequence
        if self.refiner is not None:
            said["refiner"] = self.model.refiner
        if self.numerics.fuse_projections:
            said["fused_projections"] = _is_fused(getattr(self.pipeline, family.denoiser))
        return said | {k: v for k, v in sampling.model_dump().items() if k in ("step_cache", "quantise") and v}

    @property
    def native_size(self) -> int:
        """What the pipeline makes when nobody asks for a size."""
        latents = getattr(self.pipeline, "default_sample_size", None)
        if latents is None:
            latents = getattr(self.pipeline, self.model.kind.denoiser).config.sample_size
        return int(latents * self.pipeline.vae_scale_factor)

    @torch.inference_mode()
    def sample(self, embedding: Mapping[str, torch.Tensor], seeds: tuple[int, ...]) -> torch.Tensor:
        """One image per seed, (N, H, W, 3) uint8 on the device.

        Args:
            embedding: what `PromptEncoder` made of one prompt and the negative.
        """
        given = {name: self._expanded(tensor, len(seeds)) for name, tensor in embedding.items()}
        own = {name: tensor for name, tensor in given.items() if "." not in name}
        with self.numerics.attending():
            if self.refiner is None:
                images = self._call(self.pipeline, self.model.kind, own, seeds)
            else:
                latents = self._call(
                    self.pipeline, self.model.kind, own, seeds, output_type="latent", denoising_end=_HANDOVER
                )
                theirs = {name.removeprefix("refiner."): t for name, t in given.items() if "." in name}
                images = self._call(
                    self.refiner,
                    FAMILIES["sdxl-refiner"],
                    theirs,
                    seeds,
                    image=latents,
                    denoising_start=_HANDOVER,
                )
        pixels: torch.Tensor = images.float().mul(255).round().byte()
        return pixels.permute(0, 2, 3, 1).contiguous()

    def _call(self, pipeline: Any, family: Family, embedding: Any, seeds: tuple[int, ...], **more: Any) -> Any:
        sampling = self.sampling
        guidance = {family.guidance: sampling.cfg}
        if self.model.distilled:
            guidance["guidance_scale"] = sampling.distilled_guidance
        size = {} if "image" in more else {"height": sampling.size, "width": sampling.size}
        if family.name == "sana":  # has no default of its own
            size = dict.fromkeys(size, sampling.size or self.native_size)
        sequence = {"max_sequence_length": self.model.max_sequence} if self.model.max_sequence else {}
        options = {"output_type": "pt"} | guidance | size | sequence | dict(family.call) | more
        return pipeline(
            **embedding,
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
            num_inference_steps=sampling.steps,
            **options,
        ).images

    def _expanded(self, tensor: torch.Tensor, count: int) -> torch.Tensor:
        # By us, not by num_images_per_prompt: with embeddings given, some pipelines do not repeat, others mix up masks.
        return tensor.to(self.numerics.device).expand(count, *tensor.shape[1:]).contiguous()


def _load(source: Source, family: Family, sampling: Sampling, numerics: Numerics) -> Any:
    pipeline = load_parts(source, family, family.text, numerics)
    pipeline.to(numerics.device)
    denoiser = getattr(pipeline, family.denoiser)
    if numerics.fuse_projections:  # before the weights become 8 bits, in which no layer can be made
        _fuse(denoiser)
    if sampling.quantise == "float8":
        denoiser.enable_layerwise_casting(torch.float8_e4m3fn, getattr(torch, numerics.dtype))
    if sampling.step_cache is not None:
        from diffusers import FirstBlockCacheConfig

        denoiser.enable_cache(FirstBlockCacheConfig(threshold=sampling.step_cache))
    setattr(pipeline, family.denoiser, numerics.place(denoiser))
    if all(weight.dim() < 5 for weight in pipeline.vae.parameters()):  # Qwen-Image's is made for films
        pipeline.vae = pipeline.vae.to(memory_format=numerics.layout)
    return pipeline


def _fuse(denoiser: Any) -> None:
    """Fuses projections where diffusers can, and where that leaves the pictures as they are.

    Its fused attention of SD 3 leaves out the norms of query and key, which SD 3.5 has.
    """
    forgets_norms = "SD3" in type(denoiser).__name__ and denoiser.config.get("qk_norm") is not None
    if hasattr(denoiser, "fuse_qkv_projections") and not forgets_norms:
        denoiser.fuse_qkv_projections()


def _is_fused(denoiser: Any) -> bool:
    return any(getattr(module, "fused_projections", False) for module in denoiser.modules())
