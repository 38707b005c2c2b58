"""Compare the data checks with cleanvision on one folder of generated photographs: `python benchmarks/data_checks.py`.

The folder holds `--images` JPEG files of 256 px in ten classes: random pictures with the spectrum of photographs. Some
are planted: copies byte for byte, near-duplicates (compressed again), black images, smaller images, and images that an
EXIF tag turns. Both programs read the same files. No file is broken, because cleanvision 0.3.7 stops at the first one
that is cut off.

Every measurement runs in a separate process on `--threads` cores, after one run that fills the cache of the operating
system. Implementations alternate. Peak memory is the largest sum, sampled every 0.1 s, of the proportional set sizes of
the process and its workers. cleanvision is not a dependency of this package, so `--peer` names the Python of an
environment that has it:

    python -m venv peers && peers/bin/pip install cleanvision
    python benchmarks/data_checks.py --peer peers/bin/python
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

CLASSES, SIDE = 10, 256
PLANTED = {"exact": 60, "near": 60, "black": 40, "small": 20, "turned": 20}
OURS = """
import json, sys, time
started = time.perf_counter()
from prettyuseful import check_data
report = check_data(sys.argv[1])
print(json.dumps({"seconds": time.perf_counter() - started, "found": {k: v for k, v in report.data.items() if v}}))
"""
THEIRS = """
import contextlib, json, sys, time
started = time.perf_counter()
with contextlib.redirect_stdout(sys.stderr):
    from cleanvision import Imagelab
    lab = Imagelab(data_path=sys.argv[1])
    lab.find_issues(n_jobs=int(sys.argv[2]), verbose=False)
summary = lab.issue_summary
found = dict(zip(summary["issue_type"], summary["num_images"].tolist()))
print(json.dumps({"seconds": time.perf_counter() - started, "found": {k: v for k, v in found.items() if v}}))
"""


def pictures(count: int) -> Iterator[Image.Image]:
    """Yield random pictures with the spectrum of photographs."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None])
    frequency[0, 0] = 1
    rng = np.random.default_rng(0)
    for _ in range(count):
        noise = rng.standard_normal((3, SIDE, SIDE), np.float32)
        waves = np.fft.rfft2(noise[:1] + 0.4 * noise) / frequency**1.2
        waves[:, 0, 0] = 0
        pixels = np.fft.irfft2(waves, s=(SIDE, SIDE))
        pixels = rng.uniform(90, 160) + rng.uniform(25, 60) * pixels / pixels.std()
        yield Image.fromarray(pixels.clip(0, 255).astype(np.uint8).transpose(1, 2, 0))


def write_images(folder: Path, count: int) -> None:
    """Write the pictures and the planted problems, `count` files in all."""
    planted = sum(PLANTED.values())
    data = [_jpeg(picture) for picture in pictures(count - planted)]
    exif = Image.Exif()
    exif[0x0112] = 6
    extra = data[: PLANTED["exact"]]
    extra += [_jpeg(_opened(data[100 + i]), quality=60) for i in range(PLANTED["near"])]
    extra += [_jpeg(Image.new("RGB", (SIDE, SIDE), (i % 4,) * 3)) for i in range(PLANTED["black"])]
    extra += [_jpeg(_opened(data[400 + i]).crop((0, 0, 60, 60))) for i in range(PLANTED["small"])]
    extra += [_jpeg(_opened(data[500 + i]).crop((30, 30, 226, 226)), exif=exif) for i in range(PLANTED["turned"])]
    for number, content in enumerate([*data, *extra]):
        path = folder / f"class-{number % CLASSES}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _jpeg(image: Image.Image, quality: int = 90, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, **options)
    return buffer.getvalue()


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def measure(python: str, script: str, folder: Path, threads: int) -> dict[str, Any]:
    """Run a script in a new process; return its seconds, what it found, and peak memory in MiB."""
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    process = subprocess.Popen(
        ["taskset", "-c", f"0-{threads - 1}", python, "-c", script, str(folder), str(threads)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **limits},
    )
    peaks = [0.0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            peaks.append(_memory(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    done.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{python} failed with exit code {process.returncode}")
    return {**json.loads(output.splitlines()[-1]), "peak_mib": round(max(peaks))}


def _memory(pid: int) -> float:
    """Return the proportional set size of a process and its descendants in MiB; pages that they share count once."""
    total, waiting = 0.0, [pid]
    while waiting:
        current = Path("/proc") / str(waiting.pop())
        try:
            rollup = (current / "smaps_rollup").read_text()
            total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024
            for task in (current / "task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except (OSError, StopIteration):
            continue
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peer", help="Python of an environment with cleanvision")
    options = parser.parse_args()
    implementations = {"prettyuseful": (sys.executable, OURS)}
    if options.peer:
        implementations["cleanvision"] = (options.peer, THEIRS)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        write_images(Path(folder), options.images)
        print(f"wrote {options.images:,} images in {time.perf_counter() - started:.0f} s", file=sys.stderr)
        results: dict[str, list[dict[str, Any]]] = {name: [] for name in implementations}
        for number in range(-1, options.runs):
            for name, (python, script) in implementations.items():
                result = measure(python, script, Path(folder), options.threads)
                print(name, number, result, file=sys.stderr)
                if number >= 0:
                    results[name].append(result)
    summary: dict[str, Any] = {
        name: {
            "seconds": round(median(run["seconds"] for run in runs), 2),
            "peak_mib": median(run["peak_mib"] for run in runs),
            "found": runs[0]["found"],
        }
        for name, runs in results.items()
    }
    if options.peer:
        summary["ratio"] = round(summary["cleanvision"]["seconds"] / summary["prettyuseful"]["seconds"], 2)
    print(json.dumps({"machine": platform.processor() or platform.machine(), "planted": PLANTED, **summary}, indent=1))


if __name__ == "__main__":
    main()
