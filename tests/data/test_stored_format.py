"""PNG and WebP without a quality keep every pixel; JPEG is as in the paper; sizes are predicted for each format."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from prettyuseful.data.images import decode, image_facts
from prettyuseful.data.stored_format import StoredFormat

NOISE = np.random.default_rng(0).integers(0, 256, (48, 40, 3), np.uint8)
FORMATS = [
    StoredFormat(),
    StoredFormat(name="webp"),
    StoredFormat(name="jpeg"),
    StoredFormat(name="jpeg", quality=60),
    StoredFormat(name="webp", quality=80),
]


@pytest.mark.parametrize("stored", FORMATS, ids=str)
def test_only_formats_without_a_quality_keep_every_pixel(stored: StoredFormat) -> None:
    data = stored.encode(NOISE[:, ::-1])  # not contiguous
    is_equal = np.array_equal(np.asarray(decode(data, "x")), NOISE[:, ::-1])
    assert is_equal == (stored.quality is None)
    facts = image_facts(data, "x")
    assert (facts.format.lower(), facts.width, facts.height) == (stored.name, 40, 48)
    assert facts.jpeg_quality == (stored.quality if stored.name == "jpeg" else None)


def test_jpeg_is_that_of_the_paper_by_default() -> None:
    assert StoredFormat(name="jpeg") == StoredFormat(name="jpeg", quality=95)
    reference = io.BytesIO()
    Image.fromarray(NOISE).save(reference, "JPEG", quality=95)
    assert StoredFormat(name="jpeg").encode(NOISE) == reference.getvalue()


@pytest.mark.parametrize(
    "fields",
    [{"quality": 90}, {"name": "png", "quality": 90}, {"name": "jpeg", "quality": 0}, {"name": "webp", "quality": 101}],
)
def test_impossible_qualities_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="quality"):
        StoredFormat(**fields)


@pytest.mark.parametrize("stored", FORMATS, ids=str)
def test_formats_have_names_and_suffixes(stored: StoredFormat) -> None:
    assert stored.suffix in (".png", ".webp", ".jpg")
    assert str(stored).lower().startswith(stored.name)
    assert str(StoredFormat(name="webp", quality=80)) == "WebP of quality 80"


def test_more_pixels_and_a_higher_quality_take_more_bytes_than_expected_of_fewer() -> None:
    sizes = [StoredFormat(name="jpeg", quality=quality).expected_bytes(512) for quality in (1, 50, 80, 95, 97, 100)]
    assert sizes == sorted(sizes)
    png, webp = StoredFormat(), StoredFormat(name="webp")
    assert sizes[-1] < webp.expected_bytes(512) < png.expected_bytes(512) < 3 * 512**2
    assert 3 < png.expected_bytes(1024) / png.expected_bytes(512) < 4
    # Half a megabyte for an image of 512 px, where a JPEG file takes a fifth.
    assert png.expected_bytes(512) == pytest.approx(466e3, rel=0.01)
    assert StoredFormat(name="jpeg").expected_bytes(512) == pytest.approx(93e3, rel=0.01)
