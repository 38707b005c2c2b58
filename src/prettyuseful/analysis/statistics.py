"""Confidence intervals of accuracies, of their paired differences and of grouped means.

Results vary with the draw of the generator, with the training seed and with the choice of test images; a selection of
images that is compared with a random one also varies with the images that are selected. Seeds and test images are
crossed: every seed is tested on every image, and so is every data set. Accuracy is the mean over classes, so every
class has the same weight, however many test images it has. `docs/concepts/statistics.md` explains the method and lists
its measured coverage. Each interval names the sources of variation that it covers.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from math import inf
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np

from prettyuseful import student
from prettyuseful.analysis.clusters import Clusters
from prettyuseful.records import GroupedParts, RunRecord, TransferResult

LEVEL = 0.95
MANY_SEEDS = 10
"""With fewer training seeds than this, a note asks to inspect the result of each."""
_PRIOR_DOF = 2.0
"""What the other data sets of a grid cell say about the variation between seeds counts as much as three seeds."""
_ROUNDING = 1e-9


class Replicate(NamedTuple):
    """One training run of a data set: which draw of its generator, and which training seed."""

    draw: int
    seed: int


Tests = Mapping[Replicate, TransferResult]
"""The tests of the classifiers of one data set, all on the same images."""


class RandomControl(NamedTuple):
    """The random control of a selection: another random choice of as many images for every training seed.

    `name`: of its data set. `keep`: how much is kept, such as `random 50%`; choices of equal `keep` are assumed to have
    equal variances.
    """

    name: Hashable
    keep: str


ShareDraws = Callable[[Any, Any], bool]
"""Whether draw d of two data sets has the same generated images, at least in part."""

RandomControls = Mapping[Any, RandomControl]
"""The random controls of selections, by name of the selection."""


def never(_a: Any, _b: Any) -> bool:
    return False


@dataclass(frozen=True)
class Component:
    """What one source of variation adds to the variance of an estimate.

    `dof`: degrees of freedom of `variance`. `count`: number of sources of test images, training seeds, draws or random
    choices of images.
    """

    name: Literal["test images", "training seeds", "selected images", "draws"]
    variance: float
    dof: float
    count: int


@dataclass(frozen=True)
class Interval:
    """An estimate with its two-sided confidence interval at `level`.

    `covers`: the sources of variation that the interval covers, as text. `error`: standard error. `seeds`: the estimate
    of each training seed. `notes`: limits of the interval. For differences, `p` is the two-sided p-value of zero by the
    same model, and `seed_p` that for other training seeds but the same test images, None with one seed.
    `components`: the parts of the variance, empty where nothing varied. `shared`: the part of the seeds' variance that
    is what a seed does with one source of test images and not with another.
    """

    mean: float
    low: float
    high: float
    level: float
    covers: str
    error: float = 0.0
    seeds: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    p: float | None = None
    seed_p: float | None = None
    components: tuple[Component, ...] = ()
    shared: float = 0.0

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0

    @property
    def parts(self) -> tuple[student.Part, ...]:
        return tuple((component.variance, component.dof) for component in self.components)

    def __neg__(self) -> Interval:
        """Return the interval of the negative estimate: of the same difference, with its data sets exchanged."""
        seeds = tuple(-seed for seed in self.seeds)
        return replace(self, mean=-self.mean, low=-self.high, high=-self.low, seeds=seeds)

    def at(self, level: float) -> Interval:
        """Return the interval at another level. Where nothing varied, it stays as it is."""
        if not self.components or level == self.level:
            return self
        half, largest = student.half_width(level, self.parts), inf if self.p is None else 1.0  # of a difference
        low, high = max(-largest, self.mean - half), min(largest, self.mean + half)
        return replace(self, low=low, high=high, level=level)


@dataclass(frozen=True)
class _Fitted:
    """The tests of one data set: (S,) `means` by seed and (D,) `draw_means`; (S, G) `residuals` by seed and source."""

    seeds: tuple[int, ...]
    means: np.ndarray
    draw_means: np.ndarray
    residuals: np.ndarray

    def of_seeds(self, seeds: Sequence[int]) -> _Fitted:
        rows = [self.seeds.index(seed) for seed in seeds]
        return replace(self, seeds=tuple(seeds), means=self.means[rows], residuals=self.residuals[rows])


@dataclass(frozen=True)
class _Choices:
    """The variance between random choices of equally many images of a data set, with its degrees of freedom.

    `shared`: the part of it that is what a choice does with one source of test images and not with another. `count`:
    the number of choices.
    """

    variance: float
    dof: float
    shared: float
    count: int

    @classmethod
    def mean(cls, several: Sequence[_Choices], number: int) -> _Choices:
        """Return what independent choices add to the mean of a number of differences (Satterthwaite's dof)."""
        variance = sum(choices.variance for choices in several)
        squares = sum(choices.variance**2 / choices.dof for choices in several)
        return cls(
            variance / number**2,
            variance**2 / squares if squares else min(choices.dof for choices in several),
            sum(choices.shared for choices in several) / number**2,
            sum(choices.count for choices in several),
        )


class CellModel:
    """All data sets of one grid cell, tested on the same images.

    The variance of an estimate is the sum of that over sources of test images (without what a seed does with one source
    and not with another), of that over training seeds, of that over draws, and of that over selected images. Intervals,
    p-values and ranks use these parts with the degrees of freedom of each, see `student.half_width`.

    A few seeds agree by chance. So the variance over seeds is not taken lower than its moderated value, for which all
    data sets of the cell count as a prior of 2 degrees of freedom (after Smyth, Statistical Applications in Genetics
    and Molecular Biology 3, 2004).

    Args:
        clusters: the test images.
        correct: by name of the data set and replicate, the number of correct images (M,) of each row of `clusters`.
            Seeds that some of the draws of a data set lack are not used.
        share_draws: draws of data sets that do not share them are independent.
        random_controls: the random controls of selections.
        prior_dof: the most degrees of freedom of the prior; infinite if all data sets have one variance over seeds.
    """

    def __init__(
        self,
        clusters: Clusters,
        correct: Mapping[Any, Mapping[Replicate, np.ndarray]],
        share_draws: ShareDraws = never,
        random_controls: RandomControls = MappingProxyType({}),
        prior_dof: float = _PRIOR_DOF,
    ) -> None:
        self.clusters, self.share_draws, self.random_controls = clusters, share_draws, random_controls
        self.prior_dof = prior_dof
        self.datasets: dict[Hashable, _Fitted] = {name: self._fitted(one) for name, one in correct.items()}

    def accuracy(self, name: Hashable, level: float = LEVEL) -> Interval:
        """Return the accuracy of a data set (mean over classes) with its interval, as fractions (0-1).

        Where all sources of test images of each class have equal results, a Clopper-Pearson bound is used.
        """
        fitted = self.datasets[name]
        prior = _mean([_variance(other.means) for other in self.datasets.values() if len(other.seeds) > 1])
        others = sum(len(other.seeds) - 1 for key, other in self.datasets.items() if key != name)
        interval = self._interval(fitted.means, fitted.residuals, [fitted.draw_means], prior, others, level)
        if not interval.components:
            interval = _clopper_pearson(interval, self._share_of_others(level), lowest=0.0)
        return replace(interval, low=max(0.0, interval.low), high=min(1.0, interval.high))

    def difference(self, a: Hashable, b: Hashable, level: float = LEVEL) -> Interval | None:
        """Return the accuracy of `a` minus that of `b`, paired by test image and by the training seeds that both have.

        Draws are paired, too, where the data sets share them. None if no seed is shared.

        For a selection and its random control, the interval also covers which images are selected: its variance
        contains that of one random choice, which is what a selection by a meaningless number would be.
        """
        return self.mean_difference([(a, b)], level)

    def mean_difference(self, pairs: Sequence[tuple[Hashable, Hashable]], level: float = LEVEL) -> Interval | None:
        """Return the mean of the `difference` of several pairs of data sets, over the seeds that all of them have.

        Test images and seeds are the same for all pairs; draws and selected images are independent. None if no seed is
        shared.
        """
        seeds = self._shared_seeds([name for pair in pairs for name in pair])
        if not seeds:
            return None
        fitted = [[self.datasets[name].of_seeds(seeds) for name in pair] for pair in pairs]
        draws: list[np.ndarray] = []
        choices: list[_Choices] = []
        for pair, (first, second) in zip(pairs, fitted, strict=True):
            drawn = self._draws_of_difference(first, second, self.share_draws(*pair))
            draws += [values / len(pairs) for values in drawn]
            of_pair = None if max(map(len, drawn)) > 1 else self._choices(*pair)  # every draw has its own selection
            choices += [of_pair] if of_pair else []
        prior, others = self._prior_of_differences
        interval = self._interval(
            np.mean([first.means - second.means for first, second in fitted], axis=0),
            np.mean([first.residuals - second.residuals for first, second in fitted], axis=0),
            draws,
            prior / len(pairs),
            others - (len(seeds) - 1),
            level,
            _Choices.mean(choices, len(pairs)) if choices else None,
        )
        if not interval.components:
            differs = abs(interval.mean) > _ROUNDING
            p = min(1.0, 2 * 0.5**self.clusters.count) if differs else 1.0  # a sign test of the identical sources
            return replace(_clopper_pearson(interval, self._share_of_others(level), lowest=-1.0), p=p)
        of_runs = [(c.variance, c.dof) for c in interval.components if c.name != "test images"]
        return replace(
            interval,
            low=max(-1.0, interval.low),
            high=min(1.0, interval.high),
            p=student.p_value(interval.mean, interval.parts),
            seed_p=student.p_value(interval.mean, of_runs) if of_runs else None,
        )

    def draws(self, names: Sequence[Hashable], rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw (count, K) mean accuracies of K data sets: a draw has the same test images and seeds for all of them."""
        fitted = [self.datasets[name] for name in names]
        means = np.array([one.means.mean() for one in fitted])
        intervals = [self.accuracy(name) for name in names]
        covariance = self.clusters.covariance(np.stack([one.residuals.mean(axis=0) for one in fitted]))
        covariance = covariance - np.diag([interval.shared for interval in intervals])
        dof = min((c.dof for i in intervals for c in i.components if c.name == "test images"), default=1.0)
        drawn = means + _t_draws(rng, count, covariance, dof)
        if (seeds := self._seed_covariance(names)) is not None:
            drawn = drawn + _t_draws(rng, count, *seeds)
        for number, interval in enumerate(intervals):
            for part in interval.components:
                if part.name == "draws" or (part.name == "training seeds" and seeds is None):
                    drawn[:, number] += rng.standard_t(part.dof, count) * part.variance**0.5
        return np.asarray(drawn)

    def _seed_covariance(self, names: Sequence[Hashable]) -> tuple[np.ndarray, float] | None:
        """Return the moderated covariance (K, K) of means over seeds, and its degrees of freedom.

        The prior has one variance and one covariance for all data sets. None with fewer than two seeds in common.
        """
        fitted = [self.datasets[name] for name in names]
        common = tuple(seed for seed in fitted[0].seeds if all(seed in other.seeds for other in fitted))
        own_dof = len(common) - 1
        if own_dof < 1:
            return None
        means = np.stack([one.of_seeds(common).means for one in fitted])
        own = np.atleast_2d(np.cov(means)) / len(common)
        prior_dof = min(self.prior_dof, (len(names) - 2) * own_dof / 2) if len(names) > 1 else 0.0
        variance = float(np.trace(own)) / len(names)
        covariance = (float(own.sum()) - len(names) * variance) / max(1, len(names) * (len(names) - 1))
        prior = np.full_like(own, covariance) + np.eye(len(names)) * (variance - covariance)
        return (prior_dof * prior + own_dof * own) / (prior_dof + own_dof), own_dof + prior_dof

    def _draws_of_difference(self, a: _Fitted, b: _Fitted, shared: bool) -> list[np.ndarray]:
        """Return the means by draw whose variances add up: of the differences, or of either data set."""
        common = min(len(a.draw_means), len(b.draw_means))
        if shared and common > 1:
            return [a.draw_means[:common] - b.draw_means[:common]]
        return [a.draw_means, b.draw_means]

    def _shared_seeds(self, names: Sequence[Hashable]) -> tuple[int, ...]:
        shared = set.intersection(*(set(self.datasets[name].seeds) for name in names))
        return tuple(seed for seed in self.datasets[names[0]].seeds if seed in shared)

    @cached_property
    def _prior_of_differences(self) -> tuple[float, float]:
        """The mean variance over seeds of the differences of all pairs, and its degrees of freedom."""
        variances, dofs = [], [0.0]
        for a, b in combinations(self.datasets, 2):
            if len(seeds := self._shared_seeds((a, b))) > 1:
                first, second = (self.datasets[name].of_seeds(seeds).means for name in (a, b))
                variances.append(_variance(first - second))
                dofs.append(len(seeds) - 1)
        return _mean(variances), (len(self.datasets) - 1) * max(dofs)

    def _choices(self, a: Hashable, b: Hashable) -> _Choices | None:
        """Return how random choices of equally many images vary, if one data set is the random control of the other.

        Other controls of the cell that keep as much are the prior. None for other pairs, and with one training seed.
        """
        pairs = ((self.random_controls.get(x), y) for x, y in ((a, b), (b, a)))
        control = next((random for random, name in pairs if random and random.name == name), None)
        if control is None or control not in self._choices_by_control:
            return None
        own, by_control = self._choices_by_control[control], self._choices_by_control.items()
        others = [choices for other, choices in by_control if other.keep == control.keep and other != control]
        prior, prior_dof = _mean([one.variance for one in others]), min(_PRIOR_DOF, sum(one.dof for one in others) / 2)
        moderated = (prior_dof * prior + own.dof * own.variance) / (prior_dof + own.dof)
        return replace(own, variance=max(own.variance, moderated), dof=own.dof + prior_dof)

    @cached_property
    def _choices_by_control(self) -> dict[RandomControl, _Choices]:
        """How random choices vary, for each control that has two seeds in common with a selection.

        Over the seeds of the control, the choice and the training vary; over those of a selection, the training alone.
        The difference of these variances has few degrees of freedom and may be negative. So it is not taken lower than
        the share that the choice has in what a seed does with one source of test images and not with another, where
        there are as many values as sources.
        """
        found: dict[RandomControl, _Choices] = {}
        for control in dict.fromkeys(self.random_controls.values()):
            names = [name for name, other in self.random_controls.items() if other == control]
            selections = [one for name in names if (one := self.datasets.get(name)) and len(one.seeds) > 1]
            of_control = self.datasets.get(control.name)
            if of_control is None or len(of_control.seeds) < 2 or not selections:
                continue
            both, *training = (float(one.means.var(ddof=1)) for one in (of_control, *selections))
            both_shared, *training_shared = (
                len(one.seeds) * self.clusters.variation(one.residuals).shared for one in (of_control, *selections)
            )
            shared = max(both_shared - _mean(training_shared), 0.0)
            variance = max(both - _mean(training), both * shared / both_shared if both_shared else 0.0)
            count = len(of_control.seeds)
            found[control] = _Choices(variance, count - 1, min(shared, variance), count)
        return found

    def _fitted(self, tests: Mapping[Replicate, np.ndarray]) -> _Fitted:
        draws = sorted({replicate.draw for replicate in tests})
        complete = [s for s in sorted({r.seed for r in tests}) if all(Replicate(d, s) in tests for d in draws)]
        if not complete:
            draws = draws[:1]
            complete = sorted(replicate.seed for replicate in tests if replicate.draw == draws[0])
        sums = np.array([[tests[Replicate(d, s)] for s in complete] for d in draws], float)
        means = self.clusters.means(sums)
        residuals = self.clusters.residuals(sums.mean(axis=0))
        return _Fitted(tuple(complete), means.mean(axis=0), means.mean(axis=1), residuals)

    def _interval(
        self,
        means: np.ndarray,
        residuals: np.ndarray,
        draw_means: Sequence[np.ndarray],
        prior: float,
        others: float,
        level: float,
        choices: _Choices | None = None,
    ) -> Interval:
        """Return the interval of a mean over seeds.

        Args:
            means: (S,) by seed. `residuals`: (S, G) by seed and source of test images. `draw_means`: by data set, (D,).
            prior: variance over seeds of the other data sets, which has `others` degrees of freedom.
            choices: what another selection of images would change.
        """
        seeds, mean, variation = len(means), float(means.mean()), self.clusters.variation(residuals)
        shared = variation.shared + (choices.shared if choices else 0.0)
        components = [
            Component(
                "test images",
                max(variation.sources - shared, 0.0),
                variation.dof,
                self.clusters.count,
            )
        ]
        if seeds > 1:
            own, prior_dof = _variance(means), min(self.prior_dof, others / 2)
            moderated = (prior_dof * prior + (seeds - 1) * own) / (prior_dof + seeds - 1)
            components.append(Component("training seeds", max(own, moderated), seeds - 1 + prior_dof, seeds))
        if choices:
            components.append(Component("selected images", choices.variance, choices.dof, choices.count))
        drawn = [values for values in draw_means if len(values) > 1]
        if drawn:
            variance = sum(_variance(values) for values in drawn)
            components.append(
                Component("draws", variance, sum(len(values) - 1 for values in drawn), min(map(len, drawn)))
            )
        total = sum(component.variance for component in components)
        interval = Interval(
            mean,
            mean,
            mean,
            LEVEL,
            self._covers(seeds, bool(drawn), choices is not None),
            seeds=tuple(means.tolist()),
            notes=_notes(seeds, [len(values) for values in draw_means]),
        )
        if total**0.5 < _ROUNDING:  # rounding errors of equal terms
            return replace(interval, level=level)
        interval = replace(interval, error=total**0.5, components=tuple(components), shared=variation.shared)
        half = student.half_width(level, interval.parts)
        return replace(interval, low=mean - half, high=mean + half, level=level)

    def _covers(self, seeds: int, has_draws: bool, has_choices: bool) -> str:
        names = ["draws of the generator"] if has_draws else []
        names += ["the images that are selected"] if has_choices else []
        names += [f"{seeds} training seeds"] if seeds > 1 else []
        covers = " and ".join(
            [", ".join(names), "the choice of test images"] if names else ["the choice of test images"]
        )
        if self.clusters.single:
            covers += (
                ", except in classes whose test images form a single group"
                if self.clusters.equal_classes
                else ", which is assumed to be that of the others in classes whose test images form a single group"
            )
        return covers

    def _share_of_others(self, level: float) -> float:
        """Return `share_of_others` for these sources; with equal classes, all have equal weights."""
        counts = self.clusters.sources_by_class
        return share_of_others([self.clusters.count] if self.clusters.equal_classes else counts.tolist(), level)


def tests_of(runs: Iterable[RunRecord], tested_on: str) -> Tests:
    """Return the tests of the runs of one data set on another one."""
    ordered = sorted(runs, key=lambda run: (run.draw, run.seed))
    return {
        Replicate(run.draw, run.seed): test for run in ordered for test in run.transfers if test.tested_on == tested_on
    }


def fit(
    tests: Mapping[Any, Tests],
    share_draws: ShareDraws = never,
    random_controls: RandomControls = MappingProxyType({}),
    prior_dof: float = _PRIOR_DOF,
) -> CellModel:
    """Return the model of the data sets of one grid cell from the tests of each, see `CellModel`.

    Raises:
        ValueError: there are no tests, or the data sets are tested on different images.
    """
    if not tests or not all(tests.values()):
        raise ValueError("a model needs at least one test of every data set")
    one = next(iter(next(iter(tests.values())).values()))
    if any(
        test.groups != one.groups or test.group_sizes != one.group_sizes
        for by_replicate in tests.values()
        for test in by_replicate.values()
    ):
        raise ValueError("all data sets need the same test groups")
    names = [_source_name(group, label) for group, label in zip(one.groups, one.group_labels, strict=True)]
    clusters = Clusters(np.array(names), np.array(one.group_labels), np.array(one.group_sizes))
    correct = {
        name: {replicate: np.array(test.group_correct) for replicate, test in by_replicate.items()}
        for name, by_replicate in tests.items()
    }
    return CellModel(clusters, correct, share_draws, random_controls, prior_dof)


def accuracy(tests: Sequence[TransferResult], level: float = LEVEL) -> Interval:
    """Return the accuracy of a data set that is judged alone, with one test per training seed, see `CellModel`."""
    return fit({"": _by_seed(tests)}).accuracy("", level)


def difference(a: Sequence[TransferResult], b: Sequence[TransferResult], level: float = LEVEL) -> Interval:
    """Return the paired difference of two data sets that are judged alone, see `CellModel`.

    Args:
        a: one test per training seed; those of `b` have the same seeds in the same order.

    Raises:
        ValueError: `a` and `b` differ in test groups or in the number of seeds.
    """
    if len(a) != len(b):
        raise ValueError("paired differences need equally many seeds")
    interval = fit({"a": _by_seed(a), "b": _by_seed(b)}).difference("a", "b", level)
    assert interval is not None
    return interval


def grouped_mean(
    classes: Sequence[GroupedParts], covers: str, level: float = LEVEL, dependence: float = 1.0
) -> Interval:
    """Return the mean over classes of the mean over images; groups are the units of resampling.

    `dependence`: factor of the variance, for values that depend on other images.
    """
    return _grouped_interval(_clusters(classes), _sums(classes), covers, level, dependence)


def grouped_difference(
    a: Sequence[GroupedParts], b: Sequence[GroupedParts], covers: str, dependence: float = 1.0
) -> Interval | None:
    """Return the paired difference of two grouped means, see `grouped_mean`; None if their groups differ."""
    if [part.groups for part in a] != [part.groups for part in b]:
        return None
    return _grouped_interval(_clusters(a), _sums(a) - _sums(b), covers, LEVEL, dependence)


def share_interval(interval: Interval) -> Interval:
    """Return Wilson's interval (1927) of a share, with the number of images that gives the interval's standard error.

    Near 0 and 1 it is not symmetric, and holds where a symmetric one is too narrow. The interval must have an error.
    """
    (component,) = interval.components
    quantile = student.quantile(interval.level, component.dof)
    share = min(1.0, max(0.0, interval.mean))
    number = share * (1 - share) / component.variance
    if not number:
        return interval
    centre = (share + quantile**2 / (2 * number)) / (1 + quantile**2 / number)
    half = quantile / (1 + quantile**2 / number) * (component.variance + quantile**2 / (4 * number**2)) ** 0.5
    return replace(interval, low=centre - half, high=centre + half)


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


def _by_seed(tests: Sequence[TransferResult]) -> Tests:
    return {Replicate(0, seed): test for seed, test in enumerate(tests)}


def _source_name(group: str, label: int) -> str:
    """Return the name of the source of a test group, which is "class/source"."""
    return group.removeprefix(f"{label}/")


def _clusters(classes: Sequence[GroupedParts]) -> Clusters:
    labels = np.repeat(np.arange(len(classes)), [len(part.groups) for part in classes])
    names = [name for part in classes for name in part.groups]
    return Clusters(np.array(names), labels, np.concatenate([part.sizes for part in classes]))


def _sums(classes: Sequence[GroupedParts]) -> np.ndarray:
    return np.concatenate([np.array(part.sums, float) for part in classes])


def _grouped_interval(clusters: Clusters, sums: np.ndarray, covers: str, level: float, dependence: float) -> Interval:
    mean, variation = float(clusters.means(sums)), clusters.variation(clusters.residuals(sums)[None])
    variance = dependence * variation.sources
    if variance**0.5 < _ROUNDING:
        return Interval(mean, mean, mean, level, covers)
    component = Component("test images", variance, variation.dof, clusters.count)
    interval = Interval(mean, mean, mean, 0.0, covers, variance**0.5, components=(component,))
    return interval.at(level)


def _variance(values: np.ndarray) -> float:
    """Return the variance of the mean of values."""
    return float(values.var(ddof=1) / len(values))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


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


def _notes(seeds: int, draws: Sequence[int]) -> tuple[str, ...]:
    if seeds == 1:
        note = "one training seed: the variation between training runs is unknown"
    elif seeds < MANY_SEEDS:
        note = f"{seeds} training seeds: with fewer than {MANY_SEEDS}, inspect the result of each seed"
    else:
        note = f"{seeds} training seeds"
    if max(draws) > 1:
        of_one = " of one of the two data sets" if min(draws) == 1 else ""
        several = min(count for count in draws if count > 1)
        return note, f"the interval covers other draws of the generator{of_one}, estimated from {several}"
    return note, "training images were generated once: the interval does not cover another draw of the generator"
