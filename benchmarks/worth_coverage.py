"""Measure how often the interval of effective real images contains the truth: `python benchmarks/worth_coverage.py`.

A curve of real images and a generated data set are simulated in the worlds of `simulation.py`. The mean logit rises
with the logarithm of the number of real images. Each training seed of a point has another draw of real images, whose
luck is a part of the effects of seeds: it doubles them where there are fewest images, and vanishes where there are
most. The true number is found on the true curve by the same interpolation between its points. All numbers are
percentages.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import product
from multiprocessing import Pool
from typing import Any

import numpy as np
from simulation import WORLDS, World

from prettyuseful.analysis.effective import EffectiveReal, effective_real_images, invert_curve
from prettyuseful.engine.keys import derive_seed

SIZES = (5, 20, 60, 200)
_RISE = 0.5  # of the logit, where the number of real images is multiplied by e
_PLACES = {"at the lower end": 9.0, "in the middle": 35.0, "at the upper end": 150.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 5])
    parser.add_argument("--worlds", nargs="+", choices=list(WORLDS), default=list(WORLDS))
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    cells = [(*cell, options.trials) for cell in product(options.worlds, _PLACES, options.seeds)]
    results = []
    with Pool(options.processes) as pool:
        for result in pool.imap(measure, cells):
            results.append(result)
            print(
                f"{result['world']:44} {result['place']:18} {result['seeds']:3} held {result['held']:5.1f}, "
                f"open {result['open']:5.1f}, median ratio of its ends {result['ratio']}",
                file=sys.stderr,
                flush=True,
            )
    print(json.dumps({"trials": options.trials, "sizes": SIZES, "results": results}, indent=1))


def measure(cell: tuple[str, str, int, int]) -> dict[str, Any]:
    """Return the percentage of intervals that contain the truth, and of those with an open end."""
    name, place, seeds, trials = cell
    world, rng = WORLDS[name], np.random.default_rng(derive_seed("worth", *cell))
    shifts = [_RISE * float(np.log(n / _PLACES["in the middle"])) for n in (*SIZES, _PLACES[place])]
    scales = [*np.linspace(2.0, 1.0, len(SIZES)).tolist(), 1.0]
    truth = true_number(world, shifts, scales)
    held, open_ended, ratios = 0, 0, []
    for _ in range(trials):
        model = world.model(world.counts(rng, shifts, scales, seeds))
        found = effective_real_images(model, dict(zip(map(float, SIZES), range(len(SIZES)), strict=True)), len(SIZES))
        held += contains(found, truth)
        open_ended += found.low is None or found.high is None
        if found.low is not None and found.high is not None:
            ratios.append(found.high / found.low)
    percent = {"held": 100 * held / trials, "open": 100 * open_ended / trials}
    ratio = round(float(np.median(ratios)), 2) if ratios else None
    return {"world": name, "place": place, "seeds": seeds, "truth": round(truth, 1), **percent, "ratio": ratio}


def true_number(world: World, shifts: list[float], scales: list[float]) -> float:
    accuracies = [world.truth(shift, scale) for shift, scale in zip(shifts, scales, strict=True)]
    return float(invert_curve(SIZES, np.array(accuracies))[0])


def contains(found: EffectiveReal, truth: float) -> bool:
    return (found.low is None or found.low <= truth) and (found.high is None or truth <= found.high)


if __name__ == "__main__":
    main()
