"""Read the members of tar archives, in order. Archives are untrusted: nothing is unpacked and no link is followed.

Headers are read here and not by `tarfile`, which stops at the end of the first of several concatenated archives, calls
itself for each extended header, and jumps backwards in compressed files.
"""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Literal, NamedTuple

from prettyuseful.data.sources.safe_reading import (
    MAX_BYTES,
    catch_os_errors,
    catch_parse_errors,
    check_regular,
    check_size,
    printable,
)
from prettyuseful.errors import DataError

_BLOCK = 512
_MAX_HEADER = 1 << 20  # bytes of an extended header
_MAX_ZEROS = 1 << 26  # bytes between concatenated archives, or after the last
_PIECE = 1 << 16
_RATIO, _ALLOWANCE = 50, 1 << 26  # a compressed archive may unpack to this multiple, and so many bytes more
_GZIP = b"\x1f\x8b"
_EXTENDED = frozenset([b"x", b"X", b"g", b"L", b"K"])
_WITHOUT_DATA = frozenset([b"1", b"2", b"3", b"4", b"5", b"6"])
_LINKS = frozenset([b"1", b"2"])
_REGULAR = frozenset([b"0", b"\0", b"7"])
_NO_PAX: Mapping[str, str] = {}

MemberKind = Literal["file", "folder", "link", "sparse", "special"]


class Member(NamedTuple):  # there are millions of them, and frozen data classes are slower
    """A member of an archive.

    `name`: without `./` in front. `kind`: what it is; only files have data. `read`: returns the bytes; valid until the
    next member is requested, and of a file that is not compressed, until the archive is closed. `size`: their number.
    `archive`: number of the archive, from 0, in which it is, of those in one file. `shard`: name of the file for error
    messages.
    """

    name: str
    kind: MemberKind
    read: Callable[[], bytes]
    size: int
    archive: int
    shard: str

    @property
    def location(self) -> str:
        """The name of the member in error messages."""
        return f"{self.shard}: {printable(self.name)}"


@contextmanager
def open_tar(shard: Path, wanted: Callable[[str], bool]) -> Iterator[Iterator[Member]]:
    """Yield the members of an archive, which may be compressed with gzip.

    Args:
        shard: the file. Several archives may be concatenated in it.
        wanted: whether the data of a member with this name may be read; of a compressed archive, they are read at once.

    Raises:
        DataError: the archive is damaged or incomplete, or unpacks to far more than its size.
    """
    location = printable(shard)
    check_regular(shard)
    with catch_parse_errors(location, "broken tar"), shard.open("rb") as file:
        is_compressed = file.read(2) == _GZIP
        file.seek(0)
        if is_compressed:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield _Archive(_Stream(unpacked, file, location), location).members(wanted)
        else:
            yield _Archive(_File(file, location), location).members(wanted)


class _File:
    """A file that is not compressed: data are skipped, and read when they are wanted."""

    def __init__(self, file: IO[bytes], location: str) -> None:
        self._file, self._location, self.position = file, location, 0
        self._size = os.fstat(file.fileno()).st_size

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.position += len(data)
        return data

    def skip(self, size: int) -> bool:
        """Skip data, and return whether the file has them all."""
        self.position += size
        self._file.seek(self.position)
        return self.position <= self._size

    def reader(self, size: int, name: str, is_wanted: bool) -> Callable[[], bytes]:  # noqa: ARG002
        return partial(self._read_at, self.position, size, name)

    def _read_at(self, start: int, size: int, name: str) -> bytes:
        location = f"{self._location}: {printable(name)}"
        check_size(size, location, MAX_BYTES)
        with catch_os_errors(location):
            data = os.pread(self._file.fileno(), size, start)
        while 0 < len(data) < size and (more := os.pread(self._file.fileno(), size - len(data), start + len(data))):
            data += more
        if len(data) < size:
            raise DataError(f"{location}: truncated; download or write the tar file again")
        return data


class _Stream:
    """A compressed file, which is read from front to back: wanted data are kept until the next member."""

    def __init__(self, unpacked: io.BufferedIOBase, packed: IO[bytes], location: str) -> None:
        self._unpacked, self._packed, self._location, self.position = unpacked, packed, location, 0
        self._kept: bytes | None = None

    def read(self, size: int) -> bytes:
        pieces, left = [], size
        while left > 0 and (piece := self._unpacked.read(min(left, _PIECE))):
            pieces.append(piece)
            left -= len(piece)
            self.position += len(piece)
            if self.position > _ALLOWANCE + _RATIO * self._packed.tell():
                raise DataError(
                    f"{self._location} unpacks to more than {_RATIO} times its size, as images never do; remove it"
                )
        return b"".join(pieces)

    def skip(self, size: int) -> bool:
        """Skip data that were not read, and return whether the file has them all."""
        if self._kept is not None:
            size, self._kept = size - len(self._kept), None
        while size > 0 and (piece := self.read(min(size, _PIECE))):
            size -= len(piece)
        return size == 0

    def reader(self, size: int, name: str, is_wanted: bool) -> Callable[[], bytes]:
        if not is_wanted or size > MAX_BYTES:
            return partial(_too_large, size, f"{self._location}: {printable(name)}")
        data = self._kept = self.read(size)
        if len(data) < size:
            raise ValueError("truncated")
        return lambda: data


def _too_large(size: int, location: str) -> bytes:
    check_size(size, location, MAX_BYTES)
    raise DataError(f"{location}: not read")


class _Archive:
    """Reads the headers of one or several concatenated archives."""

    def __init__(self, stream: _File | _Stream, location: str) -> None:
        self._stream, self._location = stream, location
        self._pax: dict[str, str] = {}
        self._global: dict[str, str] = {}
        self._long_name: str | None = None

    def members(self, wanted: Callable[[str], bool]) -> Iterator[Member]:
        archive = zeros = count = 0
        is_ended = False
        while block := self._stream.read(_BLOCK):
            start = self._stream.position - len(block)
            if not any(block):
                zeros += len(block)
                if zeros > _MAX_ZEROS:
                    raise ValueError(f"more than {_MAX_ZEROS:,} bytes of zeros at byte {start:,}")
                is_ended = True
                continue
            if is_ended:
                archive, is_ended, self._global = archive + 1, False, {}
            zeros = 0
            if len(block) < _BLOCK:
                raise ValueError(f"truncated or damaged at byte {start:,}")
            info = _read_header(block)
            if info is None:
                raise ValueError("not a tar archive" if not count else f"truncated or damaged at byte {start:,}")
            count += 1
            if info.size < 0:
                raise ValueError("a member has a negative size")
            if info.type in _EXTENDED:
                self._read_extended(info)
                continue
            yield self._member(info, block, archive, wanted)
        if not is_ended:
            raise ValueError(f"truncated or damaged at byte {self._stream.position:,}")

    def _read_extended(self, info: _Header) -> None:
        if info.size > _MAX_HEADER:
            raise ValueError("a header has an invalid size")
        data = self._stream.read(info.size)
        if len(data) < info.size or not self._stream.skip(-info.size % _BLOCK):
            raise ValueError("a header has an invalid size")
        if info.type == b"L":
            self._long_name = data.rstrip(b"\0").decode("utf-8", "surrogateescape")
        elif info.type != b"K":
            (self._global if info.type == b"g" else self._pax).update(_pax_records(data))

    def _member(self, info: _Header, block: bytes, archive: int, wanted: Callable[[str], bool]) -> Member:
        pax = {**self._global, **self._pax} if self._global or self._pax else _NO_PAX
        long_name, self._long_name, self._pax = self._long_name, None, {}
        name = pax.get("path") or long_name or info.name
        size = int(pax.get("size", info.size))
        if size < 0:
            raise ValueError("a member has a negative size")
        is_sparse = info.type == b"S" or any(key.startswith("GNU.sparse") for key in pax)
        name = pax.get("GNU.sparse.name", name)
        if info.type == b"S" and block[482]:
            self._skip_sparse_headers()
        is_folder = info.type == b"5" or name.endswith("/")
        name = name.removeprefix("./").rstrip("/")
        kind: MemberKind = "special"
        if is_folder:
            kind = "folder"
        elif info.type in _LINKS:
            kind = "link"
        elif is_sparse:
            kind = "sparse"
        elif info.type in _REGULAR:
            kind = "file"
        size = 0 if info.type in _WITHOUT_DATA else size
        read = self._stream.reader(size, name, kind == "file" and wanted(name))
        if not self._stream.skip(size + -size % _BLOCK):
            raise ValueError(f"truncated at byte {self._stream.position:,}: {printable(name)} is not complete")
        return Member(name, kind, read, size, archive, self._location)

    def _skip_sparse_headers(self) -> None:
        for _ in range(_MAX_HEADER // _BLOCK):
            block = self._stream.read(_BLOCK)
            if len(block) < _BLOCK or not block[504]:
                return


class _Header(NamedTuple):
    """The fields of a header that are used."""

    name: str
    size: int
    type: bytes


def _read_header(block: bytes) -> _Header | None:
    """Return the fields of a header, or None if it is damaged: its sum does not fit."""
    try:
        total = _octal(block[148:156])
        if total != sum(block) - sum(block[148:156]) + 8 * ord(" ") and total != _signed_sum(block):
            return None
        field = block[124:136]
        size = int.from_bytes(field[1:], "big", signed=field[0] == 0xFF) if field[0] & 0x80 else _octal(field)
    except ValueError:
        return None
    name = block[:100].partition(b"\0")[0]
    if block[257:263] == b"ustar\0" and block[345]:
        name = block[345:500].partition(b"\0")[0] + b"/" + name
    return _Header(name.decode("utf-8", "surrogateescape"), size, block[156:157])


def _octal(field: bytes) -> int:
    return int(field.partition(b"\0")[0].strip() or b"0", 8)


def _signed_sum(block: bytes) -> int:
    """Return the sum of old programs, which add signed bytes."""
    return sum(byte - 256 if byte > 127 else byte for byte in block[:148] + b" " * 8 + block[156:])


def _pax_records(data: bytes) -> dict[str, str]:
    """Return the keys and values of an extended header: lines `<length> <key>=<value>`."""
    records, position = {}, 0
    while position < len(data) and data[position]:
        space = data.find(b" ", position, position + 20)
        length = int(data[position:space]) if space > 0 else 0
        key, separator, value = data[space + 1 : position + length - 1].partition(b"=")
        if length <= 0 or not separator:
            raise ValueError("an extended header is damaged")
        records[key.decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
        position += length
    return records
