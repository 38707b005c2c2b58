"""Augmentation of whole batches, every image with parameters of its own."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from prettyuseful.training.recipes import Recipe

# ImageNet's mean and deviation, as everybody normalises.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


def augment(images: torch.Tensor, recipe: Recipe, generator: torch.Generator) -> torch.Tensor:
    """(N, 3, S, S) in 0-1 to the same, shifted, flipped and jittered; draws come from `generator` (CPU)."""
    count, _, size, _ = images.shape
    if recipe.flip:
        flips = torch.rand(count, generator=generator) < 0.5
        images = torch.where(flips[:, None, None, None].to(images.device), images.flip(3), images)
    if recipe.shift:
        offsets = torch.randint(2 * recipe.shift + 1, (2, count, 1), generator=generator).to(images.device)
        padded = F.pad(images, (recipe.shift,) * 4, mode="reflect")
        span = torch.arange(size, device=images.device)
        rows, columns = offsets[0] + span, offsets[1] + span
        batch = torch.arange(count, device=images.device)[:, None, None]
        images = padded[batch, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    if recipe.jitter:
        factors = 1 + recipe.jitter * (2 * torch.rand(2, count, 1, 1, 1, generator=generator) - 1)
        brightness, contrast = factors.to(images.device)
        images = images * brightness
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        images = ((images - mean) * contrast + mean).clamp(0, 1)
    return images


def normalise(images: torch.Tensor) -> torch.Tensor:
    """(N, 3, S, S) in 0-1 to zero mean and unit deviation, by ImageNet's statistics."""
    mean = torch.tensor(_MEAN, device=images.device)[:, None, None]
    std = torch.tensor(_STD, device=images.device)[:, None, None]
    return (images - mean) / std


def to_float(images: torch.Tensor) -> torch.Tensor:
    """(N, S, S, 3) uint8 to (N, 3, S, S) float in 0-1."""
    return images.permute(0, 3, 1, 2).float().div(255)
