from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.data.odd_images import picture, saved

from prettyuseful.data.image_facts import ImageFacts, count_frames, jpeg_subsampling
from prettyuseful.data.images import image_facts
from prettyuseful.errors import DataError

_JPEG = saved(Image.fromarray(picture()), "JPEG", quality=77, subsampling=2)
_HEADER = _JPEG[: _JPEG.index(b"\xff\xda")]
_SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")


@settings(deadline=None)
@given(st.integers(1, 100), st.integers(0, 2), st.booleans(), st.sampled_from(["RGB", "L"]))
def test_compression_of_jpeg_is_read_from_its_header(quality: int, chroma: int, progressive: bool, mode: str) -> None:
    image = Image.fromarray(picture()).convert(mode)
    facts = image_facts(saved(image, "JPEG", quality=quality, subsampling=chroma, progressive=progressive), "x")
    assert (facts.jpeg_quality, facts.jpeg_tables) == (quality, "standard")
    assert facts.jpeg_subsampling == (_SUBSAMPLINGS[chroma] if mode == "RGB" else None)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.integers(2, len(_HEADER) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_jpeg_header_gives_facts_or_an_error_that_names_the_image(changes: list[tuple[int, int]]) -> None:
    data = bytearray(_JPEG)
    for position, value in changes:
        data[position] = value
    try:
        facts, named = image_facts(bytes(data), "torn.jpg"), True
    except DataError as error:
        named = str(error).startswith("torn.jpg: ")
        facts = None
    assert named
    if facts is None:
        return
    assert facts.jpeg_quality is None or 1 <= facts.jpeg_quality <= 100
    assert facts.jpeg_subsampling in (*_SUBSAMPLINGS, "other", None)
    assert facts.jpeg_tables is None or facts.jpeg_tables == "standard" or int(facts.jpeg_tables, 16) >= 0


def test_other_tables_have_a_digest_of_their_own() -> None:
    def tables_of(level: int) -> str | None:
        data = saved(Image.fromarray(picture()), "JPEG", qtables=[[level] * 64, [9] * 64])
        return image_facts(data, "x").jpeg_tables

    assert tables_of(7) == tables_of(7) != tables_of(8)
    assert len(str(tables_of(7))) == 8


def test_unusual_subsampling_is_other() -> None:
    """Brightness sampled 4 x 1: the factors follow the number of the first component in the frame header."""
    data = bytearray(_JPEG)
    at = data.index(b"\xff\xc0") + 11
    assert data[at] == 0x22
    data[at] = 0x41
    with Image.open(io.BytesIO(bytes(data))) as image:
        assert jpeg_subsampling(image) == "other"
    data[at] = data[at + 3] = data[at + 6] = 0x22
    with Image.open(io.BytesIO(bytes(data))) as image:
        assert jpeg_subsampling(image) == "4:4:4"


@pytest.mark.parametrize("quality", [*range(1, 101, 9), 75, 95, 98])
def test_quality_of_jpeg_is_that_of_libjpeg(quality: int) -> None:
    assert image_facts(saved(Image.fromarray(picture()), "JPEG", quality=quality), "x").jpeg_quality == quality


def test_quality_of_other_tables_is_the_nearest() -> None:
    """Cameras have tables of their own."""
    tables = [[level + 1 for level in range(2, 66)], [9] * 64]
    facts = image_facts(saved(Image.fromarray(picture()), "JPEG", qtables=tables), "x")
    assert facts.jpeg_quality in range(60, 80)


def test_only_jpeg_has_a_quality() -> None:
    facts = image_facts(saved(Image.fromarray(picture()), "PNG"), "x")
    assert (facts.jpeg_quality, facts.jpeg_subsampling, facts.jpeg_tables) == (None, None, None)


def test_facts_of_a_plain_image() -> None:
    assert image_facts(saved(Image.fromarray(picture()), "PNG"), "x") == ImageFacts("PNG", 32, 16, "RGB")


def test_frames_are_counted_without_decoding_them() -> None:
    frames = [Image.fromarray(np.full((8, 8), level, np.uint8)) for level in range(40)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(data)) as image:
        assert count_frames(image, data) == 40
        assert image.tell() == 0


def test_frames_of_a_gif_that_ends_early_are_those_that_are_there() -> None:
    frames = [Image.fromarray(np.full((8, 8), level, np.uint8)) for level in range(5)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(data)) as image:
        assert count_frames(image, data[:-8]) in (4, 5)
