"""What generated images add to real ones: a grid of classifiers on so many real and so many generated images per class.

A row of the grid has one number of real images. Its first point has no generated images and is the control: the gain of
each other point is its accuracy minus that of the control, paired by test image and training seed. All classifiers of a
seed use the same first real images, and the same first generated ones.

All statements about one data set hold together. The gains of the grid are one family of G simultaneous 95% intervals
(Bonferroni). A number of images may be the best of its row unless another one is better by a one-sided test at 5% / G:
with 95% confidence the best number of every row is among those that remain (multiple comparisons with the best; Hsu,
Multiple Comparisons, 1996, chapter 4). Where results are looked at several times, the looks share the error rate
equally, so that the statements hold whatever decided when to stop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from prettyuseful.analysis.effective import EffectiveReal, effective_real_images
from prettyuseful.analysis.rows import Cell, curve_position
from prettyuseful.analysis.statistics import LEVEL, CellModel, Interval, Replicate, Tests, fit
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.formatting import Estimate
from prettyuseful.records import RunRecord, StudyRecord
from prettyuseful.study.curve import CurvePlan, CurvePrices, MixPoint, mixed_datasets
from prettyuseful.study.file import REAL
from prettyuseful.training.recipes import FROZEN_FEATURES

Verdict = Literal["helps", "no clear gain", "harms"]


@dataclass(frozen=True)
class Family:
    """How many statements hold together: `gains` of a grid, at each of several `looks`."""

    gains: int
    looks: int = 1

    @classmethod
    def of(cls, curve: CurvePlan, first_seeds: int) -> Family:
        return cls(curve.gains, len(curve.looks(first_seeds)))

    @property
    def level(self) -> float:
        """The level of the interval of one gain."""
        return 1 - (1 - LEVEL) / (self.gains * self.looks)

    @property
    def one_sided_level(self) -> float:
        """The level of a two-sided interval each end of which is a one-sided bound at `level`."""
        return 1 - 2 * (1 - self.level)


@dataclass(frozen=True)
class MixResult:
    """A point of the grid, with `synthetic` generated images per class.

    `images_per_class`: real and generated images together. `to_real`: accuracy on real test images, with its own 95%
    interval. `gain`: that minus the accuracy of the control, with the simultaneous interval; None for the control.
    `may_be_best`: whether its number of generated images is not significantly worse than another one of the row.
    `same_as_real`: how many real images alone have the same accuracy; None for the control, or with one row.
    `cost`: price of all its images; `cost_per_point`: price of the generated ones for each point of accuracy gained, if
    the gain is significant. `seeds`: number of training seeds.
    """

    synthetic: int
    images_per_class: ClassCounts
    to_real: Interval
    gain: Interval | None
    may_be_best: bool
    same_as_real: EffectiveReal | None
    cost: float | None
    cost_per_point: Estimate | None
    seeds: int


@dataclass(frozen=True)
class MixRow:
    """The points with one number of real images, in ascending order of generated ones.

    `position`: real images per class, or their mean over unequal classes. `verdict`: `helps`: at least one gain is
    significantly above 0; `harms`: none is, and every number tried is significantly worse than none. `best`: the number
    of generated images with the highest accuracy where adding helps, otherwise 0. `best_range`: the smallest and the
    largest number that may be the best. `worse_beyond`: the smallest number beyond which every number tried is
    significantly worse than the best one; `harms_beyond`: beyond which every number tried is significantly worse than
    no generated images. None if the largest number is not.
    """

    real: int
    position: float
    results: tuple[MixResult, ...]
    verdict: Verdict
    best: int
    best_range: tuple[int, int]
    worse_beyond: int | None
    harms_beyond: int | None

    @property
    def control(self) -> MixResult:
        return self.results[0]

    @property
    def gains(self) -> tuple[MixResult, ...]:
        """The points with generated images."""
        return self.results[1:]

    @property
    def best_result(self) -> MixResult:
        return next(result for result in self.results if result.synthetic == self.best)


@dataclass(frozen=True)
class MixGrid:
    """The grid of one data set in one grid cell of the study. Rows without results are left out.

    `fixed`: what is equal for all points, see `CurvePlan.fixed`; None for linear probes, which have no steps. `gains`,
    `looks`: of the family of simultaneous statements.
    """

    dataset: str
    cell: Cell
    fixed: Literal["steps", "epochs"] | None
    rows: tuple[MixRow, ...]
    gains: int
    looks: int


def mixing_grids(study: StudyRecord, runs: Sequence[RunRecord]) -> tuple[MixGrid, ...]:
    """Return the grids of a study, one for each cell and data set; empty without a `curve`."""
    curve = study.file.curve
    if curve is None:
        return ()
    family, grids = Family.of(curve, len(study.file.train.seeds)), []
    for cell in study.cells:
        for dataset in mixed_datasets(curve, study.file.datasets):
            of_grid = runs_of_grid(runs, cell, dataset)
            tests = {point: found for point in curve.points if (found := mix_tests(of_grid.get(point, ())))}
            if comparisons := _compare_rows(tests, family):
                counts = {point: of_grid[point][0].images_per_class for point in tests}
                values = _Values(counts, fit(tests), family, curve.prices, len(study.task.classes))
                rows = tuple(_row(comparison, values) for comparison in comparisons)
                fixed = None if cell[1] == FROZEN_FEATURES else curve.fixed
                grids.append(MixGrid(dataset, cell, fixed, rows, family.gains, family.looks))
    return tuple(grids)


def runs_of_grid(runs: Sequence[RunRecord], cell: Cell, dataset: str) -> dict[MixPoint, list[RunRecord]]:
    """Return the runs of the grid of one data set by point; controls belong to the grids of all data sets."""
    by_point: dict[MixPoint, list[RunRecord]] = {}
    for run in runs:
        if run.mixed is not None and run.cell == cell and run.dataset in (dataset, REAL):
            by_point.setdefault(run.mixed, []).append(run)
    return by_point


def mix_tests(runs: Sequence[RunRecord]) -> Tests:
    """Return the tests of the runs of a point on real images, one for each training seed.

    The seeds may use different draws of the generator, which is then a part of the variation over seeds.
    """
    return {Replicate(0, run.seed): test for run in runs for test in run.transfers if test.tested_on == REAL}


def _compare_rows(tests: Mapping[MixPoint, Tests], family: Family) -> list[RowComparison]:
    """Return the comparison of each row that has its control and another point."""
    rows = []
    for real in sorted({point.real for point in tests}):
        of_row = {point: tests[point] for point in tests if point.real == real}
        if MixPoint(real=real, synthetic=0) in of_row and len(of_row) > 1:
            rows.append(RowComparison.of(fit_row(of_row), family))
    return rows


def fit_row(tests: Mapping[MixPoint, Tests]) -> CellModel:
    """Return the model of the points of a row.

    They differ in the number of generated images alone, so all of them count for how much seeds vary. Rows have models
    of their own, because results vary more over seeds with few real images than with many.
    """
    return fit(tests, prior_dof=inf)


@dataclass(frozen=True)
class RowComparison:
    """The points of a row, in ascending order of generated images, compared with its control and with each other.

    `gains`: by point with generated images, as far as it shares seeds with the control. `may_be_best`: see `MixResult`.
    """

    model: CellModel
    points: tuple[MixPoint, ...]
    gains: Mapping[MixPoint, Interval]
    may_be_best: frozenset[MixPoint]

    @classmethod
    def of(cls, model: CellModel, family: Family) -> RowComparison:
        """Compare the points of a row, by which the data sets of the model are named; see `fit_row`."""
        points = sorted((p for p in model.datasets if isinstance(p, MixPoint)), key=lambda point: point.synthetic)
        control, *others = points
        gains = {point: gain for point in others if (gain := model.difference(point, control, family.level))}

        def beats(a: MixPoint, b: MixPoint) -> bool:
            interval = model.difference(a, b, family.one_sided_level)
            return interval is not None and interval.low > 0

        may_be_best = {point for point in points if not any(beats(other, point) for other in points if other != point)}
        return cls(model, tuple(points), gains, frozenset(may_be_best))

    @property
    def verdict(self) -> Verdict:
        if any(gain.low > 0 for gain in self.gains.values()):
            return "helps"
        return "harms" if self.gains and all(gain.high < 0 for gain in self.gains.values()) else "no clear gain"

    @property
    def best(self) -> MixPoint:
        """The point to recommend: no generated images unless adding them helps significantly."""
        if self.verdict != "helps":
            return self.points[0]
        return max(self.gains, key=lambda point: self.gains[point].mean)

    @property
    def best_range(self) -> tuple[int, int]:
        amounts = [point.synthetic for point in {*self.may_be_best, self.best}]
        return min(amounts), max(amounts)

    @property
    def worse_beyond(self) -> int | None:
        return self._beyond([point not in self.may_be_best for point in self.points])

    @property
    def harms_beyond(self) -> int | None:
        return self._beyond([point in self.gains and self.gains[point].high < 0 for point in self.points])

    def _beyond(self, worse: Sequence[bool]) -> int | None:
        """Return the amount after which all points are worse; None if the last one is not."""
        if not worse[-1]:
            return None
        last = max((index for index, is_worse in enumerate(worse) if not is_worse), default=0)
        return self.points[last].synthetic


@dataclass(frozen=True)
class _Values:
    """What a point is worth in real images and in money. `counts`: its images per class. `model`: of the whole grid."""

    counts: Mapping[MixPoint, ClassCounts]
    model: CellModel
    family: Family
    prices: CurvePrices | None
    classes: int

    def same_as_real(self, point: MixPoint) -> EffectiveReal | None:
        """Return how many real images alone have the accuracy of a point; None with fewer than two controls."""
        column = {curve_position(self.counts[other]): other for other in self.counts if not other.synthetic}
        if not point.synthetic or len(column) < 2:
            return None
        return effective_real_images(self.model, column, point, self.family.level)

    def cost(self, point: MixPoint) -> float | None:
        """Return the price of all images of a point."""
        if self.prices is None:
            return None
        return self._real(point) * self.prices.real + self._generated(point) * self.prices.synthetic

    def cost_per_point(self, point: MixPoint, gain: Interval | None) -> Estimate | None:
        """Return the price of the generated images for each point of accuracy gained, if the gain is significant."""
        if self.prices is None or gain is None or gain.low <= 0:
            return None
        price = self._generated(point) * self.prices.synthetic
        return Estimate(*(price / (100 * part) for part in (gain.mean, gain.high, gain.low)))

    def _real(self, point: MixPoint) -> int:
        return self.counts[MixPoint(real=point.real, synthetic=0)].total(self.classes)

    def _generated(self, point: MixPoint) -> int:
        return self.counts[point].total(self.classes) - self._real(point)


def _row(row: RowComparison, values: _Values) -> MixRow:
    control = row.points[0]
    results = (
        MixResult(
            synthetic=point.synthetic,
            images_per_class=values.counts[point],
            to_real=row.model.accuracy(point),
            gain=row.gains.get(point),
            may_be_best=point in row.may_be_best,
            same_as_real=values.same_as_real(point),
            cost=values.cost(point),
            cost_per_point=values.cost_per_point(point, row.gains.get(point)),
            seeds=len(row.model.datasets[point].seeds),
        )
        for point in row.points
    )
    return MixRow(
        real=control.real,
        position=curve_position(values.counts[control]),
        results=tuple(results),
        verdict=row.verdict,
        best=row.best.synthetic,
        best_range=row.best_range,
        worse_beyond=row.worse_beyond,
        harms_beyond=row.harms_beyond,
    )
