"""How the images of one class are cut into micro-batches of one prompt each, and those into shards."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

SHARD_IMAGES = 100
_LARGEST_SHARD = 1000


@dataclass(frozen=True)
class Cut:
    """`images` of one class from `prompts` prompts in turn: image `i` takes prompt `i % prompts`.

    A micro-batch holds images of one prompt, in equal number (`size`), so that every image meets the same batch shape
    and no prompt is padded to the length of another. Micro-batch `m` is number `m // prompts` of prompt `m % prompts`.
    Where the cut of the class into shards falls changes nothing in the images.
    """

    images: int
    prompts: int
    size: int

    @classmethod
    def of(cls, images: int, prompts: int, micro_batch: int) -> Cut:
        """A micro-batch is never larger than the number of images that a prompt gets."""
        return cls(images, prompts, min(micro_batch, ceil(images / prompts)))

    def indices(self, number: int) -> list[int]:
        """The images of a micro-batch; those from `images` on are padding, and next in line if there were more."""
        turn, prompt = divmod(number, self.prompts)
        return [(turn * self.size + i) * self.prompts + prompt for i in range(self.size)]

    def shards(self) -> list[tuple[int, int]]:
        """Ranges of micro-batches, of about `SHARD_IMAGES` images each.

        With several prompts, a shard holds all of them in turn where that does not make it too large, so that the
        shards in order are the images in order.
        """
        turn = self.prompts * self.size
        if self.size == 1 or turn > _LARGEST_SHARD:
            per_shard = max(1, SHARD_IMAGES // self.size)
        else:
            per_shard = self.prompts * max(1, SHARD_IMAGES // turn)
        rows = ceil(self.images / (self.prompts * self.size))
        total = sum(self.indices(m)[0] < self.images for m in range(rows * self.prompts))
        return [(first, min(first + per_shard, total)) for first in range(0, total, per_shard)]

    def within(self, first: int, stop: int) -> list[int]:
        """The images of micro-batches `first` to `stop`, in order, without padding."""
        return sorted(i for m in range(first, stop) for i in self.indices(m) if i < self.images)
