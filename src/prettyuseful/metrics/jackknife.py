"""What a number of a whole set would be without a part of the set: what its interval is made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Statistic = Callable[..., float]
"""From the features of one or more sets to a number."""


def without_blocks(statistic: Statistic, sets: Sequence[np.ndarray], blocks: Sequence[np.ndarray]) -> np.ndarray:
    """(B,) values of `statistic(*sets)` when block 0..B-1 is left out of every set at once.

    Sets that were drawn apart may lose their blocks together: what they do to the number adds up, and so do variances.

    Args:
        sets: features (N, d) each; blocks: (N,) int each, the block that an image belongs to; all sets have all blocks.
    """
    count = max(int(of_set.max()) for of_set in blocks) + 1
    return np.array(
        [
            statistic(*(features[of_set != block] for features, of_set in zip(sets, blocks, strict=True)))
            for block in range(count)
        ]
    )
