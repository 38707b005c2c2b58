from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from prettyuseful.data.sources.safe_reading import (
    MAX_BYTES,
    catch_os_errors,
    catch_parse_errors,
    check_label,
    check_name,
    check_regular,
    check_size,
    printable,
    read_file,
    row_fields,
)
from prettyuseful.errors import DataError


def test_os_error_becomes_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match=r"here: cannot be read \(No such file or directory\); repair"),
        catch_os_errors("here"),
    ):
        (tmp_path / "none").read_bytes()
    with pytest.raises(KeyError), catch_os_errors("here"):
        raise KeyError("another mistake is not hidden")


@pytest.mark.parametrize("error", [ValueError("two\nlines"), KeyError("x"), RecursionError(), UnicodeError("bad")])
def test_any_parser_error_becomes_one_line(error: Exception) -> None:
    with pytest.raises(DataError, match="here: no table") as raised, catch_parse_errors("here", "no table"):
        raise error
    assert "\n" not in str(raised.value)


def test_data_errors_and_exits_pass_through() -> None:
    with pytest.raises(DataError, match=r"^said$"), catch_parse_errors("here"):
        raise DataError("said")
    with pytest.raises(KeyboardInterrupt), catch_parse_errors("here"):
        raise KeyboardInterrupt
    with pytest.raises(DataError, match="cannot be read"), catch_parse_errors("here"):
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
def test_invalid_names_are_rejected_in_one_line(name: str) -> None:
    with pytest.raises(DataError, match=r"here: '.*' is not a valid name; use 1 to 1,000 UTF-8 characters") as error:
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
    ("text", "message"),
    [("plain é", "plain é"), ("a\nb", "a\\nb"), ("\x1b[31m", "\\x1b[31m"), (5, "5"), ("a\udcff", "a\\udcff")],
)
def test_errors_show_any_text_on_one_line(text: object, message: str) -> None:
    assert printable(text) == message


def test_errors_show_both_ends_of_long_text() -> None:
    text = printable("a" * 1000 + "z" * 1000)
    assert len(text) == 303
    assert text.startswith("a" * 150 + "...")
    assert text.endswith("z" * 150)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a").write_bytes(b"data")
    assert check_regular(tmp_path / "a") == 4
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        for read in (read_file, check_regular):
            with pytest.raises(DataError, match="is not a regular file; repair or remove it"):
                read(path)


def test_class_names_have_no_control_characters() -> None:
    assert check_label("caf\u00e9 \u732b \U0001f431", "here") == "caf\u00e9 \u732b \U0001f431"
    for name in ("a\nb", "\x1b[31mred", "a\x00", "\u202egnp", "a\x7f"):
        with pytest.raises(DataError, match="has control characters") as error:
            check_label(name, "here")
        assert str(error.value).isprintable()
