"""What an image file is, beside its pixels: format, orientation, depth, compression, number of frames."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from PIL import Image

from prettyuseful.data.image_formats import format_name
from prettyuseful.data.image_limits import gif_frames, tiff_directories

ORIENTATION_TAG = 0x0112
_BITS_PER_SAMPLE = 258
_BRIGHTNESS_TABLE = """
16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99
"""  # of libjpeg at quality 50 (ISO 10918-1, table K.1)
_COLOUR_TABLE = "17 18 24 47 18 21 26 66 24 26 56 99 47 66 99 99" + 48 * " 99"  # table K.2, in another order
STANDARD_TABLES = "standard"
_SUBSAMPLING = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0"}


@dataclass(frozen=True)
class ImageFacts:
    """What an image file is and how it became 8-bit sRGB.

    Args:
        format: name of the format, such as "JPEG".
        width: pixels, as shown.
        height: pixels, as shown.
        mode: Pillow's mode of the file, such as "RGB", "P" or "I;16".
        orientation: EXIF orientation, 1 (upright) to 8.
        transparent: whether any pixel is not opaque; such pixels are shown on white.
        bits: bits per channel in the file: 8 (or fewer), 16 or 32.
        scaled: how the range of a 16-bit or float image became 0 to 255, or None.
        icc: whether the colours were converted to sRGB from another profile.
        jpeg_quality: estimated from the quantisation tables, 1 to 100, or None for other formats.
        frames: frames of an animation or pages of a document; the first is taken.
        ignored_profile: whether the file has a colour profile that is broken or does not fit its mode.
        jpeg_subsampling: of the chroma in a colour JPEG: "4:4:4", "4:2:2", "4:2:0" or "other"; otherwise None.
        jpeg_tables: "standard" if a JPEG has the quantisation tables of libjpeg at this quality, otherwise the first 8
            hex digits of a digest of its tables; None for other formats.
    """

    format: str
    width: int
    height: int
    mode: str
    orientation: int = 1
    transparent: bool = False
    bits: int = 8
    scaled: str | None = None
    icc: bool = False
    jpeg_quality: int | None = None
    frames: int = 1
    ignored_profile: bool = False
    jpeg_subsampling: str | None = None
    jpeg_tables: str | None = None


def count_frames(image: Image.Image, data: bytes) -> int:
    """Return the frames or pages of an opened file. Only their headers are read."""
    name = format_name(image.format)
    if name == "GIF":
        return gif_frames(data)
    if name == "TIFF":
        return max(1, sum(1 for _ in tiff_directories(data)))
    if image.format == "MPO":  # views of the same photograph
        return 1
    frames = int(getattr(image, "n_frames", 1))
    return min(frames, 1 + data.count(b"fcTL")) if name == "PNG" else frames


def bits_per_channel(image: Image.Image, data: bytes) -> int:
    """Return 8, 16 or 32. Pillow opens 16-bit colour images as 8 bits and keeps the high bytes."""
    if image.mode in ("I", "F"):
        # PNG and PPM hold at most 16 bits, whatever Pillow's mode; a portable float map has mode F.
        return 16 if image.mode == "I" and format_name(image.format) in ("PNG", "PPM", "JPEG2000") else 32
    if image.mode.startswith("I;16"):
        return 16
    if image.format == "PNG":
        return 16 if data[24:25] == b"\x10" else 8
    if image.format == "TIFF":
        bits = cast("Any", image).tag_v2.get(_BITS_PER_SAMPLE, (8,))
        return 16 if max(bits if isinstance(bits, tuple) else (bits,)) > 8 else 8
    return 8


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of an opened image, 1 to 8, and 1 where the EXIF data are broken.

    Pillow's own reader loads every tag of untrusted data; this one looks for one.
    """
    if image.format == "TIFF":  # gone after Pillow has loaded the pixels, which it then has turned
        return _checked(cast("Any", image).tag_v2.get(ORIENTATION_TAG))
    exif = image.info.get("exif")
    if exif is None and isinstance(text := image.info.get("Raw profile type exif"), str):  # ImageMagick's PNG
        try:
            exif = bytes.fromhex("".join(text.split("\n")[3:]))
        except ValueError:
            exif = None
    found = _exif_orientation(exif) if isinstance(exif, bytes) else None
    if found is None and (xmp := image.info.get("xmp")):
        text = xmp if isinstance(xmp, bytes) else str(xmp).encode("utf-8", "replace")
        match = re.search(rb'tiff:Orientation(?:="|>)([1-8])', text)
        found = int(match[1]) if match else None
    return found or 1


def jpeg_quality(image: Image.Image) -> int | None:
    """Return the quality of libjpeg whose table is nearest to that of the brightness, 1 to 100; None if not a JPEG."""
    tables = _quantisation_tables(image)
    return int(np.abs(_BRIGHTNESS - np.sort(tables[0])).sum(axis=1).argmin()) + 1 if tables else None


def jpeg_subsampling(image: Image.Image) -> str | None:
    """Return "4:4:4", "4:2:2", "4:2:0" or "other" for an opened JPEG with colours, otherwise None."""
    factors = [tuple(component[1:3]) for component in getattr(image, "layer", ())]
    if len(factors) < 3:
        return None
    (across, down), *colours = factors[:3]
    return _SUBSAMPLING.get((across, down), "other") if colours == [(1, 1)] * 2 else _equal_factors(factors[:3])


def jpeg_tables(image: Image.Image) -> str | None:
    """Return "standard" for the quantisation tables of libjpeg, otherwise a short digest; None if not a JPEG."""
    tables, quality = _quantisation_tables(image), jpeg_quality(image)
    if not tables or quality is None:
        return None
    standard = (_BRIGHTNESS[quality - 1], _COLOURS[quality - 1])
    if len(tables) <= 2 and all(
        np.array_equal(np.sort(table), known) for table, known in zip(tables, standard, strict=False)
    ):
        return STANDARD_TABLES
    return hashlib.blake2b(b"".join(table.astype(">u2").tobytes() for table in tables), digest_size=4).hexdigest()


def _quantisation_tables(image: Image.Image) -> list[np.ndarray]:
    """Return the tables (64,) of an opened JPEG, that of the brightness first; none if it is not a JPEG."""
    tables: Mapping[int, Sequence[int]] = getattr(image, "quantization", None) or {}
    found = [np.asarray(tables[number]) for number in sorted(tables)]
    return found if all(len(table) == 64 for table in found) else []


def _equal_factors(factors: Sequence[tuple[int, ...]]) -> str:
    return "4:4:4" if len(set(factors)) == 1 else "other"


def _exif_orientation(exif: bytes) -> int | None:
    start = 6 if exif.startswith(b"Exif\0\0") else 0
    order = {b"II": "<", b"MM": ">"}.get(exif[start : start + 2])
    if order is None:
        return None
    try:
        (offset,) = struct.unpack_from(order + "I", exif, start + 4)
        (count,) = struct.unpack_from(order + "H", exif, start + offset)
    except struct.error:
        return None
    entries = exif[start + offset + 2 : start + offset + 2 + 12 * count]
    for tag, kind, _, value in struct.iter_unpack(order + "HHI4s", entries[: len(entries) - len(entries) % 12]):
        if tag == ORIENTATION_TAG:
            return _checked(
                struct.unpack(order + "I", value)[0] if kind == 4 else struct.unpack_from(order + "H", value)[0]
            )
    return None


def _checked(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _standard_tables(at_50: str) -> np.ndarray:
    """Return the tables of libjpeg at qualities 1 to 100, (100, 64), each sorted."""
    base = np.array(at_50.split(), int)
    quality = np.arange(1, 101)[:, None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.sort(((base * scale + 50) // 100).clip(1, 255), axis=1)


_BRIGHTNESS, _COLOURS = _standard_tables(_BRIGHTNESS_TABLE), _standard_tables(_COLOUR_TABLE)
