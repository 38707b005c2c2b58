"""How often the intervals of Fréchet distance, KID, CMMD and Vendi score hold: known worlds, redrawn many times.

Truth is what the number is on average over all redraws of equally many images: bias belongs to it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from prettyuseful.analysis.distribution import jackknife_interval
from prettyuseful.metrics import METRICS, Metric
from prettyuseful.records import WholeNumber
from prettyuseful.steps.balance import blocks


@dataclass(frozen=True)
class World:
    """Normal features: `groups` of `size` images on either side, `width` values, the sides `shift` apart in each.

    A group's images share half of their variance if there are several.
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
        scales = 1 / np.sqrt(1 + np.arange(self.width))  # features have few large directions
        return np.asarray((own * scales + shift * scales + 1).reshape(-1, self.width))


WORLDS = (
    World("equal sides", 200, 1, 16, 0.0),
    World("sides apart", 200, 1, 16, 0.5),
    World("sides far apart", 200, 1, 16, 2.0),
    World("more values than images", 100, 1, 256, 0.5),
    World("50 groups of 4", 50, 4, 16, 0.5),
    World("few: 20 groups", 20, 1, 16, 0.5),
)
OF_SETS = [metric for metric in METRICS if metric.per == "set"]


def share_held(world: World, metric: Metric, trials: int, seed: int = 0) -> float:
    """How often the interval held the truth."""
    rng, found = np.random.default_rng(seed), []
    groups = np.repeat(np.arange(world.groups), world.size).astype(str)
    dealt = blocks(np.zeros(len(groups)), groups, min(20, world.groups))
    for _ in range(trials):
        sets = [world.draw(rng, 0.0), world.draw(rng, world.shift)][: 1 if metric.reads == "synthetic" else 2]
        without = metric.numbers_without(sets, [dealt] * len(sets))
        number = WholeNumber(value=metric.number(*sets), without=without.tolist())
        found.append(jackknife_interval(number, ""))
    truth = np.mean([interval.mean for interval in found])
    return float(np.mean([interval.low <= truth <= interval.high for interval in found]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    trials = parser.parse_args().trials
    print(f"| world | {' | '.join(metric.name for metric in OF_SETS)} |\n|{' --- |' * (len(OF_SETS) + 1)}")
    for world in WORLDS:
        shares = (f"{100 * share_held(world, metric, trials):.1f}" for metric in OF_SETS)
        print(f"| {world.name} | {' | '.join(shares)} |", flush=True)


if __name__ == "__main__":
    main()
