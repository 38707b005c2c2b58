"""Bytes to pixels and back, with limits: an image file may be broken, huge or no image at all."""

from __future__ import annotations

import base64
import io
import warnings

import numpy as np
from PIL import Image, UnidentifiedImageError

from prettyuseful.errors import DataError

MAX_PIXELS = 64_000_000
"""Larger images are refused before they are decoded."""

JPEG_QUALITY = 95
_THUMBNAIL = 96
_LONGEST = 4  # times the short side


def decode(data: bytes, name: str) -> Image.Image:
    """The RGB image in `data`; `name` is what an error calls it.

    Raises:
        DataError: not an image, broken, or more than `MAX_PIXELS`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large images; the limit here is our own
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
        raise DataError(f"{name}: not an image that Pillow can read; remove it or convert it") from None
    except Exception as error:  # a decoder may raise anything on hostile bytes
        raise DataError(f"{name}: broken image ({' '.join(str(error).split())}); replace or remove it") from None


def to_square(image: Image.Image, size: int) -> np.ndarray:
    """(size, size, 3) uint8: the centred square, resized (bicubic, anti-aliased)."""
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    # Cut first: scaling a long thin image whole would take memory without bound.
    square = image.crop((left, top, left + short, top + short))
    return np.asarray(square if short == size else square.resize((size, size), Image.Resampling.BICUBIC))


def to_short_side(image: Image.Image, size: int) -> np.ndarray:
    """(H, W, 3) uint8 with a short side of `size` pixels, resized (bicubic, anti-aliased), as torchvision's `Resize`.

    Of an image that is more than four times as long as short, the middle is taken, four times as long.
    """
    short = min(image.size)
    if max(image.size) > _LONGEST * short:  # scaled whole, a long thin image would take memory without bound
        width, height = (min(side, _LONGEST * short) for side in image.size)
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + width, top + height))
    if short == size:
        return np.asarray(image)
    width, height = (size * side // short for side in image.size)
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def encode_png(pixels: np.ndarray) -> bytes:
    """Lossless bytes of (H, W, 3) uint8."""
    return _encode(pixels, "PNG")


def thumbnail(image: Image.Image) -> str:
    """The image's centred square as a small picture for a report: base64, PNG up to 96 px."""
    small = to_square(image, min(_THUMBNAIL, *image.size))
    return str(base64.b64encode(encode_png(np.ascontiguousarray(small))), "ascii")


def encode_jpeg(pixels: np.ndarray) -> bytes:
    """JPEG bytes of (H, W, 3) uint8 at quality 95 with Pillow's default chroma subsampling, as the paper's data."""
    return _encode(pixels, "JPEG", quality=JPEG_QUALITY)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits, which Pillow's own conversion would clip at 255
        grey = np.asarray(image).astype(np.float64)
        scale = 255 / 65535 if grey.max(initial=0) > 255 or image.mode.startswith("I;16") else 1.0
        image = Image.fromarray((grey * scale).round().clip(0, 255).astype(np.uint8))
    return image.convert("RGB")


def _encode(pixels: np.ndarray, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()
