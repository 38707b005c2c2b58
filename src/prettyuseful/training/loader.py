"""Load batches of decoded images onto a device."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from prettyuseful.data.pixels import Pixels
from prettyuseful.memory import free_memory

_MEMORY_FRACTION = 4  # a data set may use 1/4 of the free memory of a device

Batch = tuple[torch.Tensor, torch.Tensor]
"""Images (N, H, W, 3) uint8 on the device, zero-padded at the bottom and on the right; unpadded sizes (N, 2) on the
CPU."""


class BatchLoader:
    """Loads images of a data set by row index.

    If the data set fits, it is kept on the device. Otherwise it stays memory-mapped on the disk, and the next batch is
    loaded while the device processes the current one.

    `room`: bytes of memory of the device for the data set; None for a quarter of the free memory.
    """

    def __init__(self, pixels: Pixels, device: str, room: int | None = None) -> None:
        self.device = torch.device(device)
        self.sizes = torch.from_numpy(pixels.sizes)
        self._offsets = torch.from_numpy(pixels.offsets)
        self._shards = [torch.from_numpy(shard) for shard in pixels.shards]
        if room is None:
            room = (free_memory(device) or 0) // _MEMORY_FRACTION
        if self.device.type != "cpu" and sum(shard.numel() for shard in self._shards) < room:
            self._shards = [shard.to(self.device) for shard in self._shards]
        self._images: torch.Tensor | None = None
        if len(self._shards) == 1 and len(pixels) and pixels.has_one_size:
            height, width = pixels.sizes[0].tolist()
            self._images = self._shards[0].view(-1, height, width, 3)

    def batch(self, rows: torch.Tensor) -> Batch:
        """Return the images of the given rows, (N,) integers on the CPU."""
        sizes = self.sizes[rows]
        if self._images is not None:
            return self._to_device(self._images[rows.to(self._images.device)]), sizes
        height, width = sizes.amax(0).tolist()
        images = torch.zeros(len(rows), height, width, 3, dtype=torch.uint8, device=self._shards[0].device)
        for image, (h, w), (shard, begin) in zip(images, sizes.tolist(), self._offsets[rows].tolist(), strict=True):
            image[:h, :w] = self._shards[shard][begin : begin + h * w * 3].view(h, w, 3)
        return self._to_device(images), sizes

    def batches(self, parts: Iterable[torch.Tensor]) -> Iterator[Batch]:
        """Yield a batch for each tensor of rows. For an accelerator, the next batch is loaded in the background."""
        if self.device.type == "cpu":
            yield from map(self.batch, parts)
            return
        ahead: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(1) as pool:
            for rows in parts:
                ahead.append(pool.submit(self.batch, rows))
                if len(ahead) > 1:
                    yield ahead.popleft().result()
            for last in ahead:
                yield last.result()

    @property
    def rows(self) -> torch.Tensor:
        """The row indices of all images, in order."""
        return torch.arange(len(self.sizes))

    def batches_in_order(self, rows: torch.Tensor, max_images: int) -> Iterator[Batch]:
        """Yield the images of the given rows in order, in batches of at most `max_images`."""
        return self.batches(torch.split(rows, max_images))

    def _to_device(self, images: torch.Tensor) -> torch.Tensor:
        if images.device == self.device or self.device.type == "cpu":
            return images
        return images.pin_memory().to(self.device, non_blocking=True)


def shuffled_batches(count: int, batch: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Yield the rows of an epoch in random order, in complete batches; the incomplete last batch is dropped."""
    order = torch.randperm(count, generator=generator)
    for start in range(0, count - batch + 1, batch):
        yield order[start : start + batch]
