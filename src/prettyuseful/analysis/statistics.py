"""Confidence intervals of accuracies, of their paired differences and of grouped means.

Results vary with the training seed and with the choice of test images, which are resampled in groups. Seeds and test
groups are crossed: every seed is tested on every group. Accuracy is the mean over classes, so every class has the same
weight, however many test images it has. `docs/concepts/statistics.md` explains the method and lists its
measured coverage. Each interval names the sources of variation that it covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from prettyuseful import student
from prettyuseful.engine.keys import derive_seed
from prettyuseful.records import GroupedParts, TransferResult

LEVEL = 0.95
MANY_SEEDS = 10
"""With at least this many training seeds, a negative estimate of a variance component is used as it is."""
SEEDS_FOR_A_TEST = 6
"""Fewer seeds cannot give a sign-flip p-value of 0.05 or less: with 5, the smallest is 2 / 2**5 = 0.0625."""
_EXACT_SEEDS, _DRAWS = 12, 9999
_PRIOR_GROUPS = 2
"""In unequal classes, the variance between all groups counts as much as this many groups of the class itself."""
_ROUNDING = 1e-9
_ONE_DRAW = "training images were generated once: the interval does not cover another draw of the generator"


@dataclass(frozen=True)
class Interval:
    """An estimate with its two-sided confidence interval at `level`.

    `covers`: the sources of variation that the interval covers, as text. `error`: standard error. `dof`: degrees of
    freedom of the t distribution, None where nothing varied. `seeds`: the estimate of each training seed. `notes`:
    limits of the interval. For differences, `p` is the two-sided p-value of zero by the same t distribution, and
    `seed_p` that of a sign-flip test on the seeds, None with too few seeds.
    """

    mean: float
    low: float
    high: float
    level: float
    covers: str
    error: float = 0.0
    dof: float | None = None
    seeds: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    p: float | None = None
    seed_p: float | None = None

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Crossed:
    """The `means` (K,) of K data sets and three covariance matrices (K, K) of these means.

    `groups`: variation over test groups, of the mean over seeds. `seeds`: variation over seeds, on these groups. Both
    contain the seed-by-group interaction `shared`, so the covariance of the means is `groups + seeds - shared`.
    Degrees of freedom: `group_dof` is at least 1; `seed_dof` is 0 with one seed.
    """

    means: np.ndarray
    groups: np.ndarray
    seeds: np.ndarray
    shared: np.ndarray
    group_dof: float
    seed_dof: int


def accuracy(tests: Sequence[TransferResult], level: float = LEVEL) -> Interval:
    """Return the top-1 accuracy of one grid cell (mean over classes) with its interval, as fractions (0-1).

    `tests` holds one test per training seed, all on the same images. The variance has two-way crossed components
    (seeds, test groups within classes, and their interaction) with Satterthwaite's degrees of freedom. Where all groups
    of each class have equal results, the variance is 0 and a Clopper-Pearson bound on the groups is used instead.
    """
    rates = _rates(tests)
    interval = _interval(rates, level)
    if interval.dof is None:
        interval = _clopper_pearson(interval, rates.share_of_others(level), lowest=0.0)
    return replace(interval, low=max(0.0, interval.low), high=min(1.0, interval.high), notes=_notes(len(tests)))


def difference(a: Sequence[TransferResult], b: Sequence[TransferResult], level: float = LEVEL) -> Interval:
    """Return the accuracy of `a` minus the accuracy of `b`, paired by test image and training seed.

    The seeds of `a` and `b` are in the same order. `seed_p` is the p-value of `sign_flip_p`, from six seeds on.

    Raises:
        ValueError: `a` and `b` differ in test groups or in the number of seeds.
    """
    first, second = _rates(a), _rates(b)
    if len(a) != len(b) or not np.array_equal(first.sizes, second.sizes) or a[0].groups != b[0].groups:
        raise ValueError("paired differences need the same test groups and equally many seeds")
    interval = _interval(replace(first, sums=first.sums - second.sums), level)
    if interval.dof is None:
        p = min(1.0, 2 * 0.5 ** len(first.sizes)) if interval.mean else 1.0  # a sign test of the identical groups
        interval = _clopper_pearson(interval, first.share_of_others(level), lowest=-1.0)
    else:
        p = 2 * float(student.upper_tail(abs(interval.mean) / interval.error, interval.dof))
    seed_p = sign_flip_p(interval.seeds) if len(a) >= SEEDS_FOR_A_TEST else None
    return replace(interval, notes=_notes(len(a)), p=p, seed_p=seed_p)


def grouped_mean(classes: Sequence[GroupedParts], covers: str, level: float = LEVEL) -> Interval:
    """Return the mean over classes of the mean over images; groups are the units of resampling."""
    return replace(_interval(_grouped_rates(classes), level), covers=covers, seeds=())


def grouped_difference(a: Sequence[GroupedParts], b: Sequence[GroupedParts], covers: str) -> Interval | None:
    """Return the paired difference of two grouped means; None if their groups differ."""
    if [part.groups for part in a] != [part.groups for part in b]:
        return None
    first, second = _grouped_rates(a), _grouped_rates(b)
    interval = _interval(replace(first, sums=first.sums - second.sums), LEVEL)
    return replace(interval, covers=covers, seeds=())


def crossed(tests: Sequence[Sequence[TransferResult]]) -> Crossed:
    """Return the mean accuracies (means over classes) of K data sets and their covariances.

    `tests[k]` has one test per training seed of data set k. All data sets are tested on the same groups with the same
    seeds, so the covariances include the difficulty that they share.

    Raises:
        ValueError: the data sets differ in test groups or in the number of seeds.
    """
    if len({(len(by_seed), *by_seed[0].groups, *by_seed[0].group_sizes) for by_seed in tests}) != 1:
        raise ValueError("all data sets need the same test groups and equally many seeds")
    rates = [_rates(by_seed) for by_seed in tests]
    return _crossed(np.stack([rate.sums for rate in rates]), rates[0])


def joint_draws(crossed: Crossed, rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw (count, K) means; each draw uses the same test groups and training seeds for every data set."""
    drawn = crossed.means + _t_draws(rng, count, crossed.groups, crossed.group_dof)
    if crossed.seed_dof:
        drawn = drawn + _t_draws(rng, count, crossed.seeds - crossed.shared, crossed.seed_dof)
    return np.asarray(drawn)


def sign_flip_p(differences: Sequence[float]) -> float:
    """Return the two-sided p-value of a sign-flip test: (N,) differences whose distribution is symmetric around zero.

    Exact for up to 12 differences. For more, it uses 9999 random sign patterns (deterministic) and the observed one.
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
    """`sums` (seeds, groups) over `sizes` (groups,); `classes` (groups,) holds the class index of each group.

    `equal_classes`: False for accuracies on classes with different numbers of test images, some of which may be very
    small. Metrics leave such classes out.
    """

    sums: np.ndarray
    sizes: np.ndarray
    classes: np.ndarray
    equal_classes: bool = True

    def share_of_others(self, level: float) -> float:
        """Return `share_of_others` for these groups; with equal classes, all groups have equal weights."""
        counts = np.unique(self.classes, return_counts=True)[1]
        return share_of_others([len(self.classes)] if self.equal_classes else counts.tolist(), level)


def share_of_others(groups: Sequence[int], level: float) -> float:
    """Return an upper bound (Clopper-Pearson) of the share of other groups where all groups of a class are equal.

    The bound is that of the mean over classes: the largest mean of the shares p_c for which the probability of seeing
    none, the product of (1 - p_c) ** n_c, is at least (1 - level) / 2. It assumes that the few groups of small classes
    say little about these classes.

    Args:
        groups: the number n_c of groups of each class.
        level: of the two-sided interval.
    """
    if len(set(groups)) == 1:
        return float(1 - ((1 - level) / 2) ** (1 / sum(groups)))
    log_tail = float(np.log((1 - level) / 2))
    counts = np.sort(np.asarray(groups, float))
    # At the maximum 1 - p_c is proportional to n_c (Lagrange) in the classes with p_c > 0, which are the smallest.
    for active in range(1, len(counts) + 1):
        some = counts[:active]
        log_factor = (log_tail - float((some * np.log(some)).sum())) / float(some.sum())
        if active == len(counts) or log_factor + np.log(counts[active]) >= 0:
            break
    return float((1 - np.exp(log_factor) * some).sum() / len(counts))


def _grouped_rates(classes: Sequence[GroupedParts]) -> _Rates:
    # Every class has the same weight, however many images it has.
    totals = [sum(part.sizes) for part in classes]
    return _Rates(
        np.concatenate([np.array(part.sums) / n for part, n in zip(classes, totals, strict=True)])[None, :],
        np.concatenate([np.array(part.sizes) / n for part, n in zip(classes, totals, strict=True)]),
        np.repeat(np.arange(len(classes)), [len(part.sizes) for part in classes]),
    )


def _rates(tests: Sequence[TransferResult]) -> _Rates:
    sums = np.array([test.group_correct for test in tests], float)
    sizes, classes = np.array(tests[0].group_sizes, float), np.array(tests[0].group_labels)
    _, index = np.unique(classes, return_inverse=True)
    totals = np.bincount(index, weights=sizes)
    if (totals == totals[0]).all():
        return _Rates(sums, sizes, classes)
    # Divided by the images of its class, every group contributes to a mean over classes.
    return _Rates(sums / totals[index], sizes / totals[index], classes, equal_classes=False)


def _interval(rates: _Rates, level: float) -> Interval:
    crossed = _crossed(rates.sums[None], rates)
    per_seed = tuple((rates.sums.sum(axis=1) / rates.sizes.sum()).tolist())
    seeds, mean = len(per_seed), float(crossed.means[0])
    covers = f"{seeds} training seeds and the choice of test images" if seeds > 1 else "the choice of test images"
    if np.unique(rates.classes, return_counts=True)[1].min() == 1:
        covers += (
            ", except in classes whose test images form a single group"
            if rates.equal_classes
            else ", which is assumed to be that of the others in classes whose test images form a single group"
        )
    variance, dof = variance_of(crossed)
    error = variance**0.5
    if error < _ROUNDING:  # rounding errors of equal terms
        return Interval(mean, mean, mean, level, covers, seeds=per_seed)
    half = student.quantile(level, dof) * error
    return Interval(mean, mean - half, mean + half, level, covers, error, dof, per_seed)


def variance_of(crossed: Crossed) -> tuple[float, float]:
    """Return the variance of one mean (K = 1) and its degrees of freedom, at least 1.

    A negative seed component counts as zero: otherwise a few seeds that agree by chance would make the interval
    narrower than the test images alone allow. From `MANY_SEEDS` seeds on that is too conservative (coverage of 97-98 %
    where seeds do not matter); then the unbiased estimate is used, but not less than the smaller of its two components.
    """
    groups, seeds, shared = (float(part[0, 0]) for part in (crossed.groups, crossed.seeds, crossed.shared))
    by_groups, by_seeds = (groups, crossed.group_dof), (seeds, float(crossed.seed_dof))
    variance = groups + seeds - shared
    if seeds <= shared and crossed.seed_dof + 1 < MANY_SEEDS:
        variance, dof = by_groups
    elif variance <= min(groups, seeds):
        variance, dof = min(by_groups, by_seeds)
    else:
        squares = groups**2 / crossed.group_dof + seeds**2 / crossed.seed_dof
        dof = variance**2 / (squares + shared**2 / (crossed.group_dof * crossed.seed_dof))
    return variance, max(1.0, dof)


def _crossed(sums: np.ndarray, rates: _Rates) -> Crossed:
    """Linearise the ratio of `sums` (K, seeds, groups) to the sizes of `rates` in the weights of the groups."""
    order = np.argsort(rates.classes, kind="stable")
    sums, sizes, classes = sums[..., order], rates.sizes[order], rates.classes[order]
    _, starts, index, counts = np.unique(classes, return_index=True, return_inverse=True, return_counts=True)
    total, seeds = sizes.sum(), sums.shape[1]

    def by_class(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.add.reduceat(values, starts, axis=-1))

    # The deviation of each group from its class's rate, as its contribution to the mean; classes are fixed.
    deviation = (sums - (by_class(sums) / by_class(sizes))[..., index] * sizes) / total
    own, pooled, dof_counts = _variance_weights(counts, rates.equal_classes)
    correction = own[index] + counts[index] ** 2 * pooled.sum()
    mean_deviation = deviation.mean(axis=1)
    group_covariance = (mean_deviation * correction) @ mean_deviation.T
    squares = (mean_deviation**2).sum(axis=0)
    class_variances = by_class(squares * own[index]) + pooled * (squares * counts[index] ** 2).sum()
    means = sums.sum(axis=2) / total
    seed_covariance = shared = np.zeros_like(group_covariance)
    if seeds > 1:
        centred = means - means.mean(axis=1, keepdims=True)
        seed_covariance = centred @ centred.T / (seeds * (seeds - 1))
        interaction = deviation - mean_deviation[:, None]
        flat = interaction.reshape(len(interaction), -1)
        shared = (interaction * correction).reshape(len(interaction), -1) @ flat.T / (seeds * (seeds - 1))
    return Crossed(
        means=means.mean(axis=1),
        groups=group_covariance,
        seeds=seed_covariance,
        shared=shared,
        group_dof=_group_dof(class_variances, dof_counts),
        seed_dof=seeds - 1,
    )


def _variance_weights(counts: np.ndarray, equal_classes: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how the squared deviations of groups estimate the variance of each class, from (C,) numbers of groups.

    The first array (C,) weights the deviations of the groups of the class itself. The second one (C,) weights those of
    all groups, in units of one group. The third one (C,) holds the number of groups that the estimate is worth.

    With unequal classes, a class of few groups has the weight of any other. The variance of its groups is then
    estimated from all groups, too, because a few groups that agree by chance would make the interval too narrow.
    """
    pooled_dof = int((counts - 1).sum())
    if equal_classes or not pooled_dof:
        # Unbiased variance: n residuals around their mean have (n - 1) / n of the variance; a single group has none.
        return np.where(counts > 1, counts / np.maximum(counts - 1, 1), 0.0), np.zeros(len(counts)), counts
    weights = 1 / ((counts - 1 + _PRIOR_GROUPS) * counts)
    return (
        counts**2 * weights,
        _PRIOR_GROUPS * weights / pooled_dof,
        np.minimum(counts + _PRIOR_GROUPS, pooled_dof + 1),
    )


def _group_dof(variances: np.ndarray, counts: np.ndarray) -> float:
    """Return the degrees of freedom (at least 1) of the sum of (C,) class variances, each from `counts` groups.

    Satterthwaite's formula is too low where classes have few groups: with two groups each, intervals are 1.4 times too
    wide. Welch's form (Biometrika 34, 1947) is not. The upper limit is the pooled variance of equally varying classes.
    """
    squares = float((variances**2 / (counts + 1)).sum())
    welch = float(variances.sum()) ** 2 / squares - 2 if squares else 1.0
    return max(1.0, min(welch, float((counts - 1).sum())))


def _t_draws(rng: np.random.Generator, count: int, covariance: np.ndarray, dof: float) -> np.ndarray:
    """Draw (count, K) values of a multivariate t with this scale matrix; negative eigenvalues count as 0."""
    values, vectors = np.linalg.eigh(covariance)
    normal = rng.standard_normal((count, len(values))) @ (vectors * np.maximum(values, 0.0) ** 0.5).T
    return np.asarray(normal * (dof / rng.chisquare(dof, count))[:, None] ** 0.5)


def _clopper_pearson(interval: Interval, other: float, lowest: float) -> Interval:
    """Return the interval for groups with identical results.

    It assumes that the share `other` of other groups, the largest that is consistent with the data, has the lowest or
    highest value.
    """
    mean = interval.mean * (1 - other)
    return replace(interval, low=mean + lowest * other, high=mean + other)


def _notes(seeds: int) -> tuple[str, ...]:
    if seeds == 1:
        note = "one training seed: the variation between training runs is unknown"
    elif seeds < SEEDS_FOR_A_TEST:
        note = f"{seeds} training seeds: no seed-level test is possible with fewer than {SEEDS_FOR_A_TEST}"
    elif seeds < MANY_SEEDS:
        note = f"{seeds} training seeds: with fewer than {MANY_SEEDS}, inspect the result of each seed"
    else:
        note = f"{seeds} training seeds"
    return note, _ONE_DRAW
