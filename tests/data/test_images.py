from __future__ import annotations

import contextlib
import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from prettyuseful.data.images import decode, encode_jpeg, encode_png, to_square
from prettyuseful.errors import DataError


def saved(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG file whose header claims a large image, with almost no data."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"x"))


GOOD = saved(Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"hello, I am a text file", "not an image"),
        (b"", "not an image"),
        (GOOD[: len(GOOD) // 2], "broken image"),
        (png_header(20_000, 20_000), "too large"),
        (png_header(9_000, 9_000), "too large"),
    ],
)
def test_unreadable_images_are_rejected_by_name(data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        decode(data, "folder/odd.png")
    assert str(error.value).startswith("folder/odd.png: ")
    assert "\n" not in str(error.value)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_damaged_bytes_decode_or_raise_data_error(position: int, value: int) -> None:
    with contextlib.suppress(DataError):
        decode(GOOD[:position] + bytes([value]) + GOOD[position + 1 :], "x")


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = Image.new(mode, (4, 3)) if mode == "I;16" else Image.new("RGB", (4, 3), (255, 0, 0)).convert(mode)
    decoded = decode(saved(image, "TIFF"), "x")
    assert decoded.mode == "RGB"
    assert decoded.size == (4, 3)


def test_png_is_lossless_and_jpeg_is_quality_95() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    assert np.array_equal(np.asarray(decode(encode_png(pixels), "x")), pixels)
    reference = io.BytesIO()
    Image.fromarray(pixels).save(reference, "JPEG", quality=95)
    assert encode_jpeg(pixels) == reference.getvalue()


@pytest.mark.parametrize("size", [(32, 32), (40, 32), (31, 95), (64, 64), (10, 300)])
def test_squares_are_cut_from_the_centre(size: tuple[int, int]) -> None:
    assert to_square(Image.new("RGB", size), 32).shape == (32, 32, 3)


def test_square_of_the_right_size_is_unchanged() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (32, 48, 3), np.uint8)
    assert np.array_equal(to_square(Image.fromarray(pixels), 32), pixels[:, 8:40])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_greys_keep_their_brightness(kind: str) -> None:
    greys = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    decoded = np.asarray(decode(saved(Image.fromarray(greys), kind), "x"))
    assert np.abs(decoded[..., 0].astype(int) - greys // 257).max() <= 1  # not clipped to white at 255


def test_transparent_pixels_keep_their_colour() -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:2] = (255, 0, 0, 255)
    decoded = np.asarray(decode(saved(Image.fromarray(pixels)), "x"))
    assert decoded[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "ICO", "JPEG2000", "AVIF"])
def test_damaged_files_of_any_format_decode_or_raise_data_error(kind: str) -> None:
    rng = np.random.default_rng(0)
    try:
        good = saved(Image.fromarray(rng.integers(0, 255, (20, 20, 3), np.uint8)), kind)
    except (KeyError, OSError):
        pytest.skip(f"this Pillow cannot write {kind}")
    for _ in range(150):
        data = bytearray(good)
        for _ in range(rng.choice([1, 2, 5, 20])):
            data[rng.integers(min(len(data), rng.choice([40, len(data)])))] = rng.integers(256)
        with contextlib.suppress(DataError):
            decode(bytes(data[: rng.integers(len(data))] if rng.random() < 0.3 else data), "x")


def test_long_thin_image_needs_little_memory() -> None:
    """A few kilobytes that would be 8 GB of pixels if they were resized before cropping."""
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "from PIL import Image; from prettyuseful.data.images import to_square\n"
        "assert to_square(Image.new('RGB', (1, 2_000_000)), 32).shape == (32, 32, 3)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
