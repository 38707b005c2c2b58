"""Inspect images: one pass over the encoded bytes, which are decoded once and at a small size where that is faster."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image

from prettyuseful.checks.image_set import SIDE, ImageTable, build_table
from prettyuseful.data.images import open_image
from prettyuseful.errors import DataError

_LEAST_SIDE = 2 * SIDE  # pixels that a JPEG keeps at least; with fewer, thumbnails of small and large copies differ
_CHUNK = 16  # images that a thread takes at once
_AHEAD = 3  # chunks per thread that wait, encoded, in memory
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class EncodedImage:
    """An image to inspect. `read`: returns its bytes. `location`: its name in messages. `label`: index of its class."""

    read: Callable[[], bytes]
    path: str
    location: str
    label: int
    group: str = ""


def inspect_images(images: Iterable[EncodedImage], classes: Sequence[str], threads: int = 1) -> ImageTable:
    """Inspect images. Those that cannot be read are listed in `ImageTable.unreadable`.

    Args:
        images: each is read before the next one is requested.
        classes: class names.
        threads: number of threads that decode; Pillow decodes several images at a time.
    """
    rows: list[dict[str, Any]] = []
    unreadable: list[str] = []
    for row in _inspected(images, threads):
        if isinstance(row, str):
            unreadable.append(row)
        else:
            rows.append(row)
    return build_table(rows, classes, unreadable)


def content_id(data: bytes) -> str:
    """Return the digest of encoded bytes by which exact copies are found, 32 hex digits."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _inspected(images: Iterable[EncodedImage], threads: int) -> Iterator[dict[str, Any] | str]:
    """Yield the row of each image, or one line on why it cannot be read."""
    if threads == 1:
        for image in images:
            yield _inspect(image, _read(image))
        return
    waiting: deque[Future[list[dict[str, Any] | str]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        pairs = ((image, _read(image)) for image in images)
        while chunk := list(islice(pairs, _CHUNK)):
            waiting.append(pool.submit(_inspect_chunk, chunk))
            if len(waiting) > _AHEAD * threads:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _read(image: EncodedImage) -> bytes | str:
    try:
        return image.read()
    except DataError as error:
        return str(error)


def _inspect_chunk(chunk: Sequence[tuple[EncodedImage, bytes | str]]) -> list[dict[str, Any] | str]:
    return [_inspect(*pair) for pair in chunk]


def _inspect(image: EncodedImage, data: bytes | str) -> dict[str, Any] | str:
    if isinstance(data, str):
        return data
    try:
        decoded, facts = open_image(data, image.location, _LEAST_SIDE)
    except DataError as error:
        return str(error)
    # A triangle filter: unlike that of a box, its result hardly depends on the size of the copy.
    small = np.asarray(decoded.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0), np.float32)
    grey = small @ _GREY
    return {
        "ids": content_id(data),
        "paths": image.path,
        "groups": image.group,
        "labels": image.label,
        "formats": facts.format,
        "scaled": facts.scaled or "",
        "subsamplings": facts.jpeg_subsampling or "",
        "tables": facts.jpeg_tables or "",
        "widths": facts.width,
        "heights": facts.height,
        "orientations": facts.orientation,
        "transparent": facts.transparent,
        "bits": facts.bits,
        "profiles": facts.icc,
        "qualities": facts.jpeg_quality or 0,
        "frames": facts.frames,
        "contrasts": small.std(axis=(0, 1)).max(),
        "brightness": grey.mean(),
        "thumbnails": grey.round().astype(np.uint8),
    }
