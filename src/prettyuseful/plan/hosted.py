"""Plan the steps that ask hosted models for images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.engine.keys import digest
from prettyuseful.engine.pinned import Pinned
from prettyuseful.generators.base import Origin
from prettyuseful.generators.hosted import IMAGES_PER_STEP, NOT_REPRODUCIBLE, HostedModel
from prettyuseful.plan.planned import PlanContext
from prettyuseful.records import dataset_title
from prettyuseful.steps.datasets import SubsetSpec
from prettyuseful.steps.generation import CollectSpec
from prettyuseful.steps.hosted import HostedSpec


@dataclass(frozen=True)
class HostedDataset:
    """A data set of a hosted model. `prompts`: the key of its prompt step. `count`: images per class. `seed`: of the
    first of its `draws`."""

    name: str
    model: Pinned[HostedModel]
    prompts: str
    count: int
    seed: int
    draws: int

    @property
    def origin(self) -> Origin:
        return Origin(self.model.source.model, "hosted", note=NOT_REPRODUCIBLE)

    @property
    def ledger(self) -> str:
        """The name of the ledger of its budget: that of all data sets whose steps have the same keys.

        It begins with the key of the prompts, so that a sweep of the store keeps it as long as these.
        """
        return f"{self.prompts}.{digest([self.model.content, self.seed])[:16]}"

    @property
    def parts(self) -> tuple[range, ...]:
        """The images of a class that each step makes."""
        starts = range(0, self.count, IMAGES_PER_STEP)
        return tuple(range(start, min(start + IMAGES_PER_STEP, self.count)) for start in starts)


class HostedPlanner:
    """Plans the data sets of hosted models."""

    def __init__(self, context: PlanContext) -> None:
        self.context, self.graph, self.classes = context, context.graph, context.task.classes

    def add(self, dataset: HostedDataset, draw: int) -> str:
        """Add the steps of a draw, and return the key of the images.

        Raises:
            DataError: the images of all draws cost more than the data set may.
        """
        dataset.model.source.check_budget(dataset.count * len(self.classes) * dataset.draws)
        return self._collect(dataset, dataset.parts, dataset_title(dataset.name, draw), draw)

    def add_part(self, dataset: HostedDataset, per_class: ClassCounts) -> str:
        """Add the steps of the first images of each class of the first draw, and return the key of the images."""
        count = per_class.smallest
        parts = [part for part in dataset.parts if part.start < count]
        key = self._collect(dataset, parts, f"{count} of {dataset.name}", draw=0)
        if parts[-1].stop == count:
            return key
        units = count * len(self.classes)
        return self.graph.add(SubsetSpec(per_class=per_class), {"dataset": key}, f"part of {dataset.name}", units)

    def _collect(self, dataset: HostedDataset, parts: Sequence[range], title: str, draw: int) -> str:
        sizes = [len(part) for _ in range(dataset.draws) for _ in self.classes for part in dataset.parts]
        allowances = dataset.model.source.allowances(sizes, dataset.ledger)
        shards: dict[str, str] = {}
        for label, class_name in enumerate(self.classes):
            for number, part in enumerate(parts):
                step = (draw * len(self.classes) + label) * len(dataset.parts) + number
                spec = HostedSpec(
                    generator=dataset.model.source.model,
                    model=dataset.model,
                    label=label,
                    first=part.start,
                    stop=part.stop,
                    seed=dataset.seed + draw,
                    allowance=allowances[step],
                )
                words = f"ask for {dataset_title(dataset.name, draw)}: {class_name} {part.start}-{part.stop}"
                inputs, names = {"prompts": dataset.prompts}, {"dataset": dataset.name}
                shards[f"{len(shards):05d}"] = self.graph.add(spec, inputs, words, len(part), names)
        count = parts[-1].stop
        collect = CollectSpec(classes=self.classes, images_per_class=count)
        return self.graph.add(collect, shards, f"collect {title}", count * len(self.classes))
