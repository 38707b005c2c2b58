"""Data sets made from few real images, each compared with training on these real images alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prettyuseful.analysis.power import detectable_sentence
from prettyuseful.analysis.ranking import holm, holm_levels
from prettyuseful.analysis.rows import Cell
from prettyuseful.analysis.statistics import Interval, Tests, fit
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
        return (
            f"{self.dataset} was made from {self.real_images} real images per class. {self._verdict('it')} these real "
            f"images alone: {self._numbers}."
        )

    def headline(self, compared: int) -> str:
        """Return the sentence on this data set, the best of those that were compared."""
        name = f"The best of {compared} data sets made from few real images, {self.dataset},"
        return (
            f"{self._verdict(name if compared > 1 else f'Data set {self.dataset}')} the {self.real_images} real images "
            f"per class that it was made from: {self._numbers}."
        )

    def _verdict(self, subject: str) -> str:
        subject = subject[:1].upper() + subject[1:]
        if not self.difference.excludes_zero:
            return f"{subject} is not clearly different as training data from"
        return f"{subject} is {'more' if self.difference.mean > 0 else 'less'} useful as training data than"

    @property
    def _numbers(self) -> str:
        could_see = "" if self.difference.excludes_zero else detectable_sentence(self.difference)
        against = (
            f"{points(self.difference)} compared with {percent(self.alone)} after training on them for as many steps"
        )
        return f"{against}; {could_see}" if could_see else against


def compare_with_sources(
    study: Study,
    cell: Cell,
    tests: Mapping[tuple[str, ClassCounts], Tests],
    curves: Mapping[tuple[Cell, ClassCounts], Mapping[ClassCounts, Tests]],
) -> Iterator[SourceComparison]:
    """Yield the comparison of each data set in a grid cell that was made from few real images.

    Data sets are left out if the curve of real images lacks their number of real images, see `missing_points`.

    Args:
        study: says which real images a data set is made from.
        cell: the grid cell.
        tests: of each data set, by its name and images per class.
        curves: tests of the curves of real images, by grid cell and by the images per class whose steps they match.
    """
    compared = []
    for (name, counts), of_dataset in tests.items():
        of_curve = curves.get((cell, counts), {})
        number = few_real_images(study, name, counts)
        point = next((point for point in of_curve if point.largest == number), None)
        if point is None or not of_dataset:
            continue
        model = fit({"alone": of_curve[point], name: of_dataset})
        if difference := model.difference(name, "alone"):
            compared.append((name, point, model.accuracy("alone"), difference))
    p = [difference.p or 0.0 for *_, difference in compared]
    for (name, point, alone, difference), adjusted, level in zip(compared, holm(p), holm_levels(p), strict=True):
        yield SourceComparison(name, cell, point, alone, difference.at(level), adjusted)


def few_real_images(study: Study, name: str, counts: ClassCounts) -> int:
    """Return how many real images per class a data set was made from; 0 for none, or if it has no more images itself.

    In the latter case it is compared with real images in equal numbers anyway. It is 0 for a pretrained data set, too,
    whose classifiers take more steps than those of the curve of real images.
    """
    plan = study.datasets.get(name)
    number = 0 if plan is None or plan.pretrain else study.real_images_used(name)
    return number if number < counts.largest else 0


def source_headline(comparisons: Sequence[SourceComparison]) -> str | None:
    """Return the sentence on the best of the data sets made from few real images; None without comparisons."""
    if not comparisons:
        return None
    best = max(comparisons, key=lambda one: one.difference.mean)
    return best.headline(len(comparisons))


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
