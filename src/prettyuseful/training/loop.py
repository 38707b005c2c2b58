"""Training of one classifier on one decoded data set."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from prettyuseful.data.pixels import Pixels
from prettyuseful.engine.keys import derive_seed
from prettyuseful.errors import MemoryLimitError, StepFailedError
from prettyuseful.memory import is_out_of_memory, largest_that_fits
from prettyuseful.numerics import TrainingNumerics
from prettyuseful.training.augment import cutmix, nudged, vary
from prettyuseful.training.augmentations import Nudge
from prettyuseful.training.checkpoints import Checkpoints, restore, training_state
from prettyuseful.training.classifier import Classifier
from prettyuseful.training.crops import view_crops
from prettyuseful.training.draws import draw, draw_patch
from prettyuseful.training.initialisation import trainable, training_mode
from prettyuseful.training.loader import Batch, Feed, batches_of
from prettyuseful.training.optimisers import optimiser_of, schedule_of
from prettyuseful.training.recipes import Recipe, view_of
from prettyuseful.training.validation import BestCheckpoint, split

_GATHERED = 64


def train(
    classifier: Classifier,
    pixels: Pixels,
    recipe: Recipe,
    seed: int,
    log: Path,
    checkpoints: Checkpoints,
    progress: Callable[[float], None],
) -> Classifier:
    """Trains a classifier, on its numerics. Each epoch appends a JSON line to `log`.

    The seed fixes order and augmentation, for any data set of equal size: comparisons are paired. Goes on from the last
    of `checkpoints`; on a CPU it ends with the same weights and the same log as without the interruption.

    Raises:
        StepFailedError: the loss is no longer finite.
        DataError: images that the recipe cannot use.
        MemoryLimitError: the device's memory is too small; says how many images at once it holds.
    """
    try:
        return _Training(classifier, pixels, recipe, seed).run(log, checkpoints, progress)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # Outside the handler, so that what did not fit is let go before less is tried.
    raise MemoryLimitError(_advice(classifier, recipe, min(recipe.batch_size, len(pixels))))


class _Training:
    def __init__(self, classifier: Classifier, pixels: Pixels, recipe: Recipe, seed: int) -> None:
        self.classifier, self.network, self.recipe = classifier, classifier.network, recipe
        self.device = classifier.numerics.device
        torch.manual_seed(derive_seed("training", seed, "network"))  # what it drops out
        self.draws = torch.Generator().manual_seed(derive_seed("training", seed, "draws"))
        self.feed = Feed(pixels, self.device)
        self.labels = torch.from_numpy(np.asarray(pixels.labels))
        self.rows, self.best = self.feed.rows, None
        if recipe.checkpoint == "lowest-validation-loss":
            self.rows, held = map(torch.from_numpy, split(pixels, recipe.validation, seed))
            self.best = BestCheckpoint(self.feed, held, self.labels, view_of(recipe))
        self.batch = min(recipe.batch_size, len(self.rows))
        self.canvas: torch.Tensor | None = None
        self.per_epoch = len(self.rows) // self.batch
        self.parameters = trainable(self.network, recipe.trains)
        self.optimiser = optimiser_of(recipe, self.parameters)
        self.schedule = schedule_of(recipe, self.optimiser, self.per_epoch * recipe.epochs)

    def run(self, log: Path, checkpoints: Checkpoints, progress: Callable[[float], None]) -> Classifier:
        generators, done, lines = {"draws": self.draws}, 0, list[str]()
        epochs = self.recipe.epochs
        if (found := checkpoints.latest()) is not None:
            done, state = found
            lines = state["lines"]
            if self.best:
                self.best.state = state["lowest"]
            restore(state, self.network, self.optimiser, self.schedule, generators)
        with log.open("w", encoding="utf-8") as file:
            file.writelines(lines)
            for epoch in range(done + 1, epochs + 1):
                line = {"epoch": epoch, **self.epoch()}
                if not math.isfinite(line["loss"]):
                    raise StepFailedError(f"the loss is no longer finite in epoch {epoch} of {epochs}")
                if self.best:
                    line |= self.best.validate(self.classifier)
                lines.append(json.dumps(line) + "\n")
                file.write(lines[-1])
                file.flush()
                if checkpoints.due():
                    state = training_state(self.network, self.optimiser, self.schedule, generators)
                    kept = {"lowest": self.best.state} if self.best else {}
                    checkpoints.save(epoch, {**state, **kept, "lines": lines})
                progress(epoch / epochs)
        if self.best:
            self.best.put_back(self.classifier)
        self.network.eval()
        return self.classifier

    def epoch(self) -> dict[str, float]:
        """One pass over the data; mean loss, and how often the right class was the likeliest."""
        training_mode(self.network, self.recipe.trains)
        device = self.device
        # Added up on the device: asking it for a number at every step would make it wait.
        loss = torch.zeros((), dtype=torch.float64, device=device)
        right = torch.zeros((), dtype=torch.int64, device=device)
        batches = [self.rows[part] for part in batches_of(len(self.rows), self.batch, self.draws)]
        # A few at a time: a batch is padded to its widest and its tallest image.
        gathered = self.feed.batches(few for rows in batches for few in torch.split(rows, _GATHERED))
        for rows in batches:
            labels = self.labels[rows].to(device)
            images, targets = self.augmented(rows, gathered, labels)
            of_step, logits = self.step(self.classifier.normalised(images), targets)
            loss += of_step
            right += (logits.argmax(1) == labels).sum()
        return {"loss": float(loss) / self.per_epoch, "train_accuracy": int(right) / (self.per_epoch * self.batch)}

    def augmented(
        self, rows: torch.Tensor, gathered: Iterator[Batch], labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, 3, S, S) in 0-1, and what is to be learnt: classes, or with CutMix their shares, (N, classes)."""
        augmentation, starts = self.recipe.augmentation, range(0, len(rows), _GATHERED)
        if isinstance(augmentation, Nudge):
            view = view_of(self.recipe)
            middles = [square for _ in starts for square in view_crops(*next(gathered), view)]
            whole = middles[0] if len(middles) == 1 else torch.cat(middles)
            return nudged(whole.float().div(255), augmentation, self.draws), labels
        draws = draw(augmentation, self.feed.sizes[rows], self.draws)
        if self.canvas is None:  # memory that has been used before is faster on a CPU
            size = augmentation.size
            self.canvas = torch.empty(self.batch, 3, size, size, device=self.device)
        for few in (slice(start, start + _GATHERED) for start in starts):
            images, _ = next(gathered)
            vary(images, draws[few], out=self.canvas[few])
        if not augmentation.cutmix:
            return self.canvas, labels
        shares = F.one_hot(labels, self.classifier.design.classes).float()
        return cutmix(self.canvas, shares, draw_patch(augmentation, self.draws))

    def step(self, images: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """One step of the optimiser; the batch's mean loss and its logits."""
        self.optimiser.zero_grad(set_to_none=True)
        found = [*_backward(self.classifier, images, targets, self.recipe)]
        nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip_norm)
        self.optimiser.step()
        self.schedule.step()
        return torch.stack([loss for loss, _ in found]).sum(), torch.cat([logits for _, logits in found])


def _backward(
    classifier: Classifier,
    images: torch.Tensor,
    targets: torch.Tensor,
    recipe: Recipe,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Gradients of the mean loss over all images, as many at once as the numerics say."""
    # Even parts: batch norm cannot do with a last one of a single image.
    parts = math.ceil(len(images) / (_at_once(classifier) or len(images)))
    for some, wanted in zip(torch.tensor_split(images, parts), torch.tensor_split(targets, parts), strict=True):
        logits = classifier.compute(some)
        loss = F.cross_entropy(logits, wanted, label_smoothing=recipe.label_smoothing)
        loss = loss * (len(some) / len(images))
        loss.backward()  # type: ignore[no-untyped-call]
        yield loss.detach(), logits.detach()


def _at_once(classifier: Classifier) -> int | None:
    """Images that go through the network together, if its numerics limit them."""
    numerics = classifier.numerics
    return numerics.images_at_once if isinstance(numerics, TrainingNumerics) else None


def _advice(classifier: Classifier, recipe: Recipe, batch: int) -> str:
    def trial(count: int) -> None:
        size = classifier.design.size
        images = torch.zeros(count, 3, size, size, device=classifier.numerics.device)
        targets = torch.zeros(count, dtype=torch.int64, device=classifier.numerics.device)
        classifier.network.zero_grad(set_to_none=True)
        for _ in _backward(classifier, images, targets, recipe):
            pass

    at_once = min(_at_once(classifier) or batch, batch)
    fits = largest_that_fits(trial, at_once)
    mend = (
        f"{fits} at once do: set numerics.images_at_once: {fits}; gradients add up to the same batch of {batch}"
        if fits
        else "not even one does: take a smaller architecture or recipe, or a larger device"
    )
    return f"{at_once} images at once do not fit into memory when training {classifier.design.architecture}; {mend}"
