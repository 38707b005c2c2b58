"""Our metrics here against the field's packages, side by side in one run: `python benchmarks/metrics.py`.

Precision, recall, density and coverage against `prdc`; the Fréchet distance against the usual FID code (`numpy.cov`,
then `scipy.linalg.sqrtm`), and its hard part alone, on two finished covariances; the Vendi score against `vendi_score`:
its d x d way on many images, its N x N way on some and on fewer than dimensions. Features are drawn, not embedded:
float32, the synthetic ones a little off the real ones. Vendi's package computes in the features' type, ours in float64.

Every measurement is a process of its own, bound to as many cores as `--threads` says, which imports, warms up on a few
rows, and is then timed once; the ways take turns. Its peak memory is that of the whole process, packages and features
included. The packages are dev dependencies: `pip install prdc vendi_score`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

Way = Callable[[np.ndarray, np.ndarray], Any]


def manifold(real: np.ndarray, synthetic: np.ndarray) -> dict[str, float]:
    from prettyuseful.metrics import manifold

    found = manifold(real, synthetic, 5)
    return {name: getattr(found, name) for name in ("precision", "recall", "density", "coverage")}


def prdc(real: np.ndarray, synthetic: np.ndarray) -> dict[str, float]:
    from prdc import compute_prdc

    with contextlib.redirect_stdout(sys.stderr):
        return {name: float(value) for name, value in compute_prdc(real, synthetic, 5).items()}


def frechet(real: np.ndarray, synthetic: np.ndarray) -> float:
    from prettyuseful.metrics import frechet_distance

    return frechet_distance(real, synthetic)


def cov_and_sqrtm(real: np.ndarray, synthetic: np.ndarray) -> float:
    first, second = (np.cov(features, rowvar=False, dtype=np.float64) for features in (real, synthetic))
    shift = real.mean(axis=0, dtype=np.float64) - synthetic.mean(axis=0, dtype=np.float64)
    return float(shift @ shift + np.trace(first) + np.trace(second) - 2 * sqrtm(first, second))


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    from prettyuseful.metrics.frechet import covariance_root, overlap

    return overlap(covariance_root(first), covariance_root(second))


def sqrtm(first: np.ndarray, second: np.ndarray) -> float:
    from scipy.linalg import sqrtm

    return float(np.trace(sqrtm(first @ second)).real)


def vendi(real: np.ndarray, _: np.ndarray) -> float:
    from prettyuseful.metrics import vendi_score

    return vendi_score(real)


def score_dual(real: np.ndarray, _: np.ndarray) -> float:
    from vendi_score.vendi import score_dual

    return float(score_dual(real))


def score_dual_in_double(real: np.ndarray, _: np.ndarray) -> float:
    return score_dual(real.astype(np.float64), _)


def score_x(real: np.ndarray, _: np.ndarray) -> float:
    from vendi_score.vendi import score_X

    return float(score_X(real))


def drawn(images: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Real and synthetic features (images, width) float32."""
    rng = np.random.default_rng(0)
    real, synthetic = rng.standard_normal((2, images, width), np.float32)
    synthetic += np.float32(0.05)
    return real, synthetic


def covariances(images: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Those of the drawn features."""
    first, second = (np.cov(features, rowvar=False) for features in drawn(images, width))
    return first, second


def rounds(options: argparse.Namespace) -> dict[str, dict[str, tuple[Way, Way, int, int]]]:
    """Job -> way -> what is timed, what makes its input, images and dimensions."""
    table, frechet_table = (options.images, options.width), (options.images, options.frechet_width)
    some, few = (options.some_images, options.width), (options.width // 2, options.width)
    jobs: dict[str, dict[str, Any]] = {
        "manifold": {"ours": (manifold, drawn, *table), "prdc": (prdc, drawn, *table)},
        "frechet": {
            "ours": (frechet, drawn, *frechet_table),
            "cov_and_sqrtm": (cov_and_sqrtm, drawn, *frechet_table),
        },
        # The trace of the covariances' product's root, on finished covariances.
        "frechet_trace": {
            "ours": (overlap, covariances, *frechet_table),
            "sqrtm": (sqrtm, covariances, *frechet_table),
        },
        "vendi_many": {
            "ours": (vendi, drawn, *table),
            "score_dual_float32": (score_dual, drawn, *table),
            "score_dual_float64": (score_dual_in_double, drawn, *table),
        },
        "vendi_some": {"ours": (vendi, drawn, *some), "score_X": (score_x, drawn, *some)},
        "vendi_few": {"ours": (vendi, drawn, *few), "score_X": (score_x, drawn, *few)},
    }
    if options.large:
        jobs["manifold_large"] = {"ours": (manifold, drawn, options.large, options.width)}
    return jobs


def measure(job: str, way: str, options: argparse.Namespace) -> dict[str, Any]:
    """In this process: seconds, peak memory in MiB, and the result."""
    timed, make, images, width = rounds(options)[job][way]
    inputs = make(images, width)  # type: ignore[arg-type]
    timed(*(rows[:64, :64] for rows in inputs))
    before = peak()
    started = time.perf_counter()
    found = timed(*inputs)
    return {
        "seconds": round(time.perf_counter() - started, 3),
        "mib_before": before,
        "peak_mib": peak(),
        "value": found,
    }


def peak() -> int:
    """Most memory of this process so far, MiB; macOS counts bytes, Linux KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1 << 20 if sys.platform == "darwin" else 1 << 10)


def in_own_process(job: str, way: str, options: argparse.Namespace) -> dict[str, Any]:
    threads = str(options.threads)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    found = subprocess.run(
        [sys.executable, "-W", "ignore", Path(__file__), *sys.argv[1:], "--only", job, way],
        env={**os.environ, **dict.fromkeys(names, threads)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    measured: dict[str, Any] = json.loads(found.stdout)
    return measured


def summed_up(ways: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Medians of each way, and how many times ours is as fast and as small as the others."""
    found: dict[str, Any] = {
        way: {
            "median_seconds": median(one["seconds"] for one in runs),
            "seconds": [one["seconds"] for one in runs],
            "peak_mib": median(one["peak_mib"] for one in runs),
            "mib_before": median(one["mib_before"] for one in runs),
            "value": runs[0]["value"],
        }
        for way, runs in ways.items()
    }
    ours = found["ours"]
    for way in [way for way in found if way != "ours"]:
        found[f"{way}_seconds_to_ours"] = round(found[way]["median_seconds"] / ours["median_seconds"], 2)
        found[f"{way}_peak_to_ours"] = round(found[way]["peak_mib"] / ours["peak_mib"], 2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000, help="images of either set")
    parser.add_argument("--width", type=int, default=512, help="dimensions of features")
    parser.add_argument("--frechet-width", type=int, default=768)
    parser.add_argument("--some-images", type=int, default=2000, help="for Vendi's N x N way")
    parser.add_argument("--large", type=int, default=0, help="also our manifold metrics at this many images")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="threads, and cores that every process is bound to")
    parser.add_argument("--jobs", nargs="+", help="some of the jobs only, by their names in the output")
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        job, way = options.only
        print(json.dumps(measure(job, way, options)))
        return
    if hasattr(os, "sched_setaffinity"):  # prdc starts eight threads of its own, whatever is asked for
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-options.threads :])
    load = os.getloadavg()[0]
    results = {}
    for job, ways in rounds(options).items():
        if options.jobs and job not in options.jobs:
            continue
        runs: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
        for _ in range(options.repeats):
            for way, measured in runs.items():
                measured.append(in_own_process(job, way, options))
        _, _, images, width = ways["ours"]
        results[job] = {"images": images, "width": width, **summed_up(runs)}
    found = {
        "machine": platform.processor() or platform.machine(),
        "threads": options.threads,
        "load_before": round(load, 2),
        "repeats": options.repeats,
        **results,
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
