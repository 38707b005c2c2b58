"""A set of images as the checks see it: facts on every file and a small grey thumbnail, without the images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

Role = Literal["train", "test", "synthetic", "other"]
"""Real images to train on, real images to test on, synthetic images, or any images."""
SIDE = 32
"""Side of a thumbnail in pixels."""
MIN_CONTRAST = 2.0
"""Standard deviation of a thumbnail in grey levels; an image with less is without contrast."""
_TEXTS = ("ids", "paths", "groups", "formats", "scaled", "subsamplings", "tables")


@dataclass(frozen=True, eq=False)
class ImageTable:
    """One row for each image, in the order of content ids, so that file names and their order have no influence.

    `ids`: digest of the encoded bytes. `paths`, `groups`: of each image. `labels` (N,): indices into `classes`.
    `formats`, `widths`, `heights`, `orientations`, `transparent`, `bits`, `scaled`, `profiles`, `qualities`, `frames`,
    `subsamplings`, `tables`: see `data.image_facts.ImageFacts`; a quality of 0 and an empty text mean none. `contrasts`
    (N,): standard deviation in grey levels of the colour channel that varies most. `brightness` (N,): mean grey level.
    `thumbnails` (N, 32, 32) uint8: grey. `unreadable`: for each image that cannot be decoded, one line with its name
    and the reason.
    """

    classes: tuple[str, ...]
    ids: tuple[str, ...]
    paths: tuple[str, ...]
    groups: tuple[str, ...]
    formats: tuple[str, ...]
    scaled: tuple[str, ...]
    subsamplings: tuple[str, ...]
    tables: tuple[str, ...]
    labels: np.ndarray
    widths: np.ndarray
    heights: np.ndarray
    orientations: np.ndarray
    transparent: np.ndarray
    bits: np.ndarray
    profiles: np.ndarray
    qualities: np.ndarray
    frames: np.ndarray
    contrasts: np.ndarray
    brightness: np.ndarray
    thumbnails: np.ndarray
    unreadable: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def class_counts(self) -> np.ndarray:
        """Number of images of each class, (classes,)."""
        return np.bincount(self.labels, minlength=len(self.classes))

    @cached_property
    def has_contrast(self) -> np.ndarray:
        """Whether each image shows anything, (N,). Images of one colour are no copies of each other."""
        return np.asarray(self.contrasts >= MIN_CONTRAST)

    def save(self, folder: Path) -> None:
        """Write the table to `images.npz` and `images.json` in a folder."""
        texts: dict[str, Any] = {name: getattr(self, name) for name in _TEXTS}
        texts |= {"classes": self.classes, "unreadable": self.unreadable}
        (folder / "images.json").write_text(json.dumps(texts, ensure_ascii=True), encoding="utf-8")
        with (folder / "images.npz").open("wb") as file:
            np.savez(file, allow_pickle=False, **{name: getattr(self, name) for name in _ARRAYS})

    @classmethod
    def load(cls, texts: Path, arrays: Path) -> ImageTable:
        """Read the files that `save` wrote."""
        columns: dict[str, Any] = {name: tuple(values) for name, values in json.loads(texts.read_text("utf-8")).items()}
        with np.load(arrays, allow_pickle=False) as stored:
            return cls(**columns, **{name: stored[name] for name in _ARRAYS})


_DTYPES: Mapping[str, type] = {
    "labels": np.int64,
    "widths": np.int64,
    "heights": np.int64,
    "orientations": np.int64,
    "transparent": np.bool_,
    "bits": np.int64,
    "profiles": np.bool_,
    "qualities": np.int64,
    "frames": np.int64,
    "contrasts": np.float32,
    "brightness": np.float32,
    "thumbnails": np.uint8,
}
_ARRAYS = tuple(_DTYPES)


def build_table(rows: Sequence[Mapping[str, Any]], classes: Sequence[str], unreadable: Sequence[str]) -> ImageTable:
    """Return the table of these rows, which have the names of its columns; see `ImageTable`."""
    rows = sorted(rows, key=lambda row: (row["ids"], row["labels"], row["paths"]))
    columns: dict[str, Any] = {name: tuple(row[name] for row in rows) for name in _TEXTS}
    columns |= {name: np.array([row[name] for row in rows], dtype) for name, dtype in _DTYPES.items()}
    columns["thumbnails"] = columns["thumbnails"].reshape(-1, SIDE, SIDE)
    return ImageTable(classes=tuple(classes), unreadable=tuple(sorted(unreadable)), **columns)


@dataclass(frozen=True)
class ImageSet:
    """A set of images with its role.

    `title`: what the images are in a sentence, such as `real test images`. `conditioned`: whether they were generated
    from real training images, after which their groups are named. `not_finite`: how many of them are black, because the
    values that a generator made were not finite.
    """

    name: str
    role: Role
    table: ImageTable
    title: str = ""
    conditioned: bool = False
    not_finite: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or f"images of {self.name}")

    def __len__(self) -> int:
        return len(self.table)


@dataclass(frozen=True)
class Sets:
    """The sets that are checked, and `others` that they are compared with."""

    checked: tuple[ImageSet, ...]
    others: tuple[ImageSet, ...] = field(default=())

    def having(self, role: Role) -> tuple[ImageSet, ...]:
        """Return all sets of this role."""
        return tuple(images for images in (*self.checked, *self.others) if images.role == role)
