"""Measure the coverage of the intervals of Fréchet distance, KID, CMMD and Vendi score by simulation.

The true value is the mean over all simulated sets of the same size, so it includes the bias of the metric.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from prettyuseful.analysis.distribution import jackknife_interval
from prettyuseful.metrics import METRICS, Metric
from prettyuseful.records import WholeNumber
from prettyuseful.steps.balance import assign_blocks


@dataclass(frozen=True)
class World:
    """Normally distributed features of two sides.

    Attributes:
        groups: number of groups on each side.
        size: images per group. Images of one group share half of their variance if there are several.
        width: number of dimensions.
        shift: difference of the means of the sides, in standard deviations of each dimension.
    """

    name: str
    groups: int
    size: int
    width: int
    shift: float

    def draw(self, rng: np.random.Generator, shift: float) -> np.ndarray:
        own = rng.normal(size=(self.groups, self.size, self.width))
        if self.size > 1:
            own = (own + rng.normal(size=(self.groups, 1, self.width))) / 2**0.5
        scales = 1 / np.sqrt(1 + np.arange(self.width))  # a few directions have most of the variance
        return np.asarray((own * scales + shift * scales + 1).reshape(-1, self.width))


WORLDS = (
    World("equal sides", 200, 1, 16, 0.0),
    World("sides apart", 200, 1, 16, 0.5),
    World("sides far apart", 200, 1, 16, 2.0),
    World("more values than images", 100, 1, 256, 0.5),
    World("50 groups of 4", 50, 4, 16, 0.5),
    World("few: 20 groups", 20, 1, 16, 0.5),
)
SET_METRICS = [metric for metric in METRICS if metric.per == "set"]


def coverage(world: World, metric: Metric, trials: int, seed: int = 0) -> float:
    """Return the share of intervals that contain the true value."""
    rng, intervals = np.random.default_rng(seed), []
    groups = np.repeat(np.arange(world.groups), world.size).astype(str)
    blocks = assign_blocks(np.zeros(len(groups)), groups, min(20, world.groups))
    for _ in range(trials):
        sets = [world.draw(rng, 0.0), world.draw(rng, world.shift)][: 1 if metric.reads == "synthetic" else 2]
        without = metric.leave_out_numbers(sets, [blocks] * len(sets))
        number = WholeNumber(value=metric.number(*sets), without=without.tolist())
        intervals.append(jackknife_interval(number, ""))
    truth = np.mean([interval.mean for interval in intervals])
    return float(np.mean([interval.low <= truth <= interval.high for interval in intervals]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    trials = parser.parse_args().trials
    print(f"| world | {' | '.join(metric.name for metric in SET_METRICS)} |\n|{' --- |' * (len(SET_METRICS) + 1)}")
    for world in WORLDS:
        shares = (f"{100 * coverage(world, metric, trials):.1f}" for metric in SET_METRICS)
        print(f"| {world.name} | {' | '.join(shares)} |", flush=True)


if __name__ == "__main__":
    main()
