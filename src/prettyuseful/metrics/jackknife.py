"""Leave-block-out values of a metric of whole sets, for jackknife intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Statistic = Callable[..., float]
"""Returns a number for the features of one or more sets."""


def leave_out_blocks(statistic: Statistic, sets: Sequence[np.ndarray], blocks: Sequence[np.ndarray]) -> np.ndarray:
    """Return the values (B,) of `statistic(*sets)` with block 0..B-1 left out of all sets at once.

    Independent sets can lose a block at the same time, because their contributions to the variance add up.

    Args:
        sets: features (N, d) of each set.
        blocks: for each set, the block number (N,) of each image. Every set contains every block.
    """
    count = max(int(set_blocks.max()) for set_blocks in blocks) + 1
    return np.array(
        [
            statistic(*(features[set_blocks != block] for features, set_blocks in zip(sets, blocks, strict=True)))
            for block in range(count)
        ]
    )
