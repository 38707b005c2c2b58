"""Plan the steps that load the task's real images."""

from __future__ import annotations

from functools import cached_property

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.plan.planned import PlanContext, PlannedDataset
from prettyuseful.steps.datasets import LoadSpec, SampleSpec
from prettyuseful.study.file import REAL
from prettyuseful.tasks.base import Split, too_few_message

_SAMPLES_PER_CLASS = 8


class RealImages:
    """Plans the loading of the task's real images, in the numbers that a study needs."""

    def __init__(self, context: PlanContext) -> None:
        self.context, self.task = context, context.task
        self._source = Pinned(source=context.study.task, content=self.task.fingerprint())

    def load_step(self, split: Split, per_class: int) -> str:
        """Add the step that loads the first `per_class` images of every class, and return its key.

        Raises:
            DataError: the task has fewer images.
        """
        if per_class > self.task.available(split):
            raise DataError(too_few_message(self.task, split, per_class))
        spec = LoadSpec(task=self._source, split=split, per_class=per_class)
        units = per_class * len(self.task.classes)
        return self.context.graph.add(spec, {}, f"load {per_class} real {split} images per class", units)

    def train_dataset(self, per_class: int) -> PlannedDataset:
        """Return the data set of the first `per_class` real training images of every class."""
        key = self.load_step("train", per_class)
        return PlannedDataset(REAL, per_class, {"dataset": key, "sample": add_sample(self.context, key, REAL)})

    @cached_property
    def test_step(self) -> str:
        """The key of the step that loads all test images."""
        return self.load_step("test", self.task.available("test"))

    def limit(self, per_class: int) -> int:
        """Return `per_class`, limited to the number of real training images that the task has."""
        return min(per_class, self.task.available("train"))

    @cached_property
    def baselines(self) -> dict[int, PlannedDataset]:
        """Data sets of as many real training images as each data set has; by images per class, in ascending order."""
        sizes = {self.limit(plan.count) for plan in self.context.study.datasets.values()}
        return {per_class: self.train_dataset(per_class) for per_class in sorted(sizes)}

    @property
    def largest(self) -> PlannedDataset:
        """The largest baseline."""
        return self.baselines[max(self.baselines)]


def add_sample(context: PlanContext, dataset: str, name: str) -> str:
    """Add the step that keeps some images of a data set for the report, and return its key."""
    return context.graph.add(SampleSpec(per_class=_SAMPLES_PER_CLASS), {"dataset": dataset}, f"sample {name}", 1)
