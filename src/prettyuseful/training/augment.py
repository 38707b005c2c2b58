"""Augmentation of batches on any device, with separate parameters for each image."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch

from prettyuseful.training.augmentations import CHANGES, SmallAugmentation
from prettyuseful.training.device import copy_to
from prettyuseful.training.resample import accelerator_batch, process_in_slices, resample_sides, sides_of
from prettyuseful.training.sampling import AugmentationParameters, Patch

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_LUMA = (0.299, 0.587, 0.114)  # ITU-R 601-2, as in Pillow
_KERNEL = 7  # side of the blur kernel in pixels


def augment_small(images: torch.Tensor, augmentation: SmallAugmentation, generator: torch.Generator) -> torch.Tensor:
    """Shift, flip and jitter each image of a batch.

    Args:
        images: (N, 3, S, S) in 0-1 on any device.
        augmentation: the ranges of the random changes.
        generator: random numbers, on the CPU.

    Returns:
        (N, 3, S, S) in 0-1 on the same device.
    """
    count, _, size, _ = images.shape
    flips = torch.rand(count, generator=generator) < 0.5 if augmentation.flip else torch.zeros(count)
    shifts = 2 * augmentation.shift + 1
    offsets = torch.randint(shifts, (2, count), generator=generator) if augmentation.shift else torch.zeros(2, count)
    factors = torch.ones(2, count)
    if augmentation.jitter:
        factors = 1 + augmentation.jitter * (2 * torch.rand(2, count, generator=generator) - 1)
    block = copy_to(torch.cat([flips[None], offsets, factors]), images.device)  # one copy, all values are exact
    if augmentation.flip or augmentation.shift:  # in one pass: the pixel that each one comes from
        span = torch.arange(size, device=images.device)
        places = span + block[1:3, :, None].long() - augmentation.shift
        rows, columns = (size - 1) - ((size - 1) - places.abs()).abs()  # reflected at the border
        columns = torch.where(block[0, :, None] > 0, (size - 1) - columns, columns)
        batch = torch.arange(count, device=images.device)[:, None, None]
        images = images[batch, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    if augmentation.jitter:
        brightness, contrast = block[3:, :, None, None, None]
        images = images * brightness
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        images.sub_(mean).mul_(contrast).add_(mean).clamp_(0, 1)
    return images


def augment(images: torch.Tensor, parameters: AugmentationParameters, out: torch.Tensor | None = None) -> torch.Tensor:
    """Crop, flip, change and jitter each image of a batch.

    Args:
        images: (N, H, W, 3) uint8 on any device; smaller images are padded at the bottom and on the right.
        parameters: parameters for these N images, sampled for their unpadded sizes.
        out: tensor for the result. On a CPU, reused memory is faster than new memory.

    Returns:
        (N, 3, S, S) float32 in 0-1 on the same device. Result i depends only on image i and its parameters, to the last
        bit.
    """
    result = torch.empty(len(images), 3, parameters.size, parameters.size, device=images.device) if out is None else out

    def process(part: slice) -> None:
        own = parameters[part]
        sides = sides_of(own.boxes, images.shape, flips=own.flips)
        order = own.changes.argsort(stable=True)
        columns = [sides.flatten(1), blends(own.factors, own.orders).flatten(1), own.sigmas[:, None], order[:, None]]
        block = copy_to(torch.cat([column.double() for column in columns], dim=1), images.device)
        device_sides, device_blends, sigmas, device_order = torch.split(block, [10, 9, 1, 1], dim=1)
        crops = resample_sides(images[part], sides, device_sides.view(-1, 2, 5), result[part]).div_(255)
        counts = torch.bincount(own.changes + 1, minlength=len(CHANGES) + 1).tolist()
        rows_of = torch.split(device_order[:, 0].long(), counts)[1:]  # without those that have no change
        for name, rows in zip(CHANGES, rows_of, strict=True):
            if len(rows):
                crops[rows] = _CHANGES[name](crops[rows], sigmas[rows, 0].float())
        if bool((own.factors != 1).any()):
            jitter(crops, device_blends.float().view(-1, 3, 3))

    process_in_slices(process, len(images), images.device, accelerator_batch(images))
    return result


def grayscale(images: torch.Tensor) -> torch.Tensor:
    """Return the luma of ITU-R 601-2, (N, 3, S, S) to (N, 1, S, S)."""
    red, green, blue = images[:, :, None].unbind(1)
    return (red * _LUMA[0]).add_(green, alpha=_LUMA[1]).add_(blue, alpha=_LUMA[2])


def solarize(images: torch.Tensor) -> torch.Tensor:
    """Invert values of at least 0.5, for images in 0-1."""
    return images.minimum(1 - images)


def blur(images: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
    """Blur (N, 3, S, S) images by a 7 x 7 Gaussian kernel with reflected borders. `sigmas`: (N,), in pixels."""
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


def blends(factors: torch.Tensor, orders: torch.Tensor) -> torch.Tensor:
    """Return the three blends of `jitter` for N images, in their order.

    As in torchvision, each operation is a clipped blend: with black (brightness), with the mean of the grey image
    (contrast), or with the grey image (saturation).

    Args:
        factors: (N, 3), the weight of the image in the three blends.
        orders: (N, 3), the order of the three operations for each image.

    Returns:
        (N, 3, 3) float32, of each operation: the weight of the image, and what it is blended with, as the weights of
        the grey image and of its mean.
    """
    return torch.stack([factors.gather(1, orders), (orders == 2).float(), (orders == 1).float()], dim=2)


def jitter(images: torch.Tensor, blends: torch.Tensor) -> None:
    """Apply three `blends`, (N, 3, 3) on the same device, to (N, 3, S, S) images in 0-1, in place."""
    for blend in blends[:, :, :, None, None, None].unbind(1):
        factor, saturation, contrast = blend.unbind(1)
        gray = grayscale(images)
        mean = gray.mean(dim=(2, 3), keepdim=True)
        other = gray.mul_(saturation).add_(mean * contrast)
        torch.lerp(other, images, factor, out=images).clamp_(0, 1)


def cutmix(images: torch.Tensor, targets: torch.Tensor, patch: Patch) -> torch.Tensor:
    """Replace a patch of each image, in place, by that of the previous image; the first image uses the last.

    Source: CutMix, Yun et al. 2019, as implemented by torchvision's `v2.CutMix`.

    Args:
        images: (N, 3, S, S).
        targets: (N, classes), float.
        patch: top, left, bottom and right in pixels.

    Returns:
        Targets mixed in proportion to the areas.
    """
    top, left, bottom, right = patch
    area = (bottom - top) * (right - left) / (images.shape[2] * images.shape[3])
    images[:, :, top:bottom, left:right] = images[:, :, top:bottom, left:right].roll(1, dims=0)
    return targets.lerp(targets.roll(1, dims=0), area)


def normalise_(
    images: torch.Tensor, mean: tuple[float, ...] = IMAGENET_MEAN, std: tuple[float, ...] = IMAGENET_STD
) -> torch.Tensor:
    """Normalise (N, 3, S, S) images in 0-1, in place, with the mean and standard deviation of each channel.

    On a CPU, new memory for a large batch would cost more time than the arithmetic.
    """
    low, spread = _on_device(mean, std, images.device)
    return images.sub_(low).div_(spread)


@cache
def _on_device(mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> torch.Tensor:
    """Return (2, 3, 1, 1) on a device: copied once, because every copy of Python's numbers waits for a GPU."""
    with torch.inference_mode(False):
        return torch.tensor([mean, std], device=device)[:, :, None, None]


_CHANGES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "grayscale": lambda images, _: grayscale(images).expand_as(images),
    "solarize": lambda images, _: solarize(images),
    "blur": blur,
}
