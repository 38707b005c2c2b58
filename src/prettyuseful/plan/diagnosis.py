"""From a study that asks for a diagnosis to its steps: halves of the real images, a classifier on each, and a look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from prettyuseful.diagnosis.images import FEWEST_IMAGES, parts_per_class
from prettyuseful.engine.graph import Graph
from prettyuseful.errors import DataError
from prettyuseful.plan.cells import PlannedCell
from prettyuseful.plan.datasets import PlannedDataset
from prettyuseful.steps.classifiers import TrainSpec
from prettyuseful.steps.diagnosis import DiagnoseSpec, HalfSpec, TrySpec
from prettyuseful.study.file import Study


def fewest_per_class(classes: int) -> int:
    """Real images of each class that a diagnosis needs at least, if each is a group of its own."""
    return 2 * FEWEST_IMAGES * parts_per_class(classes)


@dataclass
class DiagnosisPlanner:
    """Adds to the graph what diagnoses data sets, against the `real` train images.

    `cell` is the study's first one on the images as they are; `pixels` gives the step of a data set as it sees it.
    """

    study: Study
    classes: int
    graph: Graph
    cell: PlannedCell
    pixels: Callable[[str, PlannedCell], str]
    real: PlannedDataset

    def diagnosed(self, dataset: PlannedDataset) -> PlannedDataset:
        """The data set with its diagnosis; real images, and what is made of other data sets, as they are.

        Raises:
            DataError: too few images.
        """
        if dataset.plan is None or dataset.plan.of is not None:
            return dataset
        return replace(dataset, keys={**dataset.keys, "diagnose": self.step(dataset)})

    def step(self, dataset: PlannedDataset) -> str:
        """The step that diagnoses a data set.

        Raises:
            DataError: too few images.
        """
        for one, needed in ((self.real, self._fewest), (dataset, self._fewest // 2)):
            if one.images_per_class < needed:
                raise DataError(
                    f"a diagnosis with {self.classes} classes needs {needed} images per class of {one.name}, "
                    f"which has {one.images_per_class}: take more images, or leave it out with 'diagnosis: false'"
                )
        spec = DiagnoseSpec(view=self.cell.view, numerics=self.study.numerics.of_inference())
        pixels, units = self.pixels(dataset.keys["dataset"], self.cell), self.graph.units(dataset.keys["dataset"])
        inputs = {**self._reference, "pixels": pixels}
        return self.graph.add(spec, inputs, f"diagnose {dataset.name}", units)

    @property
    def _fewest(self) -> int:
        return fewest_per_class(self.classes)

    @cached_property
    def _reference(self) -> dict[str, str]:
        real = self.real.keys["dataset"]
        pixels, units = self.pixels(real, self.cell), self.graph.units(real)
        halves = [
            self.graph.add(HalfSpec(part=part), {"pixels": pixels}, f"half {part} of the real train images", units / 2)
            for part in (0, 1)
        ]
        train = TrainSpec(
            architecture=self.cell.architecture,
            recipe=self.cell.recipe,
            seed=self.study.train.seeds[0],
            numerics=self.study.numerics.of_training(),
        )
        words = f"train {self.cell.architecture} on half"
        classifiers = [
            self.graph.add(train, {"pixels": half}, f"{words} {part}", units / 2 * self.cell.recipe.epochs)
            for part, half in enumerate(halves)
        ]
        changes = TrySpec.of(self.cell.view, self.study.numerics.of_inference())
        found: dict[str, str] = {}
        for part, half in enumerate(halves):
            # Each half is seen by the classifier that has learnt from the other.
            classifier = classifiers[1 - part]
            words = f"try changes on half {part} of the real train images"
            tries = self.graph.add(changes, {"half": half, "classifier": classifier}, words, units / 2)
            found |= {f"half {part}": half, f"classifier {part}": classifier, f"tries {part}": tries}
        return found
