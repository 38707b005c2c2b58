"""Which training seeds the curve of a study needs: where its gains are not yet as precise as planned.

Every point of the grid gets the first seeds. Results are looked at then, and whenever the number of seeds has doubled.
A point gets more seeds, together with its control, unless

- the interval of its gain is narrow enough,
- the gain no longer matters: its sign is clear, and another number of images of the row is clearly better, or
- more seeds cannot narrow the interval by a tenth, because the test images or the number of looks limit it.

The intervals allow for all looks and all gains of the grid, see `mixing.Family`, whichever points are continued.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prettyuseful import student
from prettyuseful.analysis.mixing import Family, RowComparison, fit_row, mix_tests, runs_of_grid
from prettyuseful.analysis.statistics import Interval, Replicate, Tests
from prettyuseful.records import CellNames, RunRecord
from prettyuseful.study.curve import CurvePlan, MixPoint, mixed_datasets
from prettyuseful.study.file import REAL, Study

_WORTHWHILE = 0.9
"""More seeds must be able to narrow an interval to this fraction of its width."""


@dataclass(frozen=True)
class MixSeeds:
    """The seeds of one grid cell beyond the first ones.

    `added`: (data set, point, seed) of all runs that were needed so far; controls have the data set `real`. `open`: the
    points that may need more seeds still, with their data sets. `seeds`: number of seeds at the last look.
    """

    added: frozenset[tuple[str, MixPoint, int]]
    open: frozenset[tuple[str, MixPoint]]
    seeds: int


def mix_seeds(study: Study, cell: CellNames, runs: Sequence[RunRecord]) -> MixSeeds:
    """Apply the rule to the runs of one grid cell, which may be incomplete.

    The result follows from the results of the runs: each look uses the seeds up to it, whatever came later. So a study
    that was interrupted and continued ends with the same seeds. A run that failed counts as done, one that is missing
    is waited for.
    """
    curve = study.curve
    assert curve is not None
    added: set[tuple[str, MixPoint, int]] = set()
    still_open: set[tuple[str, MixPoint]] = set()
    seen = len(study.train.seeds)
    for dataset in mixed_datasets(curve, study.datasets):
        of_grid = runs_of_grid(runs, cell, dataset)
        for real in sorted(curve.real):
            row = {point: of_grid.get(point, []) for point in curve.points if point.real == real}
            needed, unsettled, looked = _row_seeds(row, curve, study.train.seeds)
            control = MixPoint(real=real, synthetic=0)
            added |= {(dataset, point, seed) for point, seeds in needed.items() for seed in seeds}
            added |= {(REAL, control, seed) for seeds in needed.values() for seed in seeds}
            still_open |= {(name, point) for point in unsettled for name, point in ((dataset, point), (REAL, control))}
            seen = max(seen, looked)
    return MixSeeds(frozenset(added), frozenset(still_open), seen)


def _row_seeds(
    row: Mapping[MixPoint, Sequence[RunRecord]], curve: CurvePlan, first: tuple[int, ...]
) -> tuple[dict[MixPoint, list[int]], set[MixPoint], int]:
    """Return the added seeds by point, the points that may need more, and the number of seeds of the last look."""
    assert curve.precision is not None
    precision = curve.precision / 100
    seeds, looks, family = curve.seeds(first), curve.looks(len(first)), Family.of(curve, len(first))
    control, *others = row
    tests = {point: mix_tests(runs) for point, runs in row.items()}
    added: dict[MixPoint, list[int]] = {}
    active = others
    for index, count in enumerate(looks):
        waited = {run.seed for point in (control, *active) for run in row[point] if run.status == "missing"}
        known = [{run.seed for run in row[point]} for point in (control, *active)]
        if waited & {*seeds[:count]} or not all({*seeds[:count]} <= of_point for of_point in known):
            return added, {*active}, looks[max(0, index - 1)]
        used = {point: _of_seeds(tests[point], seeds[:count]) for point in row}
        row_tests = {point: of_point for point, of_point in used.items() if of_point}
        compared = RowComparison.of(fit_row(row_tests), family) if control in row_tests else None
        active = [point for point in active if compared and needs_seeds(point, compared, precision)]
        if not active or count == looks[-1]:
            return added, set(), count
        for point in active:
            added.setdefault(point, []).extend(seeds[count : looks[index + 1]])
    raise AssertionError("there is at least one look")


def _of_seeds(tests: Tests, seeds: Sequence[int]) -> Tests:
    return {Replicate(draw, seed): test for (draw, seed), test in tests.items() if seed in seeds}


def needs_seeds(point: MixPoint, row: RowComparison, precision: float) -> bool:
    """Return whether the gain of a point is not yet as precise as planned, and more seeds can help.

    `precision`: the half width to reach, as a fraction of accuracy (0-1).
    """
    gain = row.gains.get(point)
    if gain is None or not gain.components:
        return False
    half = (gain.high - gain.low) / 2
    if half <= precision or (gain.excludes_zero and point not in row.may_be_best):
        return False
    return _half_without_seeds(gain) < _WORTHWHILE * half


def _half_without_seeds(interval: Interval) -> float:
    """Return the half width that the interval would have if seeds did not vary."""
    parts = [(part.variance, part.dof) for part in interval.components if part.name != "training seeds"]
    return student.half_width(interval.level, parts)
