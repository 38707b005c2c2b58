"""The recipe of the paper on random images: speed, memory against its prediction, and augmentation alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, get_args
from unittest import mock

import numpy as np
import torch

from prettyuseful.data.pixels import Pixels
from prettyuseful.gpu_check.context import Context
from prettyuseful.gpu_check.lines import Line, failed, not_measured
from prettyuseful.numerics import TrainingNumerics
from prettyuseful.study.numerics import StudyNumerics
from prettyuseful.training import loop
from prettyuseful.training.architectures import PAPER_TIMM_IDS
from prettyuseful.training.augment import augment, cutmix, normalise_
from prettyuseful.training.augmentations import Augmentation
from prettyuseful.training.checkpoints import Checkpoints
from prettyuseful.training.classifier import Classifier, Design
from prettyuseful.training.initialisation import init_classifier, trainable, training_mode
from prettyuseful.training.loader import BatchLoader
from prettyuseful.training.memory import LOADED_AT_ONCE, USABLE, TrainingMemory, choose_images_at_once, predict_memory
from prettyuseful.training.recipes import PAPER, Recipe
from prettyuseful.training.sampling import sample_cutmix_patch, sample_parameters

_CLASSES = 100
_EPOCHS = 3  # the first warms up
_SPEED, _SPEED_OF = 4000.0, "resnet50"  # images per second
_AUGMENTED = 2 * _SPEED  # so that augmentation takes at most half of the time of a training step
_ROUNDS = 5
Way = Literal["images on the card", "images in main memory", "cuDNN does not try kernels"]
_WAYS: tuple[Way, ...] = get_args(Way)  # the first one is the usual one; the others are measured for one architecture


@dataclass(frozen=True)
class Case:
    """What is trained: the recipe, the architectures, and the number and the side of the training images."""

    recipe: Recipe
    architectures: tuple[str, ...]
    images: int
    side: int

    def pixels(self) -> Pixels:
        rng = np.random.default_rng(0)
        images = rng.integers(256, size=(self.images, self.side, self.side, 3), dtype=np.uint8)
        return Pixels.from_array(images, np.arange(self.images) % _CLASSES, np.arange(self.images).astype(str))


def _case(is_tiny: bool) -> Case:
    if not is_tiny:
        return Case(replace(PAPER, epochs=_EPOCHS), tuple(PAPER_TIMM_IDS), 8 * PAPER.batch_size, 256)
    tiny = replace(PAPER.augmentation, size=32)
    return Case(replace(PAPER, epochs=_EPOCHS, batch_size=32, augmentation=tiny), ("small",), 64, 40)


def check_training(context: Context) -> Iterator[Line]:
    """Train every architecture of the paper for a few epochs, with the images on the card and in main memory."""
    case = _case(context.tiny)
    pixels = case.pixels()
    numerics = StudyNumerics(device=context.device.kind).training_numerics()
    yield from _augmentation_lines(case, pixels, context)
    for architecture in case.architectures:
        for way in _WAYS if architecture == case.architectures[0] else _WAYS[:1]:
            name = f"{architecture}, recipe paper, {way}"
            if not context.has_time():
                yield not_measured(name, "out of time")
                continue
            numerics.apply()
            try:
                yield from _train(name, architecture, case, pixels, numerics, way, context)
            except Exception as error:  # the other architectures are measured all the same
                yield failed(name, error)
            context.device.release()


def _train(
    name: str,
    architecture: str,
    case: Case,
    pixels: Pixels,
    numerics: TrainingNumerics,
    way: Way,
    context: Context,
) -> Iterator[Line]:
    device, recipe = context.device, case.recipe
    before = device.free_memory
    classifier = init_classifier(Design(architecture, _CLASSES, recipe.augmentation.size), 0).to(numerics)
    predicted = _predict(classifier, recipe)
    if predicted is not None:
        usable = int(min(USABLE * before, sys.maxsize))
        chosen = choose_images_at_once(predicted, classifier.network, recipe.batch_size, usable)
        needed = predicted.total(chosen or recipe.batch_size, recipe.batch_size)
        if needed > before:
            yield not_measured(name, f"it needs {needed / 1e9:.0f} GB, and {before / 1e9:.0f} GB are free")
            return
    ends: list[float] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        if way == "cuDNN does not try kernels":
            torch.backends.cudnn.benchmark = False
        if way == "images in main memory":  # a data set that is too large for the card would take too long to make

            def without_room(pixels: Pixels, device: str, _: int | None) -> BatchLoader:
                return BatchLoader(pixels, device, 0)

            stack.enter_context(mock.patch.object(loop, "BatchLoader", without_room))
        peak = stack.enter_context(device.peak())

        def note(_: float) -> None:
            ends.append(time.perf_counter())
            if len(ends) == 1:  # in the first epoch, cuDNN tries kernels that need more memory
                peak.bytes_since_last()

        trained = loop.train(
            classifier, pixels, recipe, 0, folder / "log", Checkpoints(folder / "checkpoints", float("inf")), note
        )
        seen = peak.bytes_since_last()
    speed = case.images * (len(ends) - 1) / (ends[-1] - ends[0])
    is_usual = way == _WAYS[0]
    aims = architecture == _SPEED_OF and is_usual
    yield Line(name, speed, "images/s", "at least" if aims else "", context.aim(_SPEED) if aims else None)
    if predicted is None:
        yield not_measured(f"{name}: peak memory", "its memory cannot be predicted")
    elif is_usual:
        at_once = getattr(trained.numerics, "images_at_once", None) or recipe.batch_size
        images = 0 if context.device.kind == "cpu" else sum(shard.nbytes for shard in pixels.shards)
        expected = predicted.total(min(at_once, recipe.batch_size), recipe.batch_size) + images
        yield Line(f"{name}: peak memory, {at_once} at once", seen / 1e9, "GB", "about", expected / 1e9)


def _predict(classifier: Classifier, recipe: Recipe) -> TrainingMemory | None:
    trainable(classifier.network, recipe.trains)
    training_mode(classifier.network, recipe.trains)
    return predict_memory(classifier, recipe.batch_size)


def _augmentation_lines(case: Case, pixels: Pixels, context: Context) -> Iterator[Line]:
    """Augment batches whose images are on the device, and look for operations that wait for it."""
    device, augmentation, batch = context.device, case.recipe.augmentation, case.recipe.batch_size
    assert isinstance(augmentation, Augmentation)
    images = torch.from_numpy(pixels.shards[0][: batch * case.side**2 * 3]).view(batch, case.side, case.side, 3)
    images = images.to(device.kind)
    targets = torch.rand(batch, _CLASSES, device=device.kind)
    sizes = torch.full((batch, 2), case.side)
    draws = torch.Generator().manual_seed(0)
    out = torch.empty(batch, 3, augmentation.size, augmentation.size, device=device.kind)

    def augment_batch() -> None:
        parameters = sample_parameters(augmentation, sizes, draws)
        for part in (slice(first, first + LOADED_AT_ONCE) for first in range(0, batch, LOADED_AT_ONCE)):
            augment(images[part], parameters[part], out=out[part])
        cutmix(out, targets, sample_cutmix_patch(augmentation, draws))
        normalise_(out)

    augment_batch()

    def augment_batches() -> None:
        for _ in range(_ROUNDS):
            augment_batch()

    seconds = device.seconds(augment_batches) / _ROUNDS
    yield Line("augmentation of the paper alone", batch / seconds, "images/s", "at least", context.aim(_AUGMENTED))
    if device.kind == "cuda":
        yield Line("augmentation waits for the GPU", _waiting(augment_batch), "", "exactly", "never")


def _waiting(work: Callable[[], object]) -> str:
    """Return `never`, or what PyTorch says of the first operation that waits for the GPU."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        work()
    except RuntimeError as error:
        return str(error).splitlines()[0]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return "never"
