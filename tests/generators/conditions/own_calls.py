"""Images of tiny conditioned pipelines by our code, and by the call of diffusers, one real image at a time."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from PIL import Image
from tests.checks.pictures import picture
from tests.generators.reference_pipelines import PROMPT, SEEDS, load_pipeline

from prettyuseful.data.images import to_square
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.conditions.rows import AnyCondition
from prettyuseful.generators.models import find_model
from prettyuseful.generators.settings import resolve_sampling
from prettyuseful.generators.text_to_image import TextToImage
from prettyuseful.numerics import Numerics

SIZE, STEPS = 32, 4
REAL = [np.asarray(picture(number, (40, 36))) for number in range(len(SEEDS))]
"""Real images, which are neither square nor of the size of generated ones."""


class Conditioned:
    """A conditioned model with the embedding of one prompt."""

    def __init__(self, name: str, condition: AnyCondition, size: int = SIZE, **fields: Any) -> None:
        self.model = find_model(name, condition)
        sampling = resolve_sampling(Sampling(**{"steps": STEPS, "size": size, **fields}), self.model)
        self.whole = TextToImage(name, sampling, Numerics(), condition)
        self.embedding = self.whole.encode([PROMPT])[PROMPT]

    def images(self, real: Sequence[np.ndarray] = REAL, seeds: tuple[int, ...] = SEEDS) -> np.ndarray:
        return np.asarray(self.whole.sampler.sample([self.embedding] * len(seeds), seeds, real))


def own_images(
    name: str, class_name: str, condition: AnyCondition, arguments: Mapping[str, Any], size: int = SIZE
) -> np.ndarray:
    """Return the images of the pipeline's own call with text, one for each seed and real image."""
    pipeline = load_pipeline(Path(name))
    if class_name != type(pipeline).__name__:
        pipeline = getattr(diffusers, class_name).from_pipe(pipeline)
        pipeline.set_progress_bar_config(disable=True)
    accepted = inspect.signature(pipeline.__call__).parameters
    images = []
    for seed, real in zip(SEEDS, REAL, strict=True):
        square = Image.fromarray(to_square(Image.fromarray(real), size))
        given = {"height": size, "width": size, **condition.arguments([square])}
        output = pipeline(
            prompt=PROMPT,
            num_inference_steps=STEPS,
            output_type="np",
            generator=torch.Generator().manual_seed(seed),
            **{name: value for name, value in {**given, **arguments}.items() if name in accepted},
        )[0]
        image = output if isinstance(output, np.ndarray) else np.stack([np.asarray(each) for each in output]) / 255
        images.append(np.asarray((torch.from_numpy(image).float() * 255).round().byte()))
    return np.concatenate(images)


def differs_at_most(images: np.ndarray, reference: np.ndarray) -> int:
    """Return the largest difference in grey levels: a batch of one rounds differently from a batch of several."""
    return int(np.abs(images.astype(int) - reference).max())
