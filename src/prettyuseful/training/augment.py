"""Augmentation of batches on any device, with separate parameters for each image."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from prettyuseful.training.augmentations import CHANGES, SmallAugmentation
from prettyuseful.training.resample import process_in_slices, resample
from prettyuseful.training.sampling import AugmentationParameters, Patch

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_LUMA = (0.299, 0.587, 0.114)  # ITU-R 601-2, as in Pillow
_KERNEL = 7  # side of the blur kernel in pixels
_ACCELERATOR_BATCH = 128  # images that an accelerator processes at once


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
    if augmentation.flip:
        flips = torch.rand(count, generator=generator) < 0.5
        images = torch.where(flips[:, None, None, None].to(images.device), images.flip(3), images)
    if augmentation.shift:
        offsets = torch.randint(2 * augmentation.shift + 1, (2, count, 1), generator=generator).to(images.device)
        padded = F.pad(images, (augmentation.shift,) * 4, mode="reflect")
        span = torch.arange(size, device=images.device)
        rows, columns = offsets[0] + span, offsets[1] + span
        batch = torch.arange(count, device=images.device)[:, None, None]
        images = padded[batch, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    if augmentation.jitter:
        factors = 1 + augmentation.jitter * (2 * torch.rand(2, count, 1, 1, 1, generator=generator) - 1)
        brightness, contrast = factors.to(images.device)
        images = images * brightness
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        images = ((images - mean) * contrast + mean).clamp(0, 1)
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
        own_parameters = parameters[part]
        crops = resample(
            images[part], own_parameters.boxes, own_parameters.size, flips=own_parameters.flips, out=result[part]
        )
        change_and_jitter(crops.div_(255), own_parameters)

    process_in_slices(process, len(images), images.device, _ACCELERATOR_BATCH)
    return result


def change_and_jitter(images: torch.Tensor, parameters: AugmentationParameters) -> None:
    """Apply the change of each image, then its colour jitter, to (N, 3, S, S) images in 0-1, in place."""
    for code, name in enumerate(CHANGES):
        rows = (parameters.changes == code).nonzero()[:, 0]
        device_rows = rows.to(images.device)
        if len(rows):
            images[device_rows] = _CHANGES[name](images[device_rows], parameters.sigmas[rows].to(images.device))
    if bool((parameters.factors != 1).any()):
        jitter(images, parameters.factors.to(images.device), parameters.orders.to(images.device))


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


def jitter(images: torch.Tensor, factors: torch.Tensor, orders: torch.Tensor) -> None:
    """Change brightness, contrast and saturation of (N, 3, S, S) images in 0-1, in place.

    As in torchvision, each operation is a clipped blend: with black (brightness), with the mean of the grey image
    (contrast), or with the grey image (saturation).

    Args:
        images: (N, 3, S, S) in 0-1.
        factors: (N, 3), the weight of the image in the three blends.
        orders: (N, 3), the order of the three operations for each image.
    """
    for step in orders.unbind(1):
        factor = factors.gather(1, step[:, None])[:, :, None, None]
        contrast, saturation = ((step == operation).float()[:, None, None, None] for operation in (1, 2))
        gray = grayscale(images)
        mean = gray.mean(dim=(2, 3), keepdim=True)
        other = gray.mul_(saturation).add_(mean * contrast)
        torch.lerp(other, images, factor, out=images).clamp_(0, 1)


def cutmix(images: torch.Tensor, targets: torch.Tensor, patch: Patch) -> tuple[torch.Tensor, torch.Tensor]:
    """Replace a patch of each image by the same patch of the previous image; the first image uses the last.

    Source: CutMix, Yun et al. 2019, as implemented by torchvision's `v2.CutMix`.

    Args:
        images: (N, 3, S, S).
        targets: (N, classes), float.
        patch: top, left, bottom and right in pixels.

    Returns:
        New images, and targets mixed in proportion to the areas.
    """
    top, left, bottom, right = patch
    area = (bottom - top) * (right - left) / (images.shape[2] * images.shape[3])
    images = images.clone()
    images[:, :, top:bottom, left:right] = images[:, :, top:bottom, left:right].roll(1, dims=0)
    return images, targets.lerp(targets.roll(1, dims=0), area)


def normalise_(
    images: torch.Tensor, mean: tuple[float, ...] = IMAGENET_MEAN, std: tuple[float, ...] = IMAGENET_STD
) -> torch.Tensor:
    """Normalise (N, 3, S, S) images in 0-1, in place, with the mean and standard deviation of each channel.

    On a CPU, new memory for a large batch would cost more time than the arithmetic.
    """
    low, spread = (torch.tensor(values, device=images.device)[:, None, None] for values in (mean, std))
    return images.sub_(low).div_(spread)


_CHANGES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "grayscale": lambda images, _: grayscale(images).expand_as(images),
    "solarize": lambda images, _: solarize(images),
    "blur": blur,
}
