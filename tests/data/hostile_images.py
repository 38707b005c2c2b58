"""Small files that would cost much memory or time without limits; prints what each costs to open."""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable
from functools import partial

from PIL import Image
from tests.data.odd_images import chunk, picture, png, saved, tiff, wide_profile
from tests.measuring import report

from prettyuseful.data.images import encode_png, open_image

SIDE = 8_000  # 64 million pixels: the limit
_ONE_LINE = {256: (3, 1, 8), 257: (3, 1, 8), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 277: (3, 1, 1)}
_STRIP = {273: (4, 1, 8), 278: (3, 1, 8), 279: (4, 1, 64)}
_SMALL = saved(Image.new("RGB", (8, 8)), "JPEG")
_SMALL_GIF = saved(Image.new("P", (8, 8)), "GIF")


def zeros(row: int, rows: int) -> bytes:
    """Return the compressed zeros of a PNG file with rows of so many bytes."""
    compressor, block = zlib.compressobj(9), bytes(1 + row)
    return b"".join(compressor.compress(block) for _ in range(rows)) + compressor.flush()


def black_png(bits: int, colour_type: int, channels: int, before: bytes = b"", side: int = SIDE) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, bits, colour_type, 0, 0, 0)
    content = chunk(b"IDAT", zeros(side * channels * bits // 8, side))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + content + chunk(b"IEND", b"")


def small_png(before: bytes) -> bytes:
    return png((8, 8, 8, 2), bytes(25 * 8), before)


def zipped(content: bytes) -> bytes:
    return zlib.compress(content, 9)


def exif_directory(entries: int, size: int) -> bytes:
    """Return EXIF data whose every entry holds the same bytes."""
    table = b"".join(struct.pack("<HHII", 1_000 + number, 7, size, 8) for number in range(entries))
    return b"II*\0" + struct.pack("<IH", 8, entries) + table + bytes(4)


def jpeg_segments(marker: int, contents: list[bytes]) -> bytes:
    segments = (struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content for content in contents)
    return _SMALL[:2] + b"".join(segments) + _SMALL[2:]


def joined_exif() -> bytes:
    body = exif_directory(60_000, 700_000)
    return jpeg_segments(0xE1, [b"Exif\0\0" + body[at : at + 65_000] for at in range(0, len(body), 65_000)])


def many_scans() -> bytes:
    data = saved(Image.new("RGB", (65_000, 900)), "JPEG", progressive=True, quality=1)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * 5_000 + b"\xff\xd9"


def huge_jpeg() -> bytes:
    at = _SMALL.index(b"\xff\xc0")
    return _SMALL[: at + 5] + struct.pack(">HH", 65_535, 65_535) + _SMALL[at + 9 :]


def gif(canvas: tuple[int, int] = (8, 8), frame: tuple[int, int] = (8, 8), before: bytes = b"") -> bytes:
    at = _SMALL_GIF.index(b"\x2c")
    return (
        _SMALL_GIF[:6]
        + struct.pack("<HH", *canvas)
        + _SMALL_GIF[10:at]
        + before
        + _SMALL_GIF[at : at + 5]
        + struct.pack("<HH", *frame)
        + _SMALL_GIF[at + 9 :]
    )


def bmp(width: int, height: int, content: bytes) -> bytes:
    """Return a BMP file with run lengths."""
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(content), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1_078 + len(content), 0, 0, 1_078) + info + bytes(1_024) + content


def jpeg2000_tiles(side: int) -> bytes:
    data = bytearray(saved(Image.new("RGB", (3_000, 3_000)), "JPEG2000", no_jp2=True))
    at = data.index(b"\xff\x51")
    data[at + 22 : at + 30] = struct.pack(">II", side, side)
    return bytes(data)


def tiff_pages(pages: int) -> bytes:
    """Return a TIFF file whose second directory is the first of a long chain of others."""
    data, at = bytearray(tiff({**_ONE_LINE, **_STRIP}, bytes(100))), 8 + 2 + 9 * 12
    struct.pack_into("<I", data, at, len(data))
    for number in range(pages):
        following = len(data) + 18 if number < pages - 1 else 8
        data += struct.pack("<HHHIII", 1, 254, 4, 1, 0, following)
    return bytes(data)


def in_full(kind: str, mode: str, side: int, **options: object) -> bytes:
    return saved(Image.new(mode, (side, side)), kind, **options)


# Rejected, with these words in the message, or read ("").
CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "JPEG header of 65535 x 65535": (huge_jpeg, "too large"),
    "PNG header of 2 billion x 2 billion": (lambda: png((2**31 - 1, 2**31 - 1, 8, 2), b""), "too large"),
    "PNG, a row of 65 million pixels": (lambda: png((65_000_000, 1, 8, 6), b"\0"), "too large"),
    "PNG, text of 20 MB in zTXt": (
        lambda: small_png(chunk(b"zTXt", b"a\0\0" + zipped(bytes(20_000_000)))),
        "too large",
    ),
    "PNG, text of 20 MB in iTXt": (
        lambda: small_png(chunk(b"iTXt", b"a\0\1\0\0\0" + zipped(bytes(20_000_000)))),
        "too large",
    ),
    "PNG, profile of 20 MB": (lambda: small_png(chunk(b"iCCP", b"x\0\0" + zipped(bytes(20_000_000)))), "too large"),
    "PNG, a megabyte of text 63 times": (
        lambda: small_png(b"".join(chunk(b"zTXt", b"%d\0\0" % n + zipped(bytes(1_000_000))) for n in range(63))),
        "",
    ),
    "PNG, 500,000 empty chunks": (lambda: small_png(chunk(b"abCd", b"") * 500_000), "1,000,000 pieces"),
    "PNG, EXIF entries that share their bytes": (
        lambda: small_png(chunk(b"eXIf", exif_directory(60_000, 700_000))),
        "",
    ),
    "PNG, EXIF that contains itself": (
        lambda: small_png(chunk(b"eXIf", b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x8769, 4, 1, 8, 8))),
        "",
    ),
    "PNG, 2 billion frames": (lambda: small_png(chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))), ""),
    "JPEG, EXIF segments that are joined": (joined_exif, "EXIF"),
    "JPEG, 5,000 scans": (many_scans, "scans"),
    "JPEG, 2 million comments": (lambda: b"\xff\xd8" + b"\xff\xfe\0\2" * 2_000_000, "1,000,000 pieces"),
    "JPEG, 3 MB of fill bytes": (lambda: b"\xff\xd8\xff" + b"\xff" * 3_000_000, "1,000,000 pieces"),
    "JPEG, profile of 15 MB": (
        lambda: jpeg_segments(0xE2, [b"ICC_PROFILE\0" + bytes([n, 255]) + bytes(60_000) for n in range(1, 256)]),
        "",
    ),
    "JPEG, cut in two": (lambda: in_full("JPEG", "RGB", 2_000)[:20_000], "broken image"),
    "GIF canvas of 65535 x 65535": (partial(gif, canvas=(65_535, 65_535)), "too large"),
    "GIF frame of 65535 x 65535": (partial(gif, frame=(65_535, 65_535)), "too large"),
    "GIF, a comment of 3 million pieces": (
        partial(gif, before=b"\x21\xfe" + b"\x01a" * 3_000_000 + b"\0"),
        "1,000,000 pieces",
    ),
    "TIFF, tags that share their bytes": (
        lambda: tiff(
            {**_ONE_LINE, **_STRIP, **{2_000 + n: (7, 1_000_000, 8) for n in range(60_000)}}, bytes(1_000_000)
        ),
        "its tags are larger than the file",
    ),
    "TIFF, 400 million strips": (
        lambda: tiff({**_ONE_LINE, 273: (4, 400_000_000, 8)}, bytes(1_000)),
        "its tags are larger",
    ),
    "TIFF, 4 million strips": (
        lambda: tiff({**_ONE_LINE, 273: (4, 4_000_000, 8), 279: (4, 4_000_000, 8)}, bytes(32_000_000)),
        "its tags are larger",
    ),
    "TIFF, a directory that is its own next": (
        lambda: tiff({**_ONE_LINE, **_STRIP}, bytes(100))[:118] + struct.pack("<I", 8) + bytes(100),
        "",
    ),
    "TIFF, 50,000 pages": (partial(tiff_pages, 50_000), ""),
    "TIFF, a tile of a billion pixels": (
        lambda: tiff(
            {**_ONE_LINE, 259: (3, 1, 8), 322: (4, 1, 32_768), 323: (4, 1, 32_768), 324: (4, 1, 8), 325: (4, 1, 64)},
            bytes(100),
        ),
        "its tiles are too large",
    ),
    "TIFF, 65,535 samples per pixel": (
        lambda: tiff({**_ONE_LINE, **_STRIP, 258: (3, 65_535, 8), 277: (3, 1, 65_535)}, bytes(200_000)),
        "not an image",
    ),
    "BMP, a step of 16 GB": (lambda: bmp(64_000_000, 1, b"\0\2\xff\xff" * 100), "too large"),
    "BMP, lines that are filled one by one": (lambda: bmp(1_999_999, 1, b"\1\0" + b"\0\0" * 1_000), ""),
    "PPM, a comment of 3 MB in the header": (
        lambda: b"P6\n#" + b"x" * 3_000_000 + b"\n8 8\n255\n",
        "1,000,000 pieces",
    ),
    "PPM, 500,000 comments": (lambda: b"P3\n8 8\n255\n" + b"#\n" * 500_000, "1,000 comments"),
    "PPM, 16 million pixels for a decoder in Python": (
        lambda: b"P6\n4000 4000\n254\n" + bytes(48_000_000),
        "too large",
    ),
    "PPM, 64 million pixels of 10 bytes": (lambda: b"P4\n64000000 1\n" + bytes(10), "broken image"),
    "WebP of 42 million pixels": (lambda: in_full("WEBP", "RGB", 6_500, lossless=True, method=0), "too large"),
    "JPEG 2000 of 11,000 tiles": (partial(jpeg2000_tiles, 28), "broken image"),
    "JPEG 2000 of 9 million tiles": (partial(jpeg2000_tiles, 1), "broken image"),
    "JPEG 2000, 2 million empty boxes": (
        lambda: b"\0\0\0\x0cjP  \x0d\x0a\x87\x0a" + b"\0\0\0\x08free" * 2_000_000,
        "1,000,000 pieces",
    ),
    "TGA of 64 million pixels without data": (
        lambda: struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, SIDE, SIDE, 32, 0) + b"TRUEVISION-XFILE.\0",
        "broken image",
    ),
    "PostScript that is called PNG": (
        lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        "PostScript",
    ),
    "icon that holds a PNG of 900 million pixels": (
        lambda: struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, 99, 22) + png((30_000, 30_000, 8, 2), b""),
        "an icon",
    ),
}

# The largest images of each format that are read: seconds each.
LARGEST: dict[str, tuple[Callable[[], bytes], str]] = {
    "PNG, 16-bit RGBA of 25 million pixels": (partial(black_png, 16, 6, 4, side=5_000), ""),
    "PNG, RGBA": (partial(black_png, 8, 6, 4), ""),
    "PNG, RGBA and a profile": (
        lambda: black_png(8, 6, 4, chunk(b"iCCP", b"x\0\0" + zipped(wide_profile()))),
        "",
    ),
    "PNG, grey and alpha": (partial(black_png, 8, 4, 2), ""),
    "PNG, 16-bit RGBA": (partial(black_png, 16, 6, 4), ""),
    "PNG, 16-bit grey": (partial(black_png, 16, 0, 1), ""),
    "PNG, 16-bit grey with a transparent level": (lambda: black_png(16, 0, 1, chunk(b"tRNS", bytes(2))), ""),
    "JPEG, CMYK": (lambda: in_full("JPEG", "CMYK", SIDE), ""),
    "JPEG, progressive": (lambda: in_full("JPEG", "RGB", SIDE, progressive=True), ""),
    "WebP, RGBA": (lambda: in_full("WEBP", "RGBA", 6_324, lossless=True), ""),
    "AVIF, RGBA": (lambda: in_full("AVIF", "RGBA", 6_324, speed=10), ""),
    "JPEG 2000, RGBA": (lambda: in_full("JPEG2000", "RGBA", 6_324), ""),
    "TIFF, floats": (lambda: in_full("TIFF", "F", SIDE, compression="tiff_lzw"), ""),
    "TIFF, Lab": (lambda: in_full("TIFF", "LAB", SIDE, compression="tiff_lzw"), ""),
    "PPM, a decoder in Python": (lambda: b"P6\n1000 2000\n254\n" + bytes(6_000_000), ""),
}


def main() -> None:
    open_image(encode_png(picture()), "")  # imports what opening needs
    cases = {"cases": CASES, "largest": LARGEST}[sys.argv[1]]
    report({name: make for name, (make, _) in cases.items()}, lambda data: open_image(data, "hostile.png"))


if __name__ == "__main__":
    main()
