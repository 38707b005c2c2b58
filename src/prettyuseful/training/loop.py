"""Train a classifier on a decoded data set."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from prettyuseful.data.pixels import Pixels
from prettyuseful.engine.keys import derive_seed
from prettyuseful.errors import MemoryLimitError, StepFailedError
from prettyuseful.memory import free_memory, is_out_of_memory, largest_fitting_count
from prettyuseful.numerics import TrainingNumerics
from prettyuseful.training.augment import augment, augment_small, cutmix
from prettyuseful.training.augmentations import Augmentation, SmallAugmentation
from prettyuseful.training.checkpoints import Checkpoints, State, is_like, resume, training_state
from prettyuseful.training.classifier import Classifier
from prettyuseful.training.crops import view_crops
from prettyuseful.training.device import copy_to, prepare_ahead
from prettyuseful.training.initialisation import recompute_activations, trainable, training_mode
from prettyuseful.training.loader import Batch, BatchLoader, shuffled_batches
from prettyuseful.training.memory import LOADED_AT_ONCE, USABLE, choose_images_at_once, predict_memory
from prettyuseful.training.optimisers import make_optimiser, make_schedule
from prettyuseful.training.recipes import Recipe, view_of
from prettyuseful.training.sampling import sample_cutmix_patch, sample_parameters
from prettyuseful.training.validation import BestCheckpoint, split_validation
from prettyuseful.untrusted_text import load_json

_LOADED_AT_ONCE = 64  # images; a batch is loaded in parts, because each part is padded to its widest and tallest image


def train(
    classifier: Classifier,
    pixels: Pixels,
    recipe: Recipe,
    seed: int,
    log: Path,
    checkpoints: Checkpoints,
    progress: Callable[[float], None],
    rows: np.ndarray | None = None,
) -> Classifier:
    """Train a classifier, and return it in evaluation mode.

    On an accelerator, gradients are accumulated over parts of a batch where a whole batch is predicted not to fit; the
    numerics of the returned classifier have the number of images at once.

    The seed determines the order of images and the augmentation for all data sets of equal size, so that comparisons
    between data sets are paired. The training resumes from the latest checkpoint. On a CPU, the weights and the log are
    then the same as without an interruption.

    Args:
        classifier: initial weights, on the device to train on.
        pixels: training images.
        recipe: all settings of the training.
        seed: training seed.
        log: file for one JSON line per epoch.
        checkpoints: folder of intermediate states.
        progress: called after each epoch with the finished fraction, 0 to 1.
        rows: (n,) int, the images to train on; None: all of them.

    Raises:
        StepFailedError: a loss is not finite.
        DataError: the recipe cannot be used with these images.
        MemoryLimitError: the memory of the device is too small; the message gives the number of images that fit.
    """
    try:
        return _Training(classifier, pixels, recipe, seed, rows).run(log, checkpoints, progress)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # Outside of the exception handler, so that the memory of the failed attempt is released first.
    count = len(pixels) if rows is None else len(rows)
    raise MemoryLimitError(_memory_advice(classifier, recipe, min(recipe.batch_size, count)))


class _Training:
    def __init__(
        self, classifier: Classifier, pixels: Pixels, recipe: Recipe, seed: int, rows: np.ndarray | None
    ) -> None:
        self.network, self.recipe = classifier.network, recipe
        self.device = classifier.numerics.device
        torch.manual_seed(derive_seed("training", seed, "network"))  # for dropout
        self.generator = torch.Generator().manual_seed(derive_seed("training", seed, "draws"))
        self.parameters = trainable(self.network, recipe.trains)
        if isinstance(classifier.numerics, TrainingNumerics) and classifier.numerics.recompute:
            recompute_activations(self.network, classifier.design.architecture)
        count = len(pixels) if rows is None else len(rows)
        self.classifier, room = _fit_into_memory(classifier, recipe, min(recipe.batch_size, count))
        self.loader = BatchLoader(pixels, self.device, room)
        self.labels = torch.from_numpy(np.asarray(pixels.labels))
        self.rows = self.loader.rows if rows is None else torch.from_numpy(rows)
        self.best = None
        if recipe.checkpoint == "lowest-validation-loss":
            used = self.rows.numpy()
            split = split_validation(pixels.labels[used], pixels.groups[used], recipe.validation, seed)
            self.rows, validation_rows = (torch.from_numpy(used[part]) for part in split)
            self.best = BestCheckpoint(self.loader, validation_rows, self.labels, view_of(recipe))
        self.batch = min(recipe.batch_size, len(self.rows))
        self.buffer: torch.Tensor | None = None
        self.per_epoch = len(self.rows) // self.batch
        self.optimiser = make_optimiser(recipe, self.parameters)
        self.schedule = make_schedule(recipe, self.optimiser, self.per_epoch * recipe.epochs)

    def run(self, log: Path, checkpoints: Checkpoints, progress: Callable[[float], None]) -> Classifier:
        generators, epochs = {"draws": self.generator}, self.recipe.epochs
        found = resume(checkpoints, self.network, self.optimiser, self.schedule, generators, self._read)
        done, lines = found or (0, [])
        with log.open("w", encoding="utf-8") as file:
            file.writelines(lines)
            for epoch in range(done + 1, epochs + 1):
                line = {"epoch": epoch, **self.epoch()}
                if not math.isfinite(line["loss"]):
                    raise StepFailedError(f"the loss is not finite in epoch {epoch} of {epochs}")
                if self.best:
                    line |= self.best.validate(self.classifier)
                    if not math.isfinite(line["validation_loss"]):
                        raise StepFailedError(f"the validation loss is not finite in epoch {epoch} of {epochs}")
                lines.append(json.dumps(line) + "\n")
                file.write(lines[-1])
                file.flush()
                if checkpoints.is_due():
                    state = training_state(self.network, self.optimiser, self.schedule, generators)
                    kept = {"lowest": self.best.state} if self.best else {}
                    checkpoints.save(epoch, {**state, **kept, "lines": lines})
                progress(epoch / epochs)
        if self.best:
            self.best.restore_weights(self.classifier)
        self.network.eval()
        return self.classifier

    def _read(self, epoch: int, state: State) -> list[str]:
        """Return the lines of the log in a checkpoint, and take over its best weights.

        Raises:
            StepFailedError: they are not those of this training.
        """
        lines = _lines_of(state, epoch, self.recipe.epochs)
        if self.best:
            if not is_like(state.get("lowest"), {"loss": 0.0, "weights": self.network.state_dict()}):
                raise StepFailedError("the checkpoint has no weights with the lowest validation loss")
            self.best.state = state["lowest"]
        return lines

    def epoch(self) -> dict[str, float]:
        """Train one epoch, and return the mean loss and the accuracy on the training images."""
        training_mode(self.network, self.recipe.trains)
        device = self.device
        # Sums stay on the device, because reading a number at every step would stall it.
        loss = torch.zeros((), dtype=torch.float64, device=device)
        correct = torch.zeros((), dtype=torch.int64, device=device)
        batches = [self.rows[part] for part in shuffled_batches(len(self.rows), self.batch, self.generator)]
        for images, targets, labels in prepare_ahead(self.augmented_batches(batches), torch.device(device)):
            step_loss, logits = self.step(images, targets)
            loss += step_loss
            correct += (logits.argmax(1) == labels).sum()
        return {"loss": float(loss) / self.per_epoch, "train_accuracy": int(correct) / (self.per_epoch * self.batch)}

    def augmented_batches(self, batches: Sequence[torch.Tensor]) -> Iterator[tuple[torch.Tensor, ...]]:
        """Yield the augmented and normalised images, (N, 3, S, S), of each batch of rows, their targets, and labels.

        Targets are labels, (N,), or with CutMix (N, classes). On a CPU, the next batch uses the same memory.
        """
        device = torch.device(self.device)
        at_once = _LOADED_AT_ONCE if device.type == "cpu" else LOADED_AT_ONCE
        loaded_batches = self.loader.batches(part for rows in batches for part in torch.split(rows, at_once))
        for rows in batches:
            labels = targets = copy_to(self.labels[rows], device)
            parts = islice(loaded_batches, math.ceil(len(rows) / at_once))
            if isinstance(self.recipe.augmentation, SmallAugmentation):
                images = self._small_batch(self.recipe.augmentation, parts)
            else:
                images, targets = self._augmented_batch(self.recipe.augmentation, rows, parts, labels)
            yield self.classifier.normalise(images), targets, labels

    def _small_batch(self, augmentation: SmallAugmentation, parts: Iterator[Batch]) -> torch.Tensor:
        view = view_of(self.recipe)
        crops = [square for part in parts for square in view_crops(*part, view)]
        images = crops[0] if len(crops) == 1 else torch.cat(crops)
        return augment_small(images.float().div(255), augmentation, self.generator)

    def _augmented_batch(
        self, augmentation: Augmentation, rows: torch.Tensor, parts: Iterator[Batch], labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        parameters = sample_parameters(augmentation, self.loader.sizes[rows], self.generator)
        images = self._batch_memory(augmentation.size)
        first = 0
        for part, sizes in parts:
            own = slice(first, first := first + len(sizes))
            augment(part, parameters[own], out=images[own])
        if not augmentation.cutmix:
            return images, labels
        targets = F.one_hot(labels, self.classifier.design.classes).float()
        return images, cutmix(images, targets, sample_cutmix_patch(augmentation, self.generator))

    def _batch_memory(self, size: int) -> torch.Tensor:
        if self.buffer is None:
            buffer = torch.empty(self.batch, 3, size, size, device=self.device)
            if self.device != "cpu":  # where the batch before is still in use
                return buffer
            self.buffer = buffer  # reused memory is faster on a CPU
        return self.buffer

    def step(self, images: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Make one step of the optimiser, and return the mean loss and the logits of the batch."""
        self.optimiser.zero_grad(set_to_none=True)
        results = [*_backward(self.classifier, images, targets, self.recipe)]
        nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip_norm)
        self.optimiser.step()
        self.schedule.step()
        return torch.stack([loss for loss, _ in results]).sum(), torch.cat([logits for _, logits in results])


def _lines_of(state: State, epoch: int, epochs: int) -> list[str]:
    """Return the lines of the log in a checkpoint after `epoch` of `epochs` epochs.

    Raises:
        StepFailedError: they are not what a training has written up to this epoch.
    """
    lines: Any = state.get("lines")
    with suppress(ValueError, LookupError, TypeError):
        contents = [load_json(line) for line in lines or ()]
        is_ours = [json.dumps(content) + "\n" for content in contents] == lines
        if is_ours and [content["epoch"] for content in contents] == [*range(1, epoch + 1)] and epoch <= epochs:
            return list(lines)
    raise StepFailedError(f"the checkpoint has not the log of {epoch} of {epochs} epochs")


def _backward(
    classifier: Classifier,
    images: torch.Tensor,
    targets: torch.Tensor,
    recipe: Recipe,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Accumulate the gradients of the mean loss over all images; yield loss and logits of each part of the batch."""
    # Parts of equal size, because batch norm fails for a last part with a single image.
    parts = math.ceil(len(images) / (_images_at_once(classifier) or len(images)))
    pairs = zip(torch.tensor_split(images, parts), torch.tensor_split(targets, parts), strict=True)
    for part_images, part_targets in pairs:
        logits = classifier.compute(part_images)
        loss = F.cross_entropy(logits, part_targets, label_smoothing=recipe.label_smoothing)
        loss = loss * (len(part_images) / len(images))
        loss.backward()  # type: ignore[no-untyped-call]
        yield loss.detach(), logits.detach()


def _images_at_once(classifier: Classifier) -> int | None:
    """Return the limit on images that the network processes at once, or None."""
    numerics = classifier.numerics
    return numerics.images_at_once if isinstance(numerics, TrainingNumerics) else None


def _fit_into_memory(classifier: Classifier, recipe: Recipe, batch: int) -> tuple[Classifier, int | None]:
    """Let the classifier process as many images at once as are predicted to fit into the memory of an accelerator.

    Returns:
        the classifier, and the bytes of memory that are left for the training images; None if that is unknown.
    """
    numerics, free = classifier.numerics, free_memory(classifier.numerics.device)
    if free is None or not isinstance(numerics, TrainingNumerics):
        return classifier, None
    training_mode(classifier.network, recipe.trains)
    memory, free = predict_memory(classifier, batch), int(USABLE * free)
    if memory is None:
        return classifier, None
    at_once = numerics.images_at_once
    if at_once is None and (chosen := choose_images_at_once(memory, classifier.network, batch, free)):
        at_once, numerics = chosen, numerics.model_copy(update={"images_at_once": chosen})
    return replace(classifier, numerics=numerics), max(0, free - memory.total(min(at_once or batch, batch), batch))


def _memory_advice(classifier: Classifier, recipe: Recipe, batch: int) -> str:
    def try_batch(count: int) -> None:
        size = classifier.design.size
        images = torch.zeros(count, 3, size, size, device=classifier.numerics.device)
        targets = torch.zeros(count, dtype=torch.int64, device=classifier.numerics.device)
        classifier.network.zero_grad(set_to_none=True)
        for _ in _backward(classifier, images, targets, recipe):
            pass

    at_once = min(_images_at_once(classifier) or batch, batch)
    fits = largest_fitting_count(try_batch, at_once)
    remedy = (
        f"set numerics.images_at_once: {fits}, which fits; gradients are accumulated over the same batch of {batch}"
        if fits
        else "not even one image fits; choose a smaller architecture or recipe, or a larger device"
    )
    return f"out of memory when training {classifier.design.architecture} with {at_once} images at once; {remedy}"
