"""Compare predicted with simulated power: `python benchmarks/power.py` prints one line per world and difference.

The worlds are those of `simulation.py`, and some with normal accuracies. In each, two of several data sets are
compared. The true differences are those that are predicted to be found with 40 and 80% power. Columns, in percent:

- `predicted`: by `analysis.power` from the true variances, which are means over all trials.
- `simulated`: trials whose interval excludes zero on the right side, with its standard error.
- `from one study`: predictions from the variances that each of 50 trials estimates itself: their median, and the 10%
  and 90% quantiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from multiprocessing import Pool

import numpy as np
from simulation import WORLDS, World, nested, parse_cells

from prettyuseful.analysis.power import Variances
from prettyuseful.analysis.statistics import Interval
from prettyuseful.engine.keys import derive_seed

LEVELS, POWERS = (0.95, 0.995), (0.4, 0.8)
ESTIMATED_TRIALS = 50
_ROUGH_TRIALS, _IMAGES, _MOST = 200, 10**6, 0.5


@dataclass(frozen=True)
class NormalWorld(World):
    """Accuracies of sources are normal: the assumptions of the prediction hold. Standard deviations are accuracies."""

    def truth(self, shift: float = 0.0, scale: float = 1.0) -> float:  # noqa: ARG002
        return 0.5 + shift

    def counts(
        self, rng: np.random.Generator, shifts: Sequence[float], scales: Sequence[float], seeds: int
    ) -> np.ndarray:
        datasets, groups, scale = len(shifts), len(self.rows[2]), np.array(scales)[:, None, None]
        rates = 0.5 + np.array(shifts)[:, None, None] + self.of_sources * rng.standard_normal((datasets, 1, groups))
        rates = rates + scale * self.of_seeds * rng.standard_normal((datasets, seeds, 1))
        rates = rates + self.of_both * rng.standard_normal((datasets, seeds, groups))
        return np.asarray(np.rint(np.clip(rates, 0, 1) * self.rows[2]))


def _normal(sources: int, of_sources: float, of_seeds: float, of_both: float) -> NormalWorld:
    layout = nested(8, (sources, sources), (_IMAGES, _IMAGES))
    return NormalWorld(layout, of_sources=of_sources, of_seeds=of_seeds, of_both=of_both)


ALL_WORLDS: dict[str, World] = {
    **WORLDS,
    "normal, all vary": _normal(12, 0.08, 0.012, 0.05),
    "normal, seeds matter most": _normal(12, 0.02, 0.02, 0.02),
    "normal, two sources per class": _normal(2, 0.08, 0.005, 0.05),
}


@dataclass(frozen=True)
class Trial:
    """The interval of the difference of the first and the last data set in one trial, and its variances.

    `groups`, `seeds` and `shared` are the variances as estimated from this difference alone, without limits: their
    means over trials are the true variances. `prior`: the mean variance over seeds of the differences of all pairs.
    """

    interval: Interval
    variances: Variances
    groups: float
    seeds: float
    shared: float
    prior: float


@dataclass(frozen=True)
class Case:
    """Several data sets in a world. The mean logit of all but the first one is lower by `gap`."""

    world: World
    datasets: int
    seeds: int
    gap: float = 0.0

    @property
    def difference(self) -> float:
        """The true difference of the first and the last data set, whose seeds vary most."""
        return self.world.truth() - self.world.truth(-self.gap, self.world.unstable)

    def with_difference(self, difference: float) -> Case:
        low, high = -8.0, 8.0
        for _ in range(30):
            middle = (low + high) / 2
            if replace(self, gap=middle).difference < difference:
                low = middle
            else:
                high = middle
        return replace(self, gap=high)

    def trial(self, rng: np.random.Generator) -> Trial | None:
        """Return None if nothing varies."""
        last = self.datasets - 1
        shifts, scales = (0.0, *[-self.gap] * last), (*[1.0] * last, self.world.unstable)
        model = self.world.model(self.world.counts(rng, shifts, scales, self.seeds))
        interval = model.difference(0, last)
        variances = Variances.of(interval) if interval else None
        if interval is None or variances is None:
            return None
        variation = model.clusters.variation(model.datasets[0].residuals - model.datasets[last].residuals)
        means = [model.datasets[number].means for number in range(self.datasets)]
        of_pairs = [float(np.var(a - b, ddof=1)) / self.seeds for a, b in combinations(means, 2)]
        of_seeds, groups = of_pairs[last - 1], variation.sources - variation.shared
        return Trial(interval, variances, groups, of_seeds, variation.shared, float(np.mean(of_pairs)))

    def trials(self, count: int) -> list[Trial]:
        rng = np.random.default_rng(derive_seed("power"))
        found = (self.trial(rng) for _ in range(count))
        return [one for one in found if one is not None]


def mean_variances(found: Sequence[Trial], datasets: int) -> Variances:
    """Return the mean of each variance over trials: the estimates are unbiased.

    Degrees of freedom over groups are estimated, too. Their harmonic mean is used, because quantiles of Student's t are
    about linear in their reciprocal.
    """

    def mean(name: str) -> float:
        return float(np.mean([getattr(one, name) for one in found]))

    sizes = found[0].variances.sizes
    own_dof, others_dof = sizes.seeds - 1, (datasets - 2) * (sizes.seeds - 1)
    ratio = (mean("prior") / mean("seeds") * (own_dof + others_dof) - own_dof) / (others_dof or 1)
    return Variances(
        sizes,
        groups=max(mean("groups"), 0.0),
        group_dof=1 / float(np.mean([1 / one.variances.group_dof for one in found])),
        seeds=mean("seeds"),
        shared=mean("shared"),
        prior_dof=found[0].variances.prior_dof,
        others=max(ratio, 0.0),
        others_dof=others_dof,
    )


def compare(
    case: Case, count: int, levels: Sequence[float] = LEVELS, powers: Sequence[float] = POWERS
) -> Iterator[dict[str, float]]:
    """Yield predicted and simulated power for each level and difference; differences above 50 points are left out."""
    rough = mean_variances(case.trials(_ROUGH_TRIALS), case.datasets)
    for level in levels:
        for power in powers:
            difference = rough.detectable(level, power)
            if difference is None or difference > _MOST:
                continue
            changed = case.with_difference(difference)
            difference = changed.difference
            repeated = changed.trials(count)
            predicted = mean_variances(repeated, case.datasets).power(difference, level)
            found = float(np.mean([one.interval.at(level).low > 0 for one in repeated]))
            own = [one.variances.power(difference, level) for one in repeated[:ESTIMATED_TRIALS]]
            yield {
                "level": 100 * level,
                "points": 100 * difference,
                "predicted": 100 * predicted,
                "simulated": 100 * found,
                "error": 100 * (found * (1 - found) / count) ** 0.5,
                **{f"q{q}": 100 * float(np.quantile(own, q / 100)) for q in (10, 50, 90)},
            }


def measure(cell: tuple[str, int, int, int]) -> tuple[tuple[str, int, int, int], list[dict[str, float]]]:
    name, datasets, seeds, count = cell
    return cell, list(compare(Case(ALL_WORLDS[name], datasets, seeds), count))


def main() -> None:
    cells, options = parse_cells(__doc__.splitlines()[0], ALL_WORLDS, [2, 5])
    print(f"{'world':44} sets seeds level points  predicted simulated  error   from one study")
    furthest = 0.0
    with Pool(options.processes) as pool:
        for (name, datasets, seeds, _), lines in pool.imap(measure, cells):
            for line in lines:
                furthest = max(furthest, abs(line["predicted"] - line["simulated"]))
                print(
                    f"{name:44} {datasets:4} {seeds:5} {line['level']:5.1f} {line['points']:6.2f} "
                    f"{line['predicted']:10.1f} {line['simulated']:9.1f} {line['error']:6.1f}   "
                    f"{line['q50']:4.0f} [{line['q10']:.0f}, {line['q90']:.0f}]",
                    flush=True,
                )
    print(f"largest distance of predicted and simulated power: {furthest:.1f} points")


if __name__ == "__main__":
    main()
