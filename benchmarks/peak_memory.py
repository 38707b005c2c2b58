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

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from prettyuseful.generators.base import Sampling
from prettyuseful.generators.footprint import DECODED_PIXELS, KEPT, Footprint
from prettyuseful.generators.model import Model
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.model_rows.paper import PAPER
from prettyuseful.generators.published import published_config, refiner_config
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.generators.settings import resolve_sampling
from prettyuseful.numerics import Numerics
from prettyuseful.tensor_memory import CountedTensors


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
    numerics = Numerics.model_construct(**{**dict(Numerics(dtype=model.dtype)), "device": "meta"})
    dtype = getattr(torch, model.dtype)
    pipeline = published_config(model).build(dtype, "meta")
    refiner = refiner_config(model).build(dtype, "meta") if model.refiner else None
    return on_meta(DiffusersSampler.of_pipeline(model, sampling, numerics, pipeline, refiner))


def largest_embedding(sampler: DiffusersSampler) -> dict[str, torch.Tensor]:
    """Return an embedding of the largest length, with that of the negative prompt if there is guidance."""
    model, guided = sampler.model, (sampler.sampling.cfg or 1) > 1
    dtype = getattr(torch, model.dtype)
    embedding = published_config(model).random_embedding(guided, dtype, "meta")
    if model.refiner:
        refined = refiner_config(model).random_embedding(guided, dtype, "meta")
        embedding |= {f"refiner.{name}": tensor for name, tensor in refined.items()}
    return embedding


def on_meta(sampler: DiffusersSampler) -> DiffusersSampler:
    """Move a sampler with weights to the meta device."""
    sampler.numerics = Numerics.model_construct(**{**dict(sampler.numerics), "device": "meta"})
    for pipeline in _pipelines(sampler):
        pipeline.to("meta")
        pipeline.scheduler = _Scheduler("cpu" if hasattr(pipeline, "unet") else "meta")
    return sampler


def count(sampler: DiffusersSampler, embedding: Mapping[str, torch.Tensor], size: int, images: int) -> tuple[int, int]:
    """Return the bytes of all tensors but the weights: at the peak of denoising, and at that of decoding.

    With a condition, each image is made from a grey one, whose encoding is counted with denoising.
    """
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
            stack.enter_context(_FullLengths(embedding["prompt_embeds"].shape[1]))
        counted = stack.enter_context(CountedTensors())
        real = [np.full((size, size, 3), 128, np.uint8)] * (images if sampler.model.condition else 0)
        sampler.draw([embedding] * images, tuple(range(images)), real)
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
    for name in parser.parse_args().models or [model.id for model in PAPER]:
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
