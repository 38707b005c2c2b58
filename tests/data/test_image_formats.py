from __future__ import annotations

import struct
import subprocess
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from PIL import Image, features
from tests.data.odd_images import picture, saved, tiff

from prettyuseful.data.image_formats import FORMATS, IMAGE_SUFFIXES, OTHER_FORMATS, UNREADABLE_SUFFIXES, decoders
from prettyuseful.data.images import decode
from prettyuseful.errors import DataError


def test_suffixes_are_those_that_pillow_registers() -> None:
    for row in FORMATS:
        if row.name == "AVIF" and not features.check("avif"):
            continue
        import_module(f"PIL.{row.plugin}")
        assert {suffix for suffix, name in Image.EXTENSION.items() if name in row.decoders} == set(row.suffixes)


def test_what_torchvision_and_timm_read_as_images_is_read() -> None:
    from torchvision.datasets.folder import IMG_EXTENSIONS

    assert set(IMG_EXTENSIONS) <= IMAGE_SUFFIXES


def test_no_suffix_is_both_readable_and_not() -> None:
    assert not IMAGE_SUFFIXES & set(UNREADABLE_SUFFIXES)


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "HEIC": (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC.*export it as JPEG, or convert it with the package pillow-heif"),
    "HEIF": (b"\0\0\0\x18ftypmif1" + bytes(40), "HEIC"),
    "JPEG XL": (b"\xff\x0a" + bytes(40), "JPEG XL.*convert it"),
    "JPEG XL in a box": (b"\0\0\0\x0cJXL \x0d\x0a\x87\x0a", "JPEG XL"),
    "raw of Canon": (b"II*\0\x10\0\0\0CR\2\0" + bytes(40), "raw photograph.*develop it"),
    "raw of Fujifilm": (b"FUJIFILMCCD-RAW 0201" + bytes(40), "raw photograph"),
    "raw of Canon since 2018": (b"\0\0\0\x18ftypcrx " + bytes(40), "raw photograph"),
    "SVG": (b'<?xml version="1.0"?>\n<!-- a -->\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "PDF": (b"%PDF-1.7\n", "PDF"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
    "PostScript with a preview": (b"\xc5\xd0\xd3\xc6" + bytes(60), "PostScript"),
    "Windows metafile": (b"\xd7\xcd\xc6\x9a" + bytes(60), "WMF"),
    "Photoshop": (b"8BPS\0\1" + bytes(60), "Photoshop"),
    "icon": (b"\0\0\1\0\1\0" + bytes(60), "icon"),
    "OpenEXR": (b"\x76\x2f\x31\x01" + bytes(60), "OpenEXR"),
    "QOI": (b"qoif" + bytes(60), "not supported"),
    "video": (b"\0\0\0\x18ftypmp42" + bytes(60), "video.*save its frames"),
    "web page": (b"\n<!doctype html><html>404</html>", "web page.*download the image again"),
    "pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    "NumPy": (b"\x93NUMPY\x01\0" + bytes(60), "NumPy array"),
    "zip": (b"PK\x03\x04" + bytes(60), "archive.*unpack"),
    "nothing": (b"", "the file is empty"),
    "text": (b"hello, I am a text file", "not an image that Pillow can read"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_is_no_readable_image_is_named_with_a_remedy(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is called. No program is started: Pillow would run Ghostscript for PostScript."""

    def start(*_: Any, **__: Any) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", start)
    data, words = UNREADABLE[kind]
    with pytest.raises(DataError, match=words) as error:
        decode(data, "folder/image.png")
    assert str(error.value).startswith("folder/image.png: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("tags", [{50_706: (1, 4, 0x01040000)}, {254: (4, 1, 1), 330: (4, 1, 8)}])
def test_the_preview_of_a_raw_photograph_is_not_taken_for_it(tags: dict[int, tuple[int, int, int]]) -> None:
    """DNG, NEF and ARW are TIFF files whose first page is small."""
    page = {256: (3, 1, 8), 257: (3, 1, 8), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 277: (3, 1, 1)}
    page |= {273: (4, 1, 8), 278: (3, 1, 8), 279: (4, 1, 64)}
    assert decode(tiff(page, bytes(100)), "x").size == (8, 8)
    with pytest.raises(DataError, match="raw photograph"):
        decode(tiff(page | tags, bytes(100)), "x")


def test_no_interpreter_and_no_decoder_in_python_is_allowed() -> None:
    allowed = {*decoders(b"", "x.tga")}
    assert not allowed & {"EPS", "WMF", "ICO", "ICNS", "IPTC", "FITS", "QOI", "DDS", "BLP", "PSD", "HDF5", "MPEG"}
    assert {"JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"} <= allowed


def test_tga_has_no_signature_and_is_not_guessed() -> None:
    old = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 2, 2, 24, 0) + bytes(12)
    assert decode(old, "x.TGA").size == (2, 2)
    with pytest.raises(DataError, match="not an image"):
        decode(old, "x.png")


def test_the_first_bytes_decide_and_not_the_name() -> None:
    assert np.array_equal(np.asarray(decode(saved(Image.fromarray(picture()), "PNG"), "x.heic")), picture())


def test_every_row_of_other_formats_says_what_to_do() -> None:
    assert all(row.what and row.remedy for row in OTHER_FORMATS)
