from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prettyuseful.errors import DataError
from prettyuseful.steps.balance import assign_blocks, count_blocks, draw_balanced, split_halves


def test_halves_share_no_group_and_are_nearly_equal() -> None:
    groups = np.repeat([f"g{i}" for i in range(13)], 7)
    first, second = split_halves(groups, np.arange(len(groups)))
    assert not set(groups[first]) & set(groups[second])
    assert sorted([*first, *second]) == list(range(len(groups)))
    assert abs(len(first) - len(second)) <= 7


def test_halves_do_not_depend_on_the_order_of_images() -> None:
    groups = np.array([f"g{i % 9}" for i in range(60)])
    order = np.random.default_rng(0).permutation(60)
    first, _ = split_halves(groups, np.arange(60))
    again, _ = split_halves(groups[order], np.arange(60))
    assert set(groups[first]) == set(groups[order][again])


def test_a_draw_is_round_robin_over_groups() -> None:
    groups = np.array(["a"] * 9 + ["b"] * 2 + ["c"] * 4)
    result = draw_balanced(groups, np.arange(15), 7)
    assert dict(zip(*np.unique(groups[result], return_counts=True), strict=True)) in (
        {"a": 3, "b": 2, "c": 2},
        {"a": 2, "b": 2, "c": 3},
    )
    assert result.tolist() == sorted(result)


@given(seed=st.integers(0, 999), groups=st.integers(1, 9), count=st.integers(0, 40), less=st.integers(0, 40))
def test_a_smaller_draw_is_a_subset_of_a_larger_one(seed: int, groups: int, count: int, less: int) -> None:
    names = np.random.default_rng(seed).integers(0, groups, 30).astype(str)
    large, small = (draw_balanced(names, np.arange(30), n) for n in sorted((count, less), reverse=True))
    assert set(small) <= set(large)
    again = draw_balanced(names[large], np.arange(len(large)), len(small))
    np.testing.assert_array_equal(large[again], small)


def test_blocks_are_whole_groups_with_equal_shares_of_each_class() -> None:
    labels = np.repeat([0, 1, 2], 40)
    groups = np.array([f"{i // 2}" for i in range(120)])
    result = assign_blocks(labels, groups, 10)
    for label, block in np.ndindex(3, 10):
        assert len(np.unique(groups[(labels == label) & (result == block)])) == 2
    for group in np.unique(groups):
        assert len(set(result[groups == group])) == 1
    order = np.random.default_rng(0).permutation(120)
    np.testing.assert_array_equal(assign_blocks(labels[order], groups[order], 10), result[order])


def test_the_number_of_blocks_is_limited_by_the_groups_of_each_side() -> None:
    few, many = np.arange(5).astype(str), np.arange(500).astype(str)
    assert count_blocks((np.zeros(500), many)) == 20
    assert count_blocks((np.zeros(500), many), (np.zeros(5), few)) == 5
    with pytest.raises(DataError, match="an interval needs at least 3 source groups, but there are 2"):
        count_blocks((np.zeros(2), few[:2]))
    with pytest.raises(DataError, match="5 source groups cannot fill 6 blocks"):
        assign_blocks(np.zeros(5), few, 6)
