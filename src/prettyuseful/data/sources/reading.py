"""Files and names from strangers: whatever is wrong with them becomes one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prettyuseful.errors import DataError, one_line

MAX_BYTES = 1 << 28
"""A larger image file is refused before it is read."""

_MAX_NAME = 1000
_SHOWN = 300
_FIELDS = {"path": str, "group": str, "place": str, "prompt": str, "generator": str, "seed": int}


@contextmanager
def reading(where: str) -> Iterator[None]:
    """What the file system refuses becomes a DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{where}: cannot be read ({_line(error.strerror or error)}); mend or remove it") from None


@contextmanager
def parsing(where: str, what: str = "broken") -> Iterator[None]:
    """Whatever a parser raises on broken or hostile bytes becomes a DataError, too."""
    try:
        with reading(where):
            yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{where}: {what} ({_line(error)}); fetch or write it again") from None


def read_file(path: Path) -> bytes:
    """The bytes of a file of up to `MAX_BYTES`."""
    where = shown(path)
    with reading(where):
        check_size(path.stat().st_size, where)
        return path.read_bytes()


def check_size(size: int, where: str, limit: int = MAX_BYTES) -> None:
    if size > limit:
        raise DataError(f"{where}: {size:,} bytes is too large (limit {limit:,} bytes); shrink or remove it")


def check_name(text: str, where: str) -> str:
    """`text`, if it can be the name of a class or file.

    Raises:
        DataError: it is empty, too long to be a name, or not UTF-8.
    """
    if text and len(text) <= _MAX_NAME and _fits(text):
        return text
    raise DataError(f"{where}: '{shown(text)}' is no name; give one of up to {_MAX_NAME:,} UTF-8 characters")


def row_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """What `values` says of a `Row`. Other people's sets use these names for other things: they are left out."""
    return {
        name: values[name] for name, kind in _FIELDS.items() if type(values.get(name)) is kind and _fits(values[name])
    }


def shown(text: object) -> str:
    """`text` as an error may show it: one line, not too long, whatever it holds."""
    text = str(text)
    text = text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}...{text[-_SHOWN // 2 :]}"
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _line(error: object) -> str:
    return shown(one_line(str(error)))


def _fits(value: str | int) -> bool:
    """Whether Parquet can hold it."""
    if isinstance(value, int):
        return -(1 << 63) <= value < 1 << 63
    return not any("\ud800" <= character <= "\udfff" for character in value)
