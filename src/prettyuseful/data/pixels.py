"""Decoded data sets: pixels once as uint8, with their labels and groups, ready for training and tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prettyuseful.data.dataset import Row
from prettyuseful.data.images import decode, to_square


@dataclass(frozen=True)
class Pixels:
    """`images`: (N, S, S, 3) uint8, memory-mapped when read from disk. `labels`: (N,) int64. `groups`: (N,) str."""

    images: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    def save(self, folder: Path) -> None:
        np.save(folder / "images.npy", self.images)
        np.save(folder / "labels.npy", self.labels)
        np.save(folder / "groups.npy", self.groups)

    def take(self, rows: np.ndarray) -> Pixels:
        return Pixels(self.images[rows], self.labels[rows], self.groups[rows])


def load_pixels(images: Path, labels: Path, groups: Path) -> Pixels:
    """What `Pixels.save` wrote."""
    return Pixels(np.load(images, mmap_mode="r"), np.load(labels), np.load(groups))


def decode_rows(rows: Iterable[Row], count: int, size: int) -> Pixels:
    """Decodes `count` rows to squares of side `size`.

    Raises:
        DataError: an image cannot be read; it is named.
    """
    images = np.empty((count, size, size, 3), np.uint8)
    labels, groups = np.empty(count, np.int64), []
    for i, row in enumerate(rows):
        images[i] = to_square(decode(row.data, row.path), size)
        labels[i] = row.label
        groups.append(row.group)
    return Pixels(images, labels, np.array(groups))
