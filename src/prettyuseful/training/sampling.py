"""Sample the parameters of an augmentation for each image of a batch, on the CPU, so that no device changes them."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from scipy.special import betaincinv

from prettyuseful.errors import DataError
from prettyuseful.training.augmentations import CHANGES, Augmentation

Patch = tuple[int, int, int, int]
_TRIES = 10  # to find a random box that fits, as in torchvision
_ORDERS = torch.tensor(list(itertools.permutations(range(3))))


@dataclass(frozen=True)
class AugmentationParameters:
    """Augmentation parameters of N images, on the CPU. Slicing gives the parameters of some of the images.

    `size`: side of the crops in pixels. `boxes`: (N, 4) top, left, height, width in pixels. `flips`: (N, 2) vertical,
    horizontal. `changes`: (N,) indices into `CHANGES`, -1 for no change. `sigmas`: (N,) standard deviations of the blur
    in pixels. `factors`: (N, 3) factors of brightness, contrast and saturation. `orders`: (N, 3) order of these three
    operations.
    """

    size: int
    boxes: torch.Tensor
    flips: torch.Tensor
    changes: torch.Tensor
    sigmas: torch.Tensor
    factors: torch.Tensor
    orders: torch.Tensor

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, rows: slice | torch.Tensor) -> AugmentationParameters:
        return AugmentationParameters(
            self.size,
            self.boxes[rows],
            self.flips[rows],
            self.changes[rows],
            self.sigmas[rows],
            self.factors[rows],
            self.orders[rows],
        )


def sample_parameters(
    augmentation: Augmentation, sizes: torch.Tensor, generator: torch.Generator
) -> AugmentationParameters:
    """Sample parameters for N images.

    Every image uses the same number of random numbers, for all settings. So two augmentations with equal generators
    give equal parameters where their settings agree, and the first images of a batch get the same parameters as in a
    shorter batch.

    Args:
        augmentation: the ranges of the parameters.
        sizes: (N, 2) integers, height and width of each image in pixels.
        generator: random numbers, on the CPU.

    Raises:
        DataError: an image is smaller than a crop that is not resized.
    """
    parts = [_TRIES, _TRIES, 2, 2, 3, 1, 1, 1]
    numbers = torch.rand(len(sizes), sum(parts), generator=generator, dtype=torch.float64)
    area, aspect, position, flip, factor, change, sigma, order = torch.split(numbers, parts, dim=1)
    boxes = (
        _fixed_crop_boxes(sizes, augmentation.size, position)
        if augmentation.scale is None
        else _resized_crop_boxes(sizes, _interpolate(*augmentation.scale, area), augmentation.ratio, aspect, position)
    )
    codes = torch.tensor([CHANGES.index(name) for name in augmentation.one_of] or [-1])
    jitter = torch.tensor(augmentation.jitter)
    return AugmentationParameters(
        size=augmentation.size,
        boxes=boxes,
        flips=(flip < 0.5) & torch.tensor([name in augmentation.flips for name in ("vertical", "horizontal")]),
        changes=codes[(change[:, 0] * len(codes)).long()],
        sigmas=_interpolate(*augmentation.sigma, sigma[:, 0]).float(),
        factors=_interpolate((1 - jitter).clamp(min=0), 1 + jitter, factor).float(),
        orders=_ORDERS[(order[:, 0] * len(_ORDERS)).long()],
    )


def sample_cutmix_patch(augmentation: Augmentation, generator: torch.Generator) -> Patch:
    """Sample the CutMix patch of a batch: top, left, bottom and right in pixels; it is empty if `cutmix` is 0.

    As in torchvision's `v2.CutMix`, it is a square around a random centre, clipped at the border.
    """
    kept, *centre = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
    kept = float(betaincinv(augmentation.cutmix, augmentation.cutmix, kept)) if augmentation.cutmix else 1.0
    half = int(0.5 * math.sqrt(1 - kept) * augmentation.size)
    y, x = (int(c * augmentation.size) for c in centre)
    return max(y - half, 0), max(x - half, 0), min(y + half, augmentation.size), min(x + half, augmentation.size)


def _resized_crop_boxes(
    sizes: torch.Tensor, area: torch.Tensor, ratios: tuple[float, float], aspect: torch.Tensor, position: torch.Tensor
) -> torch.Tensor:
    """Return boxes as in torchvision: the first of ten that fits, or else a central box with the nearest ratio."""
    low, high = ratios
    heights, widths = sizes.double()[:, :, None].unbind(1)
    areas, aspects = heights * widths * area, _interpolate(math.log(low), math.log(high), aspect).exp()
    height = torch.cat([(areas / aspects).sqrt(), (widths / low).minimum(heights)], dim=1).round()
    width = torch.cat([(areas * aspects).sqrt(), (heights * high).minimum(widths)], dim=1).round()
    fits = (height >= 1) & (height <= heights) & (width >= 1) & (width <= widths)
    first = fits.int().argmax(1, keepdim=True)
    extents = torch.cat([height.gather(1, first), width.gather(1, first)], dim=1).long()
    free = sizes - extents
    return torch.cat([torch.where(first < _TRIES, (position * (free + 1)).long(), free // 2), extents], dim=1)


def _fixed_crop_boxes(sizes: torch.Tensor, size: int, position: torch.Tensor) -> torch.Tensor:
    """Return boxes of `size` x `size` pixels at random positions."""
    free = sizes - size
    if bool((free < 0).any()):
        height, width = sizes[int(free.amin(1).argmin())].tolist()
        raise DataError(
            f"an image of {height} x {width} pixels is smaller than the training crop of {size} x {size}; "
            "use larger images or a recipe with a smaller crop"
        )
    return torch.cat([(position * (free + 1)).long(), torch.full_like(sizes, size)], dim=1)


def _interpolate(low: float | torch.Tensor, high: float | torch.Tensor, part: torch.Tensor) -> torch.Tensor:
    return low + (high - low) * part
