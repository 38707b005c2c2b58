"""Read tables of files and labels: CSV, TSV, JSON lines and Parquet. Tables are untrusted, and read row by row."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any

from prettyuseful.data.sources.file_kinds import suffix_of
from prettyuseful.data.sources.safe_reading import (
    catch_os_errors,
    catch_parse_errors,
    check_regular,
    one_line_error,
    printable,
)
from prettyuseful.errors import DataError

MAX_ROWS = 5_000_000
_MAX_LINE = 1 << 20  # bytes
_MAX_COLUMNS = 10_000
_FIRST_ROWS = 100  # in which the columns of JSON lines are looked for

Row = Mapping[str, Any]


def table_columns(path: Path, has_header: bool = True) -> list[str]:
    """Return the names of the columns of a table; `0`, `1`, ... for a table without header.

    Raises:
        DataError: the table cannot be read.
    """
    columns: dict[str, None] = {}
    for _, row in islice(table_rows(path, has_header), _FIRST_ROWS):
        columns.update(dict.fromkeys(row))
        if suffix_of(path.name) in (".csv", ".tsv", ".parquet"):
            break
    return list(columns)


def table_rows(path: Path, has_header: bool = True) -> Iterator[tuple[int, Row]]:
    """Yield the number of each line, from 1, and its values by column.

    Raises:
        DataError: the table cannot be read; the message names the line.
    """
    check_regular(path)
    suffix = suffix_of(path.name)
    if suffix == ".parquet":
        rows = _parquet_rows(path)
    elif suffix in (".jsonl", ".ndjson"):
        rows = _json_rows(path)
    else:
        rows = _csv_rows(path, has_header)
    for count, row in enumerate(rows):
        if count >= MAX_ROWS:
            raise DataError(f"{printable(path)} has more than {MAX_ROWS:,} rows; split it")
        yield row


def _json_rows(path: Path) -> Iterator[tuple[int, Row]]:
    with _opened(path) as file:
        for number, line in _lines(file, path):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                what = "too many brackets" if isinstance(error, RecursionError) else one_line_error(error)
                raise DataError(f"{printable(path)}:{number}: no JSON ({what}); correct or remove the line") from None
            if not isinstance(row, dict) or len(row) > _MAX_COLUMNS:
                raise DataError(
                    f'{printable(path)}:{number}: not {{"file_name": ..., "label": ...}}; correct or remove the line'
                )
            yield number, row


def _csv_rows(path: Path, has_header: bool) -> Iterator[tuple[int, Row]]:
    location = printable(path)
    with _opened(path) as file, catch_parse_errors(location, "broken table"):
        lines = _lines(file, path)
        first = next(lines, None)
        if first is None:
            return
        delimiter = _delimiter(path, first[1])

        def texts() -> Iterator[str]:
            yield first[1]
            yield from (line for _, line in lines)

        reader = csv.reader(texts(), delimiter=delimiter, skipinitialspace=True)
        names: list[str] | None = None
        for values in reader:
            if len(values) > _MAX_COLUMNS:
                raise DataError(f"{location}:{reader.line_num} has more than {_MAX_COLUMNS:,} columns; is it a table?")
            if not any(values):
                continue
            if names is None:
                names = [name.strip() or f"column {i}" for i, name in enumerate(values)]
                names = names if has_header else [str(i) for i in range(len(values))]
                if len(set(names)) < len(names):
                    raise DataError(f"{location}:1: two columns have the same name; rename one of them")
                if has_header:
                    continue
            if len(values) > len(names) and any(values[len(names) :]):
                raise DataError(
                    f"{location}:{reader.line_num} has {len(values)} values, but there are {len(names)} columns; put "
                    "values with commas into quotation marks"
                )
            yield reader.line_num, {name: value.strip() for name, value in zip(names, values, strict=False)}


def _parquet_rows(path: Path) -> Iterator[tuple[int, Row]]:
    from prettyuseful.data.sources.parquet_reading import open_parquet

    with open_parquet(path) as file:
        columns = [field.name for field in file.schema if not _is_binary(field.type)]
        for index, row in file.rows(columns):
            yield index + 1, row


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_nested(kind))


def _delimiter(path: Path, line: str) -> str:
    if suffix_of(path.name) == ".tsv":
        return "\t"
    return max(",;\t", key=line.count)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with catch_os_errors(printable(path)), path.open("rb") as file:
        yield file


def _lines(file: IO[bytes], path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line, with its end."""
    number = 0
    while line := file.readline(_MAX_LINE + 1):
        number += 1
        if len(line) > _MAX_LINE:
            raise DataError(f"{printable(path)}:{number}: the line has more than {_MAX_LINE:,} bytes; is it a table?")
        try:
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise DataError(f"{printable(path)}:{number}: not UTF-8 text; save the table as UTF-8") from None
