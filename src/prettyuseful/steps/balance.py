"""Selection of the images that are compared: halves, balanced draws and blocks.

All of them depend only on the names of the source groups, so they are the same in every run.
"""

from __future__ import annotations

import numpy as np

from prettyuseful.engine.keys import derive_seed
from prettyuseful.errors import DataError

BLOCKS = 20
"""Largest number of blocks of the jackknife, which leaves out one block of groups at a time."""
MIN_BLOCKS = 3


class TooFewGroupsError(DataError):
    """The images come from too few groups for a measurement."""


def split_halves(groups: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into two halves of nearly equal size that share no group. The names of the groups fix the split."""
    names, sizes = np.unique(groups[rows], return_counts=True)
    members, totals = ([], []), [0, 0]  # type: tuple[list[str], list[str]], list[int]
    for i in _shuffled(names, "halves"):
        half = int(totals[1] < totals[0])
        members[half].append(names[i])
        totals[half] += int(sizes[i])
    first = np.isin(groups[rows], members[0])
    return rows[first], rows[~first]


def draw_balanced(groups: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """Draw `count` rows round-robin from the groups, in an order that the names of the groups fix; return them sorted.

    A smaller draw is a subset of a larger one, so drawing from the result of another draw gives the same rows.
    """
    names, index = np.unique(groups[rows], return_inverse=True)
    group_rank = np.argsort(_shuffled(names, "draw"))[index]
    order = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order], index)
    turn = np.argsort(order) - starts
    return np.asarray(np.sort(rows[np.lexsort((group_rank, turn))[:count]]))


def assign_blocks(labels: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Return the block 0..count-1 of each image. Blocks are whole groups; each class is spread evenly over the blocks.

    Raises:
        DataError: there are fewer groups than blocks.
    """
    block, assigned = np.zeros(len(groups), np.int64), 0
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        names, index = np.unique(groups[rows], return_inverse=True)
        block[rows] = (np.argsort(_shuffled(names, "blocks"))[index] + assigned) % count
        assigned += len(names)
    if assigned < count:
        raise DataError(f"{assigned} source groups cannot fill {count} blocks; use images from more source groups")
    return block


def count_blocks(*sides: tuple[np.ndarray, np.ndarray]) -> int:
    """Return the number of blocks: at most `BLOCKS`, and at most the number of groups of each side.

    Args:
        sides: labels and groups of the images of each side.

    Raises:
        TooFewGroupsError: there are too few groups for an interval.
    """
    fewest = min(
        sum(len(np.unique(groups[labels == label])) for label in np.unique(labels)) for labels, groups in sides
    )
    if fewest < MIN_BLOCKS:
        raise TooFewGroupsError(
            f"an interval needs at least {MIN_BLOCKS} source groups, but there are {fewest}; use images from more "
            "source groups"
        )
    return min(BLOCKS, fewest)


def _shuffled(names: np.ndarray, purpose: str) -> np.ndarray:
    """Return the indices of the names in a pseudo-random order that depends only on the names."""
    return np.array(sorted(range(len(names)), key=lambda i: derive_seed(purpose, str(names[i]))), np.int64)
