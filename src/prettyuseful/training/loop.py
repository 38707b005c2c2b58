"""Training and inference of one classifier on one decoded data set."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from prettyuseful.data.pixels import Pixels
from prettyuseful.errors import StepFailedError
from prettyuseful.keys import derive_seed
from prettyuseful.numerics import Numerics
from prettyuseful.training.architectures import build
from prettyuseful.training.augment import augment, normalise, to_float
from prettyuseful.training.checkpoints import Checkpoints, restore, training_state
from prettyuseful.training.recipes import Recipe

_INFERENCE_BATCH = 200


def untrained(architecture: str, classes: int, seed: int) -> nn.Module:
    """A classifier whose initial weights follow from the seed."""
    torch.manual_seed(derive_seed("training", seed, "weights"))
    return build(architecture, classes)


def train(
    model: nn.Module,
    pixels: Pixels,
    recipe: Recipe,
    seed: int,
    numerics: Numerics,
    log: Path,
    checkpoints: Checkpoints,
    progress: Callable[[float], None],
) -> nn.Module:
    """Trains a classifier; the last weights are kept. Each epoch appends a JSON line to `log`.

    The seed fixes order and augmentation, for any data set of equal size: comparisons are paired. Goes on from the last
    of `checkpoints`; on a CPU it ends with the same weights and the same log as without the interruption.

    Raises:
        StepFailedError: the loss is no longer finite, or an epoch has no full batch.
    """
    model = numerics.place(model).train()
    draws = torch.Generator().manual_seed(derive_seed("training", seed, "draws"))
    batch = min(recipe.batch_size, len(pixels.labels))
    per_epoch = len(pixels.labels) // batch
    steps = per_epoch * recipe.epochs
    optimiser = torch.optim.AdamW(_decay_groups(model, recipe), lr=recipe.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps, recipe.warmup))
    images = torch.tensor(np.asarray(pixels.images), device=numerics.device)
    labels = torch.from_numpy(pixels.labels).to(numerics.device)
    generators, done, lines = {"draws": draws}, 0, list[str]()
    if (found := checkpoints.latest()) is not None:
        done, state = found
        lines = state["lines"]
        restore(state, model, optimiser, schedule, generators)
    with log.open("w", encoding="utf-8") as file:
        file.writelines(lines)
        for epoch in range(done, recipe.epochs):
            total, right = 0.0, 0
            for rows in _batches(len(labels), batch, draws):
                rows = rows.to(numerics.device)
                target = labels[rows]
                logits = model(normalise(augment(to_float(images[rows]), recipe, draws)))
                loss = F.cross_entropy(logits, target, label_smoothing=recipe.label_smoothing)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
                optimiser.step()
                schedule.step()
                total += loss.item()
                right += int((logits.argmax(1) == target).sum())
            if not math.isfinite(total):
                raise StepFailedError(f"the loss is no longer finite in epoch {epoch + 1} of {recipe.epochs}")
            line = {"epoch": epoch + 1, "loss": total / per_epoch, "train_accuracy": right / (per_epoch * batch)}
            lines.append(json.dumps(line) + "\n")
            file.write(lines[-1])
            if checkpoints.due():
                state = training_state(model, optimiser, schedule, generators)
                checkpoints.save(epoch + 1, {**state, "lines": lines})
            progress((epoch + 1) / recipe.epochs)
    return model.eval()


@torch.inference_mode()
def predict(model: nn.Module, pixels: Pixels, numerics: Numerics) -> np.ndarray:
    """Logits, (N, classes) float32."""
    return np.concatenate([model(batch).float().cpu().numpy() for batch in _inputs(pixels, numerics)])


@torch.inference_mode()
def penultimate(model: nn.Module, pixels: Pixels, numerics: Numerics) -> np.ndarray:
    """Features before the last linear layer, (N, d) float32."""
    return np.concatenate(
        [
            model.forward_head(model.forward_features(batch), pre_logits=True).float().cpu().numpy()  # type: ignore[operator]
            for batch in _inputs(pixels, numerics)
        ]
    )


def save_weights(model: nn.Module, path: Path) -> None:
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    save_file(state, path)


def load_weights(path: Path, architecture: str, classes: int, numerics: Numerics) -> nn.Module:
    """The classifier that `save_weights` wrote, ready for inference."""
    model = build(architecture, classes)
    model.load_state_dict(load_file(path))
    return numerics.place(model).eval()


def _inputs(pixels: Pixels, numerics: Numerics) -> Iterator[torch.Tensor]:
    for start in range(0, len(pixels.labels), _INFERENCE_BATCH):
        chunk = torch.tensor(pixels.images[start : start + _INFERENCE_BATCH], device=numerics.device)
        yield normalise(to_float(chunk))


def _batches(count: int, batch: int, draws: torch.Generator) -> Iterator[torch.Tensor]:
    order = torch.randperm(count, generator=draws)
    for start in range(0, count - batch + 1, batch):
        yield order[start : start + batch]


def _rate(step: int, steps: int, warmup: float) -> float:
    start = max(1, round(warmup * steps))
    if step < start:
        return (step + 1) / start
    return 0.5 * (1 + math.cos(math.pi * (step - start) / max(1, steps - start)))


def _decay_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, object]]:
    """Weight decay on matrices and kernels only, not on biases and norms."""
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for parameter in model.parameters():
        groups[parameter.ndim > 1].append(parameter)
    return [{"params": ps, "weight_decay": recipe.weight_decay if decay else 0.0} for decay, ps in groups.items()]
