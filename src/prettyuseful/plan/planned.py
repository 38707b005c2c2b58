"""The parts of a plan: data sets, measurements and runs, with the keys of their steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.portions import Portion
from prettyuseful.data.sources.base import SampledSource
from prettyuseful.engine.graph import Graph
from prettyuseful.generators.base import Origin
from prettyuseful.plan.cells import AnyCell
from prettyuseful.plan.counts import dataset_counts
from prettyuseful.plan.draws import dataset_draws
from prettyuseful.records import CellNames, Subject, dataset_label, dataset_title, mix_label, run_label
from prettyuseful.study.curve import MixPoint
from prettyuseful.study.file import DatasetPlan, Study
from prettyuseful.tasks.base import Task


@dataclass(frozen=True)
class PlanContext:
    """The study, its task and the graph of steps, shared by all planners.

    `notes`: sentences for readers of the results on images that are not used, added while planning.
    """

    study: Study
    task: Task
    graph: Graph
    notes: list[str] = field(default_factory=list)
    _sources: dict[str, SampledSource] = field(default_factory=dict)

    def open_images(self, place: str) -> SampledSource:
        """Return the images of a folder, tar shards or Parquet files; a place that is read twice is opened once."""
        if place not in self._sources:
            self._sources[place] = self.study.task.open_images(place)
        return self._sources[place]

    @cached_property
    def counts(self) -> Mapping[str, ClassCounts]:
        """The images of each class of every data set of the study, by name.

        Raises:
            UserError: see `dataset_counts`.
        """
        return dataset_counts(self.study, self.task, self.open_images)

    @cached_property
    def draws(self) -> Mapping[str, int]:
        """The number of draws of every data set of the study, by name.

        Raises:
            UserError: see `dataset_draws`.
        """
        return dataset_draws(self.study)


@dataclass(frozen=True)
class PlannedMeasure:
    """The measurement of a family of metrics with one encoder, in the step `key`.

    `subject`: see `records.MeasureResult`. `reencoded`: the key of the step that re-encoded the images in the same way
    as the real test images; None for the original images.
    """

    encoder: str
    family: str
    subject: Subject
    key: str
    reencoded: str | None

    @property
    def label(self) -> str:
        """A name that is unique among the measurements of its data set."""
        of_train = " real-train" if self.subject == "real-train" else ""
        return f"measure {self.family} {self.encoder}{of_train}{' re-encoded' if self.reencoded else ''}"


@dataclass(frozen=True)
class PlannedDataset:
    """A data set of the study; `keys` holds the keys of its artifacts, by step name.

    `plan`: its section of the study; None for real images. `pretrain`: the data set for pretraining. `prompts`: name of
    its prompt strategy. `draw`: which draw of the generator, from 0. `rung`: for a part of the data set with which
    classifiers of a rung of `halving` are trained, the number of the rung, from 1. `condition`: what its images were
    generated from besides prompts, in words.
    """

    name: str
    images_per_class: ClassCounts
    keys: Mapping[str, str]
    origin: Origin | None = None
    plan: DatasetPlan | None = None
    pretrain: PlannedDataset | None = None
    prompts: str | None = None
    measures: tuple[PlannedMeasure, ...] = ()
    draw: int = 0
    rung: int | None = None
    condition: str | None = None

    @property
    def key(self) -> str:
        """The key of its images."""
        return self.keys["dataset"]

    @property
    def label(self) -> str:
        """A name that is unique in the study, for files."""
        return dataset_label(self.name, self.images_per_class, draw=self.draw)

    @property
    def title(self) -> str:
        """Its name for readers, such as `sd-1.5` or `sd-1.5, draw 2`."""
        return dataset_title(self.name, self.draw, rung=self.rung)


@dataclass(frozen=True)
class PlannedMix:
    """Portions of real images and of a data set, on which a classifier of the curve of mixtures is trained.

    `dataset`: its name; `real` for the control without generated images. `parts`: the key of the images and the portion
    of them, by name. `images_per_class`: all images together. `draw`: see `PlannedDataset`.
    """

    dataset: str
    point: MixPoint
    images_per_class: ClassCounts
    parts: Mapping[str, tuple[str, Portion]]
    draw: int = 0

    @property
    def title(self) -> str:
        """Its name for readers, such as `50 real + 100 sd-1.5`."""
        return dataset_title(self.dataset, self.draw, self.point)

    @property
    def portions(self) -> dict[str, Portion]:
        return {name: portion for name, (_, portion) in self.parts.items()}


RunId = tuple[CellNames, str, int]
"""Grid cell, data set or mixture, and seed of a run: what results of a study may ask for."""


@dataclass(frozen=True)
class PlannedRun:
    """One classifier (a grid cell with a training seed) and its tests.

    `train`: key of the training step. `evaluations`: keys of the test steps, by tested data set. `steps_of`: for points
    of curves, the images per class whose number of training steps is used. `draw`, `rung`: see `PlannedDataset`.
    `mixed`: for points of the curve of mixtures, its numbers of images.
    """

    dataset: str
    images_per_class: ClassCounts
    cell: AnyCell
    seed: int
    train: str
    evaluations: Mapping[str, str]
    steps_of: ClassCounts | None = None
    draw: int = 0
    mixed: MixPoint | None = None
    rung: int | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the classifier and of its tests."""
        return (self.train, *self.evaluations.values())

    @property
    def is_result(self) -> bool:
        """Whether it is a result of its data set: neither a point of a curve nor of a rung."""
        return self.steps_of is None and self.rung is None and self.mixed is None

    @property
    def label(self) -> str:
        """A name that is unique in the study, for files."""
        data = dataset_label(self.dataset, self.images_per_class, self.steps_of, self.draw, self.mixed)
        return run_label(data, self.cell.names, self.seed, self.rung)

    @property
    def id(self) -> RunId:
        """What results may ask for; draws of a data set have the same."""
        data = self.dataset if self.mixed is None else mix_label(self.dataset, self.mixed)
        return self.cell.names, data, self.seed
