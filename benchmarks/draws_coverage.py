"""Measure how often intervals that cover draws of the generator hold: `python benchmarks/draws_coverage.py`.

Each data set has several draws, whose mean logits differ. Each draw is trained with every seed. `ignored`: how often
intervals of the first draws alone hold, which do not claim to cover draws. All numbers are percentages.
"""

from __future__ import annotations

import argparse
import sys
from itertools import product

import numpy as np
from simulation import WORLDS

from prettyuseful.analysis.clusters import Clusters
from prettyuseful.analysis.statistics import CellModel, Replicate
from prettyuseful.engine.keys import derive_seed

DATASETS, OF_DRAWS = 3, 0.25
NAMES = ("all vary", "as in the demonstration", "seeds matter most", "500 single images")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    trials = parser.parse_args().trials
    print(f"{'world':26} draws seeds  accuracy  difference  ignored")
    for name, draws, seeds in product(NAMES, (2, 3, 5), (3,)):
        values = " ".join(f"{value:10.1f}" for value in measure(name, draws, seeds, trials))
        print(f"{name:26} {draws:5} {seeds:5}{values}", flush=True)
    print("standard deviation of the logits of draws:", OF_DRAWS, file=sys.stderr)


def measure(name: str, draws: int, seeds: int, trials: int) -> list[float]:
    """Return how often intervals hold: of accuracies, of differences, and of differences of the first draws."""
    world, rng = WORLDS[name], np.random.default_rng(derive_seed("draws", name, draws, seeds))
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    truth = float(weights @ [world.truth(OF_DRAWS * node) for node in nodes] / weights.sum())
    held = np.zeros(3)
    for _ in range(trials):
        shifts = OF_DRAWS * rng.standard_normal(DATASETS * draws)
        counts = world.counts(rng, shifts.tolist(), [1.0] * len(shifts), seeds)
        counts = counts.reshape(DATASETS, draws, seeds, -1)
        full, first = (model(world.clusters, part) for part in (counts, counts[:, :1]))
        interval = full.accuracy(0)
        held[0] += interval.low <= truth <= interval.high
        for number, fitted in ((1, full), (2, first)):
            difference = fitted.difference(0, 1)
            assert difference is not None
            held[number] += difference.low <= 0 <= difference.high
    return (100 * held / trials).tolist()


def model(clusters: Clusters, counts: np.ndarray) -> CellModel:
    return CellModel(
        clusters,
        {
            name: {Replicate(draw, seed): row for draw, rows in enumerate(of_set) for seed, row in enumerate(rows)}
            for name, of_set in enumerate(counts)
        },
    )


if __name__ == "__main__":
    main()
