"""The image formats that are read, and what is said about files of other formats."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any, cast

from PIL import Image


@dataclass(frozen=True)
class ImageFormat:
    """One image format.

    Args:
        name: its name in facts and notes.
        plugin: the module of Pillow that reads it.
        decoders: what that module registers.
        suffixes: the suffixes that Pillow registers for it.
    """

    name: str
    plugin: str
    decoders: tuple[str, ...]
    suffixes: tuple[str, ...]


# Decoders that start another program (EPS, WMF), that hold other images (ICO, ICNS, IPTC) or that are written in pure
# Python and therefore slow (QOI, DDS, BLP, FITS) are left out: they hold no collections of photographs.
# The most frequent formats come first, since Pillow tries them in this order.
FORMATS = (
    ImageFormat("JPEG", "JpegImagePlugin", ("JPEG",), (".jpg", ".jpeg", ".jpe", ".jfif")),
    ImageFormat("PNG", "PngImagePlugin", ("PNG",), (".png", ".apng")),
    ImageFormat("WEBP", "WebPImagePlugin", ("WEBP",), (".webp",)),
    ImageFormat("GIF", "GifImagePlugin", ("GIF",), (".gif",)),
    ImageFormat("BMP", "BmpImagePlugin", ("BMP", "DIB"), (".bmp", ".dib")),
    ImageFormat("TIFF", "TiffImagePlugin", ("TIFF",), (".tif", ".tiff")),
    ImageFormat("PPM", "PpmImagePlugin", ("PPM",), (".ppm", ".pgm", ".pbm", ".pnm", ".pfm")),
    ImageFormat("AVIF", "AvifImagePlugin", ("AVIF",), (".avif", ".avifs")),
    ImageFormat("JPEG2000", "Jpeg2KImagePlugin", ("JPEG2000",), (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c")),
    # Phones write several JPEG images into one file: Pillow opens it as JPEG and then calls it MPO.
    ImageFormat("JPEG", "MpoImagePlugin", ("MPO",), (".mpo",)),
    ImageFormat("TGA", "TgaImagePlugin", ("TGA",), (".tga", ".icb", ".vda", ".vst")),
)
"""One row per format that is read. All other decoders of Pillow are never started."""

IMAGE_SUFFIXES = frozenset(suffix for row in FORMATS for suffix in row.suffixes)
"""Suffixes of the files that are read as images, in lower case."""

_NAMES = {decoder: row.name for row in FORMATS for decoder in row.decoders}
_TGA_SUFFIXES = FORMATS[-1].suffixes
_TGA_END = b"TRUEVISION-XFILE.\0"


def format_name(decoder: str | None) -> str:
    """Return the name of the format that a decoder of Pillow reads."""
    return _NAMES.get(decoder or "", decoder or "")


def decoders(data: bytes, name: str) -> tuple[str, ...]:
    """Return the decoders of Pillow that may read these bytes.

    TGA has no signature at its start: its decoder takes many files that are no images, so it is used only where the
    name or the signature at the end says TGA.
    """
    is_tga = name.lower().endswith(_TGA_SUFFIXES) or data.endswith(_TGA_END)
    return _installed() if is_tga else _installed_but_tga()


@dataclass(frozen=True)
class OtherFormat:
    """A kind of file that is not read as an image, and what to do about it.

    Args:
        what: names the kind of file.
        remedy: what to do.
        start: a pattern that the bytes of such files match from the start on.
        suffixes: usual suffixes of images in this format, empty for files that are no images.
    """

    what: str
    remedy: str
    start: bytes
    suffixes: tuple[str, ...] = ()

    @property
    def explanation(self) -> str:
        return f"this is {self.what}, which cannot be read; {self.remedy}"


_CONVERT = "convert it to JPEG or PNG"
_RAW = "develop it to JPEG or PNG"
_RAW_SUFFIXES = (".cr2", ".cr3", ".nef", ".nrw", ".arw", ".dng", ".orf", ".rw2", ".raf", ".pef", ".srw", ".raw")
_XML = rb"\s*(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,2000}?-->\s*)?"

OTHER_FORMATS = (
    OtherFormat(
        "a HEIC photograph",
        "export it as JPEG, or convert it with the package pillow-heif",
        rb".{4}ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1|heif)",
        (".heic", ".heif", ".hif"),
    ),
    OtherFormat("an AVIF image", "upgrade Pillow to version 11.3 or later", rb".{4}ftypavi[fs]"),
    OtherFormat("a JPEG XL image", _CONVERT, rb"\xff\x0a|\0\0\0\x0cJXL ", (".jxl",)),
    OtherFormat(
        "a raw photograph",
        _RAW,
        rb"FUJIFILMCCD-RAW|II(?:RO|RS|U\0)|MMOR|II\*\0.{4}CR|.{4}ftypcrx ",
        _RAW_SUFFIXES,
    ),
    OtherFormat("a Photoshop document", _CONVERT, b"8BPS", (".psd", ".psb")),
    OtherFormat("a vector drawing (SVG)", _CONVERT, _XML + rb"(?:<!DOCTYPE svg|<svg)", (".svg",)),
    OtherFormat("a vector drawing (WMF or EMF)", _CONVERT, rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", (".wmf", ".emf")),
    OtherFormat("a PostScript document", _CONVERT, rb"%!PS|\xc5\xd0\xd3\xc6", (".eps", ".ps")),
    OtherFormat("a PDF document", _CONVERT, b"%PDF"),
    OtherFormat("an icon", _CONVERT, rb"\0\0[\1\2]\0[\1-\xff]\0|icns", (".ico", ".icns", ".cur")),
    OtherFormat("an OpenEXR or Radiance image", _CONVERT, rb"\x76\x2f\x31\x01|#\?RADIANCE", (".exr", ".hdr")),
    OtherFormat(
        "an image in a format that is not supported", _CONVERT, rb"qoif|DDS |SIMPLE  =", (".qoi", ".dds", ".fits")
    ),
    OtherFormat("a video", "save its frames as JPEG or PNG", rb".{4}ftyp|RIFF.{4}AVI |\x1a\x45\xdf\xa3"),
    OtherFormat("a web page", "its download failed: download the image again", _XML + rb"(?i:<!DOCTYPE html|<html)"),
    OtherFormat("a pointer of Git LFS", "run 'git lfs pull' where it comes from", rb"version https://git-lfs"),
    OtherFormat("a NumPy array", "save it as PNG", rb"\x93NUMPY"),
    OtherFormat("an archive", "unpack it", rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!"),
)
"""What people find among their images. The first row that fits is used."""

UNREADABLE_SUFFIXES: Mapping[str, OtherFormat] = MappingProxyType(
    {suffix: row for row in OTHER_FORMATS for suffix in row.suffixes}
)
"""Suffixes of images that cannot be read, in lower case: such a file is an image of the user and never skipped."""


RAW_PHOTOGRAPH = next(row for row in OTHER_FORMATS if row.suffixes == _RAW_SUFFIXES)
_SUBFILE_TYPE, _SUB_DIRECTORIES, _DNG_VERSION = 254, 330, 50_706


def explain_unreadable(data: bytes) -> str:
    """Return what a file is that no decoder reads, and what to do about it."""
    if not data:
        return "not an image (the file is empty); replace or remove it"
    for row in OTHER_FORMATS:
        if re.match(row.start, data[:4096], re.DOTALL):
            return row.explanation
    return "not an image that Pillow can read; remove or convert it"


def is_raw_photograph(image: Image.Image) -> bool:
    """Return whether an opened TIFF file is a raw photograph, of which Pillow would read the small preview."""
    if image.format != "TIFF":
        return False
    tags = cast("Any", image).tag_v2
    is_preview = isinstance(kind := tags.get(_SUBFILE_TYPE), int) and kind & 1 == 1
    return _DNG_VERSION in tags or (is_preview and _SUB_DIRECTORIES in tags)


@cache
def _installed() -> tuple[str, ...]:
    for row in FORMATS:
        try:
            import_module(f"PIL.{row.plugin}")
        except ImportError:  # Pillow before version 11.3 has no AVIF
            continue
    return tuple(decoder for row in FORMATS for decoder in row.decoders if decoder in Image.OPEN)


@cache
def _installed_but_tga() -> tuple[str, ...]:
    return tuple(decoder for decoder in _installed() if decoder != "TGA")
