from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from prettyuseful.aesthetics import Score
from prettyuseful.encoders.source import EncoderSource
from prettyuseful.fields import RegisteredName
from prettyuseful.registry import Registry
from prettyuseful.study.expected import describe_expected, describe_value
from prettyuseful.study.schema import Slot


def test_a_long_list_of_names_is_cut() -> None:
    rows = [Score(name=f"s{i}", summary="") for i in range(20)]
    name = Annotated[str, RegisteredName(Registry("score", Score, rows))]
    text = describe_expected(Slot.from_annotation(name))
    assert text.startswith("'s0', 's1', ")
    assert text.endswith("'s11', one of 8 other names (see `prettyuseful list`) or a user-defined module:OBJECT")


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (bool, "true or false"),
        (Annotated[int, Field(ge=1)], "a whole number of 1 or more"),
        (Annotated[int | None, Field(ge=1, le=1_000_000)], "a whole number from 1 to 1,000,000"),
        (Annotated[float, Field(gt=0, lt=0.5)], "a number above 0 and below 0.5"),
        (Annotated[float, Field(ge=0, lt=1)], "a number of 0 or more and below 1"),
        (Annotated[str, Field(min_length=1)], "text of 1 or more characters"),
        (Annotated[str, Field(max_length=9)], "text of at most 9 characters"),
        (Annotated[str, Field(min_length=2, max_length=9)], "text of 2 to 9 characters"),
        (Literal["a", True, 3], "'a', true or 3"),
        (Literal["a"] | int | Literal["b"], "'a', a whole number or 'b'"),
        (tuple[int, ...], "a list of entries, each a whole number"),
        (Annotated[list[str], Field(min_length=1)], "a list of 1 or more entries, each text"),
        (tuple[int, str], "a list of 2: a whole number and text"),
        (dict[str, bool], "a mapping of entries, each true or false"),
        (EncoderSource, "text or a mapping (keys: name, weights)"),
        (tuple[EncoderSource, ...], "a list of entries, each text or a mapping"),
        (complex, ""),
        (Any, ""),
    ],
)
def test_description_of_valid_values(annotation: Any, text: str) -> None:
    assert describe_expected(Slot.from_annotation(annotation)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\nb", r"'a\nb'"),
        (5.5, "5.5"),
        (float("nan"), "nan, which is not finite"),
        (True, "true"),
        (None, "null"),
        ({}, "an empty mapping"),
        ({"a": 1}, "a mapping"),
        ([], "an empty list"),
        ([1, 2], "a list of 2"),
        ("x" * 200, f"'{'x' * 59}..."),
        (1 << 300, "a number of many digits"),
    ],
)
def test_description_of_a_given_value(value: object, text: str) -> None:
    assert describe_value(value) == text


def test_only_the_type_of_a_private_value_is_described() -> None:
    assert [describe_value(value, private=True) for value in ("secret", 5, {"a": "secret"})] == [
        "text",
        "a number",
        "a mapping",
    ]
