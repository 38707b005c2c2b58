"""Load batches of decoded images onto a device."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from prettyuseful.data.pixels import Pixels
from prettyuseful.memory import free_memory
from prettyuseful.training.device import copy_to

_MEMORY_FRACTION = 4  # a data set may use 1/4 of the free memory of a device
_AHEAD = 4  # batches that are loaded from the disk before they are needed

Batch = tuple[torch.Tensor, torch.Tensor]
"""Images (N, H, W, 3) uint8 on the device, zero-padded at the bottom and on the right; unpadded sizes (N, 2) on the
CPU."""


class BatchLoader:
    """Loads images of a data set by row index.

    If the data set fits, it is kept on the device. Otherwise it stays memory-mapped on the disk, and the next batches
    are loaded while the device processes the current one. Neither waits for work that is queued on the device.

    `room`: bytes of memory of the device for the data set; None for a quarter of the free memory.
    """

    def __init__(self, pixels: Pixels, device: str, room: int | None = None) -> None:
        self.device = torch.device(device)
        self.sizes = torch.from_numpy(pixels.sizes)
        self._offsets = torch.from_numpy(pixels.offsets)
        self._shards = [torch.from_numpy(shard) for shard in pixels.shards]
        if room is None:
            room = (free_memory(device) or 0) // _MEMORY_FRACTION
        total = sum(shard.numel() for shard in self._shards)
        self.is_on_device = self.device.type != "cpu" and total < room
        if self.is_on_device:  # as one shard, with a black pixel at its end
            ends = self.sizes.prod(1).cumsum(0)
            self._begins, shard = ends - self.sizes.prod(1), torch.zeros(total + 3, dtype=torch.uint8, device=device)
            for target, part in zip(torch.split(shard, [*map(len, self._shards), 3]), self._shards, strict=False):
                target.copy_(part)
            self._shards = [shard]
        self._images: torch.Tensor | None = None
        if len(self._shards) == 1 and len(pixels) and pixels.has_one_size:
            height, width = pixels.sizes[0].tolist()
            self._images = self._shards[0][:total].view(-1, height, width, 3)

    def batch(self, rows: torch.Tensor) -> Batch:
        """Return the images of the given rows, (N,) integers on the CPU."""
        return copy_to(self._gather(rows), self.device), self.sizes[rows]

    def batches(self, parts: Iterable[torch.Tensor]) -> Iterator[Batch]:
        """Yield a batch for each tensor of rows. For an accelerator, batches are read in the background."""
        if self.device.type == "cpu" or self.is_on_device:
            yield from map(self.batch, parts)
            return
        ahead: deque[tuple[torch.Tensor, Future[torch.Tensor]]] = deque()
        with ThreadPoolExecutor(1) as pool:
            for rows in parts:
                ahead.append((rows, pool.submit(self._gather_pinned, rows)))
                if len(ahead) > _AHEAD:
                    yield self._loaded(*ahead.popleft())
            for last in ahead:
                yield self._loaded(*last)

    @property
    def rows(self) -> torch.Tensor:
        """The row indices of all images, in order."""
        return torch.arange(len(self.sizes))

    def batches_in_order(self, rows: torch.Tensor, max_images: int) -> Iterator[Batch]:
        """Yield the images of the given rows in order, in batches of at most `max_images`."""
        return self.batches(torch.split(rows, max_images))

    def _loaded(self, rows: torch.Tensor, images: Future[torch.Tensor]) -> Batch:
        # Copied by the thread that uses the images, so that its stream orders the copy and their use.
        return copy_to(images.result(), self.device), self.sizes[rows]

    def _gather_pinned(self, rows: torch.Tensor) -> torch.Tensor:
        images = self._gather(rows)
        return images.pin_memory() if self.device.type == "cuda" else images

    def _gather(self, rows: torch.Tensor) -> torch.Tensor:
        """Return images, (N, H, W, 3) uint8, where the data set is."""
        if self._images is not None:
            return self._images[copy_to(rows, self._images.device)]
        sizes = self.sizes[rows]
        if self.is_on_device:
            return gather_images(self._shards[0].view(-1, 3), self._begins[rows], sizes)
        height, width = sizes.amax(0).tolist()
        images = torch.zeros(len(rows), height, width, 3, dtype=torch.uint8)
        for image, (h, w), (shard, begin) in zip(images, sizes.tolist(), self._offsets[rows].tolist(), strict=True):
            image[:h, :w] = self._shards[shard][begin : begin + h * w * 3].view(h, w, 3)
        return images


def gather_images(pixels: torch.Tensor, begins: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
    """Return images that are on a device as one batch, zero-padded, with a few launches for all of them together.

    Args:
        pixels: (P, 3) uint8 on any device: the pixels of all images, and a black one at the end.
        begins: (N,) integers on the CPU, the first pixel of each image.
        sizes: (N, 2) integers on the CPU, heights and widths.
    """
    height, width = sizes.amax(0).tolist()
    begin, h, w = copy_to(torch.stack([begins, *sizes.unbind(1)]), pixels.device)[:, :, None, None]
    y, x = torch.arange(height, device=pixels.device)[:, None], torch.arange(width, device=pixels.device)
    places = (begin + y * w) + x
    return pixels[places.masked_fill_((y >= h) | (x >= w), len(pixels) - 1)]


def shuffled_batches(count: int, batch: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Yield the rows of an epoch in random order, in complete batches; the incomplete last batch is dropped."""
    order = torch.randperm(count, generator=generator)
    for start in range(0, count - batch + 1, batch):
        yield order[start : start + batch]
