"""The ranking of data sets by accuracy, with confidence ranges of ranks and multiplicity-corrected comparisons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from prettyuseful.analysis.statistics import LEVEL, CellModel, Interval
from prettyuseful.engine.keys import derive_seed

_DRAWS = 20_000


@dataclass(frozen=True)
class Pair:
    """The accuracy of data set `a`, which has the larger mean, minus that of data set `b`.

    `interval` holds for this pair alone; `simultaneous` is Bonferroni-corrected over all pairs. `p` is Holm-adjusted
    over all pairs in both directions: with probability 95%, every pair with p of at most 0.05 is in the right order.
    """

    a: Any
    b: Any
    interval: Interval
    simultaneous: Interval
    p: float


@dataclass(frozen=True)
class RankRange:
    """A data set in the ranking. `mean` is its accuracy; `rank` is 1 for the best mean.

    `low` to `high` is the confidence range of its rank; the ranges of all data sets hold simultaneously.
    `rank_probabilities[i]` is the probability of rank i + 1, estimated from joint draws of all means.
    """

    name: Any
    mean: float
    rank: int
    low: int
    high: int
    rank_probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Ranking:
    """The rank ranges from the best mean to the worst, and all pairs of data sets."""

    rank_ranges: tuple[RankRange, ...]
    pairs: tuple[Pair, ...]
    level: float


def rank_datasets(model: CellModel, names: Sequence[Any], level: float = LEVEL) -> Ranking:
    """Rank data sets of a grid cell by accuracy.

    The best rank of a data set is 1 + the number of data sets that are significantly better, Holm-adjusted over all
    pairs and both directions (Mogstad, Romano, Shaikh and Wilhelm, Review of Economic Studies 2024). Rank probabilities
    come from joint draws of all means. The draws are deterministic.

    Args:
        model: of the cell, see `statistics.fit`.
        names: data sets to rank; pairs that share no training seed are not compared.
        level: confidence level of the intervals and rank ranges.

    Raises:
        ValueError: there are no names.
    """
    if not names:
        raise ValueError("a ranking needs at least one data set")
    drawn = model.draws(names, np.random.default_rng(derive_seed("ranking")), _DRAWS)
    means = {name: model.accuracy(name).mean for name in names}
    ranked = sorted(names, key=lambda name: -means[name])
    compared = {(a, b): d for a, b in combinations(ranked, 2) if (d := model.difference(a, b, level))}
    simultaneous_level = 1 - (1 - level) / max(1, len(compared))
    one_sided = [_one_sided(interval) for interval in compared.values()]
    adjusted = holm([*one_sided, *(1 - p for p in one_sided)])[: len(compared)]
    pairs = [
        Pair(a, b, interval, interval.at(simultaneous_level), p)
        for ((a, b), interval), p in zip(compared.items(), adjusted, strict=True)
    ]
    significant = [pair for pair in pairs if pair.p <= 1 - level]
    probabilities = dict(zip(names, _rank_probabilities(drawn), strict=True))
    better = [(pair.a, pair.b) if pair.interval.mean >= 0 else (pair.b, pair.a) for pair in significant]
    rank_ranges = [
        RankRange(
            name=name,
            mean=means[name],
            rank=rank,
            low=1 + sum(worse == name for _, worse in better),
            high=len(names) - sum(best == name for best, _ in better),
            rank_probabilities=tuple(probabilities[name].tolist()),
        )
        for rank, name in enumerate(ranked, start=1)
    ]
    return Ranking(tuple(rank_ranges), tuple(pairs), level)


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Return the Holm-adjusted p-values of (N,) p-values, in the same order.

    They control the family-wise error rate under any dependence of the tests (Holm, Scandinavian Journal of Statistics
    6, 1979).
    """
    values = np.asarray(p, float)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * (len(values) - np.arange(len(values)))))
    return tuple(adjusted.tolist())


def holm_levels(p: Sequence[float], level: float = LEVEL) -> tuple[float, ...]:
    """Return the confidence levels (N,) at which Holm's procedure tests (N,) p-values, in the same order.

    An interval of its pair's level excludes zero exactly where the adjusted p-value is at most 1 - `level`.
    """
    values, alpha = np.asarray(p, float), 1 - level
    levels, remaining = np.empty(len(values)), len(values)
    for index in np.argsort(values, kind="stable"):
        levels[index] = 1 - alpha / remaining
        remaining -= bool(values[index] <= alpha / remaining)
    return tuple(levels.tolist())


def at_holm_levels(intervals: Sequence[Interval]) -> Iterator[tuple[Interval, float]]:
    """Yield each interval at the level at which Holm's procedure tests it, and its adjusted p-value.

    Args:
        intervals: of differences, with the p-values of no difference. Without one, nothing varied: it counts as 0.
    """
    p = [interval.p or 0.0 for interval in intervals]
    for interval, level, adjusted in zip(intervals, holm_levels(p), holm(p), strict=True):
        yield interval.at(level), adjusted


def _one_sided(interval: Interval) -> float:
    """Return the p-value of "not larger", from the two-sided one."""
    half = (interval.p or 0.0) / 2
    return half if interval.mean >= 0 else 1 - half


def _rank_probabilities(drawn: np.ndarray) -> np.ndarray:
    """Return a (K, K) array whose entry [k, i] is the probability that data set k has rank i + 1.

    Args:
        drawn: (draws, K) mean accuracies.
    """
    count = drawn.shape[1]
    tie_breaks = np.random.default_rng(derive_seed("ties")).random(drawn.shape)
    ranks = np.argsort(np.lexsort((tie_breaks, -drawn), axis=1), axis=1)
    return np.stack([np.bincount(column, minlength=count) for column in ranks.T]) / len(drawn)
