"""From a study that asks for a diagnosis to its steps: halves of the real images, a classifier on each, and a look."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from prettyuseful.diagnosis.images import FEWEST_IMAGES, parts_per_class
from prettyuseful.errors import DataError
from prettyuseful.plan.cells import PlannedCell
from prettyuseful.plan.classifiers import Classifiers
from prettyuseful.plan.planned import PlannedDataset, Planning
from prettyuseful.steps.diagnosis import DiagnoseSpec, HalfSpec, TrySpec


def fewest_per_class(classes: int) -> int:
    """Real images of each class that a diagnosis needs at least, if each is a group of its own."""
    return 2 * FEWEST_IMAGES * parts_per_class(classes)


class Diagnoses:
    """The steps that diagnose data sets, against the `real` train images, with classifiers of `cell`."""

    def __init__(self, planning: Planning, classifiers: Classifiers, real: PlannedDataset, cell: PlannedCell) -> None:
        self.graph, self.study, self.classes = planning.graph, planning.study, len(planning.task.classes)
        self.classifiers, self.real, self.cell = classifiers, real, cell

    def diagnosed(self, dataset: PlannedDataset) -> PlannedDataset:
        """The data set with its diagnosis; real images, and what is made of other data sets, as they are.

        Raises:
            DataError: too few images.
        """
        if dataset.plan is None or dataset.plan.of is not None:
            return dataset
        return replace(dataset, keys={**dataset.keys, "diagnose": self.key(dataset)})

    def key(self, dataset: PlannedDataset) -> str:
        """The step that diagnoses a data set.

        Raises:
            DataError: too few images.
        """
        fewest = fewest_per_class(self.classes)
        for one, needed in ((self.real, fewest), (dataset, fewest // 2)):
            if one.images_per_class < needed:
                raise DataError(
                    f"a diagnosis with {self.classes} classes needs {needed} images per class of {one.name}, "
                    f"which has {one.images_per_class}: take more images, or leave it out with 'diagnosis: false'"
                )
        spec = DiagnoseSpec(view=self.cell.view, numerics=self.study.numerics.of_inference())
        inputs = {**self._reference, "pixels": self.classifiers.images.key(dataset.key, self.cell)}
        return self.graph.add(spec, inputs, f"diagnose {dataset.name}", self.graph.units(dataset.key))

    @cached_property
    def _reference(self) -> dict[str, str]:
        pixels = self.classifiers.images.key(self.real.key, self.cell)
        units, seed = self.graph.units(pixels) / 2, self.study.train.seeds[0]
        halves = [
            self.graph.add(HalfSpec(part=part), {"pixels": pixels}, f"half {part} of the real train images", units)
            for part in (0, 1)
        ]
        words = f"train {self.cell.architecture} on half"
        trained = [self.classifiers.train(half, self.cell, seed, f"{words} {part}") for part, half in enumerate(halves)]
        changes = TrySpec.of(self.cell.view, self.study.numerics.of_inference())
        found: dict[str, str] = {}
        for part, half in enumerate(halves):
            # Each half is seen by the classifier that has been trained on the other.
            classifier = trained[1 - part]
            label = f"try changes on half {part} of the real train images"
            tries = self.graph.add(changes, {"half": half, "classifier": classifier}, label, units)
            found |= {f"half {part}": half, f"classifier {part}": classifier, f"tries {part}": tries}
        return found
