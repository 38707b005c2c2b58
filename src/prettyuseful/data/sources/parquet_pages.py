"""Sizes that a Parquet file states, read before any data are unpacked: a small file can unpack to gigabytes.

Arrow allocates what the headers of pages state, so these are read here first: the footer for the shape of the schema,
and the header of each page of the wanted columns. Both are structures of the Thrift compact protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from prettyuseful.errors import DataError

_MAGIC = b"PAR1"
_MAX_FOOTER = 1 << 26
_SMALL_FOOTER = 1 << 21  # cannot describe so many column chunks that they fill the memory
_MAX_CHUNKS = 500_000
_MAX_DEPTH = 50
_MAX_ELEMENTS = 20_000  # of the schema
_MAX_HEADER = 1 << 24
_FIRST_READ = 1 << 12
_I32, _I64, _BINARY, _LIST, _SET, _MAP, _STRUCT = 5, 6, 8, 9, 10, 11, 12


class _Reader:
    """Reads values of the Thrift compact protocol from bytes. IndexError: there are too few bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def byte(self) -> int:
        value = self.data[self.position]
        self.position += 1
        return value

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a number is too long")

    def number(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def fields(self) -> Iterator[tuple[int, int]]:
        """Yield the number and type of each field of a structure; the caller reads or skips its value."""
        number = 0
        while (header := self.byte()) != 0:
            number = number + (header >> 4) if header >> 4 else self.number()
            yield number, header & 0x0F

    def list_header(self) -> tuple[int, int]:
        """Return the number and the type of the elements of a list."""
        header = self.byte()
        return (header >> 4 if header >> 4 < 15 else self.varint()), header & 0x0F

    def skip_bytes(self, count: int) -> None:
        if count < 0 or self.position + count > len(self.data):
            raise IndexError
        self.position += count

    def skip(self, kind: int, depth: int = 0) -> None:
        """Skip a value. True and false are part of the header of a field."""
        if depth > 20:
            raise ValueError("structures are nested too deeply")
        if kind in (3, 7):
            self.skip_bytes(1 if kind == 3 else 8)
        elif kind in (4, 5, 6):
            self.varint()
        elif kind == _BINARY:
            self.skip_bytes(self.varint())
        elif kind in (_LIST, _SET):
            count, element = self.list_header()
            for _ in range(count):
                if element in (1, 2):
                    self.skip_bytes(1)
                else:
                    self.skip(element, depth + 1)
        elif kind == _STRUCT:
            for _, inner in self.fields():
                self.skip(inner, depth + 1)
        elif kind == _MAP:
            raise ValueError("maps are not part of Parquet headers")
        elif kind not in (1, 2):
            raise ValueError(f"unknown type {kind}")


def check_footer(path: Path, location: str) -> None:
    """Check that a Parquet file has a footer of moderate size, and a schema that is neither deep nor very wide.

    Raises:
        DataError: it has not.
        ValueError: the footer is broken.
    """
    with path.open("rb") as file:
        length = _footer_length(file)
        if length > _MAX_FOOTER:
            raise _refused(location, f"its footer has {length:,} bytes")
        reader = _read_footer(file)
    try:
        for number, kind in reader.fields():
            if number == 2 and kind == _LIST:
                _check_schema(reader, location)
            elif number == 4 and kind == _LIST and length > _SMALL_FOOTER:
                _check_chunks(reader, location)
                return
            else:
                if number > 4:
                    return
                reader.skip(kind)
            if number >= 2 and length <= _SMALL_FOOTER:
                return
    except IndexError:
        raise ValueError("the footer is cut off") from None


def _check_schema(reader: _Reader, location: str) -> None:
    """Follow the tree of columns, which is listed depth first with the number of children of each."""
    count, _ = reader.list_header()
    if count > _MAX_ELEMENTS:
        raise _refused(location, f"its schema has {count:,} columns")
    waiting: list[int] = []  # for each level, the number of columns that are still to come
    for _ in range(count):
        children = 0
        for number, kind in reader.fields():
            if number == 5 and kind == _I32:
                children = reader.number()
            else:
                reader.skip(kind)
        while waiting and waiting[-1] == 0:
            waiting.pop()
        if waiting:
            waiting[-1] -= 1
        if children > 0:
            waiting.append(children)
        if len(waiting) > _MAX_DEPTH:
            raise _refused(location, f"its columns are nested more than {_MAX_DEPTH} deep")


def _check_chunks(reader: _Reader, location: str) -> None:
    groups, _ = reader.list_header()
    chunks = 0
    for _ in range(groups):
        for number, kind in reader.fields():
            if number == 1 and kind == _LIST:
                count, element = reader.list_header()
                chunks += count
                if chunks > _MAX_CHUNKS:
                    raise _refused(location, f"it has more than {_MAX_CHUNKS:,} column chunks")
                for _ in range(count):
                    reader.skip(element)
            else:
                reader.skip(kind)


@dataclass(frozen=True)
class Chunk:
    """A column chunk: where it begins in the file, and its bytes."""

    start: int
    size: int


@dataclass(frozen=True)
class RowGroup:
    """A row group: its number of rows, and a chunk for each column without columns in it, in their order."""

    rows: int
    chunks: tuple[Chunk, ...]


def read_groups(file: IO[bytes]) -> Iterator[RowGroup]:
    """Yield the row groups of a file whose footer was checked.

    PyArrow has the same numbers, but ends the process where it finds a contradiction among them.

    Raises:
        ValueError: the footer is broken.
    """
    reader = _read_footer(file)
    try:
        for number, kind in reader.fields():
            if number == 4 and kind == _LIST:
                count, _ = reader.list_header()
                for _ in range(count):
                    yield _row_group(reader)
                return
            reader.skip(kind)
    except IndexError:
        raise ValueError("the footer is cut off") from None


def _row_group(reader: _Reader) -> RowGroup:
    rows, chunks = 0, []
    for number, kind in reader.fields():
        if number == 1 and kind == _LIST:
            count, _ = reader.list_header()
            chunks = [_chunk(reader) for _ in range(count)]
        elif number == 3 and kind == _I64:
            rows = reader.number()
        else:
            reader.skip(kind)
    return RowGroup(rows, tuple(chunks))


def _chunk(reader: _Reader) -> Chunk:
    sizes = {7: 0, 9: 0, 11: 0}  # packed bytes, places of the data and of the dictionary
    for number, kind in reader.fields():
        if number != 3 or kind != _STRUCT:
            reader.skip(kind)
            continue
        for inner, inner_kind in reader.fields():
            if inner in sizes and inner_kind == _I64:
                sizes[inner] = reader.number()
            else:
                reader.skip(inner_kind)
    return Chunk(min(sizes[9], sizes[11] or sizes[9]), sizes[7])


def _footer_length(file: IO[bytes]) -> int:
    size = file.seek(0, 2)
    if size < 12:
        raise ValueError("the file is too small")
    file.seek(size - 8)
    end = file.read(8)
    length = int.from_bytes(end[:4], "little")
    if end[4:] != _MAGIC or length > size - 12:
        raise ValueError("the end of the file is no Parquet footer")
    return length


def _read_footer(file: IO[bytes]) -> _Reader:
    length = _footer_length(file)
    file.seek(-8 - length, 2)
    return _Reader(file.read(length))


@dataclass(frozen=True)
class Page:
    """A page of a column chunk. `unpacked`, `packed`: its bytes. `values`: their number. `is_dictionary`."""

    unpacked: int
    packed: int
    values: int
    is_dictionary: bool


def read_pages(file: IO[bytes], start: int, size: int) -> Iterator[Page]:
    """Yield the pages of a column chunk, by their headers alone.

    Raises:
        ValueError: a header is broken.
    """
    end = start + size
    while start < end:
        page, length = _read_header(file, start)
        if page.packed < 0 or page.unpacked < 0:
            raise ValueError("a page has a negative size")
        yield page
        start += length + page.packed


def _read_header(file: IO[bytes], start: int) -> tuple[Page, int]:
    wanted = _FIRST_READ
    while True:
        file.seek(start)
        reader = _Reader(file.read(wanted))
        try:
            return _page(reader), reader.position
        except IndexError:
            if len(reader.data) < wanted or wanted > _MAX_HEADER:
                raise ValueError("the header of a page is cut off") from None
            wanted *= 8


def _page(reader: _Reader) -> Page:
    sizes = {1: 0, 2: 0, 3: 0}  # type, unpacked bytes, packed bytes
    values = 0
    for number, field_type in reader.fields():
        if number in sizes and field_type == _I32:
            sizes[number] = reader.number()
        elif number in (5, 7, 8) and field_type == _STRUCT:
            for inner, inner_type in reader.fields():
                if inner == 1 and inner_type == _I32:
                    values = reader.number()
                else:
                    reader.skip(inner_type)
        else:
            reader.skip(field_type)
    return Page(sizes[2], sizes[3], values, sizes[1] == 2)


def _refused(location: str, what: str) -> DataError:
    return DataError(f"{location}: {what}; write the images and labels to a Parquet file of their own")
