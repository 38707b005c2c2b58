"""Pictures for the tests of data checks: random ones with the spectrum of photographs, in folders and in tables."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from prettyuseful.checks.image_set import ImageSet, ImageTable, Role
from prettyuseful.checks.inspection import EncodedImage, inspect_images


def picture(number: int, size: tuple[int, int] = (48, 48)) -> Image.Image:
    """Return a picture with the spectrum of photographs; another number gives another picture."""
    rng = np.random.default_rng(number)
    width, height = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    frequency[0, 0] = 1
    waves = np.fft.fft2(rng.normal(size=(3, height, width))) / frequency**1.2
    waves[:, 0, 0] = 0
    pixels = np.fft.ifft2(waves).real
    pixels = 128 + 45 * pixels / pixels.std()
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8).transpose(1, 2, 0))


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def table(images: Mapping[str, bytes | Image.Image], groups: Mapping[str, str] | None = None) -> ImageTable:
    """Return the table of images with these paths; the first part of a path is the class."""
    classes = sorted({path.split("/")[0] for path in images})
    items = [
        EncodedImage(
            partial(bytes, image if isinstance(image, bytes) else encoded(image)),
            path,
            path,
            classes.index(path.split("/")[0]),
            (groups or {}).get(path, path),
        )
        for path, image in images.items()
    ]
    return inspect_images(items, classes)


def image_set(
    images: Mapping[str, bytes | Image.Image] | Sequence[Image.Image],
    role: Role = "other",
    name: str = "photos",
    groups: Mapping[str, str] | None = None,
) -> ImageSet:
    """Return a set of these images; without paths they are spread over two classes."""
    if not isinstance(images, Mapping):
        images = {f"{'ab'[i % 2]}/{i:03d}.png": image for i, image in enumerate(images)}
    return ImageSet(name, role, table(images, groups))


def write_folder(root: Path, images: Mapping[str, bytes | Image.Image]) -> Path:
    for path, image in images.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(image if isinstance(image, bytes) else encoded(image))
    return root


def clean(first: int, count: int = 24, classes: Sequence[str] = ("a", "b")) -> dict[str, bytes]:
    """Return different pictures by path, with equal classes."""
    return {
        f"{classes[i % len(classes)]}/{i:03d}.jpg": encoded(picture(first + i), "JPEG", quality=95)
        for i in range(count)
    }
