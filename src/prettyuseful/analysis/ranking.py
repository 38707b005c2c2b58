"""The ranking of data sets by accuracy, with confidence ranges of ranks and multiplicity-corrected comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from prettyuseful.analysis.statistics import LEVEL, Crossed, Interval, crossed, difference, joint_draws
from prettyuseful.engine.keys import derive_seed
from prettyuseful.records import TransferResult

_DRAWS = 20_000


@dataclass(frozen=True)
class Pair:
    """The accuracy of data set `a`, which has the larger mean, minus that of data set `b`.

    `interval` holds for this pair alone; `simultaneous` is Bonferroni-corrected over all pairs. `p` is Holm-adjusted
    over all pairs in both directions: with probability 95%, every pair with p of at most 0.05 is in the right order.
    """

    a: str
    b: str
    interval: Interval
    simultaneous: Interval
    p: float


@dataclass(frozen=True)
class RankRange:
    """A data set in the ranking. `mean` is its accuracy; `rank` is 1 for the best mean.

    `low` to `high` is the confidence range of its rank; the ranges of all data sets hold simultaneously.
    `rank_probabilities[i]` is the probability of rank i + 1, estimated from joint draws of all means.
    """

    name: str
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


def rank_datasets(tests: Mapping[str, Sequence[TransferResult]], level: float = LEVEL) -> Ranking:
    """Rank data sets by accuracy.

    The best rank of a data set is 1 + the number of data sets that are significantly better, Holm-adjusted over all
    pairs and both directions (Mogstad, Romano, Shaikh and Wilhelm, Review of Economic Studies 2024). Rank probabilities
    come from joint draws of all means: each draw uses the same test groups and training seeds for every data set. The
    draws are deterministic.

    Args:
        tests: by data set, one test per training seed; the seeds have the same order for all data sets.
        level: confidence level of the intervals and rank ranges.

    Raises:
        ValueError: `tests` is empty, or the data sets differ in test groups or in the number of seeds.
    """
    covariances = crossed(list(tests.values()))
    order = np.argsort(-covariances.means, kind="stable")
    names = [list(tests)[i] for i in order]
    name_pairs = list(combinations(names, 2))
    intervals = [difference(tests[a], tests[b], level) for a, b in name_pairs]
    simultaneous_level = 1 - (1 - level) / max(1, len(name_pairs))
    simultaneous = [difference(tests[a], tests[b], simultaneous_level) for a, b in name_pairs]
    one_sided = [(interval.p or 0.0) / 2 for interval in intervals]
    adjusted = holm([*one_sided, *(1 - p for p in one_sided)])[: len(name_pairs)]
    pairs = [
        Pair(a, b, interval, wide_interval, p)
        for (a, b), interval, wide_interval, p in zip(name_pairs, intervals, simultaneous, adjusted, strict=True)
    ]
    significant = [pair for pair in pairs if pair.p <= 1 - level]
    probabilities = _rank_probabilities(covariances)[order]
    rank_ranges = [
        RankRange(
            name=name,
            mean=float(covariances.means[i]),
            rank=rank,
            low=1 + sum(pair.b == name for pair in significant),
            high=len(names) - sum(pair.a == name for pair in significant),
            rank_probabilities=tuple(row.tolist()),
        )
        for rank, (name, i, row) in enumerate(zip(names, order, probabilities, strict=True), start=1)
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


def _rank_probabilities(covariances: Crossed) -> np.ndarray:
    """Return a (K, K) array whose entry [k, i] is the probability that data set k has rank i + 1."""
    rng, k = np.random.default_rng(derive_seed("ranking")), len(covariances.means)
    drawn = joint_draws(covariances, rng, _DRAWS)
    tie_breaks = rng.random(drawn.shape)
    ranks = np.argsort(np.lexsort((tie_breaks, -drawn), axis=1), axis=1)
    return np.stack([np.bincount(column, minlength=k) for column in ranks.T]) / _DRAWS
