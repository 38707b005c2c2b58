"""Crop and resize batches with one box per image, with exactly the same bytes as Pillow.

Pillow's bicubic filter (a = -0.5, widened when shrinking; `libImaging/Resample.c`) is a weighted sum over a few pixels
with weights of 22 bits, first along rows, rounded to uint8, then along columns. Here each weight is split into two
parts, so that all sums are exact in float32. Devices and the order of summation then have no influence. Pillow before
13 and torchvision use the same order; Pillow 13 processes some tall images along columns first, which can give other
values where overshoot is clipped between the two passes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from prettyuseful.memory import keep_freed_memory
from prettyuseful.training.device import copy_to

_REACH = 2  # radius of the filter in pixels
_FINE, _COARSE = 2.0**-22, 2.0**-14  # resolution of a weight, and of its coarse part
_ACCELERATOR_PIXELS = 2**25  # pixels that an accelerator filters at once, with about 1 GB of intermediate results
_CPU_PART, _CPU_WINDOW = 16, 1  # images per task of a thread, and images filtered at once; few, to fit into the cache


def resample(
    images: torch.Tensor,
    boxes: torch.Tensor,
    size: int,
    sizes: torch.Tensor | None = None,
    flips: torch.Tensor | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Crop each image to its box and resize it to a square, with an anti-aliased bicubic filter.

    Args:
        images: (N, H, W, 3) uint8 on any device; smaller images are padded at the bottom and on the right.
        boxes: (N, 4) on the CPU: top, left, height, width in pixels, inside the unpadded image.
        size: side of the result in pixels.
        sizes: (N, 2) on the CPU, height and width without padding. If given, the filter uses pixels outside of the box,
            as if the image were resized and then cropped, and boxes may begin and end between pixels. If None, the
            filter uses the box only, as if the image were cropped and then resized.
        flips: (N, 2) booleans on the CPU: vertical, horizontal. None flips no image.
        out: (N, 3, size, size) tensor of any type on the same device for the result.

    Returns:
        (N, 3, size, size) uint8 on the device of `images`, or `out`. Result i depends on image i and its box only.

    Raises:
        ValueError: a box is empty or extends beyond its image.
    """
    sides = sides_of(boxes, images.shape, sizes, flips)
    if out is None:
        out = torch.empty(len(images), 3, size, size, dtype=torch.uint8, device=images.device)

    def process(part: slice) -> None:
        resample_sides(images[part], sides[part], copy_to(sides[part], images.device), out[part])

    process_in_slices(process, len(images), images.device, accelerator_batch(images))
    return out


def sides_of(
    boxes: torch.Tensor,
    shape: torch.Size,
    sizes: torch.Tensor | None = None,
    flips: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return what `resample` needs to know of both sides of every box, for images of shape (N, H, W, 3).

    Returns:
        (N, 2, 5) float64 on the CPU, vertical and horizontal: where the box begins in the view of the image that the
        filter uses, length of the box, length of the view, 1 if flipped, and where the view begins.

    Raises:
        ValueError: a box is empty or extends beyond its image.
    """
    views = boxes if sizes is None else torch.cat([torch.zeros_like(sizes), sizes], dim=1)
    limits = torch.tensor(shape[1:3]) if sizes is None else sizes.double() + 1e-6
    if bool((boxes[:, :2] < 0).any() or (boxes[:, 2:] <= 0).any() or (boxes[:, :2] + boxes[:, 2:] > limits).any()):
        raise ValueError("a box is empty or extends beyond its image")
    if flips is None:
        flips = torch.zeros(len(boxes), 2, dtype=torch.bool)
    columns = [boxes[:, :2] - views[:, :2], boxes[:, 2:], views[:, 2:], flips, views[:, :2]]
    return torch.stack([column.double() for column in columns], dim=2)


def resample_sides(
    images: torch.Tensor, sides: torch.Tensor, device_sides: torch.Tensor, out: torch.Tensor
) -> torch.Tensor:
    """Resample images to `out`, (N, 3, S, S), without waiting for their device.

    Args:
        images: (N, H, W, 3) uint8 on any device.
        sides: the result of `sides_of`.
        device_sides: the same on the device of the images.
        out: memory for the result.
    """
    size = out.shape[3]
    down, across = (_Taps.from_side(sides[:, axis], device_sides[:, axis], size) for axis in (0, 1))
    spans = torch.stack([sides[:, :, 4], sides[:, :, 4] + sides[:, :, 2]], dim=1).flatten(1).long().tolist()
    begin = device_sides[:, :, 4, None, None]
    for rows in _slices(len(spans), _CPU_WINDOW if images.device.type == "cpu" else len(spans)):
        tops, lefts, bottoms, rights = zip(*spans[rows], strict=True)
        top, left = min(tops), min(lefts)
        columns = images[rows, top : max(bottoms), left : max(rights)].permute(0, 2, 3, 1)
        lines = across.sums(columns, rows, begin[rows, 1] - left).permute(0, 3, 2, 1)
        out[rows] = down.sums(lines, rows, begin[rows, 0] - top).permute(0, 2, 1, 3)
    return out


def accelerator_batch(images: torch.Tensor) -> int:
    """Return how many of (N, H, W, 3) images an accelerator filters at once."""
    return max(1, _ACCELERATOR_PIXELS // (images.shape[1] * images.shape[2]))


def grid_boxes(sizes: torch.Tensor, size: int, resize: int | None, crops: int = 1) -> torch.Tensor:
    """Return boxes for `resample` that give the same crops as torchvision's `Resize(resize)` with `CenterCrop(size)`.

    `Resize` changes the short side to `resize` and the long side to int(resize * long / short). The crops form a
    regular grid from border to border. Boxes may begin between pixels. Cropping whole pixels before resizing would
    shift images of 256 x 341 px by up to half a pixel, a mean change of 2 to 9 grey levels on the bundled photographs.

    Args:
        sizes: (N, 2) integers on the CPU, height and width in pixels.
        size: side of the crops in pixels.
        resize: short side after resizing; None does not resize.
        crops: crops per side of the grid; 1 gives the centre crop.

    Returns:
        (crops * crops, N, 4) float64: top, left, height, width in pixels of the source.

    Raises:
        ValueError: a resized image is smaller than `size`.
    """
    resized = sizes.double() if resize is None else (resize * sizes / sizes.amin(1, keepdim=True).double()).floor()
    if len(sizes) and resized.min() < size:
        raise ValueError(f"cannot crop {size} pixels from images of {int(resized.min())} pixels")
    scale = sizes / resized
    steps = torch.linspace(0, 1, crops, dtype=torch.float64) if crops > 1 else torch.tensor([0.5], dtype=torch.float64)
    parts = torch.cartesian_prod(steps, steps).reshape(-1, 1, 2)
    corners = ((resized - size) * parts).round() * scale
    return torch.cat([corners, (size * scale).expand_as(corners)], dim=2)


def process_in_slices(
    process: Callable[[slice], None], count: int, device: torch.device, accelerator_batch: int
) -> None:
    """Call `process` for slices of `count` images: `accelerator_batch` at a time, or few at a time in threads on a CPU.

    On a CPU, torch uses a single thread within `process`. Small tensors in the cache of one core are faster than large
    tensors on all cores, independent threads tolerate a busy machine, and the number of threads has no influence on the
    result.
    """
    if device.type != "cpu":
        for part in _slices(count, accelerator_batch):
            process(part)
        return
    keep_freed_memory()
    parts, threads = _slices(count, _CPU_PART), torch.get_num_threads()
    torch.set_num_threads(1)  # new threads inherit the setting
    try:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(process, parts) if threads > 1 else map(process, parts):
                pass
    finally:
        torch.set_num_threads(threads)


def _slices(count: int, step: int) -> list[slice]:
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


@dataclass(frozen=True)
class _Taps:
    """Filter along one side of N images: each line of a result is a weighted sum of a few lines of the view."""

    lines: torch.Tensor  # (N, 2 * size, taps) int64: input lines of each output line, twice
    weights: torch.Tensor  # (N, 2 * size, taps) float32: coarse parts, then fine parts in units of _COARSE
    used: list[int]  # number of taps with non-zero weights, for each image

    @classmethod
    def from_side(cls, side: torch.Tensor, device_side: torch.Tensor, size: int) -> _Taps:
        """Return the filter for one side.

        Args:
            side: (N, 5), one axis of the result of `sides_of`.
            device_side: the same on the device of the filter.
            size: length of the result in pixels.
        """
        device = device_side.device
        used = (2 * _REACH * (side[:, 1] / size).clamp(min=1)).ceil().int().tolist()
        start, length, extent, flipped, _ = device_side[:, :, None, None].unbind(1)
        scale = length / size
        wide = scale.clamp(min=1)
        positions = torch.arange(size, device=device)[:, None]
        positions = torch.where(flipped > 0, size - 1 - positions, positions)
        centres = start + (positions + 0.5) * scale
        first = (centres - _REACH * wide + 0.5).floor().clamp(min=0)
        beyond = (centres + _REACH * wide + 0.5).floor().minimum(extent)
        lines = first + torch.arange(max(used), device=device)
        weights = torch.where(lines < beyond, _cubic((lines - centres + 0.5) * (1 / wide)), 0)
        weights = weights / weights.sum(2, keepdim=True)
        weights = (weights / _FINE + torch.where(weights < 0, -0.5, 0.5)).trunc() * _FINE
        coarse = (weights / _COARSE).round() * _COARSE
        split = torch.cat([coarse, (weights - coarse) / _COARSE], dim=1).float()
        return cls(lines.minimum(extent - 1).long().repeat(1, 2, 1), split, used)

    def sums(self, table: torch.Tensor, part: slice, begin: torch.Tensor) -> torch.Tensor:
        """Apply the filter, (n, lines, A, B) to (n, size, A, B), to integers 0-255 in float32.

        Args:
            table: the input lines.
            part: the images of this filter that `table` has.
            begin: (n, 1, 1), the line of `table` where the view of an image begins; 0 for a single image.
        """
        count, length, *rest = table.shape
        taps = max(self.used[part])
        lines, weights = self.lines[part, :, :taps], self.weights[part, :, :taps]
        if count > 1:
            lines = lines + (begin.long() + length * torch.arange(count, device=table.device)[:, None, None])
        lines, weights = lines.reshape(-1, taps), weights.reshape(-1, taps)
        flat = table.to(torch.float32, memory_format=torch.contiguous_format).reshape(count * length, -1)
        both = F.embedding_bag(lines, flat, per_sample_weights=weights, mode="sum")
        coarse, fine = both.view(count, 2, -1, *rest).unbind(1)
        # Both sums are exact: below 2^9 in steps of 2^-14, and below 2^16 in steps of 2^-8. For rounding down, the
        # fine part in whole coarse steps is sufficient, so the total is exact, too.
        return coarse.add_(fine.floor_(), alpha=_COARSE).add_(0.5).floor_().clamp_(0, 255)


def _cubic(x: torch.Tensor) -> torch.Tensor:
    """Return Keys' cubic convolution kernel with a = -0.5."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * -0.5
    return torch.where(x < 1, near, torch.where(x < 2, far, 0))
