"""Which images are compared: halves, draws and blocks, which follow from the groups' names alone."""

from __future__ import annotations

import numpy as np

from prettyuseful.engine.keys import derive_seed
from prettyuseful.errors import DataError

BLOCKS = 20
"""Blocks of groups that are left out in turn, if there are so many groups."""
FEWEST_BLOCKS = 3


def halves(groups: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows in two halves of nearly equal size that share no group; which group goes where is fixed by its name."""
    names, sizes = np.unique(groups[rows], return_counts=True)
    taken, totals = ([], []), [0, 0]  # type: tuple[list[str], list[str]], list[int]
    for i in _shuffled(names, "halves"):
        side = int(totals[1] < totals[0])
        taken[side].append(names[i])
        totals[side] += int(sizes[i])
    first = np.isin(groups[rows], taken[0])
    return rows[first], rows[~first]


def spread(groups: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """The `count` rows, ascending, that a draw takes: one of each group in turn, groups in an order fixed by name.

    A smaller draw is part of a larger one, and drawing from what another draw left gives the same rows.
    """
    names, index = np.unique(groups[rows], return_inverse=True)
    place = np.argsort(_shuffled(names, "draw"))[index]
    order = np.argsort(index, kind="stable")
    firsts = np.searchsorted(index[order], index)
    turn = np.argsort(order) - firsts
    return np.asarray(np.sort(rows[np.lexsort((place, turn))[:count]]))


def blocks(labels: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Block 0..count-1 of each image: whole groups, each class's spread over the blocks as evenly as can be.

    Raises:
        DataError: fewer groups than blocks.
    """
    found, dealt = np.zeros(len(groups), np.int64), 0
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        names, index = np.unique(groups[rows], return_inverse=True)
        found[rows] = (np.argsort(_shuffled(names, "blocks"))[index] + dealt) % count
        dealt += len(names)
    if dealt < count:
        raise DataError(f"{dealt} source groups cannot be dealt into {count} blocks; take more images")
    return found


def block_count(*sides: tuple[np.ndarray, np.ndarray]) -> int:
    """As many blocks as all sides, (labels, groups) each, have groups for, at most `BLOCKS`.

    Raises:
        DataError: too few groups for an interval.
    """
    fewest = min(
        sum(len(np.unique(groups[labels == label])) for label in np.unique(labels)) for labels, groups in sides
    )
    if fewest < FEWEST_BLOCKS:
        raise DataError(
            f"an interval needs {FEWEST_BLOCKS} source groups of images, and there are {fewest}; take more images"
        )
    return min(BLOCKS, fewest)


def _shuffled(names: np.ndarray, purpose: str) -> np.ndarray:
    """The names' indices in an order that follows from the names."""
    return np.array(sorted(range(len(names)), key=lambda i: derive_seed(purpose, str(names[i]))), np.int64)
