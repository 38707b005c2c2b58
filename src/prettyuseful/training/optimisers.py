"""The optimiser and the schedule of a recipe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from prettyuseful.training.recipes import Recipe


def optimiser_of(recipe: Recipe, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """Adam or AdamW; weight decay on matrices and kernels only, not on biases and norms. Fused on a GPU."""
    kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    decaying = [p for p in parameters if p.ndim > 1]
    others = [p for p in parameters if p.ndim <= 1]
    groups = [{"params": decaying, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    # Elsewhere fused steps have other last bits and save nothing.
    fused = True if parameters[0].is_cuda else None
    return kind([group for group in groups if group["params"]], lr=recipe.learning_rate, fused=fused)


def schedule_of(recipe: Recipe, optimiser: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    """Linear warm-up, then cosine decay, over so many steps."""
    return torch.optim.lr_scheduler.LambdaLR(optimiser, partial(_rate, recipe=recipe, steps=steps))


def _rate(step: int, recipe: Recipe, steps: int) -> float:
    """Learning rate of a step, as a fraction of the recipe's."""
    warm = max(1, round(recipe.warmup * steps))
    if step < warm:
        return recipe.warmup_from + (1 - recipe.warmup_from) * ((step + 1) / warm)
    cosine = 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
    return recipe.final_rate + (1 - recipe.final_rate) * cosine
