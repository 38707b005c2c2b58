from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.data.hostile_images import CASES, LARGEST
from tests.data.odd_images import HEIGHT, WIDTH, OddImage, can_write, exif, odd_images, picture, png
from tests.data.odd_images import saved as save

from prettyuseful.data.image_facts import ImageFacts
from prettyuseful.data.images import decode, encode_png, image_facts, open_image, to_square
from prettyuseful.errors import DataError

ROOT = Path(__file__).parents[2]


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    return save(image, kind, **options)


GOOD = saved(Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"hello, I am a text file", "not an image"),
        (b"", "not an image"),
        (GOOD[: len(GOOD) // 2], "broken image"),
        (png((20_000, 20_000, 8, 2), b"x"), "too large"),
        (png((9_000, 9_000, 8, 2), b"x"), "too large"),
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


def test_png_is_lossless() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    assert np.array_equal(np.asarray(decode(encode_png(pixels), "x")), pixels)


@pytest.mark.parametrize("size", [(32, 32), (40, 32), (31, 95), (64, 64), (10, 300)])
def test_squares_are_cut_from_the_centre(size: tuple[int, int]) -> None:
    assert to_square(Image.new("RGB", size), 32).shape == (32, 32, 3)


def test_square_of_the_right_size_is_unchanged() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (32, 48, 3), np.uint8)
    assert np.array_equal(to_square(Image.fromarray(pixels), 32), pixels[:, 8:40])


def checked(odd: OddImage, shown: np.ndarray, facts: ImageFacts) -> None:
    assert shown.shape == odd.shown.shape
    assert np.abs(shown.astype(int) - odd.shown).max() <= odd.within
    assert {name: getattr(facts, name) for name in odd.facts} == odd.facts
    assert (facts.width, facts.height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("kind", odd_images())
def test_pixels_are_what_a_viewer_shows_and_the_facts_say_why(kind: str) -> None:
    if not can_write(kind):
        pytest.skip("this Pillow has no AVIF")
    odd = odd_images()[kind]()
    image, facts = open_image(odd.data, f"x{odd.suffix}")
    assert image.mode == "RGB"
    checked(odd, np.asarray(image), facts)
    assert np.array_equal(np.asarray(decode(odd.data, f"x{odd.suffix}")), np.asarray(image))
    assert image_facts(odd.data, f"x{odd.suffix}") == facts


def test_decoded_images_carry_nothing_of_the_file() -> None:
    """Otherwise the profile that was applied would be written into a copy."""
    odd = odd_images()["PNG, another profile"]()
    assert decode(odd.data, "x").info == {}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_orientation_agrees_with_datasets_and_torchvision(kind: str, orientation: int) -> None:
    data = odd_images()["JPEG, orientation 1"]().data if kind == "JPEG" else saved(Image.fromarray(picture()))
    tags = exif(orientation)
    with Image.open(io.BytesIO(data)) as image:
        buffer = io.BytesIO()
        image.save(buffer, kind, exif=tags, **({"quality": 98} if kind == "JPEG" else {}))
    ours = np.asarray(decode(buffer.getvalue(), "x")).astype(int)
    theirs = np.asarray(datasets.Image().decode_example({"bytes": buffer.getvalue(), "path": None}))
    assert np.array_equal(ours, theirs)
    io_image = pytest.importorskip("torchvision.io")
    tensor = torch.frombuffer(bytearray(buffer.getvalue()), dtype=torch.uint8)
    vision = io_image.decode_image(tensor, mode="RGB", apply_exif_orientation=True).permute(1, 2, 0).numpy()
    assert ours.shape == vision.shape
    assert np.abs(ours - vision).max() <= (3 if kind == "JPEG" else 0)


def test_least_side_reads_large_jpeg_images_reduced() -> None:
    data = saved(Image.new("RGB", (1600, 800), "red"), "JPEG", exif=exif(6))
    image, facts = open_image(data, "x", least_side=64)
    assert image.size == (100, 200)
    assert (facts.width, facts.height, facts.orientation) == (800, 1600, 6)


def _costs(group: str) -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-m", "tests.data.hostile_images", group]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    results = {result["name"]: result for result in map(json.loads, done.stdout.splitlines())}
    assert set(results) == set({"cases": CASES, "largest": LARGEST}[group])
    return results


def _check_costs(group: str) -> None:
    for name, result in _costs(group).items():
        words = {"cases": CASES, "largest": LARGEST}[group][name][1]
        message = result["message"]
        assert not result["crash"], f"{name}: {message}"
        assert bool(words) == bool(message), f"{name}: {message}"
        assert words in (message or ""), f"{name}: {message}"
        assert message is None or ("\n" not in message and message.startswith("hostile.png: ")), f"{name}: {message}"
        assert result["memory"] < 1 << 30, f"{name}: {result['memory']:,} bytes"
        assert result["seconds"] < 5, f"{name}: {result['seconds']:.1f} s"


@pytest.mark.integration
def test_hostile_images_cost_little() -> None:
    _check_costs("cases")


@pytest.mark.slow
def test_the_largest_images_need_less_than_a_gigabyte() -> None:
    _check_costs("largest")


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
