"""Plan the steps of a diagnosis: two halves of the real images, a classifier on each half, and the diagnosis itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.diagnosis.images import FEWEST_IMAGES, MIN_IMAGES, parts_per_class
from prettyuseful.errors import DataError
from prettyuseful.numerics import Numerics
from prettyuseful.plan.cells import AnyCell, FrozenCell
from prettyuseful.plan.checks import TRAINING_IMAGES, inspect_step
from prettyuseful.plan.classifiers import ClassifierPlanner
from prettyuseful.plan.features import FeaturePlanner
from prettyuseful.plan.planned import PlanContext, PlannedDataset
from prettyuseful.plan.real import RealImages
from prettyuseful.steps.classifiers import DecodeSpec
from prettyuseful.steps.diagnosed_images import SampleSize, Setup
from prettyuseful.steps.diagnosis import DiagnoseSpec, HalfSpec, KeepClassesSpec, TrySpec
from prettyuseful.tasks.base import summarise_names
from prettyuseful.training.recipes import View

FROZEN_SIDE = 88
"""Side of the images in pixels of a diagnosis with a frozen encoder. At 224 px it would take six times as long."""
FROZEN_IMAGES = 512
"""Images of each half that are judged one by one in such a diagnosis."""
CHANGED_IMAGES = 80
"""Those of them with which candidate changes are compared."""
FEW_IMAGES = 3
"""Least of these of each unit; causes that change pixels can be judged with so few."""


def min_images_per_class(classes: int, frozen: bool = False) -> int:
    """Return the number of real images per class that a diagnosis needs, if every image is its own group.

    `frozen`: features come from a frozen encoder, which no half of the images has to train.
    """
    return 2 * (FEWEST_IMAGES if frozen else MIN_IMAGES) * parts_per_class(classes)


def diagnosed_classes(real: ClassCounts, other: ClassCounts, classes: int, frozen: bool = False) -> tuple[int, ...]:
    """Return the labels of the classes that have enough real and other images for a diagnosis; empty without two.

    The fewer classes there are, the more images of each are needed. `frozen`: see `min_images_per_class`.
    """
    kept = tuple(range(classes))
    while len(kept) > 1:
        needed = min_images_per_class(len(kept), frozen)
        enough = tuple(label for label in kept if real[label] >= needed and other[label] >= needed // 2)
        if enough == kept:
            return kept
        kept = enough
    return ()


class DiagnosisPlanner:
    """Plans the diagnosis of data sets, with real training images as reference.

    Features come from classifiers of `cell` that are trained on halves of the real images, or from its frozen encoder.
    """

    def __init__(
        self,
        context: PlanContext,
        classifiers: ClassifierPlanner,
        features: FeaturePlanner,
        real: RealImages,
        cell: AnyCell,
    ) -> None:
        self.context, self.graph, self.study = context, context.graph, context.study
        self.classes = context.task.classes
        self.classifiers, self.features, self.real, self.cell = classifiers, features, real, cell
        self._references: dict[tuple[int, ...], dict[str, str]] = {}

    @property
    def frozen(self) -> bool:
        """Whether features come from a frozen encoder."""
        return isinstance(self.cell, FrozenCell)

    @cached_property
    def setup(self) -> Setup:
        if isinstance(self.cell, FrozenCell):
            encoder, parts = self.features.pinned(self.cell.encoder), parts_per_class(len(self.classes))
            images = SampleSize(FROZEN_IMAGES, MIN_IMAGES * parts)
            changed = SampleSize(CHANGED_IMAGES, FEW_IMAGES * parts)
            return Setup(View(FROZEN_SIDE, FROZEN_SIDE), FROZEN_SIDE, encoder, images, changed, coarse=True)
        return Setup(self.cell.view, self.cell.recipe.stored_size)

    @cached_property
    def reference(self) -> PlannedDataset:
        """The real training images that data sets are compared with.

        A frozen encoder is not trained on them, so there may be more of them than of the other images, where these are
        too few to judge single images.
        """
        largest = self.real.reference
        if not self.frozen:
            return largest
        images, half = self.setup.images, largest.images_per_class.largest // 2
        per_class = max(images.least_per_class, min(images.most // len(self.classes), half))
        return self.real.train_dataset(self.real.limit(ClassCounts(2 * per_class)))

    def with_diagnoses(self, datasets: Sequence[PlannedDataset]) -> list[PlannedDataset]:
        """Return the data sets with their diagnosis steps; real images and derived data sets stay unchanged.

        A data set or a class with too few images is left out, and the notes of the plan say so.

        Raises:
            DataError: no data set has enough images.
        """
        diagnosable = [dataset for dataset in datasets if dataset.plan is not None and dataset.plan.source is None]
        small = [dataset for dataset in diagnosable if not self._kept(dataset)]
        if small and len(small) == len(diagnosable):
            raise self._too_few(small[0])
        self.context.notes.extend(f"Causes of {d.name} are not diagnosed: {self._reason(d)}." for d in small)
        return [
            replace(dataset, keys={**dataset.keys, "diagnose": self.key(dataset)})
            if dataset in diagnosable and dataset not in small
            else dataset
            for dataset in datasets
        ]

    def key(self, dataset: PlannedDataset) -> str:
        """Return the key of the step that diagnoses a data set.

        Raises:
            DataError: too few images.
        """
        kept = self._kept(dataset)
        if not kept:
            raise self._too_few(dataset)
        if len(kept) < len(self.classes):
            names = summarise_names([name for label, name in enumerate(self.classes) if label not in kept])
            self.context.notes.append(
                f"The diagnosis of {dataset.name} leaves out classes with too few images: {names}."
            )
        spec, real = DiagnoseSpec(setup=self.setup, numerics=self._numerics), self.reference
        inputs = {
            **self._reference(kept),
            "pixels": self._pixels(dataset, kept),
            "dataset": dataset.key,
            "real": real.key,
            "inspected": inspect_step(self.graph, dataset.key, dataset.name),
            "inspected real": inspect_step(self.graph, real.key, TRAINING_IMAGES),
        }
        return self.graph.add(spec, inputs, f"diagnose {dataset.title}", self.graph.units(dataset.key))

    def _kept(self, dataset: PlannedDataset) -> tuple[int, ...]:
        real, count = self.reference.images_per_class, len(self.classes)
        return diagnosed_classes(real, dataset.images_per_class, count, self.frozen)

    def _too_few(self, dataset: PlannedDataset) -> DataError:
        return DataError(f"{self._reason(dataset)}; use more images, or set 'diagnosis: false'")

    def _reason(self, dataset: PlannedDataset) -> str:
        """Return how many images a diagnosis needs, and what limits it: real images, or the data set."""
        needed, count = min_images_per_class(len(self.classes), self.frozen), len(self.classes)
        reference = self.reference
        images, needed = (reference, needed) if reference.images_per_class.smallest < needed else (dataset, needed // 2)
        numbers = images.images_per_class
        has = f"has {numbers}"
        if not numbers.equal:
            label = min(range(count), key=lambda label: numbers[label])
            has += f" (the fewest of the class {self.classes[label]!r})"
        return f"a diagnosis with {count} classes needs {needed} images per class of {images.name}, which {has}"

    def _pixels(self, dataset: PlannedDataset, kept: tuple[int, ...]) -> str:
        """Return the key of the decoded images of some classes of a data set."""
        pixels = self._decoded(dataset)
        if len(kept) == len(self.classes):
            return pixels
        units = sum(dataset.images_per_class[label] for label in kept)
        label = f"keep {len(kept)} classes of {dataset.title}"
        return self.graph.add(KeepClassesSpec(labels=kept), {"pixels": pixels}, label, units)

    def _decoded(self, dataset: PlannedDataset) -> str:
        if not isinstance(self.cell, FrozenCell):
            return self.classifiers.images.key(dataset.key, self.cell)
        spec, units = DecodeSpec(stored_size=FROZEN_SIDE), self.graph.units(dataset.key)
        return self.graph.add(spec, {"dataset": dataset.key}, f"decode {dataset.title}", units)

    @property
    def _numerics(self) -> Numerics:
        return self.study.numerics.step_numerics() if self.frozen else self.study.numerics.inference_numerics()

    def _reference(self, kept: tuple[int, ...]) -> dict[str, str]:
        if kept not in self._references:
            self._references[kept] = self._add_reference(kept)
        return self._references[kept]

    def _add_reference(self, kept: tuple[int, ...]) -> dict[str, str]:
        pixels = self._pixels(self.reference, kept)
        units = self.graph.units(pixels) / 2
        halves = [
            self.graph.add(HalfSpec(part=part), {"pixels": pixels}, f"half {part} of the real train images", units)
            for part in (0, 1)
        ]
        classifiers = self._add_classifiers(halves)
        changes = TrySpec.of_setup(self.setup, self._numerics)
        inputs: dict[str, str] = {}
        for part, half in enumerate(halves):
            # Features of each half come from the classifier that was trained on the other half.
            classifier = {"classifier": classifiers[1 - part]} if classifiers else {}
            label = f"try changes on half {part} of the real train images"
            tries = self.graph.add(changes, {"half": half, **classifier}, label, units)
            inputs |= {f"half {part}": half, f"tries {part}": tries}
            inputs |= {f"classifier {part}": key for key in classifier.values()}
        return inputs

    def _add_classifiers(self, halves: Sequence[str]) -> list[str]:
        """Add the training of a classifier on each half; none with a frozen encoder."""
        if isinstance(self.cell, FrozenCell):
            return []
        seed = self.study.train.seeds[0]
        return [
            self.classifiers.add_training(half, self.cell, seed, f"train {self.cell.architecture} on half {part}")
            for part, half in enumerate(halves)
        ]
