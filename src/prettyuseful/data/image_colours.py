"""From what a file holds to the pixels that a viewer shows: 8-bit sRGB, upright, on white."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np
from PIL import Image, ImageCms, ImageOps

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MAX_PROFILE = 4_000_000  # bytes; the profiles of printing presses have up to 3 MB
_MAX_TWICE = 25_000_000  # pixels of an image that is decoded twice, for the high and the low bytes
_CHUNK = 1 << 20  # values that are converted at once
_PHOTOMETRIC = 262  # a tag of TIFF; Pillow inverts 8 bits where white is 0, and 16 bits not
_DARK = 16  # grey levels: an image that stays below them looks black
_FEW_HIGH_BYTES = 64  # below, all values fit in 14 bits
_INTEGERS = (255, 1_023, 4_095, 16_383, 65_535)
_FLOATS = (1, 255, 65_535)
_OTHER_ORDER = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}
_COLOUR_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab"}
_PROBE_LEVELS = (0, 32, 64, 96, 128, 160, 192, 224, 255)


class UnclearRangeError(Exception):
    """An image whose range of values cannot be known; the message says why and what to do."""


@dataclass(frozen=True)
class Colours:
    """An image in 8-bit sRGB, and what was done to its colours.

    Args:
        image: mode RGB.
        transparent: whether any pixel was not opaque.
        scaled: how its range of values became 0 to 255, or None.
        icc: whether a colour profile was applied.
        ignored_profile: whether a colour profile was broken or of another colour space.
    """

    image: Image.Image
    transparent: bool
    scaled: str | None
    icc: bool
    ignored_profile: bool


def to_srgb(image: Image.Image, bits: int, low_bytes: Callable[[], Image.Image | None]) -> Colours:
    """Return a loaded image in the colours that a viewer shows.

    Args:
        image: any mode of Pillow.
        bits: bits per channel in the file.
        low_bytes: returns the low bytes of a 16-bit colour image, of which Pillow reads the high ones.

    Raises:
        UnclearRangeError: a float image without a finite value, or 16-bit colours whose low bytes cannot be read.
    """
    if image.mode == "RGB" and bits == 8 and not image.info.keys() & {"transparency", "icc_profile"}:
        return Colours(_bare(image.convert("RGB")), transparent=False, scaled=None, icc=False, ignored_profile=False)
    info = image.info
    alpha = None
    scaled = None
    if image.mode[0] in "IF":
        alpha = _key_alpha(image)
        white_is_zero = image.format == "TIFF" and cast("Any", image).tag_v2.get(_PHOTOMETRIC) == 0
        image, scaled = _to_grey(image)
        image = ImageOps.invert(image) if white_is_zero else image
    else:
        if bits > 8:
            image, scaled = _to_eight_bits(image, low_bytes)
        if image.has_transparency_data:
            image, alpha = _split_alpha(image, bits)
    transparent = alpha is not None and alpha.getextrema()[0] < 255  # type: ignore[operator]
    image, icc, ignored = _apply_profile(image, info.get("icc_profile"))
    if transparent:
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=alpha)
        image = white
    return Colours(_bare(image), transparent, scaled, icc, ignored)


def _bare(image: Image.Image) -> Image.Image:
    """Return the image without the profile and other data of its file, which Pillow would write into a copy."""
    image.info = {}
    return image


def turn(image: Image.Image, orientation: int) -> Image.Image:
    """Return the image upright. `orientation` is EXIF's, 1 to 8."""
    return image if orientation == 1 else image.transpose(_TURNS[orientation])


def read_low_bytes(image: Image.Image) -> Image.Image | None:
    """Load an opened 16-bit colour image with the low byte of each value in place of the high one.

    A decoder does so when it is told that the byte order is the other one. Returns None where it cannot.
    """
    rawmodes = {args if isinstance(args := tile[3], str) else args[0] for tile in image.tile}  # type: ignore[attr-defined]
    rawmode = rawmodes.pop() if len(rawmodes) == 1 else ""
    colours, _, order = rawmode.partition(";")
    if rawmode == "LA;16B":  # four bytes: grey high, grey low, alpha high, alpha low
        other = "RGBA"
    elif colours in ("RGB", "RGBA", "RGBX") and order in _OTHER_ORDER:
        other = f"{colours};{_OTHER_ORDER[order]}"
    else:
        return None
    image.tile = [  # type: ignore[attr-defined]
        tile._replace(args=other if isinstance(tile.args, str) else (other, *tile.args[1:]))
        for tile in image.tile  # type: ignore[attr-defined]
    ]
    image.load()
    return Image.merge("RGBA", [image.getchannel("G")] * 4) if other == "RGBA" else image


def _split_alpha(image: Image.Image, bits: int) -> tuple[Image.Image, Image.Image]:
    """Return the image without transparency, and its alpha."""
    key = image.info.get("transparency")
    if bits > 8 and isinstance(key, tuple):  # in 16 bits, while Pillow keeps the high bytes of the pixels
        image.info["transparency"] = tuple(int(value) >> 8 for value in key)
    if image.mode not in ("RGBA", "LA"):
        image = image.convert("LA" if image.mode in ("La", "L", "1") else "RGBA")
    return image.convert(image.mode.rstrip("A")), image.getchannel("A")


def _key_alpha(image: Image.Image) -> Image.Image | None:
    """Return the alpha of a 16-bit grey image with one transparent value."""
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return None
    return Image.fromarray(np.where(np.asarray(image) == key, 0, 255).astype(np.uint8))


def _to_eight_bits(image: Image.Image, low_bytes: Callable[[], Image.Image | None]) -> tuple[Image.Image, str]:
    """Return a 16-bit colour image, of which Pillow has read the high bytes, in a range with contrast."""
    bands = [band for band in image.getbands() if band != "A"]
    brightest = max(int(cast("Any", image.getchannel(band)).getextrema()[1]) for band in bands)
    is_small = image.width * image.height <= _MAX_TWICE
    low = low_bytes() if len(bands) == 3 and brightest < _FEW_HIGH_BYTES and is_small else None
    if low is None:
        if 0 < brightest < _DARK:
            raise UnclearRangeError("its 16-bit colours use low values only, which look black; convert it to 8 bits")
        return image, "0 to 65,535"

    def values(band: str) -> np.ndarray:
        high: np.ndarray = np.asarray(image.getchannel(band)).astype(np.uint16)
        high <<= 8
        high |= np.asarray(low.getchannel(band))
        return high

    lows, highs = zip(*((int(band.min()), int(band.max())) for band in map(values, bands)), strict=True)
    bottom, top, text = _scale_limits(min(lows), max(highs), _INTEGERS)
    scaled = {band: Image.fromarray(_scale(values(band), bottom, top)) for band in bands}
    if "A" in image.getbands():
        scaled["A"] = image.getchannel("A")
    merged = Image.merge(image.mode, [scaled[band] for band in image.getbands()])
    merged.info = image.info
    return merged, text


def _to_grey(image: Image.Image) -> tuple[Image.Image, str]:
    """Return a grey image of 16 or 32 bits as 8 bits, and the range that became 0 to 255."""
    values = np.asarray(image)
    low, high, finite = _range(values)
    bottom, top, text = _scale_limits(low, high, _FLOATS if values.dtype.kind == "f" else _INTEGERS)
    grey = Image.fromarray(_scale(values, bottom, top))
    return grey, text if finite else f"{text}; values that are not finite are black"


def _scale_limits(low: float, high: float, usual: tuple[int, ...]) -> tuple[float, float, str]:
    """Return the values that become 0 and 255, and their words.

    Integers are scaled by the smallest of 8, 10, 12, 14 and 16 bits that holds all values, floats by 1, 255 or 65,535.
    What would be nearly black or of one grey level in this way, or has values outside, is scaled by its own smallest
    and largest value.
    """
    top = next((limit for limit in usual if high <= limit), None)
    if low < 0 or top is None or (high > low and (high * 255 < _DARK * top or _is_one_level(low, high, top))):
        return low, max(high, np.nextafter(low, np.inf)), "its own smallest to largest value"
    return 0, top, f"0 to {top:,}"


def _is_one_level(low: float, high: float, top: float) -> bool:
    darkest, brightest = _map(np.array([low, high]), 0, top)
    return bool(darkest == brightest)


def _range(values: np.ndarray) -> tuple[float, float, bool]:
    """Return the smallest and largest finite value, and whether all are finite."""
    if values.dtype.kind != "f":
        return float(values.min()), float(values.max()), True
    low, high, finite = np.inf, -np.inf, True
    for chunk in _chunks(values):
        mask = np.isfinite(chunk)
        if not mask.all():
            finite, chunk = False, chunk[mask]
        if chunk.size:
            low, high = min(low, float(chunk.min())), max(high, float(chunk.max()))
    if low > high:
        raise UnclearRangeError("an image without a finite value; remove it")
    return low, high, finite


def _scale(values: np.ndarray, bottom: float, top: float) -> np.ndarray:
    """Map bottom to 0 and top to 255, in chunks: float64 copies of a whole image would be 8 times its size."""
    scaled = np.empty(values.size, np.uint8)
    table = _map(np.arange(1 << 16), bottom, top) if values.dtype.kind == "u" else None  # 16 bits at most
    for number, chunk in enumerate(_chunks(values)):
        levels = _map(chunk, bottom, top) if table is None else table[chunk]
        scaled[number * _CHUNK : number * _CHUNK + chunk.size] = levels
    return scaled.reshape(values.shape)


def _map(values: np.ndarray, bottom: float, top: float) -> np.ndarray:
    levels = (values.astype(np.float64) - bottom) * (255 / (top - bottom))
    levels[~np.isfinite(values)] = 0
    return levels.round().clip(0, 255).astype(np.uint8)


def _chunks(values: np.ndarray) -> Iterator[np.ndarray]:
    flat = values.reshape(-1)
    return (flat[start : start + _CHUNK] for start in range(0, flat.size, _CHUNK))


def _apply_profile(image: Image.Image, profile: object) -> tuple[Image.Image, bool, bool]:
    """Return the image as sRGB, whether a profile was applied, and whether one was ignored."""
    if not profile:
        return _plain(image), False, False
    if image.mode not in _COLOUR_SPACES:
        image = image.convert("L" if image.mode == "1" else "RGB")
    transform, fits = _from_profile(profile, image.mode) if isinstance(profile, bytes) else (None, False)
    if not fits or transform is None:
        return _plain(image), False, not fits
    return ImageCms.applyTransform(image, transform), True, False  # type: ignore[return-value]


@lru_cache(maxsize=16)
def _from_profile(profile: bytes, mode: str) -> tuple[ImageCms.ImageCmsTransform | None, bool]:
    """Return the transform to sRGB, or None where it would change nothing, and whether the profile can be used."""
    if len(profile) > _MAX_PROFILE:
        return None, False
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != _COLOUR_SPACES[mode]:
            return None, False
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None, False
    if mode != "RGB":
        return transform, True
    before = _probe()
    after = ImageCms.applyTransform(before, transform)
    difference = np.abs(np.asarray(before).astype(int) - np.asarray(after)).max()
    return (None if difference <= 1 else transform), True


@lru_cache(maxsize=1)
def _from_lab() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")


def _probe() -> Image.Image:
    """Return an image of 729 colours; a profile that leaves them as they are is sRGB, whatever its name."""
    grid = np.stack(np.meshgrid(_PROBE_LEVELS, _PROBE_LEVELS, _PROBE_LEVELS), -1).astype(np.uint8)
    return Image.fromarray(grid.reshape(27, 27, 3))


def _plain(image: Image.Image) -> Image.Image:
    """Return the image as RGB without its profile."""
    return ImageCms.applyTransform(image, _from_lab()) if image.mode == "LAB" else image.convert("RGB")  # type: ignore[return-value]
