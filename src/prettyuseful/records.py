"""Records: the results of a study as versioned JSON files. Reports and summaries are made from records alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    WithJsonSchema,
    field_serializer,
)

from prettyuseful.checks.finding import Finding
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.diagnosis.findings import CauseFinding, Diagnosis
from prettyuseful.engine.store.base import Manifest
from prettyuseful.errors import DataError
from prettyuseful.generators.base import Origin
from prettyuseful.metrics.base import Metric, Per
from prettyuseful.numerics import Environment
from prettyuseful.output_files import convert_write_errors, draft_folder, is_own_file, make_folder, write_text
from prettyuseful.prompts.diversity import PromptDiversity
from prettyuseful.study.curve import MixPoint
from prettyuseful.study.file import MAX_DRAWS, REAL, Study
from prettyuseful.study.problems import find_problems
from prettyuseful.untrusted_text import (
    MAX_JSON_BYTES,
    UnreadableTextError,
    load_exact_json,
    load_json,
    read_bytes,
    read_text,
)

RECORD_VERSION: Literal[3] = 3


Count = Annotated[int, Field(ge=0, le=10**12)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]


class _Versioned(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_version: Literal[3] = RECORD_VERSION


TransferKind = Literal["synth_to_real", "real_to_synth", "real_to_real", "mixed_to_real"]
HELD_OUT = "held-out real"
"""What a run of a rung is tested on: real training images that no data set of the study uses."""
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
    top1: Share
    top5: Share
    per_class: list[Share]
    confusion: list[list[Count]]
    groups: list[str]
    group_labels: list[Count]
    group_sizes: list[Count]
    group_correct: list[Count]
    calibration: dict[str, float] = {}


class RunRecord(_Versioned):
    """One run: a classifier of one grid cell, trained on one data set with one training seed, and its tests.

    `cause`: why it failed. `images_per_class`: a number, or a list of numbers if the classes have different ones.
    `steps_of`: for points of the real-image curve, the images per class whose number of training steps is used. `keys`:
    keys of its artifacts. `seconds`: wall time of each step. `last_epoch`: training log of the last epoch.
    `environment`: software and hardware of the training. `transfers`: its tests. `draw`: the draw of the generator that
    it was trained on, from 0; the images of draw d were generated with the seed of the data set plus d. `mixed`: for
    points of the curve of mixtures, the numbers of real images and of images of the data set. `rung`: for runs of
    `halving` with a part of the budget, the number of the rung, from 1; they are tested on `HELD_OUT`.
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
    draw: Annotated[int, Field(ge=0, lt=MAX_DRAWS)] = 0
    steps_of: ClassCounts | None = None
    mixed: MixPoint | None = None
    rung: Annotated[int, Field(ge=1, le=8)] | None = None
    keys: dict[str, str]
    seconds: dict[str, Seconds] = {}
    last_epoch: dict[str, float] = {}
    environment: Environment | None = None
    transfers: list[TransferResult] = []

    @property
    def cell(self) -> CellNames:
        """The grid cell."""
        return self.architecture, self.recipe, self.probe

    @property
    def is_result(self) -> bool:
        """Whether it is a result of its data set: neither a point of a curve nor of a rung."""
        return self.steps_of is None and self.rung is None and self.mixed is None

    @property
    def dataset_title(self) -> str:
        """What it was trained on, such as `sd-1.5`, `sd-1.5, draw 2`, `sd-1.5, rung 1` or `50 real + 100 sd-1.5`."""
        return dataset_title(self.dataset, self.draw, self.mixed, self.rung)


class GroupedParts(BaseModel):
    """A per-image quantity of one class, summed by group: `sums[i] / sizes[i]` is the mean over `groups[i]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    groups: list[str]
    sums: list[float]
    sizes: list[Count]


class WholeNumber(BaseModel):
    """The value of a metric of a whole data set, and its values with each block of groups left out (jackknife)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    value: float
    without: list[float]


class Reencoding(BaseModel):
    """How both sides are re-encoded before feature extraction: centre squares of `side` pixels, JPEG `quality`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    side: Annotated[int, Field(ge=1, le=65_536)]
    quality: Annotated[int, Field(ge=1, le=100)]


class MetricRecord(BaseModel):
    """The description of a metric, so that records can be read without its definition; see `metrics.base.Metric`.

    `words`: explanation in a sentence or two. `per`: the unit that has a value. `low`, `high`: bounds of the metric;
    null if unbounded. `share`: every value is 0 or 1. `k`: number of neighbours. `covers`: the source of variation that
    intervals of the metric cover. `depends_on_number`: the value also depends on how many images are compared. `score`:
    the score of single images that the metric reads, or null.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    title: str
    words: str
    per: Per
    low: float | None
    high: float | None
    share: bool
    k: Count | None
    covers: str
    depends_on_number: bool = False
    score: str | None = None

    @classmethod
    def from_metric(cls, metric: Metric) -> MetricRecord:
        return cls(**{name: getattr(metric, name) for name in cls.model_fields})


class MeasureResult(BaseModel):
    """Distribution metrics of one subject with one encoder, with one half of the real test images as reference.

    `subject`: the measured images: the data set (`data-set`), the other half of the real test images (`real-test`), or
    real training images (`real-train`). `encoder`: its name in the study, or `image-scores` for metrics of scores of
    single images. `reencoded`: how images were re-encoded; null
    for the original images. `images_per_class`: images of each class, on either side; 0 for classes that are left out,
    because they have too few images. `parts[metric][class]`: values per image, for each class that is not left out; the
    metric is the mean over classes of the mean over images. `numbers[metric]`: metrics of the whole data set;
    `by_class[metric][class]`: the same for each class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    subject: Subject
    encoder: str
    reencoded: Reencoding | None = None
    images_per_class: list[Count]
    parts: dict[str, list[GroupedParts]] = {}
    numbers: dict[str, WholeNumber] = {}
    by_class: dict[str, list[WholeNumber]] = {}


class DatasetRecord(_Versioned):
    """A data set of the study: how it was made, its distribution metrics, its diagnosis and some of its images.

    `cause`: why it failed. `images_per_class`: a number, or a list of numbers if the classes have different ones.
    `control`: true for the real images, which are compared with other real images.
    `holds_real`: it contains real images, so classifiers trained on real images are not tested on it. `of`: the data
    set that this one is derived from. `generator`: origin of the images. `prompts`: name of the prompt strategy.
    `prompt_diversity`: how much the prompts of a class differ. `prompts_written`: the settings of the language model
    that wrote the prompts, the number of requests, and of lines in its answers that were left out, by reason.
    `prompts_cut`: number of prompts that a tokenizer truncated, by tokenizer. `pretrain`: data set for pretraining.
    `condition`: what the images were generated from besides prompts, such as `image-to-image at strength 0.6 from 8
    real training images per class`, or null; with it, classifiers trained on real images are not tested on it.
    `applied`: settings that were applied when the images were made. `stored`: the format of generated images, such as
    "PNG" or "JPEG of quality 95". `without_contrast`: number of generated images of one colour; `not_finite`: how many
    of them are black, because their values were NaN or infinite. `keys`: keys of its artifacts. `samples[class]`:
    example images as base64 PNGs. `findings`: what the data checks found; null if they did not run on it. `draws`: how
    often its images were generated. All else is about draw 0, except `generation_seconds`, which is the sum over draws.
    `linear_probe`: for a forecast, the test on real training images of a linear probe that is fitted on the data set.
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
    prompt_diversity: PromptDiversity | None = None
    prompts_written: dict[str, JsonValue] = {}
    prompts_cut: dict[str, Count] = {}
    seed: int | None = None
    draws: Annotated[int, Field(ge=1, le=MAX_DRAWS)] = 1
    pretrain: str | None = None
    condition: str | None = None
    applied: dict[str, JsonValue] = {}
    stored: str | None = None
    without_contrast: Count | None = None
    not_finite: Count | None = None
    keys: dict[str, str]
    generation_seconds: Seconds | None = None
    size_bytes: Annotated[int, Field(ge=0)] | None = None
    measured: list[MeasureResult] = []
    diagnosis: Diagnosis | None = None
    findings: tuple[Finding, ...] | None = None
    samples: list[list[str]] = []
    linear_probe: TransferResult | None = None

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
    chance: Share
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


class ForecastRecord(BaseModel):
    """Which data sets of a forecast were trained; all others were only measured.

    `first`: the data sets that the forecast learns from, in the order in which they were chosen. `best`: those that
    were trained because their forecasts were the highest, in the order of the forecasts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    first: list[str]
    best: list[str] = []


_STUDY_SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "description": "a study file; `prettyuseful schema` prints its schema",
}
StudyFile = Annotated[Study, WithJsonSchema(_STUDY_SCHEMA, mode="validation")]


class StudyRecord(_Versioned):
    """The study, its task, and the environment in which the records were written.

    `file`: the content of the study file, without defaults. `metrics`: the measured metrics. `encoders`: the encoders
    of the metrics, each with a one-line description. `hub_models`: the models used from the model hub. `cell_groups`:
    the grid cells. `notes`: sentences on images and classes that were not used. `forecast`: which data sets were
    trained, if the others were forecast.
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
    forecast: ForecastRecord | None = None
    environment: Environment

    @field_serializer("file")
    def _as_written(self, file: Study) -> dict[str, Any]:
        return file.as_written()

    @property
    def cells(self) -> list[CellNames]:
        """All grid cells, without duplicates."""
        return list(dict.fromkeys(cell for group in self.cell_groups for cell in group.cells))


Record = StudyRecord | DatasetRecord | RunRecord
_MODELS: dict[str, type[Record]] = {"study": StudyRecord, "dataset": DatasetRecord, "run": RunRecord}
MAX_RECORD_BYTES = 128_000_000
"""Longer record files are rejected. A thousand classes and thirteen data sets need 100 MB."""


def record_name(record: Record) -> str:
    """Return the file name of a record; it is unique in the study, because names cannot contain @."""
    match record:
        case StudyRecord():
            return "study.json"
        case DatasetRecord():
            return dataset_file(dataset_label(record.name, record.images_per_class))
        case RunRecord():
            data = dataset_label(record.dataset, record.images_per_class, record.steps_of, record.draw, record.mixed)
            return run_file(run_label(data, record.cell, record.seed, record.rung))


def dataset_file(label: str) -> str:
    """Return the name of the file of the record of a data set."""
    return f"dataset@{label}.json"


def run_file(label: str) -> str:
    """Return the name of the file of the record of a run."""
    return f"run@{label}.json"


def run_label(data: str, cell: CellNames, seed: int, rung: int | None = None) -> str:
    """Return a name of a run that is unique in its study."""
    return "@".join([data, *cell, str(seed), *([] if rung is None else [f"rung-{rung}"])])


def dataset_label(
    name: str,
    images_per_class: ClassCounts,
    steps_of: ClassCounts | None = None,
    draw: int = 0,
    mixed: MixPoint | None = None,
) -> str:
    """Return a unique name of a data set, of a draw beyond the first one, or of real images mixed with the data set.

    Real images occur in several sizes and numbers of training steps.
    """
    if mixed is not None:
        return mix_label(name, mixed)
    if name == REAL:
        steps = "" if steps_of is None else f"@steps-of-{steps_of.label}"
        return f"{REAL}@{images_per_class.label}{steps}"
    return f"{name}@draw-{draw}" if draw else name


def mix_label(name: str, mixed: MixPoint) -> str:
    """Return a unique name of real images mixed with a data set."""
    return f"{name}@{mixed.label}"


def dataset_title(name: str, draw: int, mixed: MixPoint | None = None, rung: int | None = None) -> str:
    """Return the name of a data set for readers; the first draw is the data set itself, and a rung has a part of it."""
    if rung is not None:
        return f"{name}, rung {rung}"
    title = f"{name}, draw {draw}" if draw else name
    if mixed is None:
        return title
    return f"{mixed.real} {REAL} + {mixed.synthetic} {title}" if mixed.synthetic else f"{mixed.real} {REAL} alone"


RECORD_MARK = b'"schema_version"'
"""What every record file contains near its beginning."""


def write_records(records: Sequence[Record], folder: Path) -> None:
    """Write each record to its file, atomically, and remove the records of runs and data sets that no longer exist.

    Other files are kept. If the folder is a symbolic link, nothing is removed from it.

    Raises:
        StoreError: a file cannot be written, or belongs to somebody else.
    """
    make_folder(folder)
    names = {record_name(record): record for record in records}
    with convert_write_errors(folder), draft_folder(folder) as drafts:
        for name, record in names.items():
            write_text(folder / name, record.model_dump_json(indent=1) + "\n", RECORD_MARK, drafts)
        if not folder.is_symlink():
            for path in folder.iterdir():
                if path.name not in names and _is_old_record(path):
                    path.unlink()


def _is_old_record(path: Path) -> bool:
    """Return whether a file is a record of a data set or a run, also of an earlier version, under its own name."""
    if not (path.name.startswith(("dataset@", "run@")) and is_own_file(path, RECORD_MARK)):
        return False
    try:
        content = load_json(read_text(path, MAX_JSON_BYTES))
        counts = ClassCounts(content["images_per_class"])
        if content["record"] == "dataset":
            return path.name == dataset_file(dataset_label(content["name"], counts))
        steps_of = content.get("steps_of")
        curve = None if steps_of is None else ClassCounts(steps_of)
        mixed = MixPoint(**content["mixed"]) if content.get("mixed") else None
        data = dataset_label(content["dataset"], counts, curve, content.get("draw", 0), mixed)
        cell = (content["architecture"], content["recipe"], content["probe"])
        return path.name == run_file(run_label(data, cell, content["seed"], content.get("rung")))
    except (OSError, UnreadableTextError, KeyError, TypeError, ValueError, AttributeError):
        return False


def read_records(folder: Path) -> list[Record]:
    """Read the records in a folder: the study, its data sets and its runs, in the order of the study file.

    Raises:
        DataError: the folder has no records, a file is not a valid record, or the records do not belong together.
    """
    records = {path: _read_record(path) for path in sorted(folder.glob("*.json"))}
    study = next((record for record in records.values() if isinstance(record, StudyRecord)), None)
    if study is None:
        raise DataError(f"no study.json in {folder}; give the folder `records` that `prettyuseful run` wrote")
    known: dict[str, Path] = {}
    tested: dict[str, list[str]] = {}
    for path, record in records.items():
        if (first := known.setdefault(record_name(record), path)) != path:
            raise DataError(f"{path} is the same record as {first.name}; remove one of them")
        if problem := _find_inconsistency(record, study.task):
            raise DataError(f"{path}: {problem}; run the study again")
        for transfer in record.transfers if isinstance(record, RunRecord) else ():
            if tested.setdefault(transfer.tested_on, transfer.groups) != transfer.groups:
                raise DataError(
                    f"{path}: the test groups of {transfer.tested_on!r} differ from those in other records; run the "
                    "study again"
                )
    try:
        return sorted(records.values(), key=lambda record: _sort_key(record, study))
    except (KeyError, ValueError, TypeError):
        raise DataError(
            f"{folder} contains records of different studies; run the study again with another output folder"
        ) from None


def _read_record(path: Path) -> Record:
    """Read a record, which may come from anybody."""
    try:
        text = read_bytes(path, MAX_RECORD_BYTES)
        content = load_exact_json(text)
        name = content.get("record") if isinstance(content, dict) else None
        model = _MODELS.get(name) if isinstance(name, str) else None
        if model is None:
            raise UnreadableTextError(f"'record' must be {', '.join(_MODELS)}")
        try:
            return model.model_validate_json(text, strict=True)
        except ValidationError as error:
            raise UnreadableTextError(find_problems(error, model, content)[0].message) from None
    except (OSError, UnreadableTextError) as error:
        problem = error.problem if isinstance(error, UnreadableTextError) else error.strerror or str(error)
        raise DataError(f"{path} is not a record of version {RECORD_VERSION}: {problem}; run the study again") from None


def _find_inconsistency(record: Record, task: TaskRecord) -> str | None:
    """Return in which field a list has not one element for each class or group, or a label is not of a class."""
    classes = len(task.classes)
    found: Iterable[str] = ()
    match record:
        case RunRecord():
            found = (
                f"transfers.{index}.{problem}"
                for index, transfer in enumerate(record.transfers)
                for problem in _transfer_problems(transfer, classes)
            )
        case DatasetRecord():
            found = (*_measure_problems(record, classes), *_diagnosis_problems(record, task))
        case StudyRecord():
            found = [] if classes else ["task.classes is empty"]
    return next(iter(found), None)


def _transfer_problems(transfer: TransferResult, classes: int) -> Iterator[str]:
    if len(transfer.per_class) != classes:
        yield f"per_class has {len(transfer.per_class)} values for {classes} classes"
    if len(transfer.confusion) != classes or any(len(row) != classes for row in transfer.confusion):
        yield f"confusion is not a table of {classes} x {classes} numbers"
    for name in ("group_labels", "group_sizes", "group_correct"):
        if len(values := getattr(transfer, name)) != len(transfer.groups):
            yield f"{name} has {len(values)} values for {len(transfer.groups)} groups"
    if not transfer.groups:
        yield "groups is empty"
    if set(transfer.group_labels) != set(range(classes)):
        yield f"group_labels does not hold the labels 0 to {classes - 1}"
    if not all(transfer.group_sizes):
        yield "group_sizes holds 0"
    if any(correct > size for correct, size in zip(transfer.group_correct, transfer.group_sizes, strict=False)):
        yield "group_correct is larger than group_sizes"


def _measure_problems(record: DatasetRecord, classes: int) -> Iterator[str]:
    for index, measure in enumerate(record.measured):
        used = sum(number > 0 for number in measure.images_per_class)
        if len(measure.images_per_class) != classes:
            yield f"measured.{index}.images_per_class has {len(measure.images_per_class)} values for {classes} classes"
        for kind, metrics in (("parts", measure.parts), ("by_class", measure.by_class)):
            for name, values in metrics.items():
                if len(values) != used:
                    yield f"measured.{index}.{kind}.{name} has {len(values)} values for {used} classes"
        for name, parts in measure.parts.items():
            if any(not len(part.groups) == len(part.sums) == len(part.sizes) > 0 or 0 in part.sizes for part in parts):
                yield f"measured.{index}.parts.{name} has not one sum and one size above 0 for each group"


def _diagnosis_problems(record: DatasetRecord, task: TaskRecord) -> Iterator[str]:
    classes = len(record.diagnosed_classes(task))
    for index, cause in enumerate(record.diagnosis.causes if record.diagnosis else ()):
        if len(cause.per_class) != classes:
            yield f"diagnosis.causes.{index}.per_class has {len(cause.per_class)} values for {classes} classes"
        if not all(0 <= label < classes for label in cause.few_classes):
            yield f"diagnosis.causes.{index}.few_classes holds a label that no class has"


def _sort_key(record: Record, study: StudyRecord) -> tuple[int | ClassCounts, ...]:
    """Sort records like the data sets and grid cells of the study file; real images come first, mixtures last."""
    if isinstance(record, StudyRecord):
        return (0,)
    names, seeds = [REAL, *study.file.datasets], list(study.file.all_seeds)
    if isinstance(record, DatasetRecord):
        return (1, names.index(record.name), record.images_per_class)
    cell = study.cells.index(record.cell)
    if record.mixed is not None:
        point = (record.mixed.real, record.mixed.synthetic)
        return (3, cell, seeds.index(record.seed), *point, names.index(record.dataset), record.draw)
    position = (seeds.index(record.seed), names.index(record.dataset), record.images_per_class, record.draw)
    return (2, cell, record.rung or 0, record.steps_of or ClassCounts(0), *position)


def schema(models: Iterable[type[BaseModel]] = (StudyRecord, DatasetRecord, RunRecord, Manifest)) -> dict[str, Any]:
    """Return the JSON schemas of records and manifests, by model name."""
    return {model.__name__: model.model_json_schema() for model in models}
