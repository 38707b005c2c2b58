"""Measure how often intervals of coverage contain the truth: `python benchmarks/metric_intervals.py` prints JSON.

Real images are drawn anew in every trial, the generated ones stay. The truth is the mean of all trials. `simple` is the
interval of independent values, symmetric around the mean. All numbers are percentages.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from prettyuseful.analysis.distribution import dependence
from prettyuseful.analysis.statistics import grouped_mean, share_interval
from prettyuseful.engine.keys import derive_seed
from prettyuseful.records import GroupedParts

CLASSES, NEIGHBOURS = 4, 5
WORLDS = {
    # real and generated images per class, dimensions, spread of the generated ones, images of a source
    "2 dimensions, narrow": (100, 100, 2, 0.6, 1),
    "8 dimensions, narrow": (100, 100, 8, 0.6, 1),
    "8 dimensions, like real": (100, 100, 8, 1.0, 1),
    "32 dimensions, nearly all covered": (100, 100, 32, 0.8, 1),
    "40 images": (40, 40, 8, 0.7, 1),
    "sources of 5 images": (100, 100, 8, 0.7, 5),
    "20 generated images": (200, 20, 8, 0.7, 1),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    trials = parser.parse_args().trials
    print(json.dumps({"trials": trials, "results": [measure(name, trials) for name in WORLDS]}, indent=1))


def measure(name: str, trials: int) -> dict[str, float | str]:
    images, generated_images, dimensions, spread, of_source = WORLDS[name]
    rng = np.random.default_rng(derive_seed("metric intervals", name))
    generated = [spread * rng.standard_normal((generated_images, dimensions)) for _ in range(CLASSES)]
    values, intervals, simple = [], [], []
    for _ in range(trials):
        covered = [covers(draw(rng, images, dimensions, of_source), other) for other in generated]
        parts = [by_source(row, of_source, label) for label, row in enumerate(covered)]
        values.append(float(np.mean(covered)))
        interval = grouped_mean(parts, "", dependence=dependence("real image"))
        plain = grouped_mean(parts, "")
        simple.append((plain.low, plain.high))
        if interval.components:
            interval = share_interval(interval)
            intervals.append((interval.low, interval.high))
        else:
            other = 1 - 0.025 ** (1 / sum(len(part.groups) for part in parts))
            intervals.append((interval.mean * (1 - other), interval.mean * (1 - other) + other))
    truth = float(np.mean(values))
    held = [100 * np.mean([low <= truth <= high for low, high in ends]) for ends in (intervals, simple)]
    return {"world": name, "truth": round(truth, 4), "held": round(held[0], 1), "simple": round(held[1], 1)}


def draw(rng: np.random.Generator, images: int, dimensions: int, of_source: int) -> np.ndarray:
    """Return features (images, dimensions); those of one source resemble each other."""
    if of_source == 1:
        return rng.standard_normal((images, dimensions))
    centres = np.repeat(rng.standard_normal((images // of_source, dimensions)), of_source, axis=0)
    return np.asarray(0.8 * centres + 0.6 * rng.standard_normal((images, dimensions)))


def covers(real: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Return which real images have a generated one nearer than their k-th real neighbour."""
    distances = ((real[:, None] - real[None]) ** 2).sum(axis=-1)
    np.fill_diagonal(distances, np.inf)
    radius = np.partition(distances, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1]
    return np.asarray(((real[:, None] - generated[None]) ** 2).sum(axis=-1).min(axis=1) < radius)


def by_source(covered: np.ndarray, of_source: int, label: int) -> GroupedParts:
    sums = covered.reshape(-1, of_source).sum(axis=1).tolist()
    names = [f"{label}-{number}" for number in range(len(sums))]
    return GroupedParts(groups=names, sums=sums, sizes=[of_source] * len(sums))


if __name__ == "__main__":
    main()
