"""Read untrusted files and names. Every problem becomes a one-line DataError."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prettyuseful.errors import DataError, one_line

MAX_BYTES = 1 << 28
"""Larger image files are rejected before reading."""

_MAX_NAME = 1000
_MAX_PRINTED = 300
_FIELDS = {"path": str, "group": str, "place": str, "prompt": str, "generator": str, "seed": int}


@contextmanager
def catch_os_errors(location: str) -> Iterator[None]:
    """Turn an OSError into a DataError that names the location."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{location}: cannot be read ({_one_line(error.strerror or error)}); repair or remove it"
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
        raise DataError(f"{location}: {what} ({_one_line(error)}); download or write it again") from None


def read_file(path: Path) -> bytes:
    """Return the bytes of a file of at most `MAX_BYTES`."""
    location = printable(path)
    with catch_os_errors(location):
        check_size(path.stat().st_size, location)
        return path.read_bytes()


def check_size(size: int, location: str, limit: int = MAX_BYTES) -> None:
    if size > limit:
        raise DataError(f"{location}: {size:,} bytes is too large (limit {limit:,} bytes); shrink or remove it")


def check_name(text: str, location: str) -> str:
    """Return `text` if it is valid as the name of a class or file.

    Raises:
        DataError: it is empty, too long, or not UTF-8.
    """
    if text and len(text) <= _MAX_NAME and _fits_parquet(text):
        return text
    raise DataError(f"{location}: '{printable(text)}' is not a valid name; use 1 to {_MAX_NAME:,} UTF-8 characters")


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


def _one_line(error: object) -> str:
    return printable(one_line(str(error)))


def _fits_parquet(value: str | int) -> bool:
    """Return whether Parquet can store the value."""
    if isinstance(value, int):
        return -(1 << 63) <= value < 1 << 63
    return not any("\ud800" <= character <= "\udfff" for character in value)
