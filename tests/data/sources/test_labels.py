from __future__ import annotations

from typing import Any

import pytest

from prettyuseful.data.sources.labels import label_text
from prettyuseful.errors import DataError


@pytest.mark.parametrize(
    ("value", "names", "text"),
    [
        ("cat", None, "cat"),
        (3, None, "3"),
        (1, ["a", "b"], "b"),
        (["cat"], None, "cat"),
        ([0], ["a"], "a"),
        ("3", ["a"], "3"),
    ],
)
def test_labels_are_names_or_numbers(value: Any, names: list[str] | None, text: str) -> None:
    assert label_text(value, names, "here") == text


@pytest.mark.parametrize(
    ("value", "names", "message"),
    [
        (None, None, "here has label None, but a label must be a string or a number from 0"),
        (True, None, "here has label True"),
        (1.5, None, r"here has label 1\.5"),
        (-1, None, "here has label -1"),
        (1 << 40, None, "here has label 1099511627776"),
        (2, ["a", "b"], "here has label 2, but the schema names 2 classes"),
        ([], None, "here has 0 labels"),
        (["a", "b"], None, r"here has 2 labels \(a, b\), but an image needs one"),
        ({"a": 1}, None, "here has label {'a': 1}"),
        ("", None, "'' is not a valid name"),
        ("a\x1b[31m", None, r"'a\\x1b\[31m' has control characters"),
        ("\u202egnp", None, "has control characters"),
    ],
)
def test_other_labels_are_refused(value: Any, names: list[str] | None, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        label_text(value, names, "here")
    assert str(error.value).isprintable()
