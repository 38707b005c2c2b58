"""Which data set is best, how sure is the order, and what looking at many pairs costs."""

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
    """Data set `a`, which has the larger mean, minus data set `b`.

    `alone` is the interval of a comparison that stands for itself. `together` is wider, so that those of all pairs hold
    at once (Bonferroni). `p` is Holm's, over all pairs in both directions: the pairs with p of at most 0.05 are in the
    right order, all of them, in 95 % of cases.
    """

    a: str
    b: str
    alone: Interval
    together: Interval
    p: float


@dataclass(frozen=True)
class Place:
    """A data set in the ranking. `mean` is its accuracy, `rank` 1 for the best mean.

    `low` to `high` are the ranks that it can have; those of all data sets hold at once. `chances[i]` is the probability
    of rank i + 1, given what was seen.
    """

    name: str
    mean: float
    rank: int
    low: int
    high: int
    chances: tuple[float, ...]


@dataclass(frozen=True)
class Ranking:
    """Data sets from the best mean to the worst, and every pair of them."""

    places: tuple[Place, ...]
    pairs: tuple[Pair, ...]
    level: float


def ranking(tests: Mapping[str, Sequence[TransferResult]], level: float = LEVEL) -> Ranking:
    """Ranks data sets by accuracy: `tests[name]` has one test per training seed, in the same order of seeds for all.

    Ranks are known as far as pairs are: a data set's best rank is 1 + the number of data sets that are clearly better
    (Holm over all pairs and both directions; Mogstad, Romano, Shaikh and Wilhelm, Review of Economic Studies 2024).
    Chances come from the joint distribution of all differences, in which one draw has the same test groups and the same
    seeds for every data set. Always the same draws.

    Raises:
        ValueError: not all were tested on the same groups with equally many seeds, or there is none.
    """
    found = crossed(list(tests.values()))
    order = np.argsort(-found.means, kind="stable")
    names = [list(tests)[i] for i in order]
    paired = list(combinations(names, 2))
    alone = [difference(tests[a], tests[b], level) for a, b in paired]
    at_once = 1 - (1 - level) / max(1, len(paired))
    together = [difference(tests[a], tests[b], at_once) for a, b in paired]
    one_sided = [(of_pair.p or 0.0) / 2 for of_pair in alone]
    adjusted = holm([*one_sided, *(1 - p for p in one_sided)])[: len(paired)]
    pairs = [
        Pair(a, b, one, of_all, p) for (a, b), one, of_all, p in zip(paired, alone, together, adjusted, strict=True)
    ]
    clear = [pair for pair in pairs if pair.p <= 1 - level]
    chances = _chances(found)[order]
    places = [
        Place(
            name=name,
            mean=float(found.means[i]),
            rank=rank,
            low=1 + sum(pair.b == name for pair in clear),
            high=len(names) - sum(pair.a == name for pair in clear),
            chances=tuple(of_one.tolist()),
        )
        for rank, (name, i, of_one) in enumerate(zip(names, order, chances, strict=True), start=1)
    ]
    return Ranking(tuple(places), tuple(pairs), level)


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Holm's adjusted p-values of (N,) p-values, in their order: any that stays below 0.05 does so at 5 % for all.

    Holm, Scandinavian Journal of Statistics 6 (1979). Holds however the tests depend on each other.
    """
    values = np.asarray(p, float)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * (len(values) - np.arange(len(values)))))
    return tuple(adjusted.tolist())


def _chances(found: Crossed) -> np.ndarray:
    """(K, K): the probability that data set k has rank i + 1."""
    rng, k = np.random.default_rng(derive_seed("ranking")), len(found.means)
    drawn = joint_draws(found, rng, _DRAWS)
    lots = rng.random(drawn.shape)  # decide between equals
    ranks = np.argsort(np.lexsort((lots, -drawn), axis=1), axis=1)
    return np.stack([np.bincount(of_one, minlength=k) for of_one in ranks.T]) / _DRAWS
