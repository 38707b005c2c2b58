from __future__ import annotations

import numpy as np

from prettyuseful.metrics.jackknife import leave_out_blocks
from prettyuseful.metrics.vendi import vendi_score


def test_each_block_is_left_out_of_all_sets_once() -> None:
    a, b = np.arange(6.0)[:, None], np.arange(4.0)[:, None]
    blocks = np.array([0, 0, 1, 1, 2, 2]), np.array([2, 1, 0, 0])
    result = leave_out_blocks(lambda x, y: float(x.sum() + 100 * y.sum()), (a, b), blocks)
    assert result.tolist() == [14 + 100, 10 + 500, 6 + 600]


def test_a_statistic_of_one_set() -> None:
    features = np.eye(4)
    assert leave_out_blocks(vendi_score, (features,), (np.array([0, 0, 1, 2]),)).round(9).tolist() == [2, 3, 3]
