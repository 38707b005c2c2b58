from __future__ import annotations

import io
from functools import partial

import numpy as np
import pytest
from PIL import Image
from tests.checks.pictures import encoded, picture, table

from prettyuseful.checks.inspection import EncodedImage, content_id, inspect_images
from prettyuseful.errors import DataError


def test_facts_on_every_file_are_kept_in_the_order_of_contents() -> None:
    photo = picture(3, (640, 480))
    exif = Image.Exif()
    exif[0x0112] = 6
    images = {"a/turned.jpg": encoded(photo, "JPEG", quality=80, exif=exif), "b/plain.png": encoded(picture(4))}
    found = table(images)
    assert list(found.ids) == sorted(map(content_id, images.values()))
    turned = found.paths.index("a/turned.jpg")
    assert (found.widths[turned], found.heights[turned]) == (480, 640)
    assert (found.formats[turned], found.qualities[turned], found.orientations[turned]) == ("JPEG", 80, 6)
    assert (found.subsamplings[turned], found.tables[turned]) == ("4:2:0", "standard")
    assert (found.subsamplings[1 - turned], found.tables[1 - turned]) == ("", "")
    assert found.formats[1 - turned] == "PNG"
    assert found.qualities[1 - turned] == 0
    assert list(found.class_counts) == [1, 1]
    assert found.has_contrast.all()


def test_a_thumbnail_hardly_depends_on_how_a_jpeg_is_decoded() -> None:
    """A large JPEG is decoded at a fraction of its size."""
    photo = picture(5, (1024, 768))
    jpeg = table({"a/0.jpg": encoded(photo, "JPEG", quality=95)}).thumbnails[0].astype(int)
    png = table({"a/0.png": photo}).thumbnails[0].astype(int)
    assert np.abs(jpeg - png).mean() < 1.5


@pytest.mark.parametrize("threads", [1, 2])
def test_images_that_cannot_be_read_are_listed(threads: int) -> None:
    def fail() -> bytes:
        raise DataError("a/gone.png: cannot be read")

    good = encoded(picture(0))
    images = [EncodedImage(partial(bytes, good), f"a/{i}.png", f"a/{i}.png", 0) for i in range(50)]
    images.insert(3, EncodedImage(partial(bytes, good[:200]), "a/torn.png", "a/torn.png", 0))
    images.insert(40, EncodedImage(fail, "a/gone.png", "a/gone.png", 0))
    found = inspect_images(images, ("a",), threads)
    assert len(found) == 50
    assert [line.split(":")[0] for line in found.unreadable] == ["a/gone.png", "a/torn.png"]


def test_contrast_is_that_of_the_most_varied_channel() -> None:
    pixels = np.full((64, 64, 3), 90, np.uint8)
    pixels[:32, :, 2] = 100
    found = table({"a/0.png": Image.fromarray(pixels), "a/1.png": Image.new("RGB", (64, 64), (250, 3, 3))})
    contrast = dict(zip(found.paths, found.contrasts, strict=True))
    assert 4 < contrast["a/0.png"] < 6
    assert contrast["a/1.png"] == 0


def test_one_image_is_in_memory_at_a_time_in_one_thread() -> None:
    reads: list[int] = []

    def read(number: int) -> bytes:
        reads.append(number)
        return io.BytesIO(encoded(picture(number))).getvalue()

    def images() -> object:
        for number in range(5):
            assert len(reads) == number
            yield EncodedImage(partial(read, number), f"{number}", f"{number}", 0)

    assert len(inspect_images(images(), ("a",))) == 5  # type: ignore[arg-type]
