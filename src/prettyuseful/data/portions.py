"""Portions of data sets: so many images of each class, from a first one on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from prettyuseful.data.class_counts import ClassCounts


class Portion(BaseModel):
    """`per_class` images of each class, from the image number `first` of the class on.

    The images of a class have a fixed order; after the last one, its first ones follow. So two portions that begin at
    the same images are nested.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    per_class: ClassCounts
    first: ClassCounts = ClassCounts(0)

    def rows(self, labels: np.ndarray, classes: int) -> np.ndarray:
        """Return the rows of the portion in ascending order, (n,) int; see `select_rows`."""
        numbers = range(classes)
        return select_rows(labels, [self.per_class[i] for i in numbers], [self.first[i] for i in numbers])


def select_rows(labels: np.ndarray, per_class: Sequence[int], first: Sequence[int]) -> np.ndarray:
    """Return the rows of `per_class[label]` images of each class, in ascending order.

    Args:
        labels: (N,) int, classes of the available images.
        per_class: at most as many as there are.
        first: number of the first image that is taken of each class, from 0.
    """
    chosen = []
    for label, wanted in enumerate(per_class):
        rows = np.flatnonzero(labels == label)
        chosen.append(rows[(first[label] + np.arange(wanted)) % len(rows)] if wanted else rows[:0])
    return np.sort(np.concatenate(chosen))


def spread_starts(index: int, count: int) -> float:
    """Return where draw `index` of `count` begins, as a fraction of all images.

    The first draws are spread over the images, and each further one begins in the middle of a gap (van der Corput).
    With a power of two, all begin equally far apart.
    """
    bits = max(1, (count - 1).bit_length())
    reversed_bits = int(f"{index:0{bits}b}"[::-1], 2)
    return reversed_bits / float(1 << bits)
