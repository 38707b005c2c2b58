"""Tiny real files of many kinds, all of which show the same picture, and the facts about them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, ImageCms, features

WIDTH, HEIGHT = 32, 16
_TURNED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # what a camera that lies on its side stores


def picture() -> np.ndarray:
    """Return four quarters in different colours, (16, 32, 3) uint8: it looks different however it is turned."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:8, :16], pixels[:8, 16:] = (200, 30, 30), (30, 180, 60)
    pixels[8:, :16], pixels[8:, 16:] = (40, 60, 220), (128, 128, 128)
    return pixels


def grey() -> np.ndarray:
    """Return the picture as grey levels, (16, 32) uint8."""
    return np.asarray(Image.fromarray(picture()).convert("L"))


def on_white(pixels: np.ndarray) -> np.ndarray:
    """Return the picture with a white left half, where `transparent_left` makes it transparent."""
    shown = pixels.copy()
    shown[:, :16] = 255
    return shown


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(header: tuple[int, int, int, int], rows: bytes, before: bytes = b"") -> bytes:
    """Return a PNG file of (width, height, bits, colour type) and its rows, each after a filter byte."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0))
        + before
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def png_of(values: np.ndarray, colour_type: int, before: bytes = b"") -> bytes:
    """Return a 16-bit PNG file of (H, W, channels) or (H, W) values."""
    rows = values.reshape(len(values), -1).astype(">u2")
    return png((WIDTH, HEIGHT, 16, colour_type), b"".join(b"\0" + row.tobytes() for row in rows), before)


def tiff(tags: Mapping[int, tuple[int, int, int]], after: bytes, order: str = "<") -> bytes:
    """Return a TIFF file of one directory, (type, count, value) by tag, and the bytes after it."""
    entries = b"".join(struct.pack(f"{order}HHII", tag, *entry) for tag, entry in sorted(tags.items()))
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(f"{order}IH", 8, len(tags)) + entries + bytes(4) + after


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def turned(orientation: int) -> Image.Image:
    turn = _TURNED[orientation]
    image = Image.fromarray(picture())
    return image if turn is None else image.transpose(turn)


def wide_profile() -> bytes:
    """Return the profile of sRGB with another red: colours change by it."""
    profile = bytearray(srgb_profile())
    at = profile.find(b"rXYZ")
    (offset,) = struct.unpack_from(">I", profile, at + 4)
    struct.pack_into(">I", profile, offset + 8, round(0.6 * 65536))
    return bytes(profile)


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def linear_grey_profile() -> bytes:
    """Return a profile of grey levels that are proportional to light: they are brighter in sRGB."""
    white = b"XYZ \0\0\0\0" + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)
    at = 128 + 4 + 2 * 12
    table = struct.pack(">I4sII4sII", 2, b"wtpt", at, len(white), b"kTRC", at + len(white), len(curve))
    header = bytearray(128)
    struct.pack_into(
        ">I4sI4s4s4s", header, 0, at + len(white) + len(curve), b"lcms", 0x02100000, b"mntr", b"GRAY", b"XYZ "
    )
    header[36:40] = b"acsp"
    struct.pack_into(">III", header, 68, 0xF6D6, 0x10000, 0xD32D)
    return bytes(header) + table + white + curve


def converted(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    """Return what littlecms makes of the pixels."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    done = ImageCms.profileToProfile(Image.fromarray(pixels), source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert done is not None
    return np.asarray(done)


def transparent_left(mode: str) -> Image.Image:
    """Return the picture in a mode with alpha; its left half is transparent and holds the picture's colours."""
    image = Image.fromarray(picture()).convert(mode)
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:, :16] = 0
    image.putalpha(Image.fromarray(alpha))
    return image


def palette_image() -> Image.Image:
    return Image.fromarray(picture()).quantize(8)


@dataclass(frozen=True)
class OddImage:
    """A file and what it must become. `shown`: (H, W, 3); `within`: grey levels by which it may differ."""

    data: bytes
    shown: np.ndarray
    facts: Mapping[str, Any] = field(default_factory=dict)
    within: int = 0
    suffix: str = ""


def odd_images() -> dict[str, Callable[[], OddImage]]:
    """Return a maker per kind."""
    return {
        **{f"JPEG, orientation {o}": partial(_turned, "JPEG", o, quality=98, subsampling=0) for o in range(1, 9)},
        **{f"PNG, orientation {o}": partial(_turned, "PNG", o) for o in (3, 6)},
        **{f"WebP, orientation {o}": partial(_turned, "WEBP", o, lossless=True) for o in (6, 7)},
        **{f"TIFF, orientation {o}": partial(_turned, "TIFF", o) for o in range(2, 9)},
        "JPEG, orientation 0": lambda: _exif(exif(0)),
        "JPEG, orientation 9": lambda: _exif(exif(9)),
        "JPEG, broken EXIF": lambda: _exif(b"Exif\0\0II*\0\xff\xff\xff\xffgarbage"),
        "JPEG, EXIF of one byte": lambda: _exif(b"Exif\0\0I"),
        "JPEG, EXIF directory beyond its end": lambda: _exif(b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12"),
        "PNG, orientation in XMP": _xmp,
        "PNG, RGBA": lambda: OddImage(saved(transparent_left("RGBA"), "PNG"), on_white(picture()), TRANSPARENT),
        "PNG, RGBA half transparent": _half_transparent,
        "PNG, RGBA opaque": lambda: OddImage(saved(Image.fromarray(picture()).convert("RGBA"), "PNG"), picture()),
        "PNG, LA": lambda: OddImage(saved(transparent_left("LA"), "PNG"), on_white(_three(grey())), TRANSPARENT),
        "PNG, palette with alpha": _palette_alpha,
        "PNG, palette with a transparent colour": _palette_key,
        "GIF with a transparent colour": lambda: _palette_key("GIF"),
        "PNG, RGB with a transparent colour": _colour_key,
        "PNG, grey with a transparent level": _grey_key,
        "PNG, 16-bit grey with a transparent level": _grey_key_16,
        "TIFF, RGBA": lambda: OddImage(saved(transparent_left("RGBA"), "TIFF"), on_white(picture()), TRANSPARENT),
        "WebP, RGBA": lambda: OddImage(
            saved(transparent_left("RGBA"), "WEBP", lossless=True), on_white(picture()), TRANSPARENT
        ),
        "JPEG, another profile": lambda: _profile("JPEG", wide_profile(), within=6, quality=98, subsampling=0),
        "PNG, another profile": lambda: _profile("PNG", wide_profile()),
        "PNG, palette and another profile": _palette_profile,
        "PNG, RGBA and another profile": _profile_alpha,
        "PNG, profile of sRGB": lambda: OddImage(
            saved(Image.fromarray(picture()), "PNG", icc_profile=srgb_profile()), picture()
        ),
        "PNG, broken profile": lambda: _ignored(Image.fromarray(picture()), b"no profile"),
        "PNG, profile of grey levels in colours": lambda: _ignored(Image.fromarray(picture()), linear_grey_profile()),
        "PNG, profile of colours in grey levels": lambda: _ignored(Image.fromarray(grey()), wide_profile()),
        "PNG, profile of linear grey levels": _grey_profile,
        "PNG, 16-bit grey": lambda: _grey_16(257, "0 to 65,535"),
        "PNG, 14 of 16 bits": lambda: _grey_16(16_383 / 255, "0 to 16,383"),
        "PNG, 12 of 16 bits": lambda: _grey_16(4_095 / 255, "0 to 4,095"),
        "PNG, 10 of 16 bits": lambda: _grey_16(1_023 / 255, "0 to 1,023"),
        "PNG, 8 of 16 bits": lambda: _grey_16(1, "0 to 255"),
        "PNG, numbers of classes in 16 bits": _class_numbers,
        "PNG, 16-bit colours": lambda: _colours_16(257, "0 to 65,535"),
        "PNG, 12 of 16 bits of colours": lambda: _colours_16(4_095 / 255, "0 to 4,095"),
        "PNG, 8 of 16 bits of colours": lambda: _colours_16(1, "0 to 255"),
        "PNG, 12 of 16 bits of colours with alpha": _colours_16_alpha,
        "PNG, 12 of 16 bits of grey levels with alpha": _grey_16_alpha,
        "TIFF, 12 of 16 bits of colours": lambda: _tiff_colours_16("<"),
        "TIFF, 12 of 16 bits of colours, other byte order": lambda: _tiff_colours_16(">"),
        "TIFF, 16-bit grey": lambda: OddImage(
            saved(Image.fromarray(grey().astype(np.uint16) * 257), "TIFF"), _three(grey()), bits(16, "0 to 65,535")
        ),
        "TIFF, 16-bit grey, other byte order": lambda: OddImage(
            _tiff_grey(grey().astype(">u2") * 257, 1, ">"), _three(grey()), bits(16, "0 to 65,535")
        ),
        "TIFF, 16-bit grey where white is 0": lambda: OddImage(
            _tiff_grey(65_535 - grey().astype("<u2") * 257, 0), _three(grey()), bits(16, "0 to 65,535"), within=1
        ),
        "TIFF, 32-bit integers": lambda: OddImage(
            saved(Image.fromarray(grey().astype(np.int32)), "TIFF"), _three(grey()), bits(32, "0 to 255")
        ),
        "TIFF, negative integers": lambda: _own_range(grey().astype(np.int32) - 1_000),
        "TIFF, floats of 0 to 1": lambda: _floats(1 / 255, "0 to 1"),
        "TIFF, floats of 0 to 255": lambda: _floats(1, "0 to 255"),
        "TIFF, floats of 0 to 65535": lambda: _floats(257, "0 to 65,535"),
        "TIFF, floats of -1 to 1": lambda: _own_range(grey().astype(np.float32) / 127.5 - 1),
        "TIFF, floats of 0 to 0.001": lambda: _own_range(grey().astype(np.float32) / 255_000),
        "TIFF, floats of millions": lambda: _own_range(grey().astype(np.float32) * 1e6),
        "TIFF, floats with NaN and infinity": _not_finite,
        "TIFF, Lab": _lab,
        "TIFF, CMYK": lambda: _mode("CMYK", "TIFF"),
        "JPEG, CMYK": lambda: _mode("CMYK", "JPEG", within=6, quality=98, subsampling=0),
        "JPEG, grey": lambda: OddImage(saved(Image.fromarray(grey()), "JPEG", quality=98), _three(grey()), within=6),
        "JPEG, progressive": lambda: OddImage(
            saved(Image.fromarray(picture()), "JPEG", quality=98, subsampling=0, progressive=True),
            picture(),
            {"format": "JPEG", "jpeg_quality": 98},
            within=6,
        ),
        "TIFF, YCbCr by JPEG": lambda: OddImage(
            saved(Image.fromarray(picture()).convert("YCbCr"), "TIFF", compression="jpeg", quality=98),
            picture(),
            within=8,
        ),
        "PNG, 1 bit": lambda: _mode("1", "PNG"),
        "TIFF, 1 bit by fax": lambda: _mode("1", "TIFF", compression="group4"),
        "BMP": lambda: _mode("RGB", "BMP"),
        "BMP, palette": lambda: OddImage(saved(palette_image(), "BMP"), picture()),
        "GIF, animated": lambda: _frames("GIF", lossy=4),
        "PNG, animated": lambda: _frames("PNG"),
        "WebP, animated": lambda: _frames("WEBP", lossless=True),
        "TIFF, several pages": lambda: _frames("TIFF"),
        "AVIF, animated": lambda: _frames("AVIF", lossy=12, quality=95, subsampling="4:4:4"),
        "JPEG with several views": lambda: _views(),
        "PPM": lambda: _mode("RGB", "PPM"),
        "PPM as text": lambda: OddImage(_text_ppm(), picture()),
        "PPM of 12 bits": lambda: OddImage(_binary_ppm(4_095), picture(), within=1),
        "PGM of 16 bits": lambda: OddImage(
            b"P5 32 16 65535\n" + (grey().astype(">u2") * 257).tobytes(), _three(grey()), bits(16, "0 to 65,535")
        ),
        "portable float map": lambda: OddImage(
            b"Pf\n32 16\n-1.0\n" + (grey()[::-1].astype("<f4") / 255).tobytes(), _three(grey()), bits(32, "0 to 1")
        ),
        "TGA by its name": lambda: _mode("RGB", "TGA", suffix=".tga"),
        "TGA by its end": lambda: _mode("RGB", "TGA"),
        "JPEG 2000": lambda: _mode("RGB", "JPEG2000", irreversible=False),
        "JPEG 2000, 16-bit grey": lambda: OddImage(
            saved(Image.fromarray(grey().astype(np.uint16) * 257), "JPEG2000"), _three(grey()), bits(16, "0 to 65,535")
        ),
        "AVIF, orientation 6": lambda: _turned("AVIF", 6, quality=95, subsampling="4:4:4"),
        "PNG that is called JPEG": lambda: _mode("RGB", "PNG", suffix=".jpg"),
    }


TRANSPARENT: Mapping[str, Any] = {"transparent": True}


def bits(number: int, scaled: str) -> dict[str, Any]:
    return {"bits": number, "scaled": scaled}


def _three(levels: np.ndarray) -> np.ndarray:
    return np.repeat(levels[..., None], 3, axis=2)


def _turned(kind: str, orientation: int, **options: Any) -> OddImage:
    data = saved(turned(orientation), kind, exif=exif(orientation), **options)
    facts = {"format": kind, "orientation": orientation, "width": WIDTH, "height": HEIGHT}
    return OddImage(data, picture(), facts, within=0 if kind in ("PNG", "TIFF", "WEBP") else 12)


def _exif(content: bytes) -> OddImage:
    data = saved(Image.fromarray(picture()), "JPEG", quality=98, subsampling=0, exif=content)
    return OddImage(data, picture(), {"orientation": 1}, within=6)


def _xmp() -> OddImage:
    text = b'XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'
    data = saved(turned(3), "PNG")
    return OddImage(data[:33] + chunk(b"iTXt", text) + data[33:], picture(), {"orientation": 3})


def _half_transparent() -> OddImage:
    image = Image.fromarray(picture())
    image.putalpha(128)
    shown = (picture() * (128 / 255) + 255 * (127 / 255)).round().astype(np.uint8)
    return OddImage(saved(image, "PNG"), shown, TRANSPARENT, within=1)


def _palette_alpha() -> OddImage:
    """The alpha of the colour at the upper left is 0, all others are opaque."""
    image = palette_image()
    key = int(np.asarray(image)[0, 0])
    data = saved(image, "PNG", transparency=bytes(0 if index == key else 255 for index in range(8)))
    return OddImage(data, _without_corner(picture()), TRANSPARENT)


def _palette_key(kind: str = "PNG") -> OddImage:
    image = palette_image()
    data = saved(image, kind, transparency=int(np.asarray(image)[0, 0]))
    return OddImage(data, _without_corner(picture()), TRANSPARENT)


def _without_corner(pixels: np.ndarray) -> np.ndarray:
    shown = pixels.copy()
    shown[:8, :16] = 255
    return shown


def _colour_key() -> OddImage:
    data = saved(Image.fromarray(picture()), "PNG", transparency=(200, 30, 30))
    return OddImage(data, _without_corner(picture()), TRANSPARENT)


def _grey_key() -> OddImage:
    data = saved(Image.fromarray(grey()), "PNG", transparency=int(grey()[0, 0]))
    return OddImage(data, _without_corner(_three(grey())), TRANSPARENT)


def _grey_key_16() -> OddImage:
    values = grey().astype(np.uint16) * 257
    data = png_of(values, 0, chunk(b"tRNS", struct.pack(">H", values[0, 0])))
    return OddImage(data, _without_corner(_three(grey())), {**TRANSPARENT, **bits(16, "0 to 65,535")})


def _profile(kind: str, profile: bytes, within: int = 0, **options: Any) -> OddImage:
    data = saved(Image.fromarray(picture()), kind, icc_profile=profile, **options)
    return OddImage(data, converted(picture(), profile), {"icc": True}, within)


def _palette_profile() -> OddImage:
    data = saved(palette_image(), "PNG", icc_profile=wide_profile())
    return OddImage(data, converted(picture(), wide_profile()), {"icc": True, "mode": "P"})


def _profile_alpha() -> OddImage:
    data = saved(transparent_left("RGBA"), "PNG", icc_profile=wide_profile())
    return OddImage(data, on_white(converted(picture(), wide_profile())), {"icc": True, **TRANSPARENT})


def _ignored(image: Image.Image, profile: bytes) -> OddImage:
    shown = np.asarray(image.convert("RGB"))
    return OddImage(saved(image, "PNG", icc_profile=profile), shown, {"icc": False, "ignored_profile": True})


def _grey_profile() -> OddImage:
    """0.5 of the light is 188 of 255 in sRGB."""
    light = grey() / 255
    levels = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    data = saved(Image.fromarray(grey()), "PNG", icc_profile=linear_grey_profile())
    return OddImage(data, _three(levels.round().astype(np.uint8)), {"icc": True}, within=2)


def _stretched() -> np.ndarray:
    """Return grey levels from 0 to 255, so that a range of values is used in full."""
    levels = grey().astype(int)
    stretched: np.ndarray = (levels - levels.min()) * 255 // (levels.max() - levels.min())
    return stretched.astype(np.uint8)


def _grey_16(factor: float, scaled: str) -> OddImage:
    levels = _stretched()
    return OddImage(png_of((levels.astype(float) * factor).round(), 0), _three(levels), bits(16, scaled), within=1)


def _class_numbers() -> OddImage:
    """Values of 0 to 3 would be black."""
    levels = (picture()[..., 0] > 100).astype(int) + (picture()[..., 1] > 100)
    return OddImage(
        png_of(levels, 0),
        _three((levels * 255 / levels.max()).astype(np.uint8)),
        bits(16, "its own smallest to largest value"),
        within=1,
    )


def _bright() -> np.ndarray:
    """Return the picture with a white pixel, so that a range of values is used in full."""
    pixels = picture()
    pixels[0, 0] = 255
    return pixels


def _colours_16(factor: float, scaled: str) -> OddImage:
    return OddImage(png_of((_bright().astype(float) * factor).round(), 2), _bright(), bits(16, scaled), within=1)


def _colours_16_alpha() -> OddImage:
    alpha = np.full((HEIGHT, WIDTH, 1), 65_535)
    alpha[:, :16] = 0
    values = np.concatenate([(_bright().astype(float) * 4_095 / 255).round(), alpha], 2)
    return OddImage(png_of(values, 6), on_white(_bright()), {**TRANSPARENT, **bits(16, "0 to 4,095")}, within=1)


def _grey_16_alpha() -> OddImage:
    alpha = np.full((HEIGHT, WIDTH), 65_535)
    alpha[:, :16] = 0
    values = np.stack([(_stretched().astype(float) * 4_095 / 255).round(), alpha], 2)
    return OddImage(
        png_of(values, 4), on_white(_three(_stretched())), {**TRANSPARENT, **bits(16, "0 to 4,095")}, within=1
    )


def _tiff_colours_16(order: str) -> OddImage:
    values = (_bright().astype(float) * 4_095 / 255).round().astype(f"{order}u2").tobytes()
    at = 8 + 2 + 9 * 12 + 4
    one = partial(_short, order)
    tags = {
        256: one(WIDTH), 257: one(HEIGHT), 258: (3, 3, at), 259: one(1), 262: one(2),
        273: (4, 1, at + 6), 277: one(3), 278: one(HEIGHT), 279: (4, 1, len(values)),
    }  # fmt: skip
    data = tiff(tags, struct.pack(f"{order}HHH", 16, 16, 16) + values, order)
    return OddImage(data, _bright(), bits(16, "0 to 4,095"), within=1)


def _short(order: str, value: int) -> tuple[int, int, int]:
    """Return a TIFF entry of one 16-bit number, which comes first of the four bytes of its value."""
    return 3, 1, value if order == "<" else value << 16


def _tiff_grey(values: np.ndarray, photometric: int, order: str = "<") -> bytes:
    at = 8 + 2 + 9 * 12 + 4
    one = partial(_short, order)
    tags = {
        256: one(WIDTH), 257: one(HEIGHT), 258: one(16), 259: one(1), 262: one(photometric),
        273: (4, 1, at), 277: one(1), 278: one(HEIGHT), 279: (4, 1, 2 * WIDTH * HEIGHT),
    }  # fmt: skip
    return tiff(tags, values.astype(f"{order}u2").tobytes(), order)


def _floats(factor: float, scaled: str) -> OddImage:
    values = _stretched().astype(np.float32) * np.float32(factor)
    return OddImage(saved(Image.fromarray(values), "TIFF"), _three(_stretched()), bits(32, scaled), within=1)


def _own_range(values: np.ndarray) -> OddImage:
    shown = (values - values.min()) / (values.max() - values.min()) * 255
    return OddImage(
        saved(Image.fromarray(values), "TIFF"),
        _three(shown.round().astype(np.uint8)),
        bits(32, "its own smallest to largest value"),
        within=1,
    )


def _not_finite() -> OddImage:
    values, shown = _stretched().astype(np.float32) / 255, _three(_stretched())
    values[0, :2], shown[0, :2] = (np.nan, np.inf), 0
    return OddImage(
        saved(Image.fromarray(values), "TIFF"),
        shown,
        bits(32, "0 to 1; values that are not finite are black"),
        within=1,
    )


def _lab() -> OddImage:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(Image.fromarray(picture()), to_lab)
    assert lab is not None
    return OddImage(saved(lab, "TIFF"), picture(), {"mode": "LAB"}, within=10)


def _mode(mode: str, kind: str, within: int = 0, suffix: str = "", **options: Any) -> OddImage:
    image = Image.fromarray(picture()).convert(mode)
    shown = np.asarray(image.convert("RGB"))
    return OddImage(saved(image, kind, **options), shown, {"mode": mode}, within, suffix)


def _frames(kind: str, lossy: int = 0, **options: Any) -> OddImage:
    others = [Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ("black", "white")]
    data = saved(Image.fromarray(picture()), kind, save_all=True, append_images=others, **options)
    return OddImage(data, picture(), {"format": kind, "frames": 3}, within=lossy)


def _views() -> OddImage:
    views = [Image.new("RGB", (WIDTH, HEIGHT))]
    options: dict[str, Any] = {"quality": 98, "subsampling": 0}
    data = saved(Image.fromarray(picture()), "MPO", save_all=True, append_images=views, **options)
    return OddImage(data, picture(), {"format": "JPEG", "frames": 1}, within=6)


def _text_ppm() -> bytes:
    return b"P3\n# a comment\n32 16\n255\n" + b" ".join(str(value).encode() for value in picture().ravel())


def _binary_ppm(largest: int) -> bytes:
    values = (picture() * (largest / 255)).round().astype(">u2")
    return f"P6 32 16 {largest}\n".encode() + values.tobytes()


def can_write(name: str) -> bool:
    """Return whether this Pillow writes the format that the name of a kind starts with."""
    return not name.startswith("AVIF") or features.check("avif") is True
