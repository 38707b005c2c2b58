"""The results of a study: one row per data set and one per pair of data sets, in every grid cell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from prettyuseful.analysis.distribution import Measure, primary_measures
from prettyuseful.analysis.effective import EffectiveReal
from prettyuseful.analysis.ranking import RankRange
from prettyuseful.analysis.statistics import Interval
from prettyuseful.analysis.stopping import Stopping
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.records import CellNames
from prettyuseful.study.file import REAL

Cell = CellNames


@dataclass(frozen=True)
class Row:
    """The results of one data set in one grid cell. Accuracies are fractions (0-1).

    `images_per_class`: training images of each class. `to_real`: accuracy on real test images of classifiers trained on
    this data set (Synth->Real; Real->Real for the real images). `from_real`: accuracy on this data set of classifiers
    trained on real images (Real->Synth). `gap`: `to_real` minus the accuracy with equally many real training images,
    paired. `seeds`: accuracy on real images for each training seed, `draws`: for each draw of the generator, by its
    number; both are means over the other. `per_class`: mean over all runs for each class. `metrics`: interval of each
    metric on the original images, by the first encoder of the study that has it; `distribution`: all measurements.
    `calibration`: top-5 accuracy and calibration metrics on real images for each run.
    `rank_range`: rank among the generated data sets of the cell, over the seeds that all of them have. `worth`:
    effective real images per class, if the study has a curve of real images. `holds_real`: the data set contains real
    images, so classifiers trained on real images are not tested on it. `conditioned`: neither are they on images that
    were generated from real training images. `of`: the data set that this one is derived from. `linear_probe`: accuracy
    on real training images of a linear probe that is fitted on the data set.
    """

    dataset: str
    images_per_class: ClassCounts
    cell: Cell
    to_real: Interval | None
    from_real: Interval | None
    gap: Interval | None
    seeds: tuple[float, ...]
    draws: dict[int, float]
    per_class: tuple[float, ...]
    metrics: dict[str, Interval]
    distribution: tuple[Measure, ...]
    calibration: dict[str, tuple[float, ...]]
    rank_range: RankRange | None = None
    worth: EffectiveReal | None = None
    holds_real: bool = False
    conditioned: bool = False
    of: str | None = None
    linear_probe: Interval | None = None

    @property
    def real(self) -> bool:
        return self.dataset == REAL

    @property
    def metric_numbers(self) -> dict[str, ClassCounts]:
        """The images per class, on either side, of the values in `metrics`."""
        return {name: measure.images_per_class for name, measure in primary_measures(self.distribution).items()}


@dataclass(frozen=True)
class Comparison:
    """The accuracy of data set `a` minus that of data set `b` in one grid cell.

    `planned`: the comparison is pre-registered: the study names `b` as the control of `a`. The planned comparisons of a
    cell are one family, all other pairs (exploratory) another one. `p`: two-sided p-value of no difference,
    Holm-adjusted for the family; None where no test is possible. `to_real`: the interval at the level at which Holm's
    procedure tests the pair, so that it excludes zero where `p` is at most 5 %. One planned comparison has a 95%
    interval. `coverage`: the difference of the coverage metric. `stopping`: for planned comparisons of a study that
    trains `until: sure`, why no more seeds were added; `to_real` and `p` allow for the looks at results.
    """

    a: str
    b: str
    cell: Cell
    planned: bool
    to_real: Interval
    coverage: Interval | None
    p: float | None = None
    stopping: Stopping | None = None
    detectable: float | None = None
    """The true difference that the study finds in 80% of cases, at the level of `to_real`; see `analysis.power`."""


@dataclass(frozen=True)
class CurvePoint:
    """Accuracy on real test images after training on `images_per_class` real images.

    The number of training steps is that of `steps_of` images per class.
    """

    cell: Cell
    steps_of: ClassCounts
    images_per_class: ClassCounts
    to_real: Interval

    @property
    def position(self) -> float:
        """Where the point lies on the curve."""
        return curve_position(self.images_per_class)


def curve_position(counts: ClassCounts) -> float:
    """Return where a number of real images lies on the curve: images per class, or their mean over unequal classes."""
    return counts.smallest if counts.equal else counts.mean


def baseline_of(images_per_class: ClassCounts, real: Iterable[ClassCounts]) -> ClassCounts | None:
    """Return the largest of several sets of real images that has no more images of any class than a data set.

    For a data set that is compared with equally many real images, this is the set with the same numbers.
    """
    return max((counts for counts in real if counts.fits(images_per_class)), default=None)
