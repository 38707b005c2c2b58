"""Text-to-image pipelines of the diffusers library as generators. One code path, from the pocket family to SD 1.5."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from prettyuseful.errors import DataError
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.models import Model, opened_source
from prettyuseful.numerics import Numerics


class StableDiffusionGenerator:
    """A Stable Diffusion 1.x or 2.x pipeline. Prompts are encoded once each; every image has a CPU noise generator.

    The safety checker is off: it blanks images, and a training set must not hold black squares.

    Raises:
        DataError: the pipeline cannot be loaded from its folder or from the hub.
    """

    def __init__(self, model: Model, sampling: Sampling, numerics: Numerics) -> None:
        self.model = model
        self.steps = sampling.steps or model.vendor.steps
        self.cfg = sampling.cfg or model.vendor.cfg or 1.0
        self.negative = sampling.negative
        dtype = getattr(torch, numerics.dtype)
        try:
            with _loading(model.id), opened_source(model) as source:
                self.pipeline: Any = StableDiffusionPipeline.from_pretrained(
                    source, torch_dtype=dtype, variant=model.variant, safety_checker=None
                )
        except (OSError, ValueError) as error:
            raise DataError(
                f"cannot load the generator {model.id!r} from {model.source}: {str(error).splitlines()[0]}; "
                "check the id, or download it first and name its folder"
            ) from error
        self.pipeline.unet = numerics.place(self.pipeline.unet)
        self.pipeline.to(numerics.device)
        self.pipeline.set_progress_bar_config(disable=True)
        self._embeddings: dict[str, torch.Tensor] = {}

    def applied(self) -> dict[str, object]:
        vae_scale, unet = self.pipeline.vae_scale_factor, self.pipeline.unet.config
        return {
            "pipeline": type(self.pipeline).__name__,
            "scheduler": type(self.pipeline.scheduler).__name__,
            "steps": self.steps,
            "cfg": self.cfg,
            "negative": self.negative if self.cfg > 1 else None,
            "size": self.model.size or unet.sample_size * vae_scale,
            "safety_checker": "off",
        }

    @torch.inference_mode()
    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        guided = self.cfg > 1
        negative = torch.cat([self._encode(self.negative)] * len(prompts)) if guided else None
        images = self.pipeline(
            prompt_embeds=torch.cat([self._encode(prompt) for prompt in prompts]),
            negative_prompt_embeds=negative,
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
            num_inference_steps=self.steps,
            guidance_scale=self.cfg,
            height=self.model.size,
            width=self.model.size,
            output_type="pt",
        ).images
        return np.asarray(images.float().mul(255).round().byte().permute(0, 2, 3, 1).cpu())

    def _encode(self, prompt: str) -> torch.Tensor:
        if prompt not in self._embeddings:
            embedding, _ = self.pipeline.encode_prompt(
                prompt, self.pipeline.device, num_images_per_prompt=1, do_classifier_free_guidance=False
            )
            self._embeddings[prompt] = embedding
        return self._embeddings[prompt]


@contextlib.contextmanager
def _loading(name: str) -> Iterator[None]:
    """Keeps loading reports off the terminal, and refuses a model that was loaded in part.

    The libraries fill weights that a checkpoint lacks with random numbers, and only log it.
    """
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    libraries = (diffusers_logging, transformers_logging)
    before = [library.get_verbosity() for library in libraries]
    loggers = [logging.getLogger(name) for name in ("diffusers", "transformers")]
    for library, logger in zip(libraries, loggers, strict=True):
        library.set_verbosity_warning()
        library.disable_default_handler()
        library.disable_progress_bar()
        logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            # `torch_dtype` is called `dtype` since diffusers 0.42; the old name works in every version we support.
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        for library, logger, verbosity in zip(libraries, loggers, before, strict=True):
            logger.removeHandler(handler)
            library.enable_default_handler()
            library.set_verbosity(verbosity)
    if lacking := next((message for message in heard if "newly initialized" in message), None):
        raise DataError(
            f"the weights of the generator {name!r} are incomplete and would be filled with random numbers: "
            f"{' '.join(lacking.split())[:200]}; get the model again"
        )
