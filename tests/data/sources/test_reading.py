from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prettyuseful.data.sources.reading import (
    MAX_BYTES,
    check_name,
    check_size,
    parsing,
    read_file,
    reading,
    row_fields,
    shown,
)
from prettyuseful.errors import DataError


def test_what_the_file_system_refuses_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"here: cannot be read \(No such file or directory\); mend"), reading("here"):
        (tmp_path / "none").read_bytes()
    with pytest.raises(KeyError), reading("here"):
        raise KeyError("another mistake is not hidden")


@pytest.mark.parametrize("error", [ValueError("two\nlines"), KeyError("x"), RecursionError(), UnicodeError("bad")])
def test_whatever_a_parser_raises_is_one_line(error: Exception) -> None:
    with pytest.raises(DataError, match="here: no table") as told, parsing("here", "no table"):
        raise error
    assert "\n" not in str(told.value)


def test_what_is_said_already_and_what_ends_the_program_pass_a_parser() -> None:
    with pytest.raises(DataError, match=r"^said$"), parsing("here"):
        raise DataError("said")
    with pytest.raises(KeyboardInterrupt), parsing("here"):
        raise KeyboardInterrupt
    with pytest.raises(DataError, match="cannot be read"), parsing("here"):
        raise FileNotFoundError(2, "gone")


def test_files_are_read_up_to_a_size(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"data")
    assert read_file(tmp_path / "a") == b"data"
    with pytest.raises(DataError, match="none: cannot be read"):
        read_file(tmp_path / "none")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(DataError, match="large: 268,435,457 bytes is too large"):
        read_file(tmp_path / "large")


def test_the_limit_itself_is_allowed() -> None:
    check_size(MAX_BYTES, "here")
    check_size(10, "here", limit=10)
    with pytest.raises(DataError, match=r"here: 11 bytes is too large \(limit 10 bytes\)"):
        check_size(11, "here", limit=10)


@pytest.mark.parametrize("name", ["a", "hot dog", "é", "../x", "x" * 1000])
def test_a_name_is_any_text_that_is_not_too_long(name: str) -> None:
    assert check_name(name, "here") == name


@pytest.mark.parametrize("name", ["", "x" * 1001, "a\udcff"])
def test_what_is_no_name_is_one_line(name: str) -> None:
    with pytest.raises(DataError, match=r"here: '.*' is no name; give one of up to 1,000 UTF-8 characters") as error:
        check_name(name, "here")
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"path": "a", "group": "b", "place": "c", "prompt": "d", "generator": "e", "seed": 5},) * 2,
        ({"path": 3, "seed": "5", "prompt": None, "group": ["x"]}, {}),
        ({"seed": True}, {}),
        ({"seed": 2**63 - 1}, {"seed": 2**63 - 1}),
        ({"seed": 2**63}, {}),
        ({"seed": -(2**63) - 1}, {}),
        ({"prompt": "a\ud800"}, {}),
        ({"label": 3, "caption": "x"}, {}),
    ],
)
def test_fields_of_a_row_are_those_of_its_types_that_parquet_can_hold(
    values: dict[str, Any], fields: dict[str, Any]
) -> None:
    assert row_fields(values) == fields


@pytest.mark.parametrize(
    ("text", "words"),
    [("plain é", "plain é"), ("a\nb", "a\\nb"), ("\x1b[31m", "\\x1b[31m"), (5, "5"), ("a\udcff", "a\\udcff")],
)
def test_errors_show_any_text_on_one_line(text: object, words: str) -> None:
    assert shown(text) == words


def test_errors_show_both_ends_of_long_text() -> None:
    found = shown("a" * 1000 + "z" * 1000)
    assert len(found) == 303
    assert found.startswith("a" * 150 + "...")
    assert found.endswith("z" * 150)
