"""The output folder of a study: data sets, training logs and the report, next to the records."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from prettyuseful.analysis.summary import Summary, summarise
from prettyuseful.data.dataset import dataset_card
from prettyuseful.engine.store.base import Artifact, Store
from prettyuseful.errors import StoreError
from prettyuseful.plan.planned import PlannedDataset
from prettyuseful.plan.study import Plan
from prettyuseful.records import Record, dataset_label, run_label
from prettyuseful.report.build import write_report

LOG = "epochs.jsonl"
_DATASET_FILES = re.compile(r"data-\d{5}-of-\d{5}\.parquet|README\.md|manifest\.json|\..*")


@dataclass(frozen=True)
class StudyResult:
    """The results of a study.

    `summary`: all numbers and the answer. `report`: path of the HTML report. `records`: folder of JSON records.
    `datasets`: a folder for each complete data set, by name.
    """

    summary: Summary
    report: Path
    records: Path
    datasets: dict[str, Path]

    @property
    def complete(self) -> bool:
        """Whether every data set and every run is complete."""
        return self.summary.complete


def write_results(plan: Plan, store: Store, records: list[Record], out: Path) -> StudyResult:
    """Write training logs, data sets and the report; the records are already written, even for an interrupted run."""
    export_training_logs(plan, store, out / "training")
    summary = summarise(records)
    return StudyResult(
        summary=summary,
        report=write_report(summary, out / "report.html"),
        records=out / "records",
        datasets=_export_datasets(plan, store, out / "datasets"),
    )


def make_folder(folder: Path) -> None:
    """Create a folder with its parents.

    Raises:
        StoreError: it cannot be created.
    """
    with convert_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def convert_write_errors(folder: Path) -> Iterator[None]:
    """Convert errors of writing to this folder into a StoreError with a one-line message."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot write to {error.filename or folder}: {error.strerror or error}; free some space, or choose "
            "another folder with --out"
        ) from error


def check_dataset_folder(folder: Path) -> None:
    """Check that a folder contains no files except those of a data set.

    Raises:
        StoreError: it contains another file.
    """
    if foreign := [path.name for path in folder.iterdir() if not _DATASET_FILES.fullmatch(path.name)]:
        raise StoreError(f"{folder} contains other files ({foreign[0]}); choose an empty folder with --out")


def export_dataset(artifact: Artifact, dataset: PlannedDataset, plan: Plan, folder: Path) -> None:
    """Write a Hugging Face data set: hard links to (or copies of) the files in the store, a card and the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {entry.name for entry in artifact.manifest.files}
    for stale in folder.glob("data-*.parquet"):
        if stale.name not in names:
            stale.unlink()
    for name in names:
        source, target = artifact.path(name), folder / name
        if target.exists() and target.samefile(source):
            continue
        _link_or_copy(source, target)
    origin = _describe_origin(dataset, plan)
    description = f"{dataset.images_per_class} images per class of the task {plan.task.name}, {origin}."
    (folder / "README.md").write_text(dataset_card(folder.name, plan.task.classes, description), encoding="utf-8")
    (folder / "manifest.json").write_text(artifact.manifest.as_text(), encoding="utf-8")


def export_training_logs(plan: Plan, store: Store, folder: Path) -> None:
    """Write one folder per finished training, with the name of its record.

    It contains the log of the epochs as JSON lines, and as TensorBoard files if that package is installed.
    """
    for run in plan.runs:
        artifact = store.read(run.train)
        if artifact is None:
            continue
        data = dataset_label(run.dataset, run.images_per_class, run.steps_of)
        target = folder / run_label(data, run.cell.names, run.seed)
        text = artifact.path(LOG).read_text("utf-8")
        if (target / LOG).is_file() and (target / LOG).read_text("utf-8") == text:
            continue
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        if find_spec("tensorboard"):
            _write_events(target, text)
        (target / LOG).write_text(text, encoding="utf-8")


def _export_datasets(plan: Plan, store: Store, folder: Path) -> dict[str, Path]:
    """Write a folder for each data set that is complete, and return the folders by name."""
    folders = {}
    for dataset in plan.datasets:
        artifact = store.read(dataset.key)
        if artifact is None:
            continue
        name = dataset_label(dataset.name, dataset.images_per_class)
        folders[name] = folder / name
        export_dataset(artifact, dataset, plan, folder / name)
    return folders


def _link_or_copy(source: Path, target: Path) -> None:
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        os.link(source, draft)
    except OSError:  # another disk, or a file system without hard links
        shutil.copyfile(source, draft)
    draft.replace(target)


def _describe_origin(dataset: PlannedDataset, plan: Plan) -> str:
    origin = dataset.origin
    if origin is None:
        return f"real images, licence: {plan.task.licence}"
    return origin.note if origin.kind in ("folder", "mix", "changed") else f"generated by {origin.id}"


def _write_events(folder: Path, text: str) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for line in text.splitlines():
            values = json.loads(line)
            epoch = values.pop("epoch")
            for name, value in values.items():
                writer.add_scalar(name, value, epoch)
