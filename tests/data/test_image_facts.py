from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from tests.data.odd_images import picture, saved

from prettyuseful.data.image_facts import ImageFacts, count_frames
from prettyuseful.data.images import image_facts


@pytest.mark.parametrize("quality", [*range(1, 101, 9), 75, 95, 98])
def test_quality_of_jpeg_is_that_of_libjpeg(quality: int) -> None:
    assert image_facts(saved(Image.fromarray(picture()), "JPEG", quality=quality), "x").jpeg_quality == quality


def test_quality_of_other_tables_is_the_nearest() -> None:
    """Cameras have tables of their own."""
    tables = [[level + 1 for level in range(2, 66)], [9] * 64]
    facts = image_facts(saved(Image.fromarray(picture()), "JPEG", qtables=tables), "x")
    assert facts.jpeg_quality in range(60, 80)


def test_only_jpeg_has_a_quality() -> None:
    assert image_facts(saved(Image.fromarray(picture()), "PNG"), "x").jpeg_quality is None


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
