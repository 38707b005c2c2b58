"""The steps that load real images."""

from __future__ import annotations

from functools import cached_property

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.plan.planned import PlannedDataset, Planning
from prettyuseful.steps.datasets import LoadSpec, SampleSpec
from prettyuseful.study.file import REAL
from prettyuseful.tasks.base import Split, too_few

_SAMPLES_PER_CLASS = 8


class RealImages:
    """The task's images, in the numbers that a study needs."""

    def __init__(self, planning: Planning) -> None:
        self.planning, self.task = planning, planning.task
        self._source = Pinned(source=planning.study.task, content=self.task.fingerprint())

    def load(self, split: Split, per_class: int) -> str:
        """The step that loads the first so many images of every class.

        Raises:
            DataError: the task has fewer.
        """
        if per_class > self.task.available(split):
            raise DataError(too_few(self.task, split, per_class))
        spec = LoadSpec(task=self._source, split=split, per_class=per_class)
        units = per_class * len(self.task.classes)
        return self.planning.graph.add(spec, {}, f"load {per_class} real {split} images per class", units)

    def train(self, per_class: int) -> PlannedDataset:
        """The first real train images of every class."""
        key = self.load("train", per_class)
        return PlannedDataset(REAL, per_class, {"dataset": key, "sample": add_sample(self.planning, key, REAL)})

    @cached_property
    def test(self) -> str:
        """The step that loads all test images."""
        return self.load("test", self.task.available("test"))

    def count(self, per_class: int) -> int:
        """As many real train images as there are synthetic ones, or all that the task has."""
        return min(per_class, self.task.available("train"))

    @cached_property
    def baselines(self) -> dict[int, PlannedDataset]:
        """As many real train images as each data set has, by their number, smallest first."""
        sizes = {self.count(plan.count) for plan in self.planning.study.datasets.values()}
        return {per_class: self.train(per_class) for per_class in sorted(sizes)}

    @property
    def largest(self) -> PlannedDataset:
        """The largest of the baselines."""
        return self.baselines[max(self.baselines)]


def add_sample(planning: Planning, dataset: str, name: str) -> str:
    """The step that keeps some images of a data set for the report."""
    return planning.graph.add(SampleSpec(per_class=_SAMPLES_PER_CLASS), {"dataset": dataset}, f"sample {name}", 1)
