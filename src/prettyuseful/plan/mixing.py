"""Plan the curve of mixtures: classifiers on real images together with generated ones, for a grid of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.portions import Portion, spread_starts
from prettyuseful.errors import StudyError
from prettyuseful.plan.datasets import DatasetPlanner
from prettyuseful.plan.planned import PlanContext, PlannedMix
from prettyuseful.plan.real import RealImages
from prettyuseful.study.curve import CurvePlan, MixPoint, mixed_datasets
from prettyuseful.study.file import REAL


class MixPlanner:
    """Plans what the classifiers of the curve are trained on.

    Each training seed takes its images from another place in the order of the images, the same for all points of the
    grid: fewer images are a part of more images, for real and for generated ones. So the variation over seeds contains
    that of the images, and differences between points are paired. Where there are several draws of the generator, the
    seeds take turns with them.
    """

    def __init__(self, context: PlanContext, curve: CurvePlan, real: RealImages, datasets: DatasetPlanner) -> None:
        self.context, self.curve, self.real, self.datasets = context, curve, real, datasets
        self.classes = len(context.task.classes)
        self.seeds = curve.seeds(context.study.train.seeds)

    def check(self) -> None:
        """Check that there are as many images as the grid needs, and note what its intervals cover.

        Raises:
            StudyError: a number is larger than that of the largest class.
        """
        largest, task = max(self.curve.real), self.context.task
        if largest > self.real.available.largest:
            raise StudyError(
                f"curve.real: {largest} real images per class are needed, but no class of the task {task.name} has "
                f"more than {self.real.available.largest} training images; leave out the larger numbers"
            )
        for name in self.names:
            most, counts = max(self.curve.amounts), self.context.counts[name]
            if most > counts.largest:
                raise StudyError(
                    f"curve.synthetic: {most} images per class of {name!r} are needed, which has only {counts}; "
                    "increase its images_per_class, or leave out the larger numbers"
                )
        if any(self.real.available[label] < self._places * largest for label in range(self.classes)):
            self.context.notes.append(
                "Some classes have too few real training images for every training seed of the curve to take others: "
                "seeds share images, so the intervals of the largest numbers of real images are about these images."
            )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The data sets that are added to real images."""
        return mixed_datasets(self.curve, self.context.study.datasets)

    def steps_of(self, mix: PlannedMix) -> ClassCounts:
        """Return the images of each class whose number of training steps a mixture takes."""
        return self._largest if self.curve.fixed == "steps" else mix.images_per_class

    @cached_property
    def _largest(self) -> ClassCounts:
        """The images of each class of the largest mixture."""
        real = self.real.limit(ClassCounts(max(self.curve.real)))
        generated = [self.context.counts[name].limit(max(self.curve.amounts)) for name in self.names]
        return _sum(real, max(generated), self.classes)

    def mixes(self, seed: int) -> Iterator[PlannedMix]:
        """Yield the training images of all points of the grid for a training seed; controls are planned once."""
        for point in self.curve.points:
            for name in self.names if point.synthetic else (REAL,):
                yield self._mix(name, point, self.seeds.index(seed))

    def _mix(self, name: str, point: MixPoint, index: int) -> PlannedMix:
        real = self.real.limit(ClassCounts(point.real))
        key, pool = self._pool
        parts = {REAL: (key, self._portion(real, pool, index))}
        if not point.synthetic:
            return PlannedMix(name, point, real, parts)
        images = self.datasets.plan(name, index % self.context.draws[name])
        images = self.datasets.of_seed(images, self.seeds[index])
        generated = images.images_per_class.limit(point.synthetic)
        parts[name] = (images.key, self._portion(generated, images.images_per_class, index))
        return PlannedMix(name, point, _sum(real, generated, self.classes), parts, images.draw)

    def _portion(self, per_class: ClassCounts, available: ClassCounts, index: int) -> Portion:
        start = spread_starts(index, len(self.seeds))
        first = ClassCounts(tuple(int(start * available[label]) for label in range(self.classes)))
        return Portion(per_class=per_class, first=first)

    @property
    def _places(self) -> int:
        """The number of equally distant places where seeds may start, see `spread_starts`."""
        return 1 << (len(self.seeds) - 1).bit_length()

    @cached_property
    def _pool(self) -> tuple[str, ClassCounts]:
        """The key of the real images that all portions are taken from, and how many there are of each class.

        There are enough of them for seeds without common images, if the task has so many.
        """
        per_class = self.real.limit(ClassCounts(self._places * max(self.curve.real)))
        return self.real.load_step("train", per_class, "curve.real"), per_class


def _sum(a: ClassCounts, b: ClassCounts, classes: int) -> ClassCounts:
    return ClassCounts(tuple(a[label] + b[label] for label in range(classes)))
