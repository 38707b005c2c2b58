"""What a study leaves in a folder for people and other programs: records, data sets, logs of trainings, the report."""

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
_OURS = re.compile(r"data-\d{5}-of-\d{5}\.parquet|README\.md|manifest\.json|\..*")  # what a data set folder holds


@dataclass(frozen=True)
class StudyResult:
    """What a study left: `report` (HTML), `records` (a folder of JSON), `datasets` (a folder each), and the summary."""

    summary: Summary
    report: Path
    records: Path
    datasets: dict[str, Path]

    @property
    def complete(self) -> bool:
        return self.summary.complete


def write_results(plan: Plan, store: Store, records: list[Record], out: Path) -> StudyResult:
    """Everything but the records themselves, which are written even where a run is stopped."""
    place_training_logs(plan, store, out / "training")
    summary = summarise(records)
    return StudyResult(
        summary=summary,
        report=write_report(summary, out / "report.html"),
        records=out / "records",
        datasets=_place_datasets(plan, store, out / "datasets"),
    )


def make_folder(folder: Path) -> None:
    """Raises StoreError if it cannot be made."""
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Within it, what the system says against writing is one line on the folder."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot write to {error.filename or folder}: {error.strerror or error}; free some space, or name another "
            "folder with --out"
        ) from error


def check_dataset_folder(folder: Path) -> None:
    """Raises StoreError if a folder holds anything that is no part of a data set."""
    if foreign := [path.name for path in folder.iterdir() if not _OURS.fullmatch(path.name)]:
        raise StoreError(f"{folder} holds other things ({foreign[0]}); name an empty folder with --out")


def place_dataset(artifact: Artifact, dataset: PlannedDataset, plan: Plan, folder: Path) -> None:
    """A Hugging Face data set: links to the files in the store (copies where links cannot be), a card, the manifest."""
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
    made = _provenance(dataset, plan)
    words = f"{dataset.images_per_class} images per class of the task {plan.task.name}, {made}."
    (folder / "README.md").write_text(dataset_card(folder.name, plan.task.classes, words), encoding="utf-8")
    (folder / "manifest.json").write_text(artifact.manifest.as_text(), encoding="utf-8")


def place_training_logs(plan: Plan, store: Store, folder: Path) -> None:
    """A folder for each finished training, named as its record is: its epochs as JSON lines, and as TensorBoard files
    where that package is installed."""
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


def _place_datasets(plan: Plan, store: Store, folder: Path) -> dict[str, Path]:
    """A folder per data set that is there."""
    placed = {}
    for dataset in plan.datasets:
        artifact = store.read(dataset.key)
        if artifact is None:
            continue
        name = dataset_label(dataset.name, dataset.images_per_class)
        placed[name] = folder / name
        place_dataset(artifact, dataset, plan, folder / name)
    return placed


def _link_or_copy(source: Path, target: Path) -> None:
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        os.link(source, draft)
    except OSError:  # another disk, or a file system without hard links
        shutil.copyfile(source, draft)
    draft.replace(target)


def _provenance(dataset: PlannedDataset, plan: Plan) -> str:
    """One clause on where the images come from."""
    origin = dataset.origin
    if origin is None:
        return f"real images, licence: {plan.task.licence}"
    return f"{origin.note}" if origin.kind in ("folder", "mix", "changed") else f"generated by {origin.id}"


def _write_events(folder: Path, text: str) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for line in text.splitlines():
            values = json.loads(line)
            epoch = values.pop("epoch")
            for name, value in values.items():
                writer.add_scalar(name, value, epoch)
