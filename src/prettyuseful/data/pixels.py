"""Decoded data sets: pixels once as uint8, with their labels and groups, ready for training and tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np

from prettyuseful.data.dataset import Row
from prettyuseful.data.images import decode, to_short_side

SHARD_BYTES = 2**29
"""A shard is full once it holds so many: large enough for the disk, small enough for an object store."""

StoredSize = int | Literal["native"]
Image = tuple[np.ndarray, int, str]
"""Pixels, (H, W, 3) uint8; label; group."""


@dataclass(frozen=True)
class Pixels:
    """Decoded images, each of its own height and width; N of them.

    `shards`: flat uint8 arrays, memory-mapped when read from disk, in which the images lie one after another. `sizes`:
    (N, 2) int64, height and width in pixels. `labels`: (N,) int64. `groups`: (N,) str.
    """

    shards: tuple[np.ndarray, ...]
    sizes: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    @classmethod
    def of(cls, images: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> Pixels:
        """From (N, H, W, 3) uint8 in memory."""
        sizes = np.tile(np.array(images.shape[1:3], np.int64), (len(images), 1))
        return cls((np.ascontiguousarray(images).reshape(-1),), sizes, labels, groups)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> np.ndarray:
        """(H, W, 3) uint8 of image `i`, without a copy."""
        (height, width), (shard, begin) = self.sizes[i], self.places[i]
        flat: np.ndarray = self.shards[shard][begin : begin + height * width * 3]
        return flat.reshape(height, width, 3)

    def take(self, rows: np.ndarray) -> Pixels:
        """Some of the images, in memory."""
        flat = [self[i].reshape(-1) for i in rows]
        shard = np.concatenate(flat) if flat else np.empty(0, np.uint8)
        return Pixels((shard,), self.sizes[rows], self.labels[rows], self.groups[rows])

    @property
    def one_size(self) -> bool:
        return bool((self.sizes == self.sizes[:1]).all())

    @cached_property
    def places(self) -> np.ndarray:
        """(N, 2) int64: which shard an image lies in, and where in it it begins."""
        lengths = self.sizes.prod(axis=1) * 3
        begins = np.cumsum(lengths) - lengths
        ends = np.cumsum([len(shard) for shard in self.shards])
        shard = np.searchsorted(ends, begins, side="right")
        return np.stack([shard, begins - np.concatenate([[0], ends])[shard]], axis=1)

    def chunks(self, most: int) -> Iterator[np.ndarray]:
        """All images in order, (n, H, W, 3) at a time: up to `most` neighbours of one size."""
        for _, run in groupby(range(len(self)), key=lambda i: tuple(self.sizes[i])):
            rows = list(run)
            for start in range(0, len(rows), most):
                yield np.stack([self[i] for i in rows[start : start + most]])


def write_pixels(folder: Path, images: Iterable[Image]) -> None:
    """Writes decoded images as they come: a set may be larger than memory. `load_pixels` reads them."""
    sizes, labels, groups, written = [], [], [], [0]
    with ExitStack() as files:

        def shard() -> object:
            return files.enter_context((folder / f"pixels-{len(written) - 1:05d}.bin").open("wb"))

        file = shard()
        for pixels, label, group in images:
            if written[-1] >= SHARD_BYTES:
                written.append(0)
                file = shard()
            written[-1] += file.write(np.ascontiguousarray(pixels).data)  # type: ignore[attr-defined]
            sizes.append(pixels.shape[:2])
            labels.append(label)
            groups.append(group)
    np.save(folder / "sizes.npy", np.array(sizes, np.int64).reshape(-1, 2))
    np.save(folder / "labels.npy", np.array(labels, np.int64))
    np.save(folder / "groups.npy", np.array(groups, str))


def load_pixels(files: Mapping[str, Path]) -> Pixels:
    """What `write_pixels` wrote, from the places of its files by name."""
    # Copy on write: torch wants arrays that could be written to, and nobody does.
    shards = tuple(np.memmap(files[name], np.uint8, "c") for name in sorted(files) if name.startswith("pixels-"))
    return Pixels(shards, *(np.load(files[f"{name}.npy"]) for name in ("sizes", "labels", "groups")))


def decoded(rows: Iterable[Row], stored_size: StoredSize) -> Iterator[Image]:
    """Every row's image with a short side of `stored_size` pixels and its aspect, or as it is if that is `native`.

    Raises:
        DataError: an image cannot be read; it is named.
    """
    for row in rows:
        image = decode(row.data, row.path)
        yield np.asarray(image) if stored_size == "native" else to_short_side(image, stored_size), row.label, row.group
