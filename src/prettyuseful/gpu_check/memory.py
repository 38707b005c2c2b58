"""Memory is freed between generation and training, and every step that runs out of memory says what would fit."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn

from prettyuseful.data.pixels import Pixels
from prettyuseful.engine.cache import cached_model, release_model
from prettyuseful.errors import MemoryLimitError, StepFailedError
from prettyuseful.generators.models import find_model
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.generators.settings import resolve_sampling
from prettyuseful.gpu_check.context import Context
from prettyuseful.gpu_check.lines import Line, not_measured
from prettyuseful.numerics import Numerics, TrainingNumerics
from prettyuseful.run import generate
from prettyuseful.training.checkpoints import Checkpoints
from prettyuseful.training.classifier import Design
from prettyuseful.training.initialisation import init_classifier
from prettyuseful.training.loop import train
from prettyuseful.training.recipes import QUICK

_MODEL = "pocket-base"  # its weights are part of the package
_LEFT = 16.0  # MB that may stay allocated, such as workspaces of libraries
_FITTING = 4  # images that a network may process at once before it "runs out of memory"
_BATCH = 16


def check_memory(context: Context) -> Iterator[Line]:
    """Generate, release, and then run out of memory on purpose, in generation and in training."""
    yield from _freed(context)
    for name, work in (("generation", _generate), ("training", _train)):
        if context.has_time():
            yield _exhausted(name, work, context)
            context.device.release()
        else:
            yield not_measured(f"out of memory in {name}", "out of time")
    if context.device.kind == "cuda":
        yield _truly_exhausted(context)


def _truly_exhausted(context: Context) -> Line:
    """Leave 1 GB of the card to PyTorch, and train with batches that need more."""
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, (torch.cuda.memory_reserved() + 1e9) / total))
    try:
        with TemporaryDirectory() as folder:
            _train(context.device.kind, Path(folder), 1024)
        message = "no error"
    except (MemoryLimitError, StepFailedError) as error:
        message = str(error)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    seen = "names a number that fits" if re.search(r"images_at_once: \d+, which fits", message) else message[:300]
    return Line("less than 1 GB for training", seen, "", "exactly", "names a number that fits", message[:300])


def _freed(context: Context) -> Iterator[Line]:
    release_model()
    context.device.release()
    before = context.device.allocated
    numerics = Numerics(device=context.device.kind)
    sampling = resolve_sampling("vendor", find_model(_MODEL))
    network = weakref.ref(cached_model(DiffusersSampler, _MODEL, sampling, numerics).pipeline.unet)
    yield Line("model is kept between steps that use it", str(network() is not None), "", "exactly", "True")
    release_model()
    yield Line("model is freed before training", str(network() is None), "", "exactly", "True")
    left = (context.device.allocated - before) / 1e6
    yield Line("memory that stays after generation", left, "MB", "at most", _LEFT)


def _exhausted(name: str, work: Callable[[str, Path], object], context: Context) -> Line:
    """Let the memory end at batches of more than `_FITTING` images; the message must name a size that fits."""
    with TemporaryDirectory() as folder, _limited():
        try:
            work(context.device.kind, Path(folder))
            message = "no error"
        except (MemoryLimitError, StepFailedError) as error:
            message = str(error)
    release_model()
    advice = f": {_FITTING}"  # as in `micro_batch: 4` and `images_at_once: 4`
    seen = f"names {_FITTING} images" if advice in message else message[:300]
    return Line(f"out of memory in {name}", seen, "", "exactly", f"names {_FITTING} images", message[:300])


@contextmanager
def _limited() -> Iterator[None]:
    """Raise PyTorch's own error where a network gets more than `_FITTING` images at once."""

    def check(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        if any(isinstance(value, torch.Tensor) and value.ndim == 4 and len(value) > _FITTING for value in inputs):
            raise torch.OutOfMemoryError("forced by the check")

    handle = nn.modules.module.register_module_forward_pre_hook(check)
    try:
        yield
    finally:
        handle.remove()


def _generate(device: str, folder: Path) -> None:
    numerics = {"device": device, "micro_batch": _BATCH}
    dataset = {"generator": _MODEL, "images_per_class": _BATCH, "sampling": {"steps": 1, "cfg": 1}}
    generate(dataset, folder / "images", numerics=numerics, store=folder / "store", workers=1)


def _train(device: str, folder: Path, batch: int = _BATCH) -> None:
    recipe, size = replace(QUICK, batch_size=batch), QUICK.augmentation.size
    images = np.zeros((batch, size, size, 3), np.uint8)
    pixels = Pixels.from_array(images, np.arange(batch) % 2, np.arange(batch).astype(str))
    numerics = TrainingNumerics(device=device)
    classifier = init_classifier(Design("small", 2, size), 0).to(numerics)
    train(classifier, pixels, recipe, 0, folder / "log", Checkpoints(folder / "checkpoints"), lambda _: None)
