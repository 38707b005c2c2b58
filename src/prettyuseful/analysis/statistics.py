"""Intervals. Seeds vary a training, groups of test images vary a test; an interval says which of them it covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

from prettyuseful.keys import derive_seed
from prettyuseful.study.records import GroupedParts, TransferResult

LEVEL = 0.95
_DRAWS = 2000


@dataclass(frozen=True)
class Interval:
    """An estimate with its two-sided interval at `level`; `covers` says in words what could have come out otherwise."""

    mean: float
    low: float
    high: float
    level: float
    covers: str

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def accuracy(tests: Sequence[TransferResult], level: float = LEVEL) -> Interval:
    """Top-1 accuracy of one cell: one test per training seed, all on the same images.

    The variance of the mean is the seeds' (s^2 / n, n - 1 degrees) plus the test groups' (resampled whole within their
    class, of the mean over seeds), joined by Satterthwaite's degrees of freedom. What seeds and groups share is counted
    in both, which errs on the wide side.
    """
    rates = _rates(tests)
    found = _interval(rates, level)
    if found.low == found.high and found.mean in (0.0, 1.0):  # all right or all wrong: Clopper-Pearson on groups
        bound = ((1 - level) / 2) ** (1 / len(rates.sizes))
        low, high = (bound, 1.0) if found.mean == 1.0 else (0.0, 1 - bound)
        return Interval(found.mean, low, high, level, found.covers)
    return Interval(found.mean, max(0.0, found.low), min(1.0, found.high), level, found.covers)


def difference(a: Sequence[TransferResult], b: Sequence[TransferResult], level: float = LEVEL) -> Interval:
    """Accuracy of `a` minus accuracy of `b`, paired: same test images, same training seeds in the same order.

    Raises:
        ValueError: the two were not tested on the same groups with equally many seeds.
    """
    first, second = _rates(a), _rates(b)
    if len(a) != len(b) or not np.array_equal(first.sizes, second.sizes) or a[0].groups != b[0].groups:
        raise ValueError("paired differences need the same test groups and equally many seeds")
    return _interval(_Rates(first.sums - second.sums, first.sizes, first.classes), level)


def grouped_mean(classes: Sequence[GroupedParts], covers: str, level: float = LEVEL) -> Interval:
    """Mean over classes of the mean over images, with whole groups resampled."""
    found = _interval(_grouped_rates(classes), level)
    return Interval(found.mean, max(0.0, found.low), found.high, level, covers)


def grouped_difference(a: Sequence[GroupedParts], b: Sequence[GroupedParts], covers: str) -> Interval | None:
    """Paired difference of two grouped means on the same groups; None if the groups are not the same."""
    if [part.groups for part in a] != [part.groups for part in b]:
        return None
    first, second = _grouped_rates(a), _grouped_rates(b)
    found = _interval(_Rates(first.sums - second.sums, first.sizes, first.classes), LEVEL)
    return Interval(found.mean, found.low, found.high, LEVEL, covers)


@dataclass(frozen=True)
class _Rates:
    """`sums` (seeds, groups) over `sizes` (groups,); `classes` (groups,) says which class a group belongs to."""

    sums: np.ndarray
    sizes: np.ndarray
    classes: np.ndarray


def _grouped_rates(classes: Sequence[GroupedParts]) -> _Rates:
    return _Rates(
        np.concatenate([part.sums for part in classes])[None, :],
        np.concatenate([part.sizes for part in classes]).astype(float),
        np.repeat(np.arange(len(classes)), [len(part.sizes) for part in classes]),
    )


def _rates(tests: Sequence[TransferResult]) -> _Rates:
    return _Rates(
        np.array([test.group_correct for test in tests], float),
        np.array(tests[0].group_sizes, float),
        np.array(tests[0].group_labels),
    )


def _interval(rates: _Rates, level: float) -> Interval:
    total = rates.sizes.sum()
    per_seed = rates.sums.sum(axis=1) / total
    seeds, mean = len(per_seed), float(per_seed.mean())
    of_seeds = float(per_seed.var(ddof=1)) / seeds if seeds > 1 else 0.0
    of_groups = float(_resampled(rates).var(ddof=1))
    variance = of_seeds + of_groups
    covers = f"{seeds} training seeds and the choice of test images" if seeds > 1 else "the choice of test images"
    if np.unique(rates.classes, return_counts=True)[1].min() == 1:
        covers += ", but for classes whose test images have one source"
    if variance == 0:
        return Interval(mean, mean, mean, level, covers)
    group_freedom = max(1, len(rates.sizes) - len(np.unique(rates.classes)))
    spread = of_groups**2 / group_freedom + (of_seeds**2 / (seeds - 1) if seeds > 1 else 0.0)
    half = float(stats.t.ppf((1 + level) / 2, variance**2 / spread)) * variance**0.5
    return Interval(mean, mean - half, mean + half, level, covers)


def _resampled(rates: _Rates) -> np.ndarray:
    """Means over seeds after drawing whole groups again within each class, (draws,). Always the same draws."""
    sums, result = rates.sums.mean(axis=0), np.zeros(_DRAWS)
    total = rates.sizes.sum()
    of_class = [np.flatnonzero(rates.classes == label) for label in np.unique(rates.classes)]
    for rows, weights in zip(of_class, _weights(tuple(len(rows) for rows in of_class)), strict=True):
        share, mean = rates.sizes[rows].sum() / total, sums[rows].sum() / rates.sizes[rows].sum()
        drawn = (weights @ sums[rows]) / (weights @ rates.sizes[rows])
        # Drawing n of n groups again varies by (n - 1) / n of what other groups would; a lone group cannot vary.
        stretch = (len(rows) / (len(rows) - 1)) ** 0.5 if len(rows) > 1 else 1.0
        result += share * (mean + stretch * (drawn - mean))
    return result


@lru_cache(maxsize=8)
def _weights(groups: tuple[int, ...]) -> list[np.ndarray]:
    """How often each group is drawn, (draws, groups), for classes of so many groups each."""
    rng = np.random.default_rng(derive_seed("resampling"))
    return [rng.multinomial(n, np.full(n, 1 / n), size=_DRAWS).astype(np.float32) for n in groups]
