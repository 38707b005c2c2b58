"""Plan the steps of the data checks: every data set is inspected, and compared with the real images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from prettyuseful.checks.image_set import Role
from prettyuseful.engine.graph import Graph
from prettyuseful.plan.planned import PlanContext, PlannedDataset
from prettyuseful.plan.real import RealImages
from prettyuseful.steps.checks import CheckSpec, InspectSpec

TRAINING_IMAGES = "the real training images"


class CheckPlanner:
    """Plans the checks of data sets. The real images are those that classifiers are trained and tested on."""

    def __init__(self, context: PlanContext, real: RealImages) -> None:
        self.graph, self.real = context.graph, real

    def with_checks(self, dataset: PlannedDataset) -> PlannedDataset:
        """Return the data set with the steps `inspect` and `check`.

        The real images are checked once, with the largest baseline. Smaller ones are returned unchanged, and so are
        mixes and derived data sets, since the images that they are made from are checked.
        """
        if dataset.plan is None:
            is_largest = dataset.key == self.real.largest.key
            return self._checked(dataset, self._train, "train", {}) if is_largest else dataset
        if dataset.plan.generator is None:
            return dataset
        inspected = inspect_step(self.graph, dataset.key, dataset.name)
        conditioned = dataset.plan.condition is not None
        return self._checked(dataset, inspected, "synthetic", {"train": self._train}, conditioned)

    @property
    def _train(self) -> str:
        return inspect_step(self.graph, self.real.reference.key, TRAINING_IMAGES)

    def _checked(
        self,
        dataset: PlannedDataset,
        inspected: str,
        role: Role,
        references: Mapping[str, str],
        conditioned: bool = False,
    ) -> PlannedDataset:
        test = inspect_step(self.graph, self.real.test_step, "the real test images")
        check = self.graph.add(
            CheckSpec(name=dataset.name, role=role, conditioned=conditioned),
            {"images": inspected, "test": test, **references},
            f"check {dataset.name}",
            self.graph.units(inspected) + self.graph.units(test),
        )
        return replace(dataset, keys={**dataset.keys, "inspect": inspected, "check": check})


def inspect_step(graph: Graph, dataset: str, name: str) -> str:
    """Add the step that inspects the files of the data set of a step, and return its key."""
    return graph.add(InspectSpec(), {"dataset": dataset}, f"inspect {name}", graph.units(dataset))
