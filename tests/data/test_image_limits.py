from __future__ import annotations

import io
from functools import partial

import numpy as np
import pytest
from PIL import Image
from tests.data.odd_images import picture, saved

from prettyuseful.data.image_limits import TooCostlyError, check_bytes, gif_frames, open_stream, tiff_directories
from prettyuseful.data.images import decode


def test_cameras_write_two_exif_segments_at_most_and_they_are_read() -> None:
    data = saved(Image.fromarray(picture()), "JPEG", exif=b"Exif\0\0" + bytes(60_000))
    second = data[:2] + data[data.index(b"\xff\xe1") : data.index(b"\xff\xe1") + 60_008] + data[2:]
    check_bytes(second + bytes(100_000))


def test_a_stream_of_many_pieces_ends() -> None:
    stream = open_stream(bytes(3_000_000))
    with pytest.raises(TooCostlyError, match="1,000,000 pieces"):
        list(iter(partial(stream.read, 1), None))


def test_large_honest_images_are_read_in_few_pieces() -> None:
    """A PNG file of noise has thousands of chunks, a TIFF file hundreds of strips."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (1_000, 1_000, 3), np.uint8))
    for kind in ("PNG", "TIFF", "BMP", "JPEG", "PPM", "GIF"):
        data = saved(noise, kind)
        stream = open_stream(data)
        with Image.open(stream) as image:
            image.load()
        assert getattr(stream, "reads", 0) < 10_000
        assert decode(data, "x").size == (1_000, 1_000)


def test_directories_of_a_tiff_file_in_both_byte_orders_and_sizes() -> None:
    pages = [Image.new("L", (8, 8))] * 3
    for options in ({}, {"big_tiff": True}):
        buffer = io.BytesIO()
        pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:], **options)
        directories = list(tiff_directories(buffer.getvalue()))
        assert len(directories) == 3
        assert all((256, 3, 1) in entries or (256, 4, 1) in entries for entries in directories)


def test_frames_of_a_gif_with_local_palettes_and_comments() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    frames = [Image.fromarray(pixels).quantize(256) for pixels in noise]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=b"a" * 600)
    assert gif_frames(data) == 4
