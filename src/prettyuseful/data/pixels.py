"""Decoded data sets: uint8 pixels with labels and groups, for training and tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np

from prettyuseful.data.dataset import Row, group_in_mix
from prettyuseful.data.images import decode, to_short_side

SHARD_BYTES = 2**29
"""Size at which a shard is full: large enough for a disk, small enough for an object store."""

StoredSize = int | Literal["native"]
Image = tuple[np.ndarray, int, str]
"""Pixels (H, W, 3) uint8, label and group of an image."""


@dataclass(frozen=True)
class Pixels:
    """N decoded images, which may differ in height and width.

    `shards`: flat uint8 arrays with the images one after another; memory-mapped if read from disk. `sizes`: (N, 2)
    int64, height and width in pixels. `labels`: (N,) int64. `groups`: (N,) str.
    """

    shards: tuple[np.ndarray, ...]
    sizes: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    @classmethod
    def from_array(cls, images: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> Pixels:
        """Return `Pixels` of an (N, H, W, 3) uint8 array."""
        sizes = np.tile(np.array(images.shape[1:3], np.int64), (len(images), 1))
        return cls((np.ascontiguousarray(images).reshape(-1),), sizes, labels, groups)

    @classmethod
    def from_images(cls, images: Iterable[Image]) -> Pixels:
        """Return `Pixels` of decoded images, of which there is at least one."""
        pixels, labels, groups = zip(*images, strict=True)
        flat = np.concatenate([image.reshape(-1) for image in pixels])
        return cls((flat,), np.array([image.shape[:2] for image in pixels]), np.array(labels), np.array(groups))

    @classmethod
    def concatenate(cls, parts: Mapping[str, Pixels]) -> Pixels:
        """Return the images of several data sets one after another, without copying them.

        Groups of different parts stay apart, see `group_in_mix`.
        """
        groups = [np.array([group_in_mix(name, group) for group in part.groups], str) for name, part in parts.items()]
        return cls(
            tuple(shard for part in parts.values() for shard in part.shards),
            np.concatenate([part.sizes for part in parts.values()]),
            np.concatenate([part.labels for part in parts.values()]),
            np.concatenate(groups),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> np.ndarray:
        """Return image `i` as a view, (H, W, 3) uint8."""
        (height, width), (shard, begin) = self.sizes[i], self.offsets[i]
        flat: np.ndarray = self.shards[shard][begin : begin + height * width * 3]
        return flat.reshape(height, width, 3)

    def take(self, rows: np.ndarray) -> Pixels:
        """Return a copy of some of the images, in memory."""
        flat = [self[i].reshape(-1) for i in rows]
        shard = np.concatenate(flat) if flat else np.empty(0, np.uint8)
        return Pixels((shard,), self.sizes[rows], self.labels[rows], self.groups[rows])

    @property
    def has_one_size(self) -> bool:
        return bool((self.sizes == self.sizes[:1]).all())

    @cached_property
    def offsets(self) -> np.ndarray:
        """The shard of each image and its offset in it, (N, 2) int64."""
        lengths = self.sizes.prod(axis=1) * 3
        begins = np.cumsum(lengths) - lengths
        ends = np.cumsum([len(shard) for shard in self.shards])
        shard = np.searchsorted(ends, begins, side="right")
        return np.stack([shard, begins - np.concatenate([[0], ends])[shard]], axis=1)

    def chunks(self, max_images: int) -> Iterator[np.ndarray]:
        """Yield all images in order, as (n, H, W, 3) arrays of up to `max_images` consecutive images of equal size."""
        for _, run in groupby(range(len(self)), key=lambda i: tuple(self.sizes[i])):
            rows = list(run)
            for start in range(0, len(rows), max_images):
                yield np.stack([self[i] for i in rows[start : start + max_images]])


def write_pixels(folder: Path, images: Iterable[Image]) -> None:
    """Write decoded images one by one; together they may exceed the memory. `load_pixels` reads them."""
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
    """Read what `write_pixels` wrote.

    Args:
        files: the path of each file, by name.
    """
    # Copy-on-write mode, because torch warns about read-only arrays. Nothing writes to them.
    shards = tuple(np.memmap(files[name], np.uint8, "c") for name in sorted(files) if name.startswith("pixels-"))
    return Pixels(shards, *(np.load(files[f"{name}.npy"]) for name in ("sizes", "labels", "groups")))


def decode_rows(rows: Iterable[Row], stored_size: StoredSize) -> Iterator[Image]:
    """Decode the image of each row.

    Args:
        rows: labelled images.
        stored_size: short side of the results in pixels, with unchanged aspect ratio; `native` keeps the size.

    Raises:
        DataError: an image cannot be decoded; the message names it.
    """
    for row in rows:
        image = decode(row.data, row.path)
        yield np.asarray(image) if stored_size == "native" else to_short_side(image, stored_size), row.label, row.group
