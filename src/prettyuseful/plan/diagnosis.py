"""Plan the steps of a diagnosis: two halves of the real images, a classifier on each half, and the diagnosis itself."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from prettyuseful.diagnosis.images import MIN_IMAGES, parts_per_class
from prettyuseful.errors import DataError
from prettyuseful.plan.cells import PlannedCell
from prettyuseful.plan.classifiers import ClassifierPlanner
from prettyuseful.plan.planned import PlanContext, PlannedDataset
from prettyuseful.steps.diagnosis import DiagnoseSpec, HalfSpec, TrySpec


def min_images_per_class(classes: int) -> int:
    """Return the number of real images per class that a diagnosis needs, if every image is its own group."""
    return 2 * MIN_IMAGES * parts_per_class(classes)


class DiagnosisPlanner:
    """Plans the diagnosis of data sets, with the training images in `real` as reference and classifiers of `cell`."""

    def __init__(
        self, context: PlanContext, classifiers: ClassifierPlanner, real: PlannedDataset, cell: PlannedCell
    ) -> None:
        self.graph, self.study, self.classes = context.graph, context.study, len(context.task.classes)
        self.classifiers, self.real, self.cell = classifiers, real, cell

    def with_diagnosis(self, dataset: PlannedDataset) -> PlannedDataset:
        """Return the data set with its diagnosis step; real images and derived data sets are returned unchanged.

        Raises:
            DataError: too few images.
        """
        if dataset.plan is None or dataset.plan.of is not None:
            return dataset
        return replace(dataset, keys={**dataset.keys, "diagnose": self.key(dataset)})

    def key(self, dataset: PlannedDataset) -> str:
        """Return the key of the step that diagnoses a data set.

        Raises:
            DataError: too few images.
        """
        min_images = min_images_per_class(self.classes)
        for images, needed in ((self.real, min_images), (dataset, min_images // 2)):
            if images.images_per_class < needed:
                raise DataError(
                    f"a diagnosis with {self.classes} classes needs {needed} images per class of {images.name}, "
                    f"which has {images.images_per_class}; use more images, or set 'diagnosis: false'"
                )
        spec = DiagnoseSpec(view=self.cell.view, numerics=self.study.numerics.inference_numerics())
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
        classifiers = [
            self.classifiers.add_training(half, self.cell, seed, f"train {self.cell.architecture} on half {part}")
            for part, half in enumerate(halves)
        ]
        changes = TrySpec.for_view(self.cell.view, self.study.numerics.inference_numerics())
        inputs: dict[str, str] = {}
        for part, half in enumerate(halves):
            # Features of each half come from the classifier that was trained on the other half.
            classifier = classifiers[1 - part]
            label = f"try changes on half {part} of the real train images"
            tries = self.graph.add(changes, {"half": half, "classifier": classifier}, label, units)
            inputs |= {f"half {part}": half, f"classifier {part}": classifier, f"tries {part}": tries}
        return inputs
