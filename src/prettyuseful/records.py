"""Records: the versioned JSON that a study leaves. Reports and tables read records and nothing else."""

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

from prettyuseful.diagnosis.findings import Diagnosis, FoundCause
from prettyuseful.engine.durable import replace_text
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
"""Architecture, recipe, probe."""


class TransferResult(BaseModel):
    """One test of one classifier. Fractions 0-1; counts per group, see `metrics.transfer.Transfer`.

    `calibration`: expected calibration error with bins of equal width (`ece`) and of equal mass, Brier score and
    negative log-likelihood, see `metrics.calibration.Calibration`.
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
    """A finished or failed run: a cell (data set, architecture, recipe, probe) with a training seed.

    `keys` are those of its artifacts, `seconds` the wall time of each step, `environment` where it was trained.
    `steps_of`: a point of the real curve, trained in the steps that so many images per class would take.
    """

    record: Literal["run"] = "run"
    status: Literal["complete", "failed", "missing"]
    cause: str | None = None
    dataset: str
    images_per_class: int
    architecture: str
    recipe: str
    probe: str
    seed: int
    steps_of: int | None = None
    keys: dict[str, str]
    seconds: dict[str, float] = {}
    last_epoch: dict[str, float] = {}
    environment: Environment | None = None
    transfers: list[TransferResult] = []

    @property
    def cell(self) -> CellNames:
        return self.architecture, self.recipe, self.probe


class GroupedParts(BaseModel):
    """A per-image quantity of one class, summed by group: `sums[i] / sizes[i]` is the mean over `groups[i]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    groups: list[str]
    sums: list[float]
    sizes: list[int]


class WholeNumber(BaseModel):
    """A number of a whole set, and what it is when each of some blocks of groups is left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    value: float
    without: list[float]


class Reencoding(BaseModel):
    """Both sides as centred squares of `side` pixels and JPEGs of one quality, before they were embedded."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    side: int
    quality: int


class MetricRecord(BaseModel):
    """What a metric is, for readers of records, who may not have its row; see `metrics.base.Metric`.

    `low`, `high`: bounds, null where there is none. `covers`: what an interval of it is about.
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

    @classmethod
    def of(cls, metric: Metric) -> MetricRecord:
        return cls(**{name: getattr(metric, name) for name in cls.model_fields})


class MeasureResult(BaseModel):
    """How a data set is distributed against one half of the real test images, in one feature space.

    `subject`: what was compared: the data set; of real images their other half, or train images. `encoder`: its name in
    the study. `reencoded`: None for images as they are. `images_per_class`: how many of each class, on either side.
    `parts[metric][class]`: a metric's value is the mean over classes of the mean over images. `numbers[metric]`: of
    metrics that have no value per image; `by_class[metric][class]`: the same of one class.
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
    """A data set of the study: how it was made, how it is distributed, and some of its images.

    `samples[class]` holds base64 PNGs. `prompts_cut`: how many prompts a tokenizer cut, by tokenizer. `pretrain`: what
    classifiers saw before. `holds_real`: real images are among them, so no real-trained classifier was tested on it.
    `of`: the data set that this one is changed from.
    `control` marks the real images, which are measured against themselves.
    """

    record: Literal["dataset"] = "dataset"
    status: Literal["complete", "failed", "missing"]
    cause: str | None = None
    name: str
    control: bool
    images_per_class: int
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
    samples: list[list[str]] = []

    @property
    def named_causes(self) -> tuple[FoundCause, ...]:
        """Those of its diagnosis; none without one."""
        return self.diagnosis.named if self.diagnosis else ()


class CellGroupRecord(BaseModel):
    """Cells that belong together, one for each probe; see `plan.cells.CellGroup`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    architecture: str
    recipe: str
    cells: list[CellNames]


class TaskRecord(BaseModel):
    """The task: its class names in order, the accuracy of guessing (0-1), and where its real images come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    classes: list[str]
    chance: float
    licence: str
    source: str
    test_images_per_class: int


class HubModelRecord(BaseModel):
    """A repository of the model hub at the commit that was used (`unresolved` if it was not known), and by which steps.

    `used_by`: kinds of steps, such as `generate` and `embed`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    repository: str
    commit: str
    used_by: list[str]


_SCHEMA_OF_A_STUDY: dict[str, JsonValue] = {
    "type": "object",
    "description": "a study file; `prettyuseful schema` prints its schema",
}
StudyFile = Annotated[Study, WithJsonSchema(_SCHEMA_OF_A_STUDY, mode="validation")]


class StudyRecord(_Versioned):
    """The study, its task, and the machine on which the records were gathered.

    `file`: the study as its file has it, without what the file leaves out. `metrics`: what was measured of data
    sets. `encoders`: what images were compared by, with a line on each. `hub_models`: what came from the model hub.
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
    environment: Environment

    @field_serializer("file")
    def _as_written(self, file: Study) -> dict[str, Any]:
        return file.as_written()

    @property
    def cells(self) -> list[CellNames]:
        """All cells, each once."""
        return list(dict.fromkeys(cell for group in self.cell_groups for cell in group.cells))


Record = StudyRecord | DatasetRecord | RunRecord
_ADAPTER: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="record")])


def record_name(record: Record) -> str:
    """The file name of a record: readable, and unique in its study, since no name in it holds an @."""
    match record:
        case StudyRecord():
            return "study.json"
        case DatasetRecord():
            return f"dataset@{dataset_label(record.name, record.images_per_class)}.json"
        case RunRecord():
            data = dataset_label(record.dataset, record.images_per_class, record.steps_of)
            return f"run@{run_label(data, record.cell, record.seed)}.json"


def run_label(data: str, cell: CellNames, seed: int) -> str:
    """What tells a run from all others of its study."""
    return "@".join([data, *cell, str(seed)])


def dataset_label(name: str, images_per_class: int, steps_of: int | None = None) -> str:
    """A data set's name; real images come in several sizes, and in a curve's steps, which theirs tells apart."""
    steps = "" if steps_of is None else f"@steps-of-{steps_of}"
    return f"{REAL}@{images_per_class}{steps}" if name == REAL else name


def write_records(records: Sequence[Record], folder: Path) -> None:
    """Writes each record to its file, whole or not at all; our files of records that are no more are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {record_name(record): record for record in records}
    for name, record in names.items():
        replace_text(folder / name, record.model_dump_json(indent=1) + "\n")
    for stale in {*folder.glob("run@*.json"), *folder.glob("dataset@*.json")} - {folder / name for name in names}:
        stale.unlink()


def read_records(folder: Path) -> list[Record]:
    """The records of a folder, in the order in which `gather` makes them.

    Raises:
        DataError: no records there, or a file that is none.
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
        raise DataError(f"no study.json in {folder}; name the folder of records that `prettyuseful run` wrote")
    try:
        return sorted(records, key=lambda record: _place_of(record, study))
    except (KeyError, ValueError, TypeError):
        raise DataError(
            f"{folder} mixes records of different studies; run the study again into a folder of its own"
        ) from None


def _place_of(record: Record, study: StudyRecord) -> tuple[int, ...]:
    """Sorts as the study file lists its data sets and cells; real images come before the others."""
    if isinstance(record, StudyRecord):
        return (0,)
    names, seeds = [REAL, *study.file.datasets], list(study.file.train.seeds)
    if isinstance(record, DatasetRecord):
        return (1, names.index(record.name), record.images_per_class)
    cell = study.cells.index(record.cell)
    place = (seeds.index(record.seed), names.index(record.dataset), record.images_per_class)
    return (2, cell, record.steps_of or 0, *place)


def schema(of: Iterable[type[BaseModel]] = (StudyRecord, DatasetRecord, RunRecord, Manifest)) -> dict[str, Any]:
    """JSON schemas of the records and of manifests, by name."""
    return {model.__name__: model.model_json_schema() for model in of}
