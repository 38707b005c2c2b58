"""Size and opening time of the report of a large study: `python benchmarks/report_size.py` prints JSON.

The study is made up: 13 generated data sets beside the real images, 200 classes, 8 sample images of each class in every
record (as real records have), a diagnosis of every data set. Sample images are crops of photographs. Opening time is
the time that headless Chromium takes for a screenshot of the page, minus the time for an empty page.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.made_up import made_up_summary

from prettyuseful.report.build import render

_POOL = 400  # different images
_EMPTY = "<!doctype html><title>empty</title>"


def thumbnails(pixels: int) -> Callable[[int, int], str]:
    """Return a function of class and number that gives a base64 PNG of `pixels` squared, cut from photographs."""
    rng = np.random.default_rng(0)
    photographs = [Image.fromarray(photograph) for photograph in load_sample_images().images]
    pool = []
    for i in range(_POOL):
        photograph = photographs[i % len(photographs)]
        side = int(rng.integers(max(pixels, 64), 300))
        left, top = (int(rng.integers(0, length - side)) for length in photograph.size)
        crop = photograph.crop((left, top, left + side, top + side)).resize((pixels, pixels), Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        crop.save(buffer, "PNG")
        pool.append(base64.b64encode(buffer.getvalue()).decode())
    return lambda label, number: pool[(37 * label + number) % _POOL]


def opening_seconds(page: Path) -> float:
    """Wall seconds of headless Chromium from its start to a screenshot of the page."""
    binary = next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))
    with tempfile.TemporaryDirectory() as folder:
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,800"]
        options += [f"--user-data-dir={folder}/profile", f"--screenshot={folder}/page.png"]
        start = time.perf_counter()
        subprocess.run([binary, *options, page.as_uri()], check=True, capture_output=True, timeout=300)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=13)
    parser.add_argument("--classes", type=int, default=200)
    parser.add_argument("--pixels", type=int, default=96, help="side of a sample image")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="write the page here")
    arguments = parser.parse_args()
    names = [f"generator-{i:02d}" for i in range(arguments.datasets)]
    summary = made_up_summary(
        classes=[f"class {i:03d}" for i in range(arguments.classes)],
        rates={"real": 0.9, **{name: 0.8 - 0.04 * i for i, name in enumerate(names)}},
        sample_images=8,
        image=thumbnails(arguments.pixels),
        diagnosed=names,
    )
    start = time.perf_counter()
    html = render(summary)
    rendering = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        page, empty = arguments.keep or Path(folder) / "report.html", Path(folder) / "empty.html"
        page.write_text(html, "utf-8")
        empty.write_text(_EMPTY, "utf-8")
        times = [opening_seconds(page.resolve()) - opening_seconds(empty) for _ in range(arguments.repeats)]
    sizes = {"datasets": arguments.datasets, "classes": arguments.classes, "thumbnail_pixels": arguments.pixels}
    measured = {
        "megabytes": round(len(html.encode()) / 1e6, 2),
        "rendering_seconds": round(rendering, 2),
        "opening_seconds": [round(seconds, 2) for seconds in times],
    }
    print(json.dumps(sizes | measured, indent=1))


if __name__ == "__main__":
    main()
