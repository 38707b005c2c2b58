"""Augmentation of whole batches, every image with parameters of its own."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from prettyuseful.training.augmentations import CHANGES, Nudge
from prettyuseful.training.draws import Draws, Patch
from prettyuseful.training.resample import in_parts, resample

# As everybody normalises.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_LUMA = (0.299, 0.587, 0.114)  # ITU-R 601-2, as Pillow's
_KERNEL = 7  # of the blur, in pixels
_TOGETHER = 128  # images that an accelerator works on together


def nudged(images: torch.Tensor, nudge: Nudge, generator: torch.Generator) -> torch.Tensor:
    """(N, 3, S, S) in 0-1 to the same, shifted, flipped and jittered; draws come from `generator` (CPU)."""
    count, _, size, _ = images.shape
    if nudge.flip:
        flips = torch.rand(count, generator=generator) < 0.5
        images = torch.where(flips[:, None, None, None].to(images.device), images.flip(3), images)
    if nudge.shift:
        offsets = torch.randint(2 * nudge.shift + 1, (2, count, 1), generator=generator).to(images.device)
        padded = F.pad(images, (nudge.shift,) * 4, mode="reflect")
        span = torch.arange(size, device=images.device)
        rows, columns = offsets[0] + span, offsets[1] + span
        batch = torch.arange(count, device=images.device)[:, None, None]
        images = padded[batch, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    if nudge.jitter:
        factors = 1 + nudge.jitter * (2 * torch.rand(2, count, 1, 1, 1, generator=generator) - 1)
        brightness, contrast = factors.to(images.device)
        images = images * brightness
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        images = ((images - mean) * contrast + mean).clamp(0, 1)
    return images


def vary(images: torch.Tensor, draws: Draws, out: torch.Tensor | None = None) -> torch.Tensor:
    """Crops, flips, changes and jitters each image of a batch as drawn for it.

    Args:
        images: (N, H, W, 3) uint8 on any device, padded at the bottom and on the right where they are smaller.
        draws: for these N images, of their true sizes.
        out: what to fill instead of a new tensor; memory that has been used before is faster on a CPU.

    Returns:
        (N, 3, S, S) float32 in 0-1 on the same device. Image i depends, to the last bit, on image i and its draws only.
    """
    found = torch.empty(len(images), 3, draws.size, draws.size, device=images.device) if out is None else out

    def work(part: slice) -> None:
        mine = draws[part]
        crops = resample(images[part], mine.boxes, mine.size, flips=mine.flips, out=found[part])
        recolour(crops.div_(255), mine)

    in_parts(work, len(images), images.device, _TOGETHER)
    return found


def recolour(images: torch.Tensor, draws: Draws) -> None:
    """(N, 3, S, S) in 0-1, in place: first each image's change, then its jitter."""
    for code, name in enumerate(CHANGES):
        rows = (draws.changes == code).nonzero()[:, 0]
        here = rows.to(images.device)
        if len(rows):
            images[here] = _CHANGES[name](images[here], draws.sigmas[rows].to(images.device))
    if bool((draws.factors != 1).any()):
        jitter(images, draws.factors.to(images.device), draws.orders.to(images.device))


def grayscale(images: torch.Tensor) -> torch.Tensor:
    """(N, 3, S, S) to (N, 1, S, S): the luma of ITU-R 601-2."""
    red, green, blue = images[:, :, None].unbind(1)
    return (red * _LUMA[0]).add_(green, alpha=_LUMA[1]).add_(blue, alpha=_LUMA[2])


def solarize(images: torch.Tensor) -> torch.Tensor:
    """Inverts what is at least half bright; for values in 0-1."""
    return images.minimum(1 - images)


def blur(images: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
    """(N, 3, S, S) blurred by a Gaussian of 7 x 7 pixels, reflected at the border; `sigmas`: (N,) in pixels."""
    reach, size = _KERNEL // 2, images.shape[3]
    weights = (-0.5 * (torch.arange(reach + 1, device=images.device) / sigmas[:, None]) ** 2).exp()
    weights = (weights / (2 * weights.sum(1, keepdim=True) - weights[:, :1]))[:, :, None, None, None]
    for axis in (2, 3):
        before, after = images.narrow(axis, 1, reach), images.narrow(axis, size - 1 - reach, reach)
        padded = torch.cat([before.flip(axis), images, after.flip(axis)], dim=axis)
        views = [padded.narrow(axis, offset, size) for offset in range(_KERNEL)]
        images = views[reach] * weights[:, 0]
        for i in range(1, reach + 1):
            images.addcmul_(views[reach - i] + views[reach + i], weights[:, i])
    return images


def jitter(images: torch.Tensor, factors: torch.Tensor, orders: torch.Tensor) -> None:
    """(N, 3, S, S) in 0-1, in place: brightness, contrast and saturation by `factors` (N, 3), as `orders` (N, 3) says.

    Each is torchvision's: a blend, clipped, with black, with the mean of the gray image, or with the gray image.
    """
    for step in orders.unbind(1):
        factor = factors.gather(1, step[:, None])[:, :, None, None]
        contrast, saturation = ((step == which).float()[:, None, None, None] for which in (1, 2))
        gray = grayscale(images)
        mean = gray.mean(dim=(2, 3), keepdim=True)
        other = gray.mul_(saturation).add_(mean * contrast)
        torch.lerp(other, images, factor, out=images).clamp_(0, 1)


def cutmix(images: torch.Tensor, targets: torch.Tensor, patch: Patch) -> tuple[torch.Tensor, torch.Tensor]:
    """Puts `patch` (top, left, bottom, right) of the previous image, the last for the first, into each.

    Args:
        images: (N, 3, S, S).
        targets: (N, classes), float.

    Returns:
        New images, and targets mixed by area (Yun et al. 2019; as torchvision's `v2.CutMix`).
    """
    top, left, bottom, right = patch
    area = (bottom - top) * (right - left) / (images.shape[2] * images.shape[3])
    images = images.clone()
    images[:, :, top:bottom, left:right] = images[:, :, top:bottom, left:right].roll(1, dims=0)
    return images, targets.lerp(targets.roll(1, dims=0), area)


def normalise_(
    images: torch.Tensor, mean: tuple[float, ...] = IMAGENET_MEAN, std: tuple[float, ...] = IMAGENET_STD
) -> torch.Tensor:
    """(N, 3, S, S) in 0-1 to about zero mean and unit deviation, by the statistics of each channel.

    In place: fresh memory for a large batch costs a CPU more than the arithmetic.
    """
    low, spread = (torch.tensor(values, device=images.device)[:, None, None] for values in (mean, std))
    return images.sub_(low).div_(spread)


_CHANGES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "grayscale": lambda images, _: grayscale(images).expand_as(images),
    "solarize": lambda images, _: solarize(images),
    "blur": blur,
}
