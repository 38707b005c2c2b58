"""Labelled images of one size, and the units of a diagnosis: classes, or parts of classes if there are few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prettyuseful.engine.keys import derive_seed
from prettyuseful.errors import DataError

MIN_UNITS = 16
"""Smallest number of units for a sign-flip test. Fewer classes are split into parts."""
MIN_IMAGES = 6
"""Smallest number of images of a unit, real or synthetic, that labels, coverage and copies can be judged with."""
FEWEST_IMAGES = 2
"""Smallest number of images of a unit that the distance from other images can be measured with."""


class NotDiagnosableError(DataError):
    """Images that come from too few groups, or are too few, for a diagnosis; `problem` says which.

    `label`: the class that the problem is about, or None if it is about all.
    """

    def __init__(self, problem: str, label: int | None = None) -> None:
        self.problem, self.label = problem, label
        super().__init__(self.of_class("" if label is None else str(label)))

    def of_class(self, name: str) -> str:
        """Return the message with the name of the class."""
        about = "" if self.label is None else f"class {name} "
        return f"{about}{self.problem}; use more images, or check the groups"


@dataclass(frozen=True)
class LabelledImages:
    """Images with labels and groups.

    Attributes:
        pixels: (N, H, W, 3) uint8.
        labels: (N,) int, from 0.
        groups: (N,) str; images of one group come from one source.
    """

    pixels: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> LabelledImages:
        return LabelledImages(self.pixels[rows], self.labels[rows], self.groups[rows])

    @classmethod
    def concatenate(cls, parts: Sequence[LabelledImages]) -> LabelledImages:
        """Concatenate several sets of images of one size."""
        return cls(
            np.concatenate([part.pixels for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.groups for part in parts]),
        )


def parts_per_class(classes: int) -> int:
    """Return the number of parts into which every class is split, so that there are at least `MIN_UNITS` units."""
    return -(-MIN_UNITS // classes)


def rows_by_unit(
    images: LabelledImages, classes: int, parts: int, name: str, least: int = MIN_IMAGES
) -> list[np.ndarray]:
    """Return the rows of every unit, class by class; the `parts` units of a class share no group.

    Args:
        name: whose images these are, for error messages.
        least: smallest number of images of a unit.

    Raises:
        NotDiagnosableError: a unit has too few images.
    """
    units = []
    for label in range(classes):
        rows = np.flatnonzero(images.labels == label)
        part_of_row = split_groups(images.groups[rows], parts, f"units of class {label}")
        for part in range(parts):
            unit = rows[part_of_row == part]
            if len(unit) < least:
                raise NotDiagnosableError(
                    f"of {name} has {len(rows)} images in {len(set(images.groups[rows]))} groups, and a diagnosis "
                    f"needs {parts} parts of {least} images that share no group",
                    label,
                )
            units.append(unit)
    return units


def split_groups(groups: np.ndarray, parts: int, purpose: str) -> np.ndarray:
    """Assign images to parts of nearly equal size that share no group; return the part (N,) of each image.

    The assignment depends only on the names and sizes of the groups and on `purpose`.
    """
    names, index, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort([derive_seed(purpose, str(name)) for name in names], kind="stable")
    totals, part = np.zeros(parts), np.zeros(len(names), np.int64)
    for group in order:
        part[group] = totals.argmin()
        totals[part[group]] += sizes[group]
    return part[index]


def half_rows(labels: np.ndarray, groups: np.ndarray, part: int) -> np.ndarray:
    """Return the rows of half 0 or 1 of images, class by class. The halves share no group."""
    by_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return np.concatenate([rows[split_groups(groups[rows], 2, "halves") == part] for rows in by_class])


def sample_groups(groups: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `count` rows as whole groups in random order; only the last group may be incomplete."""
    names, index = np.unique(groups, return_inverse=True)
    rank = rng.permutation(len(names))[index]
    return np.argsort(rank, kind="stable")[:count]
