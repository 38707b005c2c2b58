"""Generates images from embeddings: a pipeline without text encoders, called with one embedding per image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from PIL import Image

from prettyuseful.data.images import to_square
from prettyuseful.errors import DataError
from prettyuseful.generators.adapters import add_to_denoiser, add_to_text_encoders, has_adapters
from prettyuseful.generators.base import OPTIONS, Drawn, Sampling
from prettyuseful.generators.choice import GeneratorChoice, Lora, choice_of
from prettyuseful.generators.conditions.pipelines import arguments_of
from prettyuseful.generators.conditions.rows import AnyCondition
from prettyuseful.generators.embeddings import Embedding
from prettyuseful.generators.families import FAMILIES, Family
from prettyuseful.generators.footprint import DECODED_PIXELS
from prettyuseful.generators.loading import Half, load_parts, native_size, weights_of
from prettyuseful.generators.model import Model, Source
from prettyuseful.generators.recorded_call import recorded_images
from prettyuseful.generators.schedulers import replace_scheduler
from prettyuseful.generators.stubs import is_stub
from prettyuseful.generators.textual_inversions import add_embeddings
from prettyuseful.numerics import Numerics

_HANDOVER = 0.8  # share of the denoising steps that the base model does; the refiner does the rest


class DiffusersSampler:
    """The denoiser and VAE of a model. Each image has its own random generator on the CPU.

    `condition`: what images are conditioned on besides their prompts. It needs no text encoders.

    Raises:
        DataError: the model cannot be loaded.
    """

    def __init__(
        self,
        generator: GeneratorChoice | str,
        sampling: Sampling,
        numerics: Numerics,
        condition: AnyCondition | None = None,
    ) -> None:
        self.choice = choice_of(generator)
        self.model, self.sampling, self.numerics = self.choice.find(condition), sampling, numerics
        self._side = 0  # pixels of recorded images: some pipelines scale every size to one area
        self.pipeline = self._load(self.model.source, self.model.kind, self.choice.loras)
        self.refiner: Any = None
        if self.model.refiner:
            self.refiner = self._load(self.model.refiner_source, FAMILIES["sdxl-refiner"], ())

    @classmethod
    def of_pipeline(
        cls, model: Model, sampling: Sampling, numerics: Numerics, pipeline: Any, refiner: Any = None
    ) -> DiffusersSampler:
        """Return the sampler of a pipeline that exists already, such as one with random weights."""
        sampler = cls.__new__(cls)
        sampler.choice = GeneratorChoice(model=model.id)
        sampler.model, sampler.sampling, sampler.numerics, sampler._side = model, sampling, numerics, 0
        sampler.pipeline = _prepare(pipeline, model.kind, sampling, numerics)
        sampler.refiner = refiner and _prepare(refiner, FAMILIES["sdxl-refiner"], sampling, numerics)
        return sampler

    @contextmanager
    def in_main_memory(self) -> Iterator[None]:
        """Move the weights from the device to main memory inside the `with` block."""
        weights = weights_of(pipeline for pipeline in (self.pipeline, self.refiner) if pipeline is not None)
        try:
            for tensor in weights:
                tensor.data = tensor.data.to("cpu")
            yield
        finally:
            for tensor in weights:
                tensor.data = tensor.data.to(self.numerics.device)

    def applied(self) -> dict[str, object]:
        """Return the settings in effect, for the record."""
        sampling, family = self.sampling, self.model.kind
        settings: dict[str, object] = {
            "pipeline": type(self.pipeline).__name__,
            "scheduler": type(self.pipeline.scheduler).__name__,
            "steps": sampling.steps,
            "cfg": sampling.cfg if family.guidance else None,
            "negative": sampling.negative,
            "size": self._side or sampling.size or self.native_size,
            "dtype": self.numerics.dtype,
            "switched_off": list(family.switched_off),
        }
        if self.model.distilled:
            settings["distilled_guidance"] = sampling.distilled_guidance
        if self.model.max_sequence:
            settings["max_sequence_length"] = self.model.max_sequence
        if self.model.components:
            settings["components"] = {name: part.shown for name, part in self.model.components.items()}
        if self.model.condition is not None:
            settings["condition"] = self.model.condition.settings
        if family.whole:
            settings["text_encoders"] = f"beside the denoiser: {family.whole}"
        if sampling.arguments:
            settings["arguments"] = sampling.arguments
        scheduler = self.choice.scheduler
        if isinstance(scheduler, dict) and len(scheduler) > 1:
            settings["scheduler_options"] = {k: v for k, v in scheduler.items() if k != "class"}
        if self.numerics.fuse_projections:
            settings["fused_projections"] = _is_fused(getattr(self.pipeline, family.denoiser, None))
        return settings | sampling.model_dump(include={"step_cache", "quantise", *OPTIONS}, exclude_none=True)

    @property
    def native_size(self) -> int:
        """Return the height and width in pixels that the pipeline generates by default.

        Those of a recorded pipeline are known from its images; 0 before the first one.
        """
        if self.model.kind.is_recorded:
            return self._side
        return native_size(self.pipeline, self.model.kind)

    def sample(
        self, embeddings: Sequence[Embedding], seeds: tuple[int, ...], images: Sequence[np.ndarray] = ()
    ) -> torch.Tensor:
        """Return one image per seed: (N, H, W, 3) uint8, 0-255, on the device. See `draw` for the parameters.

        Raises:
            DataError: an image holds values that are not finite.
        """
        drawn = self.draw(embeddings, seeds, images)
        if broken := len(seeds) - int(drawn.finite.sum()):
            raise DataError(
                f"{self.model.id}: {broken} of {len(seeds)} images hold values that are not finite (NaN or infinite) "
                f"with {self.numerics.dtype}; set another number format, such as numerics: {{dtype: bfloat16}} or "
                "float32"
            )
        assert isinstance(drawn.pixels, torch.Tensor)
        return drawn.pixels

    @torch.inference_mode()
    def draw(self, embeddings: Sequence[Embedding], seeds: tuple[int, ...], images: Sequence[np.ndarray] = ()) -> Drawn:
        """Return one image per seed, on the device, and which of them are finite.

        Args:
            embeddings: one per image, the outputs of `PromptEncoder` for its prompt and the negative prompt. Their
                tensors have equal shapes.
            seeds: one per image.
            images: with a condition, a real image for each one, (H, W, 3) uint8. Their centred squares are resized to
                the size of the generated images.
        """
        condition = self.model.condition
        if condition is None:
            return self._sample(embeddings, seeds, ())
        side = self.sampling.size or self._source_side
        squares = [to_square(Image.fromarray(image), side) for image in images]
        drawn = self._sample(embeddings, seeds, [Image.fromarray(square) for square in squares])
        assert isinstance(drawn.pixels, torch.Tensor)
        assert isinstance(drawn.finite, torch.Tensor)
        pixels = condition.complete(drawn.pixels, squares) * drawn.finite.view(-1, 1, 1, 1)
        return Drawn(pixels, drawn.finite)

    @property
    def _source_side(self) -> int:
        """The height and width in pixels of real images, if the study does not set it: the native size.

        Raises:
            DataError: the native size of a recorded pipeline is not known.
        """
        if not (size := native_size(self.pipeline, self.model.kind)):
            raise DataError(f"{self.model.id}: the size of its images is not known; set sampling: {{size: PIXELS}}")
        return size

    def _sample(self, embeddings: Sequence[Embedding], seeds: tuple[int, ...], sources: Sequence[Image.Image]) -> Drawn:
        if self.model.kind.is_recorded:
            return self._sample_recorded(embeddings, seeds, sources)
        tensors = {name: self._stack([embedding[name] for embedding in embeddings]) for name in embeddings[0]}
        base_tensors = {name: tensor for name, tensor in tensors.items() if "." not in name}
        with self.numerics.attention_kernel():
            if self.model.condition is not None:
                given = self.model.condition.arguments(sources)
                images = self._call(self.pipeline, self.model.kind, base_tensors, seeds, **given)
            elif self.refiner is None:
                images = self._call(self.pipeline, self.model.kind, base_tensors, seeds)
            else:
                latents = self._call(
                    self.pipeline, self.model.kind, base_tensors, seeds, output_type="latent", denoising_end=_HANDOVER
                )
                refiner_tensors = {name.removeprefix("refiner."): t for name, t in tensors.items() if "." in name}
                images = self._call(
                    self.refiner,
                    FAMILIES["sdxl-refiner"],
                    refiner_tensors,
                    seeds,
                    image=latents,
                    denoising_start=_HANDOVER,
                )
        return self._to_pixels(images)

    def _sample_recorded(
        self, embeddings: Sequence[Embedding], seeds: tuple[int, ...], sources: Sequence[Image.Image]
    ) -> Drawn:
        if any(embedding is not embeddings[0] for embedding in embeddings):
            raise ValueError("the images of a batch must have one prompt")
        with self.numerics.attention_kernel():
            images = recorded_images(
                self.pipeline, self.model, self.sampling, embeddings[0], seeds, self.numerics.device, sources
            )
        self._side = images.shape[-1]
        return self._to_pixels(images)

    def _to_pixels(self, images: torch.Tensor) -> Drawn:
        finite = images.isfinite().flatten(1).all(dim=1)
        pixels: torch.Tensor = images.float().mul(255).round().byte()
        pixels *= finite.view(-1, 1, 1, 1)  # as bytes, NaN is undefined
        return Drawn(pixels.permute(0, 2, 3, 1).contiguous(), finite)

    def _call(self, pipeline: Any, family: Family, embedding: Any, seeds: tuple[int, ...], **overrides: Any) -> Any:
        sampling = self.sampling
        guidance = {family.guidance: sampling.cfg}
        if self.model.distilled:
            guidance["guidance_scale"] = sampling.distilled_guidance
        size = {} if family.refines else {"height": sampling.size, "width": sampling.size}
        if family.name == "sana":  # its pipeline has no default size
            size = dict.fromkeys(size, sampling.size or self.native_size)
        sequence = {"max_sequence_length": self.model.max_sequence} if self.model.max_sequence else {}
        chosen: dict[str, Any] = {"use_resolution_binning": True} if sampling.resolution_binning else {}
        if sampling.cfg_trunc_ratio is not None:
            chosen["cfg_trunc_ratio"] = sampling.cfg_trunc_ratio
        options = {"output_type": "pt"} | guidance | size | sequence | dict(family.call) | chosen | overrides
        if self.model.condition is not None:  # some pipelines take the size from the real images
            accepted = arguments_of(family.pipelines[0])
            options = {name: value for name, value in options.items() if name in accepted}
        return pipeline(
            **embedding,
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
            num_inference_steps=sampling.steps,
            **options,
        ).images

    def _stack(self, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the tensors of all images as one batch; one that several images share is copied to the device once."""
        # Not by num_images_per_prompt: given embeddings, some pipelines ignore it and others mix up the masks.
        on_device = {id(tensor): tensor.to(self.numerics.device) for tensor in tensors}
        return torch.cat([on_device[id(tensor)] for tensor in tensors])

    def _load(self, source: Source, family: Family, loras: Sequence[Lora]) -> Any:
        """Load a pipeline without its text encoders, unless it needs them beside its denoiser."""
        excluded = () if family.is_recorded else family.text
        half: Half | None = "image" if family.is_recorded and not family.whole else None
        pipeline = load_parts(source, family, excluded, self.numerics, half, self.choice.single_file)
        if self.choice.scheduler is not None:
            replace_scheduler(pipeline, self.choice.scheduler)
        if family.whole:  # its text encoders are here
            add_to_text_encoders(pipeline, self.model, loras)
            add_embeddings(pipeline, self.model, self.choice.textual_inversions)
        add_to_denoiser(pipeline, self.model, family, loras)
        if self.model.condition is not None and not family.refines:
            self.model.condition.prepare(pipeline)
        prepare = _prepare_recorded if family.is_recorded else _prepare
        return prepare(pipeline, family, self.sampling, self.numerics)


def _prepare(pipeline: Any, family: Family, sampling: Sampling, numerics: Numerics) -> Any:
    """Move a pipeline to its device, with all settings that its networks have."""
    denoiser = getattr(pipeline, family.denoiser)
    if numerics.fuse_projections:  # fused before quantisation, because layers cannot be created in 8 bits
        _fuse(denoiser)
    if sampling.quantise == "float8":
        denoiser.enable_layerwise_casting(torch.float8_e4m3fn, getattr(torch, numerics.dtype))
    pipeline.to(numerics.device)  # only now, because the device may have no room for the denoiser in 16 bits
    if sampling.step_cache is not None:
        from diffusers import FirstBlockCacheConfig

        denoiser.enable_cache(FirstBlockCacheConfig(threshold=sampling.step_cache))
    setattr(pipeline, family.denoiser, numerics.prepare(denoiser))
    if all(weight.dim() < 5 for weight in pipeline.vae.parameters()):  # the VAE of Qwen-Image has video (5-D) weights
        pipeline.vae = pipeline.vae.to(memory_format=numerics.torch_memory_format)
    decode_in_slices(pipeline)
    return pipeline


def _prepare_recorded(pipeline: Any, family: Family, sampling: Sampling, numerics: Numerics) -> Any:
    """Do the same for a pipeline without a row, which decodes as it likes and may have networks without weights."""
    denoiser = getattr(pipeline, family.denoiser, None)
    if numerics.fuse_projections and denoiser is not None:
        _fuse(denoiser)
    if sampling.quantise == "float8":
        if denoiser is None:
            raise DataError(f"{family.name} has no denoiser of a known name; remove quantise")
        denoiser.enable_layerwise_casting(torch.float8_e4m3fn, getattr(torch, numerics.dtype))
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module) and not is_stub(part):
            part.to(numerics.device)
    if denoiser is not None:
        setattr(pipeline, family.denoiser, numerics.prepare(denoiser))
    return pipeline


def decode_in_slices(pipeline: Any) -> None:
    """Let the VAE of the pipeline decode at most `DECODED_PIXELS` at once, but at least one image."""
    decode, scale = pipeline.vae.decode, pipeline.vae_scale_factor

    def decode_slices(latents: torch.Tensor, *args: Any, **options: Any) -> Any:
        pixels = latents.shape[-2] * latents.shape[-1] * scale**2
        parts = torch.split(latents, max(1, DECODED_PIXELS // pixels))
        slices = [decode(part, *args, **{**options, "return_dict": False})[0] for part in parts]
        return (torch.cat(slices),)

    pipeline.vae.decode = decode_slices


def _fuse(denoiser: Any) -> None:
    """Fuse the query, key and value projections where diffusers supports it without changing the images.

    The fused attention of SD 3 in diffusers omits the query and key norms that SD 3.5 has.
    """
    if has_adapters(denoiser):  # the fused weights would lack them
        return
    omits_norms = "SD3" in type(denoiser).__name__ and denoiser.config.get("qk_norm") is not None
    if hasattr(denoiser, "fuse_qkv_projections") and not omits_norms:
        denoiser.fuse_qkv_projections()


def _is_fused(denoiser: Any) -> bool:
    return denoiser is not None and any(getattr(module, "fused_projections", False) for module in denoiser.modules())
