"""Limits that hold while an image is opened and decoded: a small file must not cost much memory or time."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any, cast

from PIL import Image

from prettyuseful.data.image_formats import format_name

MAX_PIXELS = 64_000_000
"""Larger images are rejected before decoding."""

_MAX_PIXELS_OF = {"WEBP": 40_000_000, "AVIF": 40_000_000, "JPEG2000": 40_000_000}  # held four times while decoded
_MAX_PIXELS_IN_PYTHON = 2_000_000  # some decoders of Pillow are Python loops that need 1 s for a million pixels
_PYTHON_CODECS = {"ppm", "ppm_plain", "bmp_rle"}
_MAX_SCANNED = 2_000_000_000  # pixels times scans of a progressive JPEG: encoders write 10 scans, each read whole
_MAX_COMMENTS = 1_000  # of a text PPM: each is cut out by copying a block
_MAX_EXIF = 1 << 17  # one segment of a JPEG file holds 64 kB
_MAX_TIFF_VALUES = 1_000_000  # each number of a TIFF tag becomes a Python object
_MAX_READS = 1_000_000  # Pillow reads headers, chunks and comments piece by piece
_FEW_BYTES = 1 << 20  # so short a file cannot be read in many pieces
_MAX_PAGES = 10_000
_MAX_BLOCKS = 500_000  # of a GIF file, walked in Python
_NUMERIC = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_BYTES = {1: 1, 2: 1, 6: 1, 7: 1}
_TILE_WIDTH, _TILE_LENGTH = 322, 323


class TooCostlyError(Exception):
    """An image that costs more memory or time than any honest one; the message says why and what to do."""


def open_stream(data: bytes) -> io.BytesIO:
    """Return the bytes as a file that Pillow may read in a limited number of pieces."""
    return io.BytesIO(data) if len(data) < _FEW_BYTES else _LimitedReader(data)


class _LimitedReader(io.BytesIO):
    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > _MAX_READS:
            raise TooCostlyError(f"the file consists of more than {_MAX_READS:,} pieces; convert or remove it")
        return super().read(size)


def check_bytes(data: bytes) -> None:
    """Check what costs memory or time while Pillow reads the header.

    Raises:
        TooCostlyError: the file is built to cost much.
    """
    start = data[:4]
    if start[:3] == b"\xff\xd8\xff":
        if len(data) > _MAX_EXIF and _exif_size(data) > _MAX_EXIF:
            raise TooCostlyError("its EXIF data are larger than a camera writes; remove them, or the image")
    elif start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        _check_tiff(data)
    elif start[:2] in (b"P1", b"P2", b"P3") and data.count(b"#") > _MAX_COMMENTS:
        raise TooCostlyError(f"it has more than {_MAX_COMMENTS:,} comments; convert or remove it")


def check_opened(image: Image.Image, data: bytes) -> None:
    """Check what costs memory or time when the pixels are decoded.

    Raises:
        TooCostlyError: the image has too many pixels for its format.
    """
    limit = _MAX_PIXELS_OF.get(format_name(image.format), MAX_PIXELS)
    if any(tile[0] in _PYTHON_CODECS for tile in getattr(image, "tile", ())):
        limit = _MAX_PIXELS_IN_PYTHON
        cast("Any", image).fp.reads = -10 * _MAX_READS  # these decoders read every pixel
    if image.width * image.height > limit:
        raise TooCostlyError(
            f"{image.width} x {image.height} pixels is too large (limit {limit:,} pixels); resize or remove it"
        )
    if image.info.get("progressive") and (scans := data.count(b"\xff\xda")) * image.width * image.height > _MAX_SCANNED:
        raise TooCostlyError(f"a progressive JPEG image with {scans:,} scans; convert or remove it")
    if image.format == "TIFF":
        tags = cast("Any", image).tag_v2
        if _number(tags.get(_TILE_WIDTH)) * _number(tags.get(_TILE_LENGTH)) > MAX_PIXELS:
            raise TooCostlyError(f"its tiles are too large (limit {MAX_PIXELS:,} pixels); convert or remove it")


def tiff_directories(data: bytes) -> Iterator[list[tuple[int, int, int]]]:
    """Yield the directories of a TIFF file, one per page: (tag, type, number of values) of their entries."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    entry = struct.Struct(order + ("HHQQ" if big else "HHII"))
    offset_at, count_kind, offset_kind = (8, "Q", "Q") if big else (4, "H", "I")
    visited: set[int] = set()
    (offset,) = struct.unpack_from(order + offset_kind, data, offset_at)
    while offset and offset not in visited and len(visited) < _MAX_PAGES:
        visited.add(offset)
        try:
            (count,) = struct.unpack_from(order + count_kind, data, offset)
            first = offset + struct.calcsize(count_kind)
            last = first + count * entry.size
            entries = data[first : min(last, len(data))]
            usable = len(entries) - len(entries) % entry.size
            yield [(tag, kind, number) for tag, kind, number, _ in entry.iter_unpack(entries[:usable])]
            (offset,) = struct.unpack_from(order + offset_kind, data, last)
        except struct.error:
            return


def gif_frames(data: bytes) -> int:
    """Return the number of frames of a GIF file, without decoding them."""
    flags = data[10]
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    frames = blocks = 0
    while at < len(data) and blocks < _MAX_BLOCKS:
        kind = data[at]
        if kind == 0x21:  # extension
            at += 2
        elif kind == 0x2C and at + 9 < len(data):  # image
            frames += 1
            at += 11 + (3 << (data[at + 9] & 7) + 1 if data[at + 9] & 0x80 else 0)
        else:
            break
        while at < len(data) and data[at] and blocks < _MAX_BLOCKS:
            at += 1 + data[at]
            blocks += 1
        at += 1
        blocks += 1
    return max(1, frames)


def _exif_size(data: bytes) -> int:
    """Return the bytes of all EXIF segments. Pillow joins them, and every entry of the joined table may copy all."""
    size, at = 0, 2
    for _ in range(1_000):
        if data[at : at + 1] != b"\xff" or data[at + 1] in (0, 0xFF, 0xDA):
            break
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            size += length
        at += 2 + length
    if data[at : at + 2] == b"\xff\xda":
        return size
    return 0xFFFF * data.count(b"Exif\0\0")  # not the usual sequence of segments: the largest that it may be


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 1


def _check_tiff(data: bytes) -> None:
    """Check the first directory: all its tags are read into memory, and several may point at the same bytes."""
    try:
        entries = next(tiff_directories(data), [])
    except struct.error:
        return  # Pillow says what is wrong
    values = sum(number for _, kind, number in entries if kind in _NUMERIC)
    size = sum(number * (_NUMERIC.get(kind) or _BYTES.get(kind, 0)) for _, kind, number in entries)
    if values > _MAX_TIFF_VALUES or size > len(data):
        raise TooCostlyError("its tags are larger than the file; convert or remove it")
