"""The real training images that the images of a class are generated from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache

import numpy as np

from prettyuseful.data.dataset import Row, group_of_source
from prettyuseful.engine.step import Job
from prettyuseful.errors import DataError
from prettyuseful.steps.inputs import read_index, read_slice

INPUT = "sources"
"""The input of a step with real training images, class by class, in one shard."""
_DECODED = 32  # images that are kept


class SourceImages:
    """The real images of one class, in the order of the task. Image `i` is made from number `i` modulo their number.

    Raises:
        DataError: there is none.
    """

    def __init__(self, job: Job, label: int) -> None:
        self._job = job
        # Few real images are used for many generated ones, and a device would wait while they are decoded again.
        self._pixels = lru_cache(_DECODED)(self._decode)
        self._positions = [position for position, (_, of, _) in enumerate(read_index(job, INPUT)) if of == label]
        if not self._positions:
            raise DataError("the class has no real training image to generate from")

    def images(self, indices: Sequence[int]) -> tuple[np.ndarray, ...]:
        """Return the real images of generated images, (H, W, 3) uint8 each, by index within the class."""
        return tuple(self._pixels(index % len(self._positions)) for index in indices)

    def origin(self, index: int) -> tuple[str, str]:
        """Return the group of a generated image, and the path of its real image."""
        row = self._row(index)
        return group_of_source(row.group), row.path

    def _decode(self, number: int) -> np.ndarray:
        from prettyuseful.data.images import decode

        row = self._rows[number]
        pixels = np.asarray(decode(row.data, row.path))
        pixels.flags.writeable = False  # other images are made from it, too
        return pixels

    def _row(self, index: int) -> Row:
        return self._rows[index % len(self._positions)]

    @cached_property
    def _rows(self) -> list[Row]:
        first, stop = self._positions[0], self._positions[-1] + 1
        rows = list(read_slice(self._job, INPUT, first, stop))
        return [rows[position - first] for position in self._positions]
