"""Measure how often the statements of a report hold: `python benchmarks/interval_coverage.py` prints a table.

Worlds with known truth are in `simulation.py`. For each world, number of data sets and number of training seeds:

- how often the 95% intervals of accuracies and of paired differences contain the truth;
- how often p-values of one difference are at most 0.005 and 0.001 although all data sets are equal;
- how often any pair of equal data sets differs clearly after Holm's correction;
- the width of the intervals, and that of the former method (A + B - C with Satterthwaite's degrees of freedom, seeds of
  the pair alone, images of one source split by class), as a ratio of medians.

All numbers are percentages of the trials.
"""

from __future__ import annotations

import json
import sys
from itertools import combinations
from multiprocessing import Pool
from typing import Any

import numpy as np
from scipy import stats
from simulation import WORLDS, World, parse_cells

from prettyuseful.analysis.ranking import holm
from prettyuseful.analysis.statistics import Interval
from prettyuseful.engine.keys import derive_seed

LEVEL, TAILS = 0.95, (0.005, 0.001)
_FORMER_TRIALS = 200


def main() -> None:
    cells, options = parse_cells(__doc__.splitlines()[0], WORLDS, [2, 5, 10])
    print(f"{'world':44} sets seeds  accuracy difference  p<.005 p<.001  any pair  width", file=sys.stderr)
    results = []
    with Pool(options.processes) as pool:
        for result in pool.imap(measure, cells):
            results.append(result)
            print(line(result), file=sys.stderr, flush=True)
    print(json.dumps({"trials": options.trials, "results": results}, indent=1))


def measure(cell: tuple[str, int, int, int]) -> dict[str, Any]:
    """Return the percentages of one cell."""
    name, datasets, seeds, trials = cell
    world, rng = WORLDS[name], np.random.default_rng(derive_seed("coverage", *cell))
    shifts, scales = [0.0] * datasets, [1.0] * (datasets - 1) + [world.unstable]
    truths = [world.truth(scale=scale) for scale in scales]
    pairs = list(combinations(range(datasets), 2))
    counted = {"accuracy": 0.0, "difference": 0.0, "any": 0.0, **{str(tail): 0.0 for tail in TAILS}}
    widths: list[float] = []
    former: list[float] = []
    for trial in range(trials):
        counts = world.counts(rng, shifts, scales, seeds)
        model = world.model(counts)
        counted["accuracy"] += _share(contains(model.accuracy(k), truths[k]) for k in range(datasets))
        intervals = [model.difference(a, b) for a, b in pairs]
        kept = [interval for interval in intervals if interval is not None]
        true = [truths[a] - truths[b] for a, b in pairs]
        counted["difference"] += _share(contains(i, t) for i, t in zip(kept, true, strict=True))
        p = [interval.p or 0.0 for interval in kept]
        equal = [value for value, difference in zip(p, true, strict=True) if difference == 0]
        for tail in TAILS:
            counted[str(tail)] += _share(value <= tail for value in equal)
        adjusted = [value for value, difference in zip(holm(p), true, strict=True) if difference == 0]
        counted["any"] += any(value <= 1 - LEVEL for value in adjusted)
        if trial < _FORMER_TRIALS:
            widths.append(float(np.median([interval.high - interval.low for interval in kept])))
            former.append(float(np.median([2 * former_half_width(world, counts[a] - counts[b]) for a, b in pairs])))
    percent = {key: round(100 * value / trials, 2) for key, value in counted.items()}
    ratio = round(float(np.median(widths) / np.median(former)), 2)
    return {"world": name, "datasets": datasets, "seeds": seeds, **percent, "width": ratio}


def line(result: dict[str, Any]) -> str:
    return (
        f"{result['world']:44} {result['datasets']:4} {result['seeds']:5} {result['accuracy']:9.1f} "
        f"{result['difference']:10.1f} {result['0.005']:7.2f} {result['0.001']:6.2f} {result['any']:9.1f} "
        f"{result['width']:6.2f}"
    )


def contains(interval: Interval, truth: float) -> bool:
    return interval.low - 1e-12 <= truth <= interval.high + 1e-12


def former_half_width(world: World, counts: np.ndarray) -> float:
    """Return half the width of the former 95% interval of a mean from counts (S, rows)."""
    clusters = world.split_clusters
    means, seeds = clusters.means(counts), len(counts)
    variation = clusters.variation(clusters.residuals(counts))
    of_seeds = float(means.var(ddof=1) / seeds)
    variance = variation.sources + of_seeds - variation.shared
    if of_seeds <= variation.shared and seeds < 10:
        variance, dof = variation.sources, variation.dof
    elif variance <= min(variation.sources, of_seeds):
        variance, dof = min((variation.sources, variation.dof), (of_seeds, seeds - 1.0))
    else:
        dof = variance**2 / (variation.sources**2 / variation.dof + of_seeds**2 / (seeds - 1))
    return float(stats.t.ppf((1 + LEVEL) / 2, max(1.0, dof)) * max(variance, 0.0) ** 0.5)


def _share(holds: Any) -> float:
    values = list(holds)
    return sum(values) / len(values) if values else 0.0


if __name__ == "__main__":
    main()
