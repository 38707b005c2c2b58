"""Plan the steps that load the task's real images."""

from __future__ import annotations

from functools import cached_property, reduce

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.sources.safe_reading import printable
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, StudyError
from prettyuseful.plan.planned import PlanContext, PlannedDataset
from prettyuseful.steps.datasets import LoadFurtherSpec, LoadSpec, SampleSpec
from prettyuseful.study.file import REAL
from prettyuseful.tasks.base import Split, check_available
from prettyuseful.tasks.sampled import SampledTask

_SAMPLES_PER_CLASS = 8


class RealImages:
    """Plans the loading of the task's real images, in the numbers that a study needs."""

    def __init__(self, context: PlanContext) -> None:
        self.context, self.task = context, context.task
        self._source = Pinned(source=context.study.task, content=self.task.fingerprint())

    def load_step(self, split: Split, per_class: ClassCounts | int, number: str | None = None) -> str:
        """Add the step that loads the first `per_class` images of each class, and return its key.

        `number`: what the study calls the number of images, if it is not `images_per_class`.

        Raises:
            DataError: the task has fewer images.
        """
        per_class = check_available(self.task, split, per_class)
        spec = LoadSpec(task=self._source, split=split, per_class=per_class)
        units = per_class.total(len(self.task.classes))
        names = {"per_class": number} if number else None
        return self.context.graph.add(spec, {}, f"load {per_class} real {split} images per class", units, names)

    def further_train_step(self, per_class: ClassCounts, draw: int, number: str | None = None) -> str:
        """Add the step that loads another draw of `per_class` real training images of each class; return its key.

        Draws are taken from the order of the images one after the other. Where a class has too few images for that,
        draws overlap: the last images are used again. Draw 0 consists of the first images.
        """
        per_class = check_available(self.task, "train", per_class)
        available = self.available
        skipped = ClassCounts(
            [
                min(draw * per_class[label], available[label] - per_class[label])
                for label in range(len(self.task.classes))
            ]
        )
        if not skipped:
            return self.load_step("train", per_class, number)
        spec = LoadFurtherSpec(task=self._source, split="train", per_class=per_class, skipped=skipped)
        units = per_class.total(len(self.task.classes))
        names = {"per_class": number} if number else None
        return self.context.graph.add(spec, {}, f"load {per_class} other real train images per class", units, names)

    def further_step(self, per_class: ClassCounts, skipped: ClassCounts) -> str:
        """Add the step that loads `per_class` real training images of each class after `skipped` ones; return its key.

        Raises:
            DataError: the task has fewer images.
        """
        spec = LoadFurtherSpec(task=self._source, split="train", per_class=per_class, skipped=skipped)
        units = per_class.total(len(self.task.classes))
        return self.context.graph.add(spec, {}, f"load {per_class} further real train images per class", units)

    def train_dataset(self, per_class: ClassCounts, number: str | None = None) -> PlannedDataset:
        """Return the data set of the first `per_class` real training images of each class; see `load_step`."""
        key = self.load_step("train", per_class, number)
        return PlannedDataset(REAL, per_class, {"dataset": key, "sample": add_sample(self.context, key, REAL)})

    def refuse_test_images(self, per_class: ClassCounts, field: str) -> None:
        """Check that none of the first `per_class` real training images of each class is a test image, too.

        Raises:
            DataError: one is; `field` is the field of the study that uses these images to generate others.
        """
        if not isinstance(self.task, SampledTask):
            return
        contents, test = self.task.contents("train"), self.test_contents
        leaked = [path for path in self.task.first_paths("train", per_class) if contents[path] in test]
        if leaked:
            raise DataError(
                f"{field}: the real training image {printable(leaked[0])} is a real test image, too "
                f"({len(leaked):,} of the images to generate from are); images must not be generated from test images, "
                "so remove it from one of the two"
            )

    @cached_property
    def test_step(self) -> str:
        """The key of the step that loads all test images."""
        return self.load_step("test", ClassCounts(self.task.counts("test")))

    def held_out_step(self, used: ClassCounts) -> str:
        """Add the step that loads real training images beyond the first `used` ones of each class; return its key.

        They are the last ones of each class, at most as many as it has test images.

        Raises:
            StudyError: a class has no such image.
        """
        classes = self.task.classes
        free = [self.available[label] - used[label] for label in range(len(classes))]
        least = min(range(len(classes)), key=lambda label: free[label])
        if free[least] < 1:
            raise StudyError(
                f"train.halving: all {self.available[least]} real training images of the class {classes[least]!r} are "
                "used by data sets of the study, so none is left to compare data sets on; give the task more images, "
                "let the data sets use fewer, or remove halving"
            )
        per_class = ClassCounts([min(n, test) for n, test in zip(free, self.task.counts("test"), strict=True)])
        skipped = ClassCounts([self.available[label] - per_class[label] for label in range(len(classes))])
        spec = LoadFurtherSpec(task=self._source, split="train", per_class=per_class, skipped=skipped)
        label = f"load the last {per_class} real train images per class"
        return self.context.graph.add(spec, {}, label, per_class.total(len(classes)))

    @cached_property
    def test_contents(self) -> frozenset[str]:
        """What identifies the bytes of the real test images; empty for tasks that hold their images themselves."""
        if not isinstance(self.task, SampledTask):
            return frozenset()
        return frozenset(self.task.contents("test").values())

    @cached_property
    def available(self) -> ClassCounts:
        """The real training images of each class."""
        return ClassCounts(self.task.counts("train"))

    def limit(self, per_class: ClassCounts) -> ClassCounts:
        """Return `per_class`, limited to the number of real training images that each class of the task has."""
        return per_class.limit(self.available)

    @cached_property
    def baselines(self) -> dict[ClassCounts, PlannedDataset]:
        """Data sets of as many real training images as each data set has; by images per class, in ascending order."""
        sizes: dict[ClassCounts, str | None] = {}
        for name, counts in self.context.counts.items():
            number = f"mix of data set {name}" if self.context.study.datasets[name].mix else None
            sizes[self.limit(counts)] = number and sizes.get(self.limit(counts), number)
        return {per_class: self.train_dataset(per_class, sizes[per_class]) for per_class in sorted(sizes)}

    @property
    def largest(self) -> PlannedDataset:
        """The largest baseline."""
        return self.baselines[max(self.baselines)]

    @cached_property
    def reference(self) -> PlannedDataset:
        """For each class the most images that a baseline has. With equal numbers this is the largest baseline."""
        per_class = reduce(ClassCounts.raise_to, self.baselines)
        return self.baselines.get(per_class) or self.train_dataset(per_class)


def add_sample(context: PlanContext, dataset: str, name: str) -> str:
    """Add the step that keeps some images of a data set for the report, and return its key."""
    return context.graph.add(SampleSpec(per_class=_SAMPLES_PER_CLASS), {"dataset": dataset}, f"sample {name}", 1)
