"""Data sets made from few real images, each compared with training on these real images alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prettyuseful.analysis.power import detectable_sentence
from prettyuseful.analysis.ranking import at_holm_levels
from prettyuseful.analysis.rows import Cell
from prettyuseful.analysis.statistics import CellModel, Interval
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.formatting import percent, points
from prettyuseful.study.file import Study


@dataclass(frozen=True)
class SourceComparison:
    """The accuracy after training on a data set minus that of as many steps on the real images it was made from.

    `real_images`: per class, those that images were conditioned on, that LoRA weights were tuned on, or that a mix
    contains. `alone`: accuracy on real test images after training on that many real images; every training seed has
    another draw of them, so that the difference covers their choice. `difference`: paired by training seed and test
    image, at the level at which Holm's procedure tests it among the data sets of the grid cell. `p`: adjusted alike.
    """

    dataset: str
    cell: Cell
    real_images: ClassCounts
    alone: Interval
    difference: Interval
    p: float | None

    @property
    def sentence(self) -> str:
        """Whether the data set is more useful than the real images that it was made from."""
        difference = self.difference
        if difference.excludes_zero:
            verdict, could_see = f"{'more' if difference.mean > 0 else 'less'} useful as training data than", ""
        else:
            verdict, could_see = "not clearly different as training data from", detectable_sentence(difference)
        return (
            f"{self.dataset} is {verdict} the {self.real_images} real images per class that it was made from: "
            f"{points(difference)} compared with {self._reference}{'; ' * bool(could_see)}{could_see}."
        )

    @property
    def _reference(self) -> str:
        return f"{percent(self.alone)} after training on these alone for as many steps"


def compare_with_sources(
    study: Study, cell: Cell, models: Mapping[tuple[str, ClassCounts], CellModel]
) -> Iterator[SourceComparison]:
    """Yield the comparison of each data set in a grid cell that was made from few real images.

    Data sets are left out if the curve of real images lacks their number of real images, see `missing_points`.

    Args:
        study: says which real images a data set is made from.
        cell: the grid cell.
        models: of each data set, named by name and images per class, and of the curve of real images with as many
            steps, whose points are named by their images per class.
    """
    compared = []
    for (name, counts), model in models.items():
        number = few_real_images(study, name, counts)
        points_of_curve = (point for point in model.datasets if isinstance(point, ClassCounts))
        point = next((point for point in points_of_curve if point.largest == number), None)
        if point is not None and (difference := model.difference((name, counts), point)):
            compared.append((name, point, model.accuracy(point), difference))
    tested = at_holm_levels([difference for *_, difference in compared])
    for (name, point, alone, _), (difference, p) in zip(compared, tested, strict=True):
        yield SourceComparison(name, cell, point, alone, difference, p)


def few_real_images(study: Study, name: str, counts: ClassCounts) -> int:
    """Return how many real images per class a data set was made from; 0 for none, or if it has no more images itself.

    In the latter case it is compared with real images in equal numbers anyway. It is 0 for a pretrained data set, too,
    whose classifiers take more steps than those of the curve of real images.
    """
    plan = study.datasets.get(name)
    number = 0 if plan is None or plan.pretrain else study.real_images_used(name)
    return number if number < counts.largest else 0


def source_headline(comparisons: Sequence[SourceComparison]) -> str | None:
    """Return one sentence on all data sets made from few real images; None without comparisons."""
    if not comparisons:
        return None
    best = max(comparisons, key=lambda one: one.difference.mean)
    if len(comparisons) == 1:
        return f"Data set {best.sentence}"
    more = sum(one.difference.low > 0 for one in comparisons)
    less = sum(one.difference.high < 0 for one in comparisons)
    return (
        f"Of {len(comparisons)} data sets made from few real images, {_are(more)} more useful and {_are(less)} less "
        f"useful as training data than these images alone; the best, {best.dataset}, differs by "
        f"{points(best.difference)} from {best._reference}."
    )


def _are(number: int) -> str:
    return {0: "none is", 1: "1 is"}.get(number, f"{number} are")


def missing_points(study: Study, sizes: Mapping[str, ClassCounts]) -> Iterator[str]:
    """Yield a sentence for each number of real images that data sets are made from and that `real_curve` lacks.

    `sizes`: images per class of each data set.
    """
    by_number: dict[int, list[str]] = {}
    for name, counts in sizes.items():
        number = few_real_images(study, name, counts)
        if number and number not in study.train.real_curve:
            by_number.setdefault(number, []).append(name)
    for number, names in by_number.items():
        verb = "was" if len(names) == 1 else "were"
        yield (
            f"{', '.join(names)} {verb} made from {number} real images per class. Whether these images alone are as "
            f"useful was not measured; add {number} to train.real_curve."
        )
