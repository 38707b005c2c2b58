"""Create the optimiser and the learning rate schedule of a recipe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from prettyuseful.training.recipes import Recipe


def make_optimiser(recipe: Recipe, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """Return Adam or AdamW, fused on a GPU. Weight decay applies to matrices and kernels, not to biases and norms."""
    kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    decaying = [p for p in parameters if p.ndim > 1]
    others = [p for p in parameters if p.ndim <= 1]
    groups = [{"params": decaying, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    # On other devices, fused steps are not faster and change the last bits.
    fused = True if parameters[0].is_cuda else None
    return kind([group for group in groups if group["params"]], lr=recipe.learning_rate, fused=fused)


def make_schedule(recipe: Recipe, optimiser: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    """Return a schedule of linear warm-up, then cosine decay, for a training of `steps` steps."""
    return torch.optim.lr_scheduler.LambdaLR(optimiser, partial(_relative_rate, recipe=recipe, steps=steps))


def _relative_rate(step: int, recipe: Recipe, steps: int) -> float:
    """Return the learning rate of a step as a fraction of `recipe.learning_rate`."""
    warm = max(1, round(recipe.warmup * steps))
    if step < warm:
        return recipe.warmup_from + (1 - recipe.warmup_from) * ((step + 1) / warm)
    cosine = 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
    return recipe.final_rate + (1 - recipe.final_rate) * cosine
