"""Images of records as the page embeds them: sheets of thumbnails, compressed to a budget of bytes."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from PIL import Image

SMALL_PIXELS = 64
"""Images up to this width are enlarged without smoothing."""

_COLUMNS = 3
_GAP = 2  # transparent pixels between two thumbnails of a sheet
_MEASURED_SHEETS = 24  # whose size is measured before a format is chosen


@dataclass(frozen=True)
class SheetFormat:
    """`images`: most thumbnails in a sheet. `pixels`: longest side of each. `quality`: of WebP; None is lossless.

    Lossless formats are only for images that need no resizing.
    """

    images: int
    pixels: int
    quality: int | None


FORMATS = (
    SheetFormat(6, SMALL_PIXELS, None),
    SheetFormat(6, 96, 85),
    SheetFormat(6, 96, 70),
    SheetFormat(6, 64, 60),
    SheetFormat(4, 64, 50),
    SheetFormat(3, 56, 45),
    SheetFormat(3, 48, 40),
    SheetFormat(2, 48, 40),
    SheetFormat(1, 48, 40),
)
"""From the best to the smallest."""


@dataclass(frozen=True)
class Sheet:
    """One image (a data URL) of several thumbnails; `url` is empty without.

    `width` and `height`: in natural pixels. `side`: longest side of a thumbnail in natural pixels.
    """

    url: str = ""
    width: int = 0
    height: int = 0
    side: int = 0
    images: int = 0


def choose_format(
    sheets: Sequence[Sequence[str]], budget: int, formats: Sequence[SheetFormat] = FORMATS
) -> SheetFormat:
    """Return the best format in which all sheets together take at most `budget` bytes, estimated from some of them.

    `sheets`: base64 PNGs of each sheet. If no format is small enough, the smallest is returned.
    """
    filled = [sheet for sheet in sheets if sheet]
    # A random sample: sheets at equal distances could all be of one data set.
    some = Random(0).sample(filled, min(_MEASURED_SHEETS, len(filled)))
    widest = max((png_width(image) for sheet in some for image in sheet[:1]), default=0)
    for candidate in formats:
        if candidate.quality is None and widest > candidate.pixels:
            continue
        measured = sum(len(encode_sheet(sheet, candidate).url) for sheet in some)
        if measured * len(filled) <= budget * len(some):
            return candidate
    return formats[-1]


def encode_sheet(images: Sequence[str], sheet_format: SheetFormat) -> Sheet:
    """Return one image that shows base64 PNGs side by side, three in a row. What is not a PNG is left out."""
    thumbnails = [image for image in map(_decode, images[: sheet_format.images]) if image]
    if not thumbnails:
        return Sheet()
    if len(images) == 1 and sheet_format.quality is None and max(thumbnails[0].size) <= sheet_format.pixels:
        size = thumbnails[0].size
        return Sheet(f"data:image/png;base64,{images[0]}", *size, side=max(size), images=1)
    for thumbnail in thumbnails:
        thumbnail.thumbnail((sheet_format.pixels, sheet_format.pixels), Image.Resampling.BICUBIC)
    width, height = (max(thumbnail.size[side] for thumbnail in thumbnails) for side in (0, 1))
    columns = min(sheet_columns(sheet_format), len(thumbnails))
    rows = -(-len(thumbnails) // columns)
    size = columns * (width + _GAP) - _GAP, rows * (height + _GAP) - _GAP
    sheet = thumbnails[0] if len(thumbnails) == 1 else Image.new("RGBA", size)
    if len(thumbnails) > 1:
        for i, thumbnail in enumerate(thumbnails):
            sheet.paste(thumbnail, (i % columns * (width + _GAP), i // columns * (height + _GAP)))
    buffer = io.BytesIO()
    if sheet_format.quality is None:
        sheet.save(buffer, "WEBP", lossless=True, method=2)
    else:
        sheet.save(buffer, "WEBP", quality=sheet_format.quality, method=2)
    url = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return Sheet(url, *sheet.size, side=max(width, height), images=len(thumbnails))


def sheet_columns(sheet_format: SheetFormat) -> int:
    """Return the number of thumbnails in a full row of a sheet."""
    return 2 if sheet_format.images == 4 else min(_COLUMNS, sheet_format.images)


def png_width(image: str) -> int:
    """Return the width in the header of a base64 PNG; 0 if it is not a PNG."""
    try:
        header = base64.b64decode(image[:32], validate=True)
    except (binascii.Error, ValueError):
        return 0
    return int.from_bytes(header[16:20], "big")


def _decode(image: str) -> Image.Image | None:
    try:
        with Image.open(io.BytesIO(base64.b64decode(image, validate=True)), formats=("PNG",)) as opened:
            return opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
