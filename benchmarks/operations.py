"""Count the operations of generation with the real architectures, without weights: `python -m benchmarks.operations`.

The pipelines are those of `peak_memory.py`, on the `meta` device. Our sampler runs for some and for twice as many
steps, at three sizes: the counts are polynomials of the number of pixels. The script prints the `operations` of each
model for the table of models.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from benchmarks.peak_memory import _FullLengths, build_sampler, largest_embedding

from prettyuseful.generators.base import Sampling
from prettyuseful.generators.model import Model
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.model_rows.paper import PAPER
from prettyuseful.generators.operations import Operations
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.generators.settings import resolve_sampling
from prettyuseful.operations import CountedOperations

SIZES = (512, 768, 1024)
_TOKENS = {"qwen-image": 128, "lumina2": 128}
"""Tokens of a prompt of several sentences, for models that remove padding."""


def count(
    sampler: DiffusersSampler, embedding: Mapping[str, torch.Tensor], sampling: Sampling, images: int
) -> tuple[int, int]:
    """Return the floating-point operations and the kernel launches of sampling `images` images."""
    sampler.sampling = sampling
    with contextlib.ExitStack() as stack:
        stack.enter_context(_FullLengths(embedding["prompt_embeds"].shape[1]))
        counted = stack.enter_context(CountedOperations())
        sampler.draw([embedding] * images, tuple(range(images)))
    return counted.flops, counted.launches


def operations_of(model: Model) -> Operations:
    """Return the counts for a model of the table."""
    assert model.footprint is not None
    few = 5 if model.refiner else 2  # of five steps, the refiner does the last one; some pipelines treat one step apart
    sampling = resolve_sampling(Sampling(steps=few), model)
    sampling = sampling.model_copy(update={"cfg_trunc_ratio": None})
    sampler = build_sampler(model, sampling)
    embedding = _shorten(largest_embedding(sampler), model.sequence or _TOKENS.get(model.family))
    rows = 2 if (sampling.cfg or 1) > 1 else 1
    denoising, decoding = [], []
    launches = decoding_launches = 0
    for size in SIZES:
        one, two = (
            count(sampler, embedding, sampling.model_copy(update={"size": size, "steps": steps}), 1)
            for steps in (few, 2 * few)
        )
        denoising.append((two[0] - one[0]) / few / rows)
        decoding.append(one[0] - (two[0] - one[0]))
        launches = round((two[1] - one[1]) / few / (1 if model.footprint.joins_guidance else rows))
        decoding_launches = one[1] - (two[1] - one[1])
    fixed, pixel, pair = _polynomial(denoising)
    _, decoded, decoded_pair = _polynomial(decoding)
    return Operations(fixed, pixel, pair, decoded, decoded_pair, launches, decoding_launches)


def _shorten(embedding: Mapping[str, torch.Tensor], tokens: int | None) -> dict[str, torch.Tensor]:
    return {
        name: tensor[:, :tokens] if tensor.ndim == 3 or "mask" in name else tensor for name, tensor in embedding.items()
    }


def _polynomial(counts: Sequence[float]) -> tuple[float, float, float]:
    pixels = np.array(SIZES, np.float64) ** 2
    scale = pixels[-1] ** np.arange(3)
    values = np.linalg.solve(pixels[:, None] ** np.arange(3) / scale, np.array(counts)) / scale
    return float(values[0]), float(values[1]), float(values[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="ids of models; default: all that are not built in")
    for name in parser.parse_args().models or [model.id for model in PAPER]:
        print(f"{name}: {operations_of(MODELS[name])}", flush=True)


if __name__ == "__main__":
    main()
