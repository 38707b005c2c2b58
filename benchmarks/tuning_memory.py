"""Count the memory of training LoRA weights with the real architectures: `python -m benchmarks.tuning_memory`.

The denoisers are those of `peak_memory.py`, on a GPU that need not exist, with tensors without memory. Batches of two
sizes run forward, and the bytes of all tensors are counted, those included that the backward pass needs. That pass adds
little, because most weights have no gradients: 1.3% for SD 1.5, counted in float32 on a CPU. The script prints the
`tuning` of each model for the table of models, and how far its prediction is from the count of another batch.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from peft import LoraConfig
from torch._subclasses import FakeTensorMode
from torch.func import functional_call

from prettyuseful.generators.footprint import TuningFootprint
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.model_rows.paper import PAPER
from prettyuseful.generators.published import published_config
from prettyuseful.hub.library_logs import capture_library_logs
from prettyuseful.numerics import DType, Numerics
from prettyuseful.tensor_memory import CountedTensors
from prettyuseful.training.memory import autocast_anywhere, fake_weights
from prettyuseful.tuning.families import TUNED, Batch

_RANK = 8
_IMAGES = (1, 3)
_SIZES = (512, 1024)
_CHECKED = (768, 2)  # size and images
_DTYPES: tuple[DType, ...] = ("bfloat16", "float32")


class Trained:
    """A denoiser with LoRA weights in two number formats, and the embedding of a prompt in each.

    Args:
        family: of the model.
        build: returns its pipeline without text encoders in a number format.
        embed: returns the embedding of a prompt in a number format.
        device: of the training; this machine need not have it.
    """

    def __init__(
        self,
        family: str,
        build: Callable[[DType], Any],
        embed: Callable[[DType], Mapping[str, torch.Tensor]],
        device: str = "cuda",
    ) -> None:
        self.family, self.device = TUNED[family], device
        self.pipelines = {dtype: build(dtype) for dtype in _DTYPES}
        self.embeddings = {dtype: embed(dtype) for dtype in _DTYPES}
        for dtype, pipeline in self.pipelines.items():
            self.family.use_scheduler(pipeline)
            self.lora = _add_lora(self._denoiser(dtype), self.family.targets)

    def count(self, dtype: DType, size: int, images: int) -> int:
        """Return the bytes of all tensors besides weights at the peak of a forward pass."""
        pipeline, denoiser = self.pipelines[dtype], self._denoiser(dtype)
        numerics = Numerics.model_construct(**{**dict(Numerics(dtype=dtype)), "device": self.device})
        side = size // pipeline.vae_scale_factor
        with FakeTensorMode(allow_non_fake_inputs=True) as fake, torch.random.fork_rng(devices=[]):
            weights = {
                name: weight.detach().requires_grad_(weight.requires_grad)
                for name, weight in fake_weights(fake, denoiser, self.device).items()
            }

            def call(*args: Any, **options: Any) -> Any:
                return functional_call(denoiser, weights, args, options)

            parts = SimpleNamespace(unet=call, transformer=call, scheduler=pipeline.scheduler)
            with CountedTensors() as counted, autocast_anywhere(numerics):
                shape = (images, denoiser.config.in_channels, side, side)
                latents, noise = (torch.empty(shape, dtype=getattr(torch, dtype), device=self.device) for _ in range(2))
                embeddings = {
                    name: torch.empty(images, *tensor.shape[1:], dtype=tensor.dtype, device=self.device)
                    for name, tensor in self.embeddings[dtype].items()
                }
                levels = torch.empty(images, device=self.device)
                self.family.loss(parts, Batch(latents, noise, levels, embeddings, size))
        return counted.peak

    def footprint(self, sizes: Sequence[int]) -> TuningFootprint:
        """Return the footprint that explains the counts for one and three images of two sizes."""
        narrow, wide = ([self.count(dtype, size, n) for size in sizes for n in _IMAGES] for dtype in _DTYPES)
        matrix = np.array([[n, n * size**2] for size in sizes for n in _IMAGES], np.float64)
        scale = matrix.max(0)
        row, pixel = np.maximum(0, np.linalg.lstsq(matrix / scale, np.array(narrow, np.float64))[0] / scale)
        return TuningFootprint(self.lora, float(row), float(pixel), sum(wide) / sum(narrow))

    def _denoiser(self, dtype: DType) -> Any:
        pipeline = self.pipelines[dtype]
        return pipeline.unet if hasattr(pipeline, "unet") else pipeline.transformer


def _add_lora(denoiser: Any, targets: Sequence[str]) -> int:
    """Add LoRA weights in float32, and return their number for rank 1."""
    denoiser.requires_grad_(False)
    with capture_library_logs():
        denoiser.add_adapter(LoraConfig(r=_RANK, lora_alpha=_RANK, target_modules=list(targets)))
    weights = [weight for weight in denoiser.parameters() if weight.requires_grad]
    for weight in weights:
        weight.data = weight.data.float()
    return sum(int(weight.numel()) for weight in weights) // _RANK


def _published(name: str) -> Trained:
    """Return a model of the table in its published configuration, without weights."""
    config = published_config(MODELS[name])
    return Trained(
        MODELS[name].family,
        lambda dtype: config.build(getattr(torch, dtype), "meta"),
        lambda dtype: config.random_embedding(False, getattr(torch, dtype), "meta"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="ids of models; default: all that can be tuned and were counted")
    tuned = [model.id for model in PAPER if model.footprint and model.footprint.tuning]
    for name in parser.parse_args().models or tuned:
        trained = _published(name)
        footprint, (size, images) = trained.footprint(_SIZES), _CHECKED
        shares = [
            footprint.training(size, images, 0, dtype) / trained.count(dtype, size, images) - 1 for dtype in _DTYPES
        ]
        print(f"{name}: {footprint}; {shares[0]:+.1%} in bfloat16, {shares[1]:+.1%} in float32", flush=True)


if __name__ == "__main__":
    main()
