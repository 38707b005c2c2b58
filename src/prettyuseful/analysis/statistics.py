"""Intervals. Seeds vary a training, groups of test images vary a test; an interval says which of them it covers.

Seeds and test groups are crossed: every seed is tested on every group. `docs/statistics.md` says what follows, with the
coverage that was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy import stats

from prettyuseful.engine.keys import derive_seed
from prettyuseful.records import GroupedParts, TransferResult

LEVEL = 0.95
MANY_SEEDS = 10
"""From so many training seeds on, a component of variance that comes out negative is taken at its word."""
SEEDS_FOR_A_TEST = 6
"""With fewer, flipping the signs of the seeds' differences has no outcome as rare as 1 in 20 (2 / 2**5 = 0.0625)."""
_EXACT_SEEDS, _DRAWS = 12, 9999
_ROUNDING = 1e-9
_ONE_DRAW = "given these training images, which were drawn once: generation was not redrawn"


@dataclass(frozen=True)
class Interval:
    """An estimate with its two-sided interval at `level`; `covers` says in words what could have come out otherwise.

    `error` is the standard error, `freedom` the degrees of freedom of its t (None where nothing varied). `seeds` are
    the estimates of each training seed by itself, `notes` what the interval does not say. Of differences, `p` is the
    two-sided p-value of zero by the same t, and `seed_p` that of a test on the seeds alone, if they are enough for one.
    """

    mean: float
    low: float
    high: float
    level: float
    covers: str
    error: float = 0.0
    freedom: float | None = None
    seeds: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    p: float | None = None
    seed_p: float | None = None

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Crossed:
    """How the `means` (K,) of K data sets vary: three covariance matrices (K, K) of those means.

    `groups`: over other test groups, of the mean over seeds. `seeds`: over other seeds, on these groups. Either holds
    all of `shared`, what a seed does with one group and not with another, so the variance is
    `groups + seeds - shared`. Degrees of freedom are at least 1 for groups and 0 for one seed.
    """

    means: np.ndarray
    groups: np.ndarray
    seeds: np.ndarray
    shared: np.ndarray
    group_freedom: float
    seed_freedom: int


def accuracy(tests: Sequence[TransferResult], level: float = LEVEL) -> Interval:
    """Top-1 accuracy of one cell: one test per training seed, all on the same images.

    Two-way components of variance (seeds, test groups within their class, and what they share) with Satterthwaite's
    degrees of freedom. Where the groups of each class all do the same, as where all is right, nothing varies, and
    Clopper-Pearson's bound on the groups takes their place.
    """
    rates = _rates(tests)
    found = _interval(rates, level)
    if found.freedom is None:
        found = _alike(found, len(rates.sizes), 0.0)
    return replace(found, low=max(0.0, found.low), high=min(1.0, found.high), notes=_notes(len(tests)))


def difference(a: Sequence[TransferResult], b: Sequence[TransferResult], level: float = LEVEL) -> Interval:
    """Accuracy of `a` minus accuracy of `b`, paired: same test images, same training seeds in the same order.

    `seed_p` flips the signs of the seeds' differences in all ways (from 13 seeds on, in 9999 drawn ways), and is there
    from six seeds on.

    Raises:
        ValueError: the two were not tested on the same groups with equally many seeds.
    """
    first, second = _rates(a), _rates(b)
    if len(a) != len(b) or not np.array_equal(first.sizes, second.sizes) or a[0].groups != b[0].groups:
        raise ValueError("paired differences need the same test groups and equally many seeds")
    found = _interval(_Rates(first.sums - second.sums, first.sizes, first.classes), level)
    if found.freedom is None:
        p = min(1.0, 2 * 0.5 ** len(first.sizes)) if found.mean else 1.0  # groups that all agree: their sign test
        found = _alike(found, len(first.sizes), -1.0)
    else:
        p = float(2 * stats.t.sf(abs(found.mean) / found.error, found.freedom))
    seed_p = sign_flip_p(found.seeds) if len(a) >= SEEDS_FOR_A_TEST else None
    return replace(found, notes=_notes(len(a)), p=p, seed_p=seed_p)


def grouped_mean(classes: Sequence[GroupedParts], covers: str, level: float = LEVEL) -> Interval:
    """Mean over classes of the mean over images, with whole groups resampled."""
    return replace(_interval(_grouped_rates(classes), level), covers=covers, seeds=())


def grouped_difference(a: Sequence[GroupedParts], b: Sequence[GroupedParts], covers: str) -> Interval | None:
    """Paired difference of two grouped means on the same groups; None if the groups are not the same."""
    if [part.groups for part in a] != [part.groups for part in b]:
        return None
    first, second = _grouped_rates(a), _grouped_rates(b)
    found = _interval(_Rates(first.sums - second.sums, first.sizes, first.classes), LEVEL)
    return replace(found, covers=covers, seeds=())


def crossed(tests: Sequence[Sequence[TransferResult]]) -> Crossed:
    """How the accuracies of K data sets vary together: `tests[k]` has one test per seed, on the same groups for all.

    Every data set and seed meets the same groups, so the covariances carry what is hard for all of them.

    Raises:
        ValueError: not all were tested on the same groups with equally many seeds.
    """
    if len({(len(of_one), *of_one[0].groups, *of_one[0].group_sizes) for of_one in tests}) != 1:
        raise ValueError("what is compared needs the same test groups and equally many seeds")
    rates = [_rates(of_one) for of_one in tests]
    return _crossed(np.stack([of_one.sums for of_one in rates]), rates[0].sizes, rates[0].classes)


def joint_draws(found: Crossed, rng: np.random.Generator, count: int) -> np.ndarray:
    """(count, K) means as they might have come out: one draw has the same groups and seeds for every data set."""
    drawn = found.means + _t_draws(rng, count, found.groups, found.group_freedom)
    if found.seed_freedom:
        drawn = drawn + _t_draws(rng, count, found.seeds - found.shared, found.seed_freedom)
    return np.asarray(drawn)


def sign_flip_p(differences: Sequence[float]) -> float:
    """Two-sided p-value of a mean of zero for (N,) differences that are as likely to come out with the other sign.

    Exact up to 12 of them; beyond, 9999 draws (always the same) with the observed one among them.
    """
    values = np.asarray(differences, float)
    if len(values) <= _EXACT_SEEDS:
        signs = np.array(list(product((1, -1), repeat=len(values))))
    else:
        drawn = np.random.default_rng(derive_seed("sign flips")).choice((1, -1), (_DRAWS, len(values)))
        signs = np.vstack([np.ones(len(values)), drawn])
    sums = np.abs(signs @ values)
    return float((sums >= sums[0] * (1 - _ROUNDING)).mean())


@dataclass(frozen=True)
class _Rates:
    """`sums` (seeds, groups) over `sizes` (groups,); `classes` (groups,) says which class a group belongs to."""

    sums: np.ndarray
    sizes: np.ndarray
    classes: np.ndarray


def _grouped_rates(classes: Sequence[GroupedParts]) -> _Rates:
    # Each class counts the same, however many images it has.
    totals = [sum(part.sizes) for part in classes]
    return _Rates(
        np.concatenate([np.array(part.sums) / n for part, n in zip(classes, totals, strict=True)])[None, :],
        np.concatenate([np.array(part.sizes) / n for part, n in zip(classes, totals, strict=True)]),
        np.repeat(np.arange(len(classes)), [len(part.sizes) for part in classes]),
    )


def _rates(tests: Sequence[TransferResult]) -> _Rates:
    return _Rates(
        np.array([test.group_correct for test in tests], float),
        np.array(tests[0].group_sizes, float),
        np.array(tests[0].group_labels),
    )


def _interval(rates: _Rates, level: float) -> Interval:
    found = _crossed(rates.sums[None], rates.sizes, rates.classes)
    per_seed = rates.sums.sum(axis=1) / rates.sizes.sum()
    seeds, mean = len(per_seed), float(found.means[0])
    covers = f"{seeds} training seeds and the choice of test images" if seeds > 1 else "the choice of test images"
    if np.unique(rates.classes, return_counts=True)[1].min() == 1:
        covers += ", but for classes whose test images have one source"
    variance, freedom = variance_of(found)
    told = tuple(per_seed.tolist())
    error = variance**0.5
    if error < _ROUNDING:  # sums of equal terms differ in the last bits
        return Interval(mean, mean, mean, level, covers, seeds=told)
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * error
    return Interval(mean, mean - half, mean + half, level, covers, error, freedom, told)


def variance_of(found: Crossed) -> tuple[float, float]:
    """The variance of one mean (K = 1) and its degrees of freedom, at least 1.

    A seeds' component below zero counts as zero, or what few seeds agree in by luck would make the interval narrower
    than the test images alone allow. With ten seeds that is too careful (97-98 % where seeds do not matter); the
    estimate is then left as it is, unbiased, but never below the smaller of its two parts.
    """
    groups, seeds, shared = (float(part[0, 0]) for part in (found.groups, found.seeds, found.shared))
    of_groups, of_seeds = (groups, found.group_freedom), (seeds, float(found.seed_freedom))
    variance, least = groups + seeds - shared, min(groups, seeds)
    if seeds <= shared and found.seed_freedom + 1 < MANY_SEEDS:
        variance, freedom = of_groups
    elif variance <= least:
        variance, freedom = min(of_groups, of_seeds)
    else:
        spread = groups**2 / found.group_freedom + seeds**2 / found.seed_freedom
        freedom = variance**2 / (spread + shared**2 / (found.group_freedom * found.seed_freedom))
    return variance, max(1.0, freedom)


def _crossed(sums: np.ndarray, sizes: np.ndarray, classes: np.ndarray) -> Crossed:
    """`sums` (K, seeds, groups); the ratio of sums to `sizes` is taken as linear in the groups' weights."""
    order = np.argsort(classes, kind="stable")
    sums, sizes = sums[..., order], sizes[order]
    _, starts, index, counts = np.unique(classes[order], return_index=True, return_inverse=True, return_counts=True)
    total, seeds = sizes.sum(), sums.shape[1]

    def by_class(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.add.reduceat(values, starts, axis=-1))

    # What each group adds to the mean beyond its class's rate; classes themselves are not drawn.
    beyond = (sums - (by_class(sums) / by_class(sizes))[..., index] * sizes) / total
    # n residuals around their own mean vary by (n - 1) / n of what n groups do; a lone group cannot vary.
    stretch = np.where(counts > 1, counts / np.maximum(counts - 1, 1), 0.0)[index]
    shared_by_all = beyond.mean(axis=1)
    of_groups = (shared_by_all * stretch) @ shared_by_all.T
    of_class = by_class((shared_by_all**2).sum(axis=0) * stretch)
    means = sums.sum(axis=2) / total
    of_seeds = shared = np.zeros_like(of_groups)
    if seeds > 1:
        away = means - means.mean(axis=1, keepdims=True)
        of_seeds = away @ away.T / (seeds * (seeds - 1))
        rest = beyond - shared_by_all[:, None]
        flat = rest.reshape(len(rest), -1)
        shared = (rest * stretch).reshape(len(rest), -1) @ flat.T / (seeds * (seeds - 1))
    return Crossed(
        means=means.mean(axis=1),
        groups=of_groups,
        seeds=of_seeds,
        shared=shared,
        group_freedom=_group_freedom(of_class, counts),
        seed_freedom=seeds - 1,
    )


def _group_freedom(variances: np.ndarray, counts: np.ndarray) -> float:
    """Degrees of freedom of a sum of (C,) variances, each from `counts` groups of a class; at least 1.

    Satterthwaite's ratio of estimates comes out low where classes have few groups: two groups each, and intervals are
    1.4 times as wide as they need be. Welch's form of it (Biometrika 34, 1947) does not; pooling the classes, as if
    they varied equally, is the most there can be.
    """
    spread = float((variances**2 / (counts + 1)).sum())
    own = float(variances.sum()) ** 2 / spread - 2 if spread else 1.0
    return max(1.0, min(own, float((counts - 1).sum())))


def _t_draws(rng: np.random.Generator, count: int, covariance: np.ndarray, freedom: float) -> np.ndarray:
    """Draws of a multivariate t with this scale, (count, K); directions of negative variance do not vary."""
    values, vectors = np.linalg.eigh(covariance)
    normal = rng.standard_normal((count, len(values))) @ (vectors * np.maximum(values, 0.0) ** 0.5).T
    return np.asarray(normal * (freedom / rng.chisquare(freedom, count))[:, None] ** 0.5)


def _alike(found: Interval, groups: int, worst: float) -> Interval:
    """For groups that all do the same: what if as large a share of others as they allow did the worst or the best?"""
    other = 1 - ((1 - found.level) / 2) ** (1 / groups)
    return replace(found, low=found.mean * (1 - other) + worst * other, high=found.mean * (1 - other) + other)


def _notes(seeds: int) -> tuple[str, ...]:
    if seeds == 1:
        told = "one training seed: nothing says how much another training would differ"
    elif seeds < SEEDS_FOR_A_TEST:
        told = f"{seeds} training seeds: no seed-level test is possible with fewer than {SEEDS_FOR_A_TEST}"
    elif seeds < MANY_SEEDS:
        told = f"{seeds} training seeds: fewer than {MANY_SEEDS}, so look at each of them"
    else:
        told = f"{seeds} training seeds"
    return told, _ONE_DRAW
