"""Power: which true differences a study finds, with its own or with other numbers of seeds, test images and draws.

A paired difference varies with the training seeds, the test groups and, if several were made, the draws of the
generator; that of a selection of images and its random control also with the images that are selected. Its interval has
the half-width h, where h^2 is the sum over these sources of t^2 * (estimated variance) (`student.half_width`). A
difference is found if its interval excludes zero. The power is the probability of this:

- the estimate of the difference is normal around the true difference,
- each estimated variance is the true one times a chi-square variable over its degrees of freedom.

With three seeds the half-width itself varies much, so a normal approximation is not enough. The probability is
integrated over all estimated variances on a lattice of points, which is deterministic. `python benchmarks/power.py`
compares it with simulated studies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.special import gammaincinv, ndtr, ndtri

from prettyuseful import student
from prettyuseful.analysis.statistics import Component, Interval

POWER = 0.8
"""The usual power: a true difference of the stated size is found in 80% of repetitions."""
UPPER_BOUND = 0.8
"""The confidence of the one-sided upper bound of the variance between seeds, see `Variances.with_seeds_at_bound`."""
MOST_SEEDS, MOST_TIMES = 1000, 1000
"""Larger numbers of seeds or draws, and larger multiples of the test images, are not considered."""
_HALVINGS = 16
_POINTS = 4096
_LARGE_DOF = 30.0
"""From here on, chi-square quantiles are those of Wilson and Hilferty, which are then correct to 0.1%."""


@dataclass(frozen=True)
class Sizes:
    """How large a study is: training seeds, test groups, and draws of each data set."""

    seeds: int
    groups: int
    draws: int = 1


@dataclass(frozen=True)
class Variances:
    """The variances of an estimated difference in a study of these `sizes`, with their degrees of freedom.

    `groups`: from the choice of test groups. `seeds`: from the training seeds, of which `shared` is what a seed does on
    one group and not on another. `draws`: from the draws of the generator. All are variances of the estimate itself, in
    units of accuracy (0-1) squared; their sum is its variance. A source that was not measured has the variance 0.
    `selected`: from which images a selection has; more seeds only add to its degrees of freedom.
    `prior_dof`: the degrees of freedom that the variance between seeds borrows from the other data sets. `others`: what
    varies between the seeds of those, divided by `seeds`; `others_dof`: its degrees of freedom.
    """

    sizes: Sizes
    groups: float
    group_dof: float
    seeds: float = 0.0
    shared: float = 0.0
    prior_dof: float = 0.0
    draws: float = 0.0
    draw_dof: float = 0.0
    selected: float = 0.0
    selected_dof: float = 0.0
    others: float = 1.0
    others_dof: float = 0.0

    @classmethod
    def of(cls, interval: Interval) -> Variances | None:
        """Return the estimated variances of a difference; None if nothing varied."""
        parts: dict[str, Component] = {component.name: component for component in interval.components}
        if "test images" not in parts:
            return None
        names = ("test images", "training seeds", "draws", "selected images")
        groups, seeds, draws, selected = (parts.get(name) for name in names)
        assert groups is not None
        return cls(
            sizes=Sizes(seeds.count if seeds else 1, groups.count, draws.count if draws else 1),
            groups=groups.variance,
            group_dof=groups.dof,
            seeds=seeds.variance if seeds else 0.0,
            shared=min(interval.shared, seeds.variance) if seeds else 0.0,
            prior_dof=seeds.dof - (seeds.count - 1) if seeds else 0.0,
            draws=draws.variance if draws else 0.0,
            draw_dof=draws.dof if draws else 0.0,
            selected=selected.variance if selected else 0.0,
            selected_dof=selected.dof if selected else 0.0,
            # The interval does not say more; half of them are borrowed, or fewer.
            others_dof=2 * (seeds.dof - (seeds.count - 1)) if seeds else 0.0,
        )

    @property
    def seed_dof(self) -> float:
        """The degrees of freedom of the variance between seeds, with the borrowed ones; 0 with one seed."""
        return self.sizes.seeds - 1 + self.prior_dof if self.sizes.seeds > 1 else 0.0

    @property
    def error(self) -> float:
        """The standard error of the difference."""
        return float((self.groups + self.seeds + self.draws + self.selected) ** 0.5)

    def resized(self, sizes: Sizes) -> Variances:
        """Return the variances that are expected in a study of other sizes, which varies in the same way.

        The borrowed degrees of freedom are kept. A source that was not measured stays at 0.

        Raises:
            ValueError: one seed for a difference whose variance between seeds is known, or one draw instead of several.
        """
        now = self.sizes
        if sizes.seeds < min(2, now.seeds) or sizes.draws < min(2, now.draws):
            raise ValueError("with one seed or one draw, its variance is not known; give at least two")
        by_seeds, by_groups = now.seeds / sizes.seeds, now.groups / sizes.groups
        shared = self.shared * by_seeds * by_groups
        return replace(
            self,
            sizes=sizes,
            groups=self.groups * by_groups,
            group_dof=max(1.0, self.group_dof / by_groups),
            seeds=(self.seeds - self.shared) * by_seeds + shared,
            shared=shared,
            draws=self.draws * now.draws / sizes.draws,
            draw_dof=self.draw_dof * (sizes.draws - 1) / (now.draws - 1) if now.draws > 1 else 0.0,
            selected_dof=self.selected_dof * (sizes.seeds - 1) / (now.seeds - 1) if now.seeds > 1 else 0.0,
            others_dof=self.others_dof * (sizes.seeds - 1) / (now.seeds - 1) if now.seeds > 1 else 0.0,
        )

    def with_seeds_at_bound(self, confidence: float = UPPER_BOUND) -> Variances:
        """Return the variances with that of the seeds at its one-sided upper confidence bound.

        A variance from a few seeds is uncertain: with two degrees of freedom, the upper 80% bound is 4.5 times the
        estimate.
        """
        if not self.seed_dof:
            return self
        times = self.seed_dof / (2 * float(gammaincinv(self.seed_dof / 2, 1 - confidence)))
        return replace(self, seeds=self.seeds * times, shared=self.shared * times)

    def power(self, difference: float, level: float) -> float:
        """Return the probability (0-1) of an interval at `level` that excludes zero on the side of the difference.

        Args:
            difference: the true difference, in units of accuracy (0-1); its sign does not matter.
            level: of the interval, such as 0.95; for the first step of Holm's correction over m comparisons,
                1 - 0.05 / m.
        """
        return _power(abs(difference), _half_widths(self, level), self.error)

    def detectable(self, level: float, power: float = POWER) -> float | None:
        """Return the smallest true difference that is found with this power; None if nothing varied."""
        if self.error == 0:
            return None
        half_widths, low, high = _half_widths(self, level), 0.0, self.error
        while _power(high, half_widths, self.error) < power:
            high *= 2
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if _power(middle, half_widths, self.error) < power:
                low = middle
            else:
                high = middle
        return high

    def needed_seeds(self, difference: float, level: float, power: float = POWER) -> int | None:
        """Return the fewest seeds (at least 2) that find the difference with this power, at the present other sizes.

        None if not even `MOST_SEEDS` are enough, because the test images or the draws limit what can be found, or if
        the variance between seeds is not known.
        """
        if self.sizes.seeds < 2:
            return None
        return _fewest(
            lambda seeds: self.resized(replace(self.sizes, seeds=seeds)).power(difference, level) >= power,
            2,
            MOST_SEEDS,
        )

    def needed_groups(self, difference: float, level: float, power: float = POWER) -> int | None:
        """Return the fewest test groups that find the difference with this power, at the present other sizes.

        None if not even `MOST_TIMES` as many are enough.
        """
        return _fewest(
            lambda groups: self.resized(replace(self.sizes, groups=groups)).power(difference, level) >= power,
            2,
            MOST_TIMES * self.sizes.groups,
        )

    def needed_draws(self, difference: float, level: float, power: float = POWER) -> int | None:
        """Return the fewest draws (at least 2) that find the difference with this power, at the present other sizes.

        None if not even `MOST_SEEDS` are enough, or if the variance between draws is not known.
        """
        if self.sizes.draws < 2:
            return None
        return _fewest(
            lambda draws: self.resized(replace(self.sizes, draws=draws)).power(difference, level) >= power,
            2,
            MOST_SEEDS,
        )


def corrected_level(level: float, comparisons: int) -> float:
    """Return the level of one of several comparisons in the first step of Holm's correction (that is Bonferroni's).

    Later steps are less strict, so the power of a comparison is at least the one at this level.
    """
    return 1 - (1 - level) / max(1, comparisons)


def _fewest(is_enough: Callable[[int], bool], low: int, high: int) -> int | None:
    """Return the smallest number from `low` to `high` that is enough; None if `high` is not. More is never worse."""
    if not is_enough(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if is_enough(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _power(difference: float, half_widths: np.ndarray, error: float) -> float:
    if error == 0:
        return float(difference > 0)
    return float(ndtr((difference - half_widths) / error).mean())


def _half_widths(variances: Variances, level: float) -> np.ndarray:
    """Return half-widths of the interval, all equally probable, see `statistics.CellModel`.

    The groups' part is the variance over groups minus the interaction that it contains, but at least 0. The seeds' part
    is their own variance or its moderated value, whichever is larger. The prior of the latter is the mean over all
    pairs of data sets, to which the pair itself belongs.
    """
    v = variances
    of_groups = (v.groups + v.shared) * _chi_squares(0, v.group_dof)
    if v.shared:
        interaction = _chi_squares(1, max(1.0, (v.sizes.seeds - 1) * v.group_dof))
        of_groups = np.maximum(of_groups - v.shared * interaction, 0.0)
    squares = student.quantile(level, v.group_dof) ** 2 * of_groups
    if v.seeds:
        own_dof = float(v.sizes.seeds - 1)
        own = prior = _chi_squares(2, own_dof)
        if v.others_dof:
            others = v.others * _chi_squares(4, v.others_dof)
            prior = (own_dof * own + v.others_dof * others) / (own_dof + v.others_dof)
        moderated = (v.prior_dof * prior + own_dof * own) / v.seed_dof
        squares += student.quantile(level, v.seed_dof) ** 2 * v.seeds * np.maximum(own, moderated)
    if v.selected:  # estimated from the same seeds, which differ in their random choice
        squares += student.quantile(level, v.selected_dof) ** 2 * v.selected * _chi_squares(2, v.selected_dof)
    if v.draws:
        squares += student.quantile(level, v.draw_dof) ** 2 * v.draws * _chi_squares(3, v.draw_dof)
    return np.asarray(squares**0.5)


@lru_cache(maxsize=64)
def _chi_squares(coordinate: int, dof: float) -> np.ndarray:
    """Return chi-square variables over their degrees of freedom, from one coordinate of the lattice."""
    if dof < _LARGE_DOF:
        return np.asarray(gammaincinv(dof / 2, _lattice()[coordinate]) * 2 / dof)
    spread = 2 / (9 * dof)
    return np.asarray((1 - spread + _normal_lattice()[coordinate] * spread**0.5) ** 3)


@lru_cache(maxsize=1)
def _normal_lattice() -> np.ndarray:
    return np.asarray(ndtri(_lattice()))


@lru_cache(maxsize=1)
def _lattice() -> np.ndarray:
    """Return (5, points) evenly spread points of the unit cube: fractional parts of multiples of roots of primes.

    Averages over them are exact to 0.1 percentage points (Richtmyer, The evaluation of definite integrals, 1951).
    """
    return np.asarray((0.5 + np.outer(np.sqrt([2, 3, 5, 7, 11]), np.arange(_POINTS))) % 1)


def detectable_difference(interval: Interval) -> float | None:
    """Return the true difference that is found in 80% of cases at the level of the interval; None if nothing varied."""
    variances = Variances.of(interval)
    return None if variances is None else variances.detectable(interval.level)


def detectable_sentence(interval: Interval) -> str:
    """Return what a study without a clear difference could have found; empty if nothing varied.

    Such as `this study would have found a difference of at least 3.4 points in 80% of cases`. The difference is that at
    the level of the interval, so after the correction for several comparisons. With one training seed, it is that
    between these trained classifiers.
    """
    difference = detectable_difference(interval)
    if difference is None:
        return ""
    has_seeds = any(component.name == "training seeds" for component in interval.components)
    scope = "" if has_seeds else " between these trained classifiers"
    if difference >= 1:
        return f"this study would not have found any difference{scope} in {POWER:.0%} of cases"
    return (
        f"this study would have found a difference{scope} of at least {100 * difference:.1f} points in {POWER:.0%} of "
        "cases"
    )
