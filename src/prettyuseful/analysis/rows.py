"""What a study found of each data set and of each pair of them: one row each."""

from __future__ import annotations

from dataclasses import dataclass

from prettyuseful.analysis.distribution import Measure
from prettyuseful.analysis.effective import EffectiveReal
from prettyuseful.analysis.ranking import Place
from prettyuseful.analysis.statistics import Interval
from prettyuseful.records import CellNames, TransferResult
from prettyuseful.study.file import REAL

Cell = CellNames

Tests = dict[int, TransferResult]
"""Tests of one cell on one data set, by training seed."""


@dataclass(frozen=True)
class Row:
    """What was found of one data set in one cell. `to_real`: Synth->Real, or Real->Real for the real images.

    `seeds` are the accuracies on real images, one per training seed; `per_class` their mean per class. `gap` is
    `to_real` minus that of equally many real images, paired. `metrics` are intervals by name, of images as they are,
    by the study's first encoder that has them; `distribution` holds all that was measured. `certainty` holds top-5
    accuracy and the figures of calibration on real images, one per training seed. `place`: its rank among the
    generated data sets of the cell, over the seeds that all of them have. `worth`: how many real images
    per class teach as much, if the study has a curve. `holds_real`: real images are in it, so that
    a test of real-trained classifiers on it would mean nothing. `of`: the data set that it is made of, if it is.
    """

    dataset: str
    images_per_class: int
    cell: Cell
    to_real: Interval | None
    from_real: Interval | None
    gap: Interval | None
    seeds: tuple[float, ...]
    per_class: tuple[float, ...]
    metrics: dict[str, Interval]
    distribution: tuple[Measure, ...]
    certainty: dict[str, tuple[float, ...]]
    place: Place | None = None
    worth: EffectiveReal | None = None
    holds_real: bool = False
    of: str | None = None

    @property
    def real(self) -> bool:
        return self.dataset == REAL


@dataclass(frozen=True)
class Comparison:
    """Data set `a` minus data set `b` in one cell.

    `planned`: the study names `b` as the control of `a`, and the interval `to_real` holds for this pair alone. All
    other pairs are exploratory: their intervals hold for all pairs of the cell simultaneously (Bonferroni). `p`: of
    no difference, two-sided; of exploratory pairs adjusted for all of them (Holm). None where it cannot be tested.
    """

    a: str
    b: str
    cell: Cell
    planned: bool
    to_real: Interval
    coverage: Interval | None
    p: float | None = None


@dataclass(frozen=True)
class CurvePoint:
    """Real->Real on `images_per_class`, in the steps that `steps_of` images per class would take."""

    cell: Cell
    steps_of: int
    images_per_class: int
    to_real: Interval
