"""Splits the images of one class into micro-batches of one prompt each, and those into shards."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

MICRO_BATCH = 25
"""Images per micro-batch, unless the study or the model sets it."""
SHARD_IMAGES = 100
_LARGEST_SHARD = 1000


@dataclass(frozen=True)
class BatchPlan:
    """The micro-batches of one class with `images` images and `prompts` prompts: image `i` has prompt `i % prompts`.

    Every micro-batch holds `size` images of one prompt, so that the batch shape is constant and no prompt is padded to
    the length of another. Micro-batch `m` is batch `m // prompts` of prompt `m % prompts`. The images do not depend on
    the boundaries of the shards.
    """

    images: int
    prompts: int
    size: int

    @classmethod
    def for_class(cls, images: int, prompts: int, micro_batch: int) -> BatchPlan:
        """Return the plan with at most `micro_batch` images per batch, and never more than a prompt has images."""
        return cls(images, prompts, min(micro_batch, ceil(images / prompts)))

    def indices(self, number: int) -> list[int]:
        """Return the image indices of a micro-batch. Indices of `images` or more are padding."""
        turn, prompt = divmod(number, self.prompts)
        return [(turn * self.size + i) * self.prompts + prompt for i in range(self.size)]

    def shards(self) -> list[tuple[int, int]]:
        """Return the (first, stop) ranges of micro-batches, with about `SHARD_IMAGES` images each.

        A shard holds whole rounds over all prompts, unless that makes it too large, so that the images of consecutive
        shards are in order.
        """
        turn = self.prompts * self.size
        if self.size == 1 or turn > _LARGEST_SHARD:
            per_shard = max(1, SHARD_IMAGES // self.size)
        else:
            per_shard = self.prompts * max(1, SHARD_IMAGES // turn)
        rows = ceil(self.images / (self.prompts * self.size))
        total = sum(self.indices(m)[0] < self.images for m in range(rows * self.prompts))
        return [(first, min(first + per_shard, total)) for first in range(0, total, per_shard)]

    def image_indices(self, first: int, stop: int) -> list[int]:
        """Return the sorted image indices of the micro-batches `first` to `stop` (exclusive), without padding."""
        return sorted(i for m in range(first, stop) for i in self.indices(m) if i < self.images)
