"""From a study that asks for a diagnosis to its steps: halves of the real images, a classifier on each, and a look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from prettyuseful.diagnosis.images import FEWEST_IMAGES, parts_per_class
from prettyuseful.errors import DataError
from prettyuseful.steps.classifiers import TrainSpec
from prettyuseful.steps.diagnosis import DiagnoseSpec, HalfSpec
from prettyuseful.study.cells import PlannedCell
from prettyuseful.study.file import REAL, Study
from prettyuseful.study.graph import Graph
from prettyuseful.study.plan_datasets import PlannedDataset


def fewest_per_class(classes: int) -> int:
    """Real images of each class that a diagnosis needs at least, if each is a group of its own."""
    return 2 * FEWEST_IMAGES * parts_per_class(classes)


@dataclass
class DiagnosisPlanner:
    """Adds to the graph what diagnoses data sets, against all real train images that the study uses.

    `cell` is the study's first one on the images as they are; `pixels` gives the step of a data set as it sees it.
    """

    study: Study
    classes: int
    graph: Graph
    cell: PlannedCell
    pixels: Callable[[str, PlannedCell], str]

    def diagnosed(self, datasets: Sequence[PlannedDataset]) -> list[PlannedDataset]:
        """The data sets, the synthetic ones with their diagnosis.

        Raises:
            DataError: too few images.
        """
        real = max((d for d in datasets if d.name == REAL), key=lambda d: d.images_per_class)
        for dataset in datasets:
            needed = fewest_per_class(self.classes) // (1 if dataset.name == REAL else 2)
            if (dataset is real or dataset.name != REAL) and dataset.images_per_class < needed:
                raise DataError(
                    f"a diagnosis with {self.classes} classes needs {needed} images per class of {dataset.name}, "
                    f"which has {dataset.images_per_class}: take more images, or leave it out with 'diagnosis: false'"
                )
        inputs = self._reference(real)
        return [
            dataset if dataset.name == REAL else replace(dataset, keys={**dataset.keys, "diagnose": key})
            for dataset in datasets
            for key in [self._diagnose(dataset, inputs) if dataset.name != REAL else ""]
        ]

    def _reference(self, real: PlannedDataset) -> dict[str, str]:
        pixels, units = self.pixels(real.keys["dataset"], self.cell), self.graph.units(real.keys["dataset"])
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
        # Each half is seen by the classifier that has learnt from the other.
        seen_by = {f"classifier {part}": classifiers[1 - part] for part in (0, 1)}
        return {**{f"half {part}": half for part, half in enumerate(halves)}, **seen_by}

    def _diagnose(self, dataset: PlannedDataset, inputs: dict[str, str]) -> str:
        spec = DiagnoseSpec(view=self.cell.view, numerics=self.study.numerics.of_inference())
        pixels, units = self.pixels(dataset.keys["dataset"], self.cell), self.graph.units(dataset.keys["dataset"])
        return self.graph.add(spec, {**inputs, "pixels": pixels}, f"diagnose {dataset.name}", units)
