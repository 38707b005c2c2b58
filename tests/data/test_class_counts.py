from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from prettyuseful.data.class_counts import ClassCounts

class_numbers = st.lists(st.integers(0, 50), min_size=3, max_size=3)
any_counts = st.one_of(st.integers(0, 50), class_numbers).map(ClassCounts)


class Holder(BaseModel):
    counts: ClassCounts


@given(class_numbers)
def test_numbers_stay_what_they_are_and_equal_ones_are_one_number(values: list[int]) -> None:
    counts = ClassCounts(values)
    assert [counts[label] for label in range(3)] == values
    assert counts.total(3) == sum(values)
    assert counts.equal == (len(set(values)) == 1)
    assert counts.as_json() == (values[0] if counts.equal else values)
    assert (counts == ClassCounts(values[0])) == counts.equal


@given(any_counts)
def test_json_and_pickle_keep_the_numbers(counts: ClassCounts) -> None:
    text = Holder(counts=counts).model_dump_json()
    assert json.loads(text) == {"counts": counts.as_json()}
    assert Holder.model_validate_json(text).counts == counts
    assert Holder.model_validate({"counts": counts.as_json()}).counts == counts
    assert pickle.loads(pickle.dumps(counts)) == counts


@given(any_counts, any_counts)
def test_the_smaller_and_the_larger_number_of_each_class(a: ClassCounts, b: ClassCounts) -> None:
    pairs = [(a[label], b[label]) for label in range(3)]
    assert a.limit(b) == ClassCounts([min(pair) for pair in pairs])
    assert a.limit([b[label] for label in range(3)]) == a.limit(b)
    assert a.raise_to(b) == ClassCounts([max(pair) for pair in pairs])
    assert a.limit(b).fits(a)
    assert a.fits(a.raise_to(b))
    assert a.fits(b) == all(first <= second for first, second in pairs)


@given(any_counts, any_counts, any_counts)
def test_the_order_is_total_and_that_of_equal_counts_is_that_of_their_numbers(
    a: ClassCounts, b: ClassCounts, c: ClassCounts
) -> None:
    assert sorted([a, b, c]) == sorted([c, b, a])
    assert (a < b) + (b < a) + (a == b) == 1
    if a.equal and b.equal:
        assert (a < b) == (a.smallest < b.smallest)
    if a.fits(b):
        assert a <= b


@given(any_counts, st.integers(1, 60))
def test_small_classes_get_no_image(counts: ClassCounts, fewest: int) -> None:
    large, numbers = counts.without_small(fewest), [counts[label] for label in range(3)]
    assert [large[label] for label in range(3)] == [n if n >= fewest else 0 for n in numbers]
    assert bool(large) == (counts.largest >= fewest)


def test_words_and_file_names() -> None:
    assert (str(ClassCounts(40)), ClassCounts(40).label) == ("40", "40")
    unequal = ClassCounts([10, 7, 7])
    assert str(unequal) == "7 to 10"
    assert unequal.label.startswith("7-10-")
    assert unequal.label != ClassCounts([7, 10, 7]).label


@pytest.mark.parametrize("value", [-1, [], [3, -1], "3", 2.5, None])
def test_other_values_are_no_counts(value: Any) -> None:
    with pytest.raises(ValidationError):
        Holder.model_validate({"counts": value})
