"""Call any text-to-image pipeline of diffusers with a prompt, and with the record of its encoded prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from PIL import Image

from prettyuseful.errors import DataError
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.conditions.pipelines import arguments_of
from prettyuseful.generators.embeddings import Embedding
from prettyuseful.generators.model import Model
from prettyuseful.generators.recording import NotRecordableError, from_embedding, given_back, read_form
from prettyuseful.generators.stubs import StubUsedError
from prettyuseful.redaction import redact_line


def call_arguments(model: Model, sampling: Sampling, prompt: str, seeds: Sequence[int]) -> dict[str, Any]:
    """Return the arguments of the pipeline's own call for images of one prompt, one per seed."""
    family = model.kind
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    arguments: dict[str, Any] = {
        "prompt": prompt,
        "num_inference_steps": sampling.steps,
        "output_type": "np",
        "generator": generators if family.several else generators[0],
    }
    if family.several:
        arguments["num_images_per_prompt"] = len(seeds)
    if model.distilled and sampling.distilled_guidance is not None:
        arguments[family.distilled_argument] = sampling.distilled_guidance
    if family.guidance and not (model.distilled and family.guidance == family.distilled_argument):
        arguments[family.guidance] = (sampling.cfg or 1.0) - (1.0 if family.zero_is_off else 0.0)
    if sampling.negative is not None:
        arguments["negative_prompt"] = sampling.negative
    if sampling.size is not None:
        arguments |= {"height": sampling.size, "width": sampling.size}
        if family.area_argument:
            arguments[family.area_argument] = sampling.size**2
    arguments |= family.call
    if sampling.resolution_binning:
        arguments["use_resolution_binning"] = True
    if sampling.cfg_trunc_ratio is not None:
        arguments["cfg_trunc_ratio"] = sampling.cfg_trunc_ratio
    return arguments | (sampling.arguments or {})


@contextmanager
def explain_settings(model: Model) -> Iterator[None]:
    """Explain in one line that a pipeline refuses a setting, such as a size that it cannot divide.

    Raises:
        DataError: it does.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{model.id}: {model.kind.name} refuses the settings: {redact_line(str(error), 200)}; change sampling"
        ) from error


def recorded_images(
    pipeline: Any,
    model: Model,
    sampling: Sampling,
    embedding: Embedding,
    seeds: tuple[int, ...],
    device: str,
    sources: Sequence[Image.Image] = (),
) -> torch.Tensor:
    """Return one image per seed of the prompt of a record: (N, 3, H, W), 0 to 1.

    `sources`: the real image for each of them, if the model has a condition. They are then made one by one.

    Raises:
        DataError: the pipeline refuses a setting, or uses its text encoders elsewhere, too.
    """
    prompt, several = read_form(embedding)
    together = several and model.kind.several
    batches = [seeds] if together else [(seed,) for seed in seeds]

    def call(number: int) -> torch.Tensor:
        outputs = from_embedding(embedding, len(batches[number]), device)
        context = nullcontext() if model.kind.whole else given_back(pipeline, outputs)
        arguments = call_arguments(model, sampling, prompt, batches[number])
        if model.condition is not None:
            given = model.condition.arguments(sources[number : number + 1])
            accepted = arguments_of(model.kind.pipelines[0])
            arguments = {name: value for name, value in (arguments | given).items() if name in accepted}
        with context, explain_settings(model):
            return _as_tensor(pipeline(**arguments))

    try:
        return torch.cat([call(number) for number in range(len(batches))])
    except (StubUsedError, NotRecordableError) as error:
        raise DataError(
            f"{model.id}: {model.kind.name} does not work without its text encoders ({error}); write a generator class "
            "(module:Class)"
        ) from error


def _as_tensor(output: Any) -> torch.Tensor:
    """Return the images of a pipeline, an array (N, H, W, 3) or PIL images, as a tensor (N, 3, H, W)."""
    images = output[0]  # the field has several names
    if not isinstance(images, np.ndarray):
        images = np.stack([np.asarray(image) for image in images])
    if images.dtype == np.uint8:
        images = images / np.float32(255)
    return torch.from_numpy(images).permute(0, 3, 1, 2)
