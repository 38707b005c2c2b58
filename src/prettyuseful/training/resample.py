"""Crop and resize whole batches, every image by a box of its own, to the very bytes that Pillow gives.

Pillow's bicubic filter (a = -0.5, widened when it shrinks; `libImaging/Resample.c`) is a sum over the few pixels
beneath it: first along rows, rounded to uint8, then along columns, with weights of 22 bits. Here each weight is split
in two, so that all sums are exact in float32: no device and no order of summation changes a byte. Pillow before 13 and
torchvision always go this way; Pillow 13 takes some tall images along columns first, which shows where overshoot is
clipped in between.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F

_REACH = 2  # of the filter to either side, in pixels
_FINE, _COARSE = 2.0**-22, 2.0**-14  # steps of a weight, and of its larger part
_PIXELS = 2**23  # that an accelerator filters together
_CPU_PART, _CPU_WINDOW = 16, 1  # images that a thread works on, and that it filters together: a cache holds little


def resample(
    images: torch.Tensor,
    boxes: torch.Tensor,
    size: int,
    sizes: torch.Tensor | None = None,
    flips: torch.Tensor | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Every image cropped to its box and resized to a square, bicubic and anti-aliased.

    Args:
        images: (N, H, W, 3) uint8 on any device; smaller images fill the upper left and are padded with anything.
        boxes: (N, 4) on the CPU: top, left, height, width in pixels, inside the true image.
        size: side of the result in pixels.
        sizes: (N, 2) on the CPU, true height and width. Given, the filter sees the whole image, as if it were resized
            and then cropped, and a box may begin and end between pixels. Not given, it sees the box only, as if the
            image were cropped and then resized.
        flips: (N, 2) booleans on the CPU: upside down, left to right. None are flipped if not given.
        out: (N, 3, size, size) of any type, on the same device: what to fill, instead of a new tensor.

    Returns:
        (N, 3, size, size) uint8 on the device of `images`, or `out`. Image i depends on image i and its box only.

    Raises:
        ValueError: a box is empty or reaches out of its image.
    """
    views = boxes if sizes is None else torch.cat([torch.zeros_like(sizes), sizes], dim=1)
    limits = torch.tensor(images.shape[1:3]) if sizes is None else sizes.double() + 1e-6
    if bool((boxes[:, :2] < 0).any() or (boxes[:, 2:] <= 0).any() or (boxes[:, :2] + boxes[:, 2:] > limits).any()):
        raise ValueError("a box is empty or reaches out of its image")
    if flips is None:
        flips = torch.zeros(len(boxes), 2, dtype=torch.bool)
    sides = torch.stack([boxes[:, :2] - views[:, :2], boxes[:, 2:], views[:, 2:], flips], dim=2).double()
    if out is None:
        out = torch.empty(len(images), 3, size, size, dtype=torch.uint8, device=images.device)

    def work(part: slice) -> None:
        down, across = (_Taps.of(side, size, images.device) for side in sides[part].unbind(1))
        begin = views[part, :2]
        spans = torch.cat([begin, begin + views[part, 2:]], dim=1).tolist()
        sources, targets = images[part], out[part]
        for rows in _slices(len(spans), _CPU_WINDOW if images.device.type == "cpu" else len(spans)):
            tops, lefts, bottoms, rights = zip(*spans[rows], strict=True)
            top, left = min(tops), min(lefts)
            columns = sources[rows, top : max(bottoms), left : max(rights)].permute(0, 2, 3, 1)
            lines = across.sums(columns, rows, begin[rows, 1] - left).permute(0, 3, 2, 1)
            targets[rows] = down.sums(lines, rows, begin[rows, 0] - top).permute(0, 2, 1, 3)

    in_parts(work, len(images), images.device, max(1, _PIXELS // (images.shape[1] * images.shape[2])))
    return out


def grid_boxes(sizes: torch.Tensor, size: int, resize: int | None, crops: int = 1) -> torch.Tensor:
    """Boxes that make `resample(images, boxes, size, sizes)` torchvision's `Resize(resize)` and crops of `size`.

    The short side becomes `resize`, the long side int(resize * long / short); `crops` by `crops` squares are spread
    evenly from border to border. One of them is `CenterCrop(size)`: at `resize == size` the box of a square image is
    the image. Others lie between pixels: to cut whole pixels and then resize would move a picture of 256 x 341 by up to
    half a pixel: 2 to 9 grey levels on average on the bundled photographs.

    Args:
        sizes: (N, 2) integers on the CPU, height and width in pixels.
        resize: None leaves every image as large as it is.

    Returns:
        (crops * crops, N, 4) float64: top, left, height, width in pixels of the source.

    Raises:
        ValueError: an image is then smaller than `size`.
    """
    resized = sizes.double() if resize is None else (resize * sizes / sizes.amin(1, keepdim=True).double()).floor()
    if len(sizes) and resized.min() < size:
        raise ValueError(f"cannot cut {size} pixels from images of {int(resized.min())}")
    scale = sizes / resized
    steps = torch.linspace(0, 1, crops, dtype=torch.float64) if crops > 1 else torch.tensor([0.5], dtype=torch.float64)
    parts = torch.cartesian_prod(steps, steps).reshape(-1, 1, 2)
    corners = ((resized - size) * parts).round() * scale
    return torch.cat([corners, (size * scale).expand_as(corners)], dim=2)


def in_parts(work: Callable[[slice], None], count: int, device: torch.device, together: int) -> None:
    """Calls `work` for all of `count` images, `together` at a time; on a CPU few at a time, on torch's threads.

    There, `work` finds torch with one thread: small tensors in one core's cache are faster than large ones on all
    cores, threads that never wait for each other do not mind a busy machine, and their number changes no bit.
    """
    if device.type != "cpu":
        for part in _slices(count, together):
            work(part)
        return
    _keep_freed_memory()
    parts, threads = _slices(count, _CPU_PART), torch.get_num_threads()
    torch.set_num_threads(1)  # threads that begin now inherit it
    try:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(work, parts) if threads > 1 else map(work, parts):
                pass
    finally:
        torch.set_num_threads(threads)


@cache
def _keep_freed_memory() -> None:
    """glibc hands large blocks back to the system and takes them anew, page by page: up to a third of the time here.

    It adapts to what a process frees (malloc(3), M_MMAP_THRESHOLD). A block of almost 32 MB is the most it learns from.
    """
    torch.empty(2**25 - 2**16, dtype=torch.uint8, device="cpu")


def _slices(count: int, step: int) -> list[slice]:
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


@dataclass(frozen=True)
class _Taps:
    """Along one side of N images: each line of a result is a weighted sum of a few lines of the view."""

    lines: torch.Tensor  # (N, 2 * size, taps) int64: those of all lines of a result, twice
    weights: torch.Tensor  # (N, 2 * size, taps) float32: their coarse parts, then the fine ones in steps of the coarse
    used: list[int]  # of each image: all weights beyond so many taps are zero

    @classmethod
    def of(cls, side: torch.Tensor, size: int, device: torch.device) -> _Taps:
        """`side`: (N, 4) float64 on the CPU; begin in a view, length, the view's length, flipped or not."""
        used = (2 * _REACH * (side[:, 1] / size).clamp(min=1)).ceil().int().tolist()
        start, length, extent, flipped = side.to(device)[:, :, None, None].unbind(1)
        scale = length / size
        wide = scale.clamp(min=1)
        places = torch.arange(size, device=device)[:, None]
        places = torch.where(flipped > 0, size - 1 - places, places)
        centres = start + (places + 0.5) * scale
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
        """(n, lines, A, B) to (n, size, A, B): whole numbers of 0-255 in float32.

        `begin`: (n,) on the CPU, the line of the table where an image's view begins; 0 if there is one image.
        """
        count, length, *rest = table.shape
        taps = max(self.used[part])
        lines, weights = self.lines[part, :, :taps], self.weights[part, :, :taps]
        if count > 1:
            lines = lines + (begin + length * torch.arange(count)).to(table.device)[:, None, None]
        lines, weights = lines.reshape(-1, taps), weights.reshape(-1, taps)
        flat = table.to(torch.float32, memory_format=torch.contiguous_format).reshape(count * length, -1)
        both = F.embedding_bag(lines, flat, per_sample_weights=weights, mode="sum")
        coarse, fine = both.view(count, 2, -1, *rest).unbind(1)
        # Both are exact, being less than 2^9 in steps of 2^-14, and less than 2^16 in steps of 2^-8. To round the sum
        # down, it is enough to know the fine part in whole coarse steps, and then the sum is exact too.
        return coarse.add_(fine.floor_(), alpha=_COARSE).add_(0.5).floor_().clamp_(0, 255)


def _cubic(x: torch.Tensor) -> torch.Tensor:
    """Keys' cubic convolution kernel with a = -0.5."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * -0.5
    return torch.where(x < 1, near, torch.where(x < 2, far, 0))
