from __future__ import annotations

import pytest

from prettyuseful.errors import DataError
from prettyuseful.tasks.class_choice import ClassChoice


def test_classes_are_left_out_by_either_name() -> None:
    choice = ClassChoice(names={"a": "apple", "b": "bean"}, leave_out=("a", "bean", "c"))
    choice.check(["a", "b", "c", "d"], "here")
    assert choice.without_left_out(["apple", "bean", "c", "d"]) == ("d",)


def test_small_classes_are_left_out_and_noted_smallest_first() -> None:
    choice, counts = ClassChoice(min_per_class=5), {"a": 4, "b": 5, "c": 1}
    assert choice.large_enough(counts) == ("b",)
    assert choice.notes(list(counts), counts) == (
        "Classes with fewer than 5 training images are left out: c (1), a (4).",
    )
    assert ClassChoice().large_enough({"a": 0}) == ("a",)


def test_classes_with_one_name_are_noted() -> None:
    choice = ClassChoice(names={"lab": "dog", "pug": "dog", "tabby": "cat"})
    counts = {"cat": 1, "dog": 1}
    assert choice.notes(["lab", "pug", "tabby"], counts) == ("The classes lab, pug are one class, dog.",)
    assert choice.notes(["dog", "lab", "tabby"], counts) == ("The classes dog, lab are one class, dog.",)
    assert choice.notes(["lab", "tabby"], counts) == ()


def test_unknown_classes_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(DataError, match="classes: here has no class 'lap'; did you mean 'lab'"):
        ClassChoice(names={"lap": "dog"}).check(["lab", "pug"], "here")
    with pytest.raises(DataError, match=r"leave_out: here has no class '8'.*such as '010' and 'no' in quotes"):
        ClassChoice(leave_out=("8",)).check(["010", "011"], "here")
