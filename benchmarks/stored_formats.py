"""Size and time of the formats in which generated images can be stored.

    python benchmarks/stored_formats.py FOLDER --images 30 --sides 64 336

For each side, format and quality: bytes per pixel (the median over images of FOLDER, cut to squares and resized), time
of an encoder for an image of 512 x 512 pixels, and images of 512 px per second with as many threads as `generate` uses.
PNG is also tried with other levels of compression, and lossless WebP with other methods.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from prettyuseful.data.images import IMAGE_SUFFIXES, to_square
from prettyuseful.data.stored_format import StoredFormat
from prettyuseful.steps.generation import WRITERS

_SIDE = 512  # px, of the image for which times are given
_QUALITIES = (50, 75, 80, 85, 90, 95, 100)


def encoders() -> Iterator[tuple[str, Callable[[np.ndarray], bytes]]]:
    """Yield what is tried, with its name."""
    yield "PNG, as stored", StoredFormat().encode
    for level in (0, 1, 2, 3, 4, 6, 9):
        yield f"PNG, level {level}", pillow("PNG", compress_level=level)
    yield "WebP without loss, as stored", StoredFormat(name="webp").encode
    for method, effort in ((0, 75), (1, 0), (2, 20), (4, 80)):
        yield f"WebP, method {method}", pillow("WEBP", lossless=True, method=method, quality=effort)
    for quality in _QUALITIES:
        yield f"JPEG {quality}", StoredFormat(name="jpeg", quality=quality).encode
    for quality in _QUALITIES:
        yield f"WebP {quality}", StoredFormat(name="webp", quality=quality).encode


def pillow(kind: str, **options: Any) -> Callable[[np.ndarray], bytes]:
    def encode(pixels: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind, **options)
        return buffer.getvalue()

    return encode


def squares(folder: Path, count: int, side: int) -> list[np.ndarray]:
    """Return `count` images of the folder, evenly chosen, whose short side has at least `side` pixels."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    found: list[np.ndarray] = []
    for path in paths[:: max(1, len(paths) // (2 * count))]:
        with Image.open(path) as image:
            if min(image.size) >= side and len(found) < count:
                found.append(to_square(image.convert("RGB"), side))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=30)
    parser.add_argument("--sides", type=int, nargs="+", default=[64, 336])
    options = parser.parse_args()
    for side in options.sides:
        images = squares(options.folder, options.images, side)
        print(f"{len(images)} images of {side} px")
        for name, encode in encoders():
            start = time.process_time()
            sizes = [len(encode(image)) for image in images]
            scale = (_SIDE / side) ** 2
            milliseconds = 1000 * (time.process_time() - start) / len(images) * scale
            start = time.perf_counter()
            with ThreadPoolExecutor(WRITERS) as threads:
                list(threads.map(encode, images))
            rate = len(images) / (time.perf_counter() - start) / scale
            print(f"  {name:30} {median(sizes) / side**2:.2f} bytes/px {milliseconds:6.1f} ms {rate:6.0f} images/s")


if __name__ == "__main__":
    main()
