from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.portions import Portion, select_rows, spread_starts

LABELS = np.array([0, 1, 0, 1, 0, 1, 0])


def portion(number: int, first: int) -> set[int]:
    of_classes = Portion(per_class=ClassCounts(number), first=ClassCounts(first))
    return {*of_classes.rows(LABELS, 2).tolist()}


def test_the_first_images_follow_the_last_ones() -> None:
    assert select_rows(LABELS, [3, 1], [2, 0]).tolist() == [0, 1, 4, 6]
    assert select_rows(LABELS, [0, 2], [0, 2]).tolist() == [1, 5]
    assert select_rows(LABELS, [0, 0], [0, 0]).tolist() == []


@pytest.mark.parametrize("first", [0, 1, 2])
def test_portions_with_one_beginning_are_nested(first: int) -> None:
    assert portion(1, first) < portion(2, first) < portion(3, first)


def test_classes_may_differ() -> None:
    rows = Portion(per_class=ClassCounts([4, 1]), first=ClassCounts([0, 2])).rows(LABELS, 2)
    assert rows.tolist() == [0, 2, 4, 5, 6]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 8, 12])
def test_draws_begin_as_far_apart_as_a_power_of_two_allows(count: int) -> None:
    starts = sorted(spread_starts(index, count) for index in range(count))
    assert starts[0] == 0
    assert min(np.diff([*starts, 1.0])) >= 0.5 ** max(1, int(np.ceil(np.log2(count))))


def test_the_first_draws_are_far_apart_however_many_follow() -> None:
    assert [spread_starts(index, 12) for index in range(4)] == [0.0, 0.5, 0.25, 0.75]
