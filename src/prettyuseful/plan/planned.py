"""What a plan is made of: data sets and runs, by the keys of their steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prettyuseful.engine.graph import Graph
from prettyuseful.generators.base import Origin
from prettyuseful.plan.cells import PlannedCell
from prettyuseful.records import Subject
from prettyuseful.study.file import DatasetPlan, Study
from prettyuseful.tasks.base import Task


@dataclass(frozen=True)
class Planning:
    """What every part of planning works on."""

    study: Study
    task: Task
    graph: Graph


@dataclass(frozen=True)
class PlannedMeasure:
    """A family of metrics by an encoder, measured in the step `key`.

    `subject`: see `records.MeasureResult`. `reencoded`: the step that re-encoded the images as the real test images
    were; None for images as they are.
    """

    encoder: str
    family: str
    subject: Subject
    key: str
    reencoded: str | None

    @property
    def label(self) -> str:
        """What tells it from all other measures of its data set."""
        of_train = " real-train" if self.subject == "real-train" else ""
        return f"measure {self.family} {self.encoder}{of_train}{' re-encoded' if self.reencoded else ''}"


@dataclass(frozen=True)
class PlannedDataset:
    """A data set of the study: `keys` of its artifacts by the name of their step. `plan` is None for real images.

    `pretrain`: what classifiers are trained on before it. `prompts`: what its prompt strategy is called.
    """

    name: str
    images_per_class: int
    keys: Mapping[str, str]
    origin: Origin | None = None
    plan: DatasetPlan | None = None
    pretrain: PlannedDataset | None = None
    prompts: str | None = None
    measures: tuple[PlannedMeasure, ...] = ()

    @property
    def key(self) -> str:
        """Of its images."""
        return self.keys["dataset"]


@dataclass(frozen=True)
class PlannedRun:
    """A cell with a seed: one classifier and its tests. `evaluations` maps the tested data set to its step's key.

    `steps_of`: of a curve's real images, trained in the steps that so many images per class would take.
    """

    dataset: str
    images_per_class: int
    cell: PlannedCell
    seed: int
    train: str
    evaluations: Mapping[str, str]
    steps_of: int | None = None
