"""Labelled images of one size, and the units that a diagnosis counts: classes, or parts of them if they are few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prettyuseful.engine.keys import derive_seed
from prettyuseful.errors import DataError

FEWEST_UNITS = 16
"""Signs of so many can be flipped in enough ways; fewer classes are cut into parts."""
FEWEST_IMAGES = 6
"""of a unit, on either side."""


@dataclass(frozen=True)
class Labelled:
    """`pixels` (N, H, W, 3) uint8; `labels` (N,) int from 0; `groups` (N,) str: images of one come from one source."""

    pixels: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> Labelled:
        return Labelled(self.pixels[rows], self.labels[rows], self.groups[rows])

    @classmethod
    def joined(cls, parts: Sequence[Labelled]) -> Labelled:
        """The images of several sets of one size, one set after the other."""
        return cls(
            np.concatenate([part.pixels for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.groups for part in parts]),
        )


def parts_per_class(classes: int) -> int:
    """Into how many parts every class is cut, so that there are units enough."""
    return -(-FEWEST_UNITS // classes)


def units_of(images: Labelled, classes: int, parts: int, name: str) -> list[np.ndarray]:
    """Rows of every unit: class by class, and of each class `parts` parts that share no group.

    Raises:
        DataError: a unit has too few images; `name` says whose.
    """
    found = []
    for label in range(classes):
        rows = np.flatnonzero(images.labels == label)
        cut = shared_out(images.groups[rows], parts, f"units of class {label}")
        for part in range(parts):
            unit = rows[cut == part]
            if len(unit) < FEWEST_IMAGES:
                raise DataError(
                    f"class {label} of {name} has {len(rows)} images in {len(set(images.groups[rows]))} groups, and a "
                    f"diagnosis needs {parts} parts of {FEWEST_IMAGES} that share no group; take more images"
                )
            found.append(unit)
    return found


def shared_out(groups: np.ndarray, parts: int, purpose: str) -> np.ndarray:
    """(N,) int: the part of every image. Whole groups, parts of nearly equal size; fixed by the groups' names."""
    names, index, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort([derive_seed(purpose, str(name)) for name in names], kind="stable")
    totals, part = np.zeros(parts), np.zeros(len(names), np.int64)
    for group in order:
        part[group] = totals.argmin()
        totals[part[group]] += sizes[group]
    return part[index]


def some_groups(groups: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of whole groups in random order until there are `count`, the last group cut."""
    names, index = np.unique(groups, return_inverse=True)
    rank = rng.permutation(len(names))[index]
    return np.argsort(rank, kind="stable")[:count]
