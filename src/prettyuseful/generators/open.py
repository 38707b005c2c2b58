"""The generator at hand: a worker keeps the last one loaded, since many shards in a row come from one model."""

from __future__ import annotations

from functools import lru_cache

from prettyuseful.generators.base import Generator, Sampling
from prettyuseful.generators.models import find_model
from prettyuseful.numerics import Numerics


@lru_cache(maxsize=1)
def open_generator(source: str, sampling: Sampling, numerics: Numerics) -> Generator:
    """The generator that a study calls `source`."""
    from prettyuseful.generators.diffusers import StableDiffusionGenerator

    return StableDiffusionGenerator(find_model(source), sampling, numerics)
