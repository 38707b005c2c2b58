"""Read untrusted files and names. Every problem becomes a one-line DataError."""

from __future__ import annotations

import stat
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prettyuseful.errors import DataError
from prettyuseful.redaction import redact_line

MAX_BYTES = 1 << 28
"""Larger image files are rejected before reading."""

_MAX_NAME = 1000
_MAX_PRINTED = 300
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they reorder text
_FIELDS = {"path": str, "group": str, "place": str, "prompt": str, "generator": str, "seed": int}


@contextmanager
def catch_os_errors(location: str) -> Iterator[None]:
    """Turn an OSError into a DataError that names the location."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{location}: cannot be read ({one_line_error(error.strerror or error)}); repair or remove it"
        ) from None


@contextmanager
def catch_parse_errors(location: str, what: str = "broken") -> Iterator[None]:
    """Turn any exception of a parser into a DataError that names the location, with `what` as the problem."""
    try:
        with catch_os_errors(location):
            yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{location}: {what} ({one_line_error(error)}); download or write it again") from None


def read_file(path: Path) -> bytes:
    """Return the bytes of a regular file of at most `MAX_BYTES`."""
    location = printable(path)
    with catch_os_errors(location):
        check_size(check_regular(path), location)
        return path.read_bytes()


def check_regular(path: Path) -> int:
    """Check that a path is a file, and not a pipe or a device, which could be read for ever, and return its size.

    Raises:
        DataError: it is something else, or does not exist.
    """
    location = printable(path)
    with catch_os_errors(location):
        status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{location} is not a regular file; repair or remove it")
    return status.st_size


def check_size(size: int, location: str, limit: int = MAX_BYTES) -> None:
    if size > limit:
        raise DataError(f"{location}: {size:,} bytes is too large (limit {limit:,} bytes); shrink or remove it")


def is_name(text: str) -> bool:
    """Return whether `text` can be the name of a class or file: not empty, not too long, and valid Unicode."""
    return bool(text) and len(text) <= _MAX_NAME and _fits_parquet(text)


def check_name(text: str, location: str) -> str:
    """Return `text` if it is valid as the name of a class or file.

    Raises:
        DataError: it is empty, too long, or not UTF-8.
    """
    if is_name(text):
        return text
    raise DataError(f"{location}: '{printable(text)}' is not a valid name; use 1 to {_MAX_NAME:,} UTF-8 characters")


def check_label(text: str, location: str) -> str:
    """Return `text` if it is valid as the name of a class.

    Raises:
        DataError: see `check_name`; or it has control characters, which could alter what a terminal shows.
    """
    check_name(text, location)
    if any(unicodedata.category(letter) == "Cc" or letter in _DIRECTIONS for letter in text):
        raise DataError(
            f"{location}: the class name '{printable(text)}' has control characters; use letters, digits and spaces"
        )
    return text


def row_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those values that are fields of a `Row` and have its type. Other data sets use these names differently."""
    return {
        name: values[name]
        for name, kind in _FIELDS.items()
        if type(values.get(name)) is kind and _fits_parquet(values[name])
    }


def printable(text: object) -> str:
    """Return any text in a form that is safe in an error message: on one line, escaped, and shortened if long."""
    text = str(text)
    text = text if len(text) <= _MAX_PRINTED else f"{text[: _MAX_PRINTED // 2]}...{text[-_MAX_PRINTED // 2 :]}"
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def one_line_error(error: object) -> str:
    """Return the text of an error of a parser on one line, escaped and shortened."""
    return printable(redact_line(str(error)))


def _fits_parquet(value: str | int) -> bool:
    """Return whether Parquet can store the value."""
    if isinstance(value, int):
        return -(1 << 63) <= value < 1 << 63
    return not any("\ud800" <= character <= "\udfff" for character in value)
