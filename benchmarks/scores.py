"""Images per second of the offline scores: `python benchmarks/scores.py`.

All scores that need no model are computed of images of 512 x 512 pixels on `--threads` cores, from decoded pixels and
from JPEG files of quality 95, as the step `score` reads them. The images are smooth colours with noise, a different one
each. Every figure is the median of `--repeats` runs over all images, with the slowest and the fastest. The CPU time per
image shows what other programs on the same machine took away.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from prettyuseful.aesthetics import SCORES, Planes
from prettyuseful.aesthetics.rows import offline_scores
from prettyuseful.data.images import decode
from prettyuseful.data.stored_format import StoredFormat
from prettyuseful.data.threads import map_in_order

ROWS = [SCORES[name] for name in offline_scores()]


def score(pixels: np.ndarray) -> list[float]:
    planes = Planes(pixels)
    return [row.of(planes) for row in ROWS]


def decode_and_score(data: bytes) -> list[float]:
    return score(np.asarray(decode(data, "image")))


def make_image(seed: int, side: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(coarse) + rng.normal(0, 5, (side, side, 3)), 0, 255).astype(np.uint8)


def measure(function: Callable[[Any], Any], images: Sequence[Any], threads: int) -> tuple[float, float]:
    """Return images per second, and CPU seconds per image."""
    start, used = time.perf_counter(), time.process_time()
    for _ in map_in_order(function, images, threads):
        pass
    return len(images) / (time.perf_counter() - start), (time.process_time() - used) / len(images)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    pixels = [make_image(seed, arguments.side) for seed in range(arguments.images)]
    files = [StoredFormat(name="jpeg").encode(image) for image in pixels]
    print(f"{len(ROWS)} scores, {len(pixels)} images of {arguments.side} px, {arguments.threads} threads")
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    cases: dict[str, tuple[Callable[[Any], Any], Sequence[Any]]] = {
        "decoded pixels": (score, pixels),
        "JPEG files": (decode_and_score, files),
        "JPEG files, decoded only": (lambda data: np.asarray(decode(data, "image")), files),
    }
    for name, (function, images) in cases.items():
        runs = [measure(function, images, arguments.threads) for _ in range(arguments.repeats + 1)][1:]
        rates, cpu = zip(*runs, strict=True)
        print(
            f"{name}: {median(rates):,.0f} images per second [{min(rates):,.0f}, {max(rates):,.0f}], "
            f"{1000 * median(cpu):.2f} ms of CPU time per image"
        )


if __name__ == "__main__":
    main()
