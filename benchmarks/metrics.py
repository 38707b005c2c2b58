"""Compare the speed and memory of the metrics with other packages, in one run: `python benchmarks/metrics.py`.

- Precision, recall, density and coverage: compared with `prdc`.
- Fréchet distance: compared with the usual FID code (`numpy.cov`, then `scipy.linalg.sqrtm`); its expensive part, the
  trace of the root, also alone on two given covariances.
- Vendi score: compared with `vendi_score`, the d x d version on many images and the N x N version on fewer images.

Features are random float32 numbers, with a small shift between real and synthetic ones. `vendi_score` computes in the
type of the features, this package in float64.

Every measurement runs in a separate process on `--threads` cores. It imports the packages, warms up on a few rows and
is timed once. Implementations alternate. Peak memory is that of the whole process, including packages and features. The
other packages are development dependencies: `pip install prdc vendi_score`.
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

Implementation = Callable[[np.ndarray, np.ndarray], Any]


def manifold(real: np.ndarray, synthetic: np.ndarray) -> dict[str, float]:
    from prettyuseful.metrics import manifold

    result = manifold(real, synthetic, 5)
    return {name: getattr(result, name) for name in ("precision", "recall", "density", "coverage")}


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


def random_features(images: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random real and synthetic features, (images, width) float32 each."""
    rng = np.random.default_rng(0)
    real, synthetic = rng.standard_normal((2, images, width), np.float32)
    synthetic += np.float32(0.05)
    return real, synthetic


def covariances(images: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the covariances of the random features."""
    first, second = (np.cov(features, rowvar=False) for features in random_features(images, width))
    return first, second


def comparisons(options: argparse.Namespace) -> dict[str, dict[str, tuple[Implementation, Implementation, int, int]]]:
    """Return, by job and implementation: the timed function, the function that makes its input, images, dimensions."""
    table, frechet_table = (options.images, options.width), (options.images, options.frechet_width)
    some, few = (options.some_images, options.width), (options.width // 2, options.width)
    jobs: dict[str, dict[str, Any]] = {
        "manifold": {"ours": (manifold, random_features, *table), "prdc": (prdc, random_features, *table)},
        "frechet": {
            "ours": (frechet, random_features, *frechet_table),
            "cov_and_sqrtm": (cov_and_sqrtm, random_features, *frechet_table),
        },
        # The trace of the root of the product of two given covariances.
        "frechet_trace": {
            "ours": (overlap, covariances, *frechet_table),
            "sqrtm": (sqrtm, covariances, *frechet_table),
        },
        "vendi_many": {
            "ours": (vendi, random_features, *table),
            "score_dual_float32": (score_dual, random_features, *table),
            "score_dual_float64": (score_dual_in_double, random_features, *table),
        },
        "vendi_some": {"ours": (vendi, random_features, *some), "score_X": (score_x, random_features, *some)},
        "vendi_few": {"ours": (vendi, random_features, *few), "score_X": (score_x, random_features, *few)},
    }
    if options.large:
        jobs["manifold_large"] = {"ours": (manifold, random_features, options.large, options.width)}
    return jobs


def measure(job: str, implementation: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measure seconds and peak memory in MiB in this process; return them with the result."""
    timed, make, images, width = comparisons(options)[job][implementation]
    inputs = make(images, width)  # type: ignore[arg-type]
    timed(*(rows[:64, :64] for rows in inputs))
    before = peak_mib()
    started = time.perf_counter()
    value = timed(*inputs)
    return {
        "seconds": round(time.perf_counter() - started, 3),
        "mib_before": before,
        "peak_mib": peak_mib(),
        "value": value,
    }


def peak_mib() -> int:
    """Return the peak memory of this process in MiB. macOS reports bytes, Linux KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1 << 20 if sys.platform == "darwin" else 1 << 10)


def measure_in_subprocess(job: str, implementation: str, options: argparse.Namespace) -> dict[str, Any]:
    threads = str(options.threads)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    process = subprocess.run(
        [sys.executable, "-W", "ignore", Path(__file__), *sys.argv[1:], "--only", job, implementation],
        env={**os.environ, **dict.fromkeys(names, threads)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    measured: dict[str, Any] = json.loads(process.stdout)
    return measured


def summarise(runs_by_name: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return medians of each implementation, and the ratios of seconds and of peak memory to ours."""
    summary: dict[str, Any] = {
        name: {
            "median_seconds": median(run["seconds"] for run in runs),
            "seconds": [run["seconds"] for run in runs],
            "peak_mib": median(run["peak_mib"] for run in runs),
            "mib_before": median(run["mib_before"] for run in runs),
            "value": runs[0]["value"],
        }
        for name, runs in runs_by_name.items()
    }
    ours = summary["ours"]
    for name in [name for name in summary if name != "ours"]:
        summary[f"{name}_seconds_to_ours"] = round(summary[name]["median_seconds"] / ours["median_seconds"], 2)
        summary[f"{name}_peak_to_ours"] = round(summary[name]["peak_mib"] / ours["peak_mib"], 2)
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000, help="images of each set")
    parser.add_argument("--width", type=int, default=512, help="dimensions of the features")
    parser.add_argument("--frechet-width", type=int, default=768, help="dimensions for the Fréchet distance")
    parser.add_argument("--some-images", type=int, default=2000, help="images for the N x N version of the Vendi score")
    parser.add_argument("--large", type=int, default=0, help="also measure our manifold metrics with this many images")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="threads and cores of every process")
    parser.add_argument("--jobs", nargs="+", help="run only these jobs, by their names in the output")
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        job, implementation = options.only
        print(json.dumps(measure(job, implementation, options)))
        return
    if hasattr(os, "sched_setaffinity"):  # prdc always starts eight threads
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-options.threads :])
    load = os.getloadavg()[0]
    results = {}
    for job, implementations in comparisons(options).items():
        if options.jobs and job not in options.jobs:
            continue
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in implementations}
        for _ in range(options.repeats):
            for name, measured in runs.items():
                measured.append(measure_in_subprocess(job, name, options))
        _, _, images, width = implementations["ours"]
        results[job] = {"images": images, "width": width, **summarise(runs)}
    report = {
        "machine": platform.processor() or platform.machine(),
        "threads": options.threads,
        "load_before": round(load, 2),
        "repeats": options.repeats,
        **results,
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
