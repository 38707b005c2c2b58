"""Batches of decoded images on the device that works with them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from prettyuseful.data.pixels import Pixels

_SHARE = 4  # one part in so many of a device's free memory may hold a data set

Batch = tuple[torch.Tensor, torch.Tensor]
"""(N, H, W, 3) uint8 on the device, padded with zeros at the bottom and on the right; (N, 2) true sizes on the CPU."""


class Feed:
    """The images of one data set by their rows.

    Where they fit easily, they are kept on the device; otherwise they stay memory-mapped on the disk, and the next
    batch is gathered while the device works on this one.
    """

    def __init__(self, pixels: Pixels, device: str) -> None:
        self.device = torch.device(device)
        self.sizes = torch.from_numpy(pixels.sizes)
        self._places = torch.from_numpy(pixels.places)
        self._shards = [torch.from_numpy(shard) for shard in pixels.shards]
        if self.device.type != "cpu" and self._fits():
            self._shards = [shard.to(self.device) for shard in self._shards]
        self._whole: torch.Tensor | None = None
        if len(self._shards) == 1 and len(pixels) and pixels.one_size:
            height, width = pixels.sizes[0].tolist()
            self._whole = self._shards[0].view(-1, height, width, 3)

    def batch(self, rows: torch.Tensor) -> Batch:
        """The images of these rows, (N,) integers on the CPU."""
        sizes = self.sizes[rows]
        if self._whole is not None:
            return self._there(self._whole[rows.to(self._whole.device)]), sizes
        height, width = sizes.amax(0).tolist()
        images = torch.zeros(len(rows), height, width, 3, dtype=torch.uint8, device=self._shards[0].device)
        for image, (h, w), (shard, begin) in zip(images, sizes.tolist(), self._places[rows].tolist(), strict=True):
            image[:h, :w] = self._shards[shard][begin : begin + h * w * 3].view(h, w, 3)
        return self._there(images), sizes

    def batches(self, parts: Iterable[torch.Tensor]) -> Iterator[Batch]:
        """The batches of these rows, each gathered while the one before is in use if another device uses it."""
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
        """Those of all images."""
        return torch.arange(len(self.sizes))

    def in_order(self, rows: torch.Tensor, most: int) -> Iterator[Batch]:
        """The images of these rows in their order, at most so many at a time."""
        return self.batches(torch.split(rows, most))

    def _there(self, images: torch.Tensor) -> torch.Tensor:
        if images.device == self.device or self.device.type == "cpu":
            return images
        return images.pin_memory().to(self.device, non_blocking=True)

    def _fits(self) -> bool:
        free, _ = torch.cuda.mem_get_info(self.device)
        return sum(shard.numel() for shard in self._shards) < free // _SHARE


def batches_of(count: int, batch: int, draws: torch.Generator) -> Iterator[torch.Tensor]:
    """Rows of an epoch in random order, whole batches only."""
    order = torch.randperm(count, generator=draws)
    for start in range(0, count - batch + 1, batch):
        yield order[start : start + batch]
