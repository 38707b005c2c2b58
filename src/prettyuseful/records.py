"""Records: the results of a study as versioned JSON files. Reports and summaries are made from records alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    field_serializer,
)

from prettyuseful.checks.finding import Finding
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.diagnosis.findings import CauseFinding, Diagnosis
from prettyuseful.engine.atomic import atomic_write_text
from prettyuseful.engine.store.base import Manifest
from prettyuseful.errors import DataError
from prettyuseful.generators.base import Origin
from prettyuseful.metrics.base import Metric, Per
from prettyuseful.numerics import Environment
from prettyuseful.study.file import REAL, Study

RECORD_VERSION: Literal[3] = 3


class _Versioned(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_version: Literal[3] = RECORD_VERSION


TransferKind = Literal["synth_to_real", "real_to_synth", "real_to_real", "mixed_to_real"]
Subject = Literal["data-set", "real-test", "real-train"]
CellNames = tuple[str, str, str]
"""The names of a grid cell: architecture, recipe, probe."""


class TransferResult(BaseModel):
    """One test of one classifier on one data set; see also `metrics.transfer.Transfer`.

    `kind`: what the classifier was trained and tested on. `tested_on`: name of the tested data set. `top1`, `top5`:
    accuracies (0-1), mean over classes. `per_class`: accuracy on each class. `confusion[i][j]`: number of images of
    class i that were classified as class j. The lists `groups`, `group_labels`, `group_sizes` and `group_correct` hold
    name, class, number of images and number of correctly classified images of each test group. `calibration`:
    calibration metrics by name, see `metrics.calibration.Calibration`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: TransferKind
    tested_on: str
    top1: float
    top5: float
    per_class: list[float]
    confusion: list[list[int]]
    groups: list[str]
    group_labels: list[int]
    group_sizes: list[int]
    group_correct: list[int]
    calibration: dict[str, float] = {}


class RunRecord(_Versioned):
    """One run: a classifier of one grid cell, trained on one data set with one training seed, and its tests.

    `cause`: why it failed. `images_per_class`: a number, or a list of numbers if the classes have different ones.
    `steps_of`: for points of the real-image curve, the images per class whose number of training steps is used. `keys`:
    keys of its artifacts. `seconds`: wall time of each step. `last_epoch`: training log of the last epoch.
    `environment`: software and hardware of the training. `transfers`: its tests.
    """

    record: Literal["run"] = "run"
    status: Literal["complete", "failed", "missing"]
    cause: str | None = None
    dataset: str
    images_per_class: ClassCounts
    architecture: str
    recipe: str
    probe: str
    seed: int
    steps_of: ClassCounts | None = None
    keys: dict[str, str]
    seconds: dict[str, float] = {}
    last_epoch: dict[str, float] = {}
    environment: Environment | None = None
    transfers: list[TransferResult] = []

    @property
    def cell(self) -> CellNames:
        """The grid cell."""
        return self.architecture, self.recipe, self.probe


class GroupedParts(BaseModel):
    """A per-image quantity of one class, summed by group: `sums[i] / sizes[i]` is the mean over `groups[i]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    groups: list[str]
    sums: list[float]
    sizes: list[int]


class WholeNumber(BaseModel):
    """The value of a metric of a whole data set, and its values with each block of groups left out (jackknife)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    value: float
    without: list[float]


class Reencoding(BaseModel):
    """How both sides are re-encoded before feature extraction: centre squares of `side` pixels, JPEG `quality`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    side: int
    quality: int


class MetricRecord(BaseModel):
    """The description of a metric, so that records can be read without its definition; see `metrics.base.Metric`.

    `words`: explanation in a sentence or two. `per`: the unit that has a value. `low`, `high`: bounds of the metric;
    null if unbounded. `share`: every value is 0 or 1. `k`: number of neighbours. `covers`: the source of variation that
    intervals of the metric cover. `depends_on_number`: the value also depends on how many images are compared.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    title: str
    words: str
    per: Per
    low: float | None
    high: float | None
    share: bool
    k: int | None
    covers: str
    depends_on_number: bool = False

    @classmethod
    def from_metric(cls, metric: Metric) -> MetricRecord:
        return cls(**{name: getattr(metric, name) for name in cls.model_fields})


class MeasureResult(BaseModel):
    """Distribution metrics of one subject with one encoder, with one half of the real test images as reference.

    `subject`: the measured images: the data set (`data-set`), the other half of the real test images (`real-test`), or
    real training images (`real-train`). `encoder`: its name in the study. `reencoded`: how images were re-encoded; null
    for the original images. `images_per_class`: images of each class, on either side; 0 for classes that are left out,
    because they have too few images. `parts[metric][class]`: values per image, for each class that is not left out; the
    metric is the mean over classes of the mean over images. `numbers[metric]`: metrics of the whole data set;
    `by_class[metric][class]`: the same for each class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    subject: Subject
    encoder: str
    reencoded: Reencoding | None = None
    images_per_class: list[int]
    parts: dict[str, list[GroupedParts]] = {}
    numbers: dict[str, WholeNumber] = {}
    by_class: dict[str, list[WholeNumber]] = {}


class DatasetRecord(_Versioned):
    """A data set of the study: how it was made, its distribution metrics, its diagnosis and some of its images.

    `cause`: why it failed. `images_per_class`: a number, or a list of numbers if the classes have different ones.
    `control`: true for the real images, which are compared with other real images.
    `holds_real`: it contains real images, so classifiers trained on real images are not tested on it. `of`: the data
    set that this one is derived from. `generator`: origin of the images. `prompts`: name of the prompt strategy.
    `prompts_cut`: number of prompts that a tokenizer truncated, by tokenizer. `pretrain`: data set for pretraining.
    `applied`: settings that were applied when the images were made. `keys`: keys of its artifacts. `samples[class]`:
    example images as base64 PNGs. `findings`: what the data checks found; null if they did not run on it.
    """

    record: Literal["dataset"] = "dataset"
    status: Literal["complete", "failed", "missing"]
    cause: str | None = None
    name: str
    control: bool
    images_per_class: ClassCounts
    holds_real: bool = False
    of: str | None = None
    generator: Origin | None = None
    prompts: str | None = None
    prompts_cut: dict[str, int] = {}
    seed: int | None = None
    pretrain: str | None = None
    applied: dict[str, JsonValue] = {}
    keys: dict[str, str]
    generation_seconds: float | None = None
    size_bytes: int | None = None
    measured: list[MeasureResult] = []
    diagnosis: Diagnosis | None = None
    findings: tuple[Finding, ...] | None = None
    samples: list[list[str]] = []

    @property
    def named_causes(self) -> tuple[CauseFinding, ...]:
        """The reported causes of its diagnosis; empty without a diagnosis."""
        return self.diagnosis.named if self.diagnosis else ()

    def diagnosed_classes(self, task: TaskRecord) -> tuple[str, ...]:
        """Return the names of the classes of its diagnosis, which may leave out classes with few images."""
        return (self.diagnosis.classes if self.diagnosis else ()) or tuple(task.classes)


class CellGroupRecord(BaseModel):
    """The grid cells of one architecture and one recipe, one for each probe; see `plan.cells.CellGroup`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    architecture: str
    recipe: str
    cells: list[CellNames]


class TaskRecord(BaseModel):
    """The task: class names in order, accuracy of guessing (`chance`, 0-1), and source of its real images.

    `test_images_per_class`: a number, or a list of numbers if the classes have different ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    classes: list[str]
    chance: float
    licence: str
    source: str
    test_images_per_class: ClassCounts


class HubModelRecord(BaseModel):
    """A repository of the model hub that the study used.

    `commit`: the commit that was used, or `unresolved` if it was unknown. `used_by`: the kinds of steps that used it,
    such as `generate` and `embed`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    repository: str
    commit: str
    used_by: list[str]


_STUDY_SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "description": "a study file; `prettyuseful schema` prints its schema",
}
StudyFile = Annotated[Study, WithJsonSchema(_STUDY_SCHEMA, mode="validation")]


class StudyRecord(_Versioned):
    """The study, its task, and the environment in which the records were written.

    `file`: the content of the study file, without defaults. `metrics`: the measured metrics. `encoders`: the encoders
    of the metrics, each with a one-line description. `hub_models`: the models used from the model hub. `cell_groups`:
    the grid cells. `notes`: sentences on images and classes that were not used.
    """

    record: Literal["study"] = "study"
    title: str
    question: str
    file: StudyFile
    task: TaskRecord
    metrics: list[MetricRecord]
    encoders: dict[str, str] = {}
    hub_models: list[HubModelRecord] = []
    cell_groups: list[CellGroupRecord]
    notes: list[str] = []
    environment: Environment

    @field_serializer("file")
    def _as_written(self, file: Study) -> dict[str, Any]:
        return file.as_written()

    @property
    def cells(self) -> list[CellNames]:
        """All grid cells, without duplicates."""
        return list(dict.fromkeys(cell for group in self.cell_groups for cell in group.cells))


Record = StudyRecord | DatasetRecord | RunRecord
_ADAPTER: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="record")])


def record_name(record: Record) -> str:
    """Return the file name of a record; it is unique in the study, because names cannot contain @."""
    match record:
        case StudyRecord():
            return "study.json"
        case DatasetRecord():
            return f"dataset@{dataset_label(record.name, record.images_per_class)}.json"
        case RunRecord():
            data = dataset_label(record.dataset, record.images_per_class, record.steps_of)
            return f"run@{run_label(data, record.cell, record.seed)}.json"


def run_label(data: str, cell: CellNames, seed: int) -> str:
    """Return a name of a run that is unique in its study."""
    return "@".join([data, *cell, str(seed)])


def dataset_label(name: str, images_per_class: ClassCounts, steps_of: ClassCounts | None = None) -> str:
    """Return a unique name of a data set: real images occur in several sizes and numbers of training steps."""
    steps = "" if steps_of is None else f"@steps-of-{steps_of.label}"
    return f"{REAL}@{images_per_class.label}{steps}" if name == REAL else name


def write_records(records: Sequence[Record], folder: Path) -> None:
    """Write each record to its file, atomically, and remove files of runs and data sets that no longer exist."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {record_name(record): record for record in records}
    for name, record in names.items():
        atomic_write_text(folder / name, record.model_dump_json(indent=1) + "\n")
    for stale in {*folder.glob("run@*.json"), *folder.glob("dataset@*.json")} - {folder / name for name in names}:
        stale.unlink()


def read_records(folder: Path) -> list[Record]:
    """Read the records in a folder: the study, its data sets and its runs, in the order of the study file.

    Raises:
        DataError: the folder has no records, or a file is not a valid record.
    """
    records = []
    for path in sorted(folder.glob("*.json")):
        try:
            records.append(_ADAPTER.validate_json(path.read_bytes()))
        except (OSError, ValidationError) as error:
            problem = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise DataError(
                f"{path} is not a record of version {RECORD_VERSION}: {problem}; run the study again"
            ) from None
    study = next((record for record in records if isinstance(record, StudyRecord)), None)
    if study is None:
        raise DataError(f"no study.json in {folder}; give the folder `records` that `prettyuseful run` wrote")
    try:
        return sorted(records, key=lambda record: _sort_key(record, study))
    except (KeyError, ValueError, TypeError):
        raise DataError(
            f"{folder} contains records of different studies; run the study again with another output folder"
        ) from None


def _sort_key(record: Record, study: StudyRecord) -> tuple[int | ClassCounts, ...]:
    """Sort records like the data sets and grid cells of the study file; real images come first."""
    if isinstance(record, StudyRecord):
        return (0,)
    names, seeds = [REAL, *study.file.datasets], list(study.file.train.seeds)
    if isinstance(record, DatasetRecord):
        return (1, names.index(record.name), record.images_per_class)
    cell = study.cells.index(record.cell)
    position = (seeds.index(record.seed), names.index(record.dataset), record.images_per_class)
    return (2, cell, record.steps_of or ClassCounts(0), *position)


def schema(models: Iterable[type[BaseModel]] = (StudyRecord, DatasetRecord, RunRecord, Manifest)) -> dict[str, Any]:
    """Return the JSON schemas of records and manifests, by model name."""
    return {model.__name__: model.model_json_schema() for model in models}
