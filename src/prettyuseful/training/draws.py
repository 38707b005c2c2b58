"""The parameters of an augmentation, drawn for every image of a batch: on the CPU, whatever device works with them."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from scipy.special import betaincinv

from prettyuseful.errors import DataError
from prettyuseful.training.augmentations import CHANGES, Augmentation

Patch = tuple[int, int, int, int]
_TRIES = 10  # for a random box, as in torchvision
_ORDERS = torch.tensor(list(itertools.permutations(range(3))))


@dataclass(frozen=True)
class Draws:
    """Parameters of N images, on the CPU. `draws[a:b]` are those of some of them.

    `boxes`: (N, 4) top, left, height, width in pixels. `flips`: (N, 2) vertical, horizontal. `changes`: (N,) indices
    into `CHANGES`, -1 for none. `sigmas`: (N,) in pixels. `factors`: (N, 3) of brightness, contrast, saturation.
    `orders`: (N, 3), which of the three comes first, second, third.
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

    def __getitem__(self, rows: slice | torch.Tensor) -> Draws:
        return Draws(
            self.size,
            self.boxes[rows],
            self.flips[rows],
            self.changes[rows],
            self.sigmas[rows],
            self.factors[rows],
            self.orders[rows],
        )


def draw(augmentation: Augmentation, sizes: torch.Tensor, generator: torch.Generator) -> Draws:
    """Parameters for N images of these heights and widths, (N, 2) integers in pixels.

    Every image takes equally many random numbers, whatever the fields say: with equal generators, what two
    augmentations share befalls each image alike, and a batch's first images are drawn as a shorter batch.

    Raises:
        DataError: an image is smaller than a crop that is not resized.
    """
    parts = [_TRIES, _TRIES, 2, 2, 3, 1, 1, 1]
    numbers = torch.rand(len(sizes), sum(parts), generator=generator, dtype=torch.float64)
    area, aspect, place, flip, factor, change, sigma, order = torch.split(numbers, parts, dim=1)
    boxes = (
        _whole_pixels(sizes, augmentation.size, place)
        if augmentation.scale is None
        else _resized(sizes, _between(*augmentation.scale, area), augmentation.ratio, aspect, place)
    )
    codes = torch.tensor([CHANGES.index(name) for name in augmentation.one_of] or [-1])
    jitter = torch.tensor(augmentation.jitter)
    return Draws(
        size=augmentation.size,
        boxes=boxes,
        flips=(flip < 0.5) & torch.tensor([name in augmentation.flips for name in ("vertical", "horizontal")]),
        changes=codes[(change[:, 0] * len(codes)).long()],
        sigmas=_between(*augmentation.sigma, sigma[:, 0]).float(),
        factors=_between((1 - jitter).clamp(min=0), 1 + jitter, factor).float(),
        orders=_ORDERS[(order[:, 0] * len(_ORDERS)).long()],
    )


def draw_patch(augmentation: Augmentation, generator: torch.Generator) -> Patch:
    """Where CutMix puts another image into each of a batch: top, left, bottom, right; empty if `cutmix` is 0.

    As torchvision's `v2.CutMix`: a square about a random centre, cut off at the border.
    """
    kept, *centre = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
    kept = float(betaincinv(augmentation.cutmix, augmentation.cutmix, kept)) if augmentation.cutmix else 1.0
    half = int(0.5 * math.sqrt(1 - kept) * augmentation.size)
    y, x = (int(c * augmentation.size) for c in centre)
    return max(y - half, 0), max(x - half, 0), min(y + half, augmentation.size), min(x + half, augmentation.size)


def _resized(
    sizes: torch.Tensor, area: torch.Tensor, ratios: tuple[float, float], aspect: torch.Tensor, place: torch.Tensor
) -> torch.Tensor:
    """Boxes by torchvision's rule: the first of ten that fits the image, or else its middle in the nearest ratio."""
    low, high = ratios
    heights, widths = sizes.double()[:, :, None].unbind(1)
    areas, aspects = heights * widths * area, _between(math.log(low), math.log(high), aspect).exp()
    height = torch.cat([(areas / aspects).sqrt(), (widths / low).minimum(heights)], dim=1).round()
    width = torch.cat([(areas * aspects).sqrt(), (heights * high).minimum(widths)], dim=1).round()
    fits = (height >= 1) & (height <= heights) & (width >= 1) & (width <= widths)
    first = fits.int().argmax(1, keepdim=True)
    extents = torch.cat([height.gather(1, first), width.gather(1, first)], dim=1).long()
    free = sizes - extents
    return torch.cat([torch.where(first < _TRIES, (place * (free + 1)).long(), free // 2), extents], dim=1)


def _whole_pixels(sizes: torch.Tensor, size: int, place: torch.Tensor) -> torch.Tensor:
    """Boxes of `size` x `size` pixels anywhere in the images."""
    free = sizes - size
    if bool((free < 0).any()):
        height, width = sizes[int(free.amin(1).argmin())].tolist()
        raise DataError(
            f"an image of {height} x {width} pixels is smaller than the training crop of {size}; "
            "take larger images or a recipe with a smaller crop"
        )
    return torch.cat([(place * (free + 1)).long(), torch.full_like(sizes, size)], dim=1)


def _between(low: float | torch.Tensor, high: float | torch.Tensor, part: torch.Tensor) -> torch.Tensor:
    return low + (high - low) * part
