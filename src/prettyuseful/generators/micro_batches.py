"""Splits the images of one class into micro-batches, and those into shards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

MICRO_BATCH = 25
"""Images per micro-batch, unless the study or the model sets it."""
SHARD_IMAGES = 100
_LARGEST_SHARD = 1000


def fills_micro_batches(images: int, prompts: int, micro_batch: int) -> bool:
    """Return whether every prompt of a class has enough images for a micro-batch, or is the only one."""
    return prompts == 1 or ceil(images / prompts) >= micro_batch


@dataclass(frozen=True)
class BatchPlan:
    """The micro-batches of one class with `images` images in `groups` groups: image `i` is in group `i % groups`.

    The groups are the prompts, or there is one group if a micro-batch may hold images of several prompts. Every
    micro-batch holds `size` images of one group, so that the batch shape is constant. Micro-batch `m` is batch
    `m // groups` of group `m % groups`. The images do not depend on the boundaries of the shards.
    """

    images: int
    groups: int
    size: int

    @classmethod
    def for_class(cls, images: int, groups: int, micro_batch: int) -> BatchPlan:
        """Return the plan with at most `micro_batch` images per batch, and never more than a group has images."""
        return cls(images, groups, min(micro_batch, ceil(images / groups)))

    def indices(self, number: int) -> list[int]:
        """Return the image indices of a micro-batch. Indices of `images` or more are padding."""
        turn, group = divmod(number, self.groups)
        return [(turn * self.size + i) * self.groups + group for i in range(self.size)]

    def batches_of(self, images: int) -> int:
        """Return how many micro-batches, from the first on, hold at least `images` of the images."""
        number = count = 0
        while count < min(images, self.images):
            count += sum(i < self.images for i in self.indices(number))
            number += 1
        return number

    def shards(self, ends: Iterable[int] = ()) -> list[tuple[int, int]]:
        """Return the (first, stop) ranges of micro-batches, with about `SHARD_IMAGES` images each.

        A shard holds whole rounds over all groups, unless that makes it too large, so that the images of consecutive
        shards are in order.

        `ends`: numbers of micro-batches at which a shard ends in any case.
        """
        turn = self.groups * self.size
        if self.size == 1 or turn > _LARGEST_SHARD:
            per_shard = max(1, SHARD_IMAGES // self.size)
        else:
            per_shard = self.groups * max(1, SHARD_IMAGES // turn)
        rows = ceil(self.images / turn)
        total = sum(self.indices(m)[0] < self.images for m in range(rows * self.groups))
        starts = sorted({*range(0, total, per_shard), *(end for end in ends if end < total)})
        return list(zip(starts, [*starts[1:], total], strict=True))

    def image_indices(self, first: int, stop: int) -> list[int]:
        """Return the sorted image indices of the micro-batches `first` to `stop` (exclusive), without padding."""
        return sorted(i for m in range(first, stop) for i in self.indices(m) if i < self.images)
