"""Decode and encode images, with limits: an image file may be broken, huge or not an image at all."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
from PIL import Image, UnidentifiedImageError

from prettyuseful.data.image_colours import UnclearRangeError, read_low_bytes, to_srgb, turn
from prettyuseful.data.image_facts import (
    ImageFacts,
    bits_per_channel,
    count_frames,
    jpeg_quality,
    jpeg_subsampling,
    jpeg_tables,
    orientation,
)
from prettyuseful.data.image_formats import (
    IMAGE_SUFFIXES,
    RAW_PHOTOGRAPH,
    decoders,
    explain_unreadable,
    format_name,
    is_raw_photograph,
)
from prettyuseful.data.image_limits import MAX_PIXELS, TooCostlyError, check_bytes, check_opened, open_stream
from prettyuseful.errors import DataError
from prettyuseful.redaction import redact_line

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "ImageFacts",
    "decode",
    "encode_png",
    "image_facts",
    "open_image",
    "thumbnail",
    "to_short_side",
    "to_square",
]

_THUMBNAIL = 96
_MAX_ASPECT = 4  # long side over short side


def decode(data: bytes, name: str) -> Image.Image:
    """Decode an image file to RGB as a viewer shows it: upright, in sRGB colours, on white.

    Of an animation or a document with several pages, the first is taken.

    Args:
        data: bytes of the file.
        name: name of the image in error messages.

    Raises:
        DataError: the bytes are not an image, are broken, or have more than `MAX_PIXELS` pixels.
    """
    with _opened(data, name) as image:
        bits, turned = bits_per_channel(image, data), image.format == "TIFF"
        image.load()
        colours = to_srgb(image, bits, partial(_low_bytes, data, name))
        return turn(colours.image, 1 if turned else orientation(image))


def open_image(data: bytes, name: str, least_side: int | None = None) -> tuple[Image.Image, ImageFacts]:
    """Decode an image file as `decode` does, and return what the file is.

    Args:
        data: bytes of the file.
        name: name of the image in error messages.
        least_side: for JPEG, the returned image may be smaller than in the file, by 2, 4 or 8, with sides of at least
            this many pixels. That is several times as fast. The facts state the size in the file.

    Raises:
        DataError: as for `decode`.
    """
    with _opened(data, name) as image:
        mode, bits, frames, size = image.mode, bits_per_channel(image, data), count_frames(image, data), image.size
        exif = orientation(image) if image.format == "TIFF" else 0
        if least_side is not None and mode in ("RGB", "L"):
            image.draft(mode, (least_side, least_side))
        is_reduced = image.size != size
        image.load()
        colours = to_srgb(image, bits, partial(_low_bytes, data, name))
        shown = turn(colours.image, 1 if exif else orientation(image))
        if not is_reduced:
            size = shown.size
        elif orientation(image) > 4:
            size = size[::-1]
        facts = ImageFacts(
            format=format_name(image.format),
            width=size[0],
            height=size[1],
            mode=mode,
            orientation=exif or orientation(image),
            transparent=colours.transparent,
            bits=bits,
            scaled=colours.scaled,
            icc=colours.icc,
            jpeg_quality=jpeg_quality(image),
            frames=frames,
            ignored_profile=colours.ignored_profile,
            jpeg_subsampling=jpeg_subsampling(image),
            jpeg_tables=jpeg_tables(image),
        )
        return shown, facts


def image_facts(data: bytes, name: str) -> ImageFacts:
    """Return what an image file is. The image is decoded, so that a broken one is named.

    Raises:
        DataError: as for `decode`.
    """
    return open_image(data, name)[1]


def _low_bytes(data: bytes, name: str) -> Image.Image | None:
    with Image.open(open_stream(data), formats=decoders(data, name)) as image:
        return read_low_bytes(image)


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[Image.Image]:
    """Open an image file with one of the allowed decoders, within limits; turn any exception into a DataError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about large images; MAX_PIXELS limits them
            check_bytes(data)
            with Image.open(open_stream(data), formats=decoders(data, name)) as image:
                if is_raw_photograph(image):
                    raise DataError(f"{name}: {RAW_PHOTOGRAPH.explanation}")
                check_opened(image, data)
                yield image
    except DataError:
        raise
    except (TooCostlyError, UnclearRangeError) as error:
        raise DataError(f"{name}: {error}") from None
    except Image.DecompressionBombError:
        raise DataError(f"{name}: too large (limit {MAX_PIXELS:,} pixels); resize or remove it") from None
    except UnidentifiedImageError:
        raise DataError(f"{name}: {explain_unreadable(data)}") from None
    except Exception as error:  # a decoder may raise anything on hostile bytes
        raise DataError(f"{name}: broken image ({redact_line(str(error))}); replace or remove it") from None


def to_square(image: Image.Image, size: int) -> np.ndarray:
    """Return the centred square, resized with an anti-aliased bicubic filter, (size, size, 3) uint8."""
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    # Crop first: resizing a whole long and thin image would take unbounded memory.
    square = image.crop((left, top, left + short, top + short))
    return np.asarray(square if short == size else square.resize((size, size), Image.Resampling.BICUBIC))


def to_short_side(image: Image.Image, size: int) -> np.ndarray:
    """Resize an image to a short side of `size` pixels, like torchvision's `Resize`, (H, W, 3) uint8.

    The filter is bicubic and anti-aliased. Images with an aspect ratio above 4 are first cropped to their middle part,
    with the ratio 4.
    """
    short = min(image.size)
    if max(image.size) > _MAX_ASPECT * short:  # resizing a whole long and thin image would take unbounded memory
        width, height = (min(side, _MAX_ASPECT * short) for side in image.size)
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + width, top + height))
    if short == size:
        return np.asarray(image)
    width, height = (size * side // short for side in image.size)
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def encode_png(pixels: np.ndarray) -> bytes:
    """Encode (H, W, 3) uint8 pixels as PNG, without loss."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def thumbnail(image: Image.Image) -> str:
    """Return the centred square as a PNG of at most 96 px for a report, base64-encoded."""
    small = to_square(image, min(_THUMBNAIL, *image.size))
    return str(base64.b64encode(encode_png(np.ascontiguousarray(small))), "ascii")
