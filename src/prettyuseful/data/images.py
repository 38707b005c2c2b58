"""Decode and encode images, with limits: an image file may be broken, huge or not an image at all."""

from __future__ import annotations

import base64
import io
import warnings

import numpy as np
from PIL import Image, UnidentifiedImageError

from prettyuseful.errors import DataError

MAX_PIXELS = 64_000_000
"""Larger images are rejected before decoding."""

JPEG_QUALITY = 95
_THUMBNAIL = 96
_MAX_ASPECT = 4  # long side over short side


def decode(data: bytes, name: str) -> Image.Image:
    """Decode an image file to RGB.

    Args:
        data: bytes of the file.
        name: name of the image in error messages.

    Raises:
        DataError: the bytes are not an image, are broken, or have more than `MAX_PIXELS` pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about large images; MAX_PIXELS limits them
            with Image.open(io.BytesIO(data)) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise DataError(
                        f"{name}: {image.width} x {image.height} pixels is too large (limit {MAX_PIXELS:,} pixels); "
                        "resize or remove it"
                    )
                return _to_rgb(image)
    except DataError:
        raise
    except Image.DecompressionBombError:
        raise DataError(f"{name}: too large (limit {MAX_PIXELS:,} pixels); resize or remove it") from None
    except UnidentifiedImageError:
        raise DataError(f"{name}: not an image that Pillow can read; remove or convert it") from None
    except Exception as error:  # a decoder may raise anything on hostile bytes
        raise DataError(f"{name}: broken image ({' '.join(str(error).split())}); replace or remove it") from None


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
    return _encode(pixels, "PNG")


def thumbnail(image: Image.Image) -> str:
    """Return the centred square as a PNG of at most 96 px for a report, base64-encoded."""
    small = to_square(image, min(_THUMBNAIL, *image.size))
    return str(base64.b64encode(encode_png(np.ascontiguousarray(small))), "ascii")


def encode_jpeg(pixels: np.ndarray) -> bytes:
    """Encode (H, W, 3) uint8 pixels as JPEG, with quality 95 and Pillow's chroma subsampling, as in the paper."""
    return _encode(pixels, "JPEG", quality=JPEG_QUALITY)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey values, which Pillow's conversion would clip at 255
        grey = np.asarray(image).astype(np.float64)
        scale = 255 / 65535 if grey.max(initial=0) > 255 or image.mode.startswith("I;16") else 1.0
        image = Image.fromarray((grey * scale).round().clip(0, 255).astype(np.uint8))
    return image.convert("RGB")


def _encode(pixels: np.ndarray, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()
