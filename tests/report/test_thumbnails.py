from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from tests.made_up import grey_png

from prettyuseful.report.thumbnails import FORMATS, SheetFormat, choose_format, encode_sheet, png_width


def noise_png(pixels: int, seed: int = 0) -> str:
    noise = np.random.default_rng(seed).integers(0, 256, (pixels, pixels, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def decode(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def test_sheet_shows_all_images_with_gaps() -> None:
    images = [grey_png(label, 1) for label in range(5)]
    sheet = encode_sheet(images, SheetFormat(6, 64, None))
    assert (sheet.images, sheet.width, sheet.height) == (5, 3 * 8 + 4, 2 * 8 + 2)
    assert decode(sheet.url).size == (sheet.width, sheet.height)
    first = np.asarray(decode(sheet.url).convert("RGB"))[:8, :8]
    assert (first == np.asarray(decode(f"data:,{images[0]}").convert("RGB"))).all()
    assert np.asarray(decode(sheet.url).convert("RGBA"))[0, 8, 3] == 0


def test_sheet_of_one_small_image_keeps_its_bytes() -> None:
    image = grey_png(0, 0)
    assert encode_sheet([image], SheetFormat(1, 64, None)).url == f"data:image/png;base64,{image}"


def test_lossy_sheets_are_smaller() -> None:
    images = [noise_png(96, seed) for seed in range(6)]
    lengths = [len(encode_sheet(images, sheet_format).url) for sheet_format in FORMATS[1:]]
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize("budget", [10_000_000, 200_000, 30_000])
def test_format_fits_the_budget(budget: int) -> None:
    sheets = [[noise_png(96, seed), noise_png(96, seed + 1)] for seed in range(30)]
    sheet_format = choose_format(sheets, budget)
    assert sheet_format.quality is not None, "images that need resizing are not kept lossless"
    assert sum(len(encode_sheet(sheet, sheet_format).url) for sheet in sheets) <= 1.1 * budget


def test_budget_holds_when_sheets_of_one_data_set_compress_better() -> None:
    noise, flat = noise_png(96), grey_png(0, 0)
    sheets = [[flat] if i % 24 == 0 else [noise] for i in range(24 * 24)]
    sheet_format = choose_format(sheets, 1_500_000)
    assert 551 * len(encode_sheet([noise], sheet_format).url) <= 1.1 * 1_500_000


def test_small_images_stay_lossless_and_nothing_fits_no_budget() -> None:
    assert choose_format([[grey_png(0, 0)]] * 3, 1_000_000).quality is None
    assert choose_format([[noise_png(96)]], 1) == FORMATS[-1]
    assert choose_format([], 1) == FORMATS[0]


def test_text_that_is_not_an_image_is_left_out() -> None:
    assert encode_sheet(["no image", base64.b64encode(b"no image").decode()], FORMATS[0]).url == ""
    assert encode_sheet([], FORMATS[0]).url == ""


def test_width_of_a_png_is_read_from_its_header() -> None:
    header = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (48).to_bytes(4, "big") + b"\0\0\0\x20"
    assert png_width(base64.b64encode(header).decode()) == 48
    assert png_width("not a picture!") == 0
