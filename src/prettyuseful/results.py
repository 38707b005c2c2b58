"""The output folder of a study: data sets, lists of images, training logs and the report, next to the records.

Only files that an earlier run has written are replaced or removed; whatever else lies in the folder is kept.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from prettyuseful.analysis.summary import Summary, summarise
from prettyuseful.data.dataset import SHARD_MARK, dataset_card, is_card_as_written, is_shard_name
from prettyuseful.data.image_lists import LIST_MARK
from prettyuseful.engine.store.base import Artifact, Store
from prettyuseful.engine.store.verification import report_unusable_contents
from prettyuseful.errors import StoreError
from prettyuseful.output_files import (
    check_writable,
    convert_write_errors,
    draft_folder,
    is_own_file,
    make_folder,
    move_to,
    replaceable,
    sweep_drafts,
    write_text,
)
from prettyuseful.plan.planned import PlannedDataset
from prettyuseful.plan.study import Plan
from prettyuseful.records import RECORD_MARK, Record, dataset_file, run_file
from prettyuseful.report.build import REPORT_MARK, write_report
from prettyuseful.steps.culprits import CULPRITS

_logger = logging.getLogger("prettyuseful")
LOG, CARD, MANIFEST, REPORT = "epochs.jsonl", "README.md", "manifest.json", "report.html"
EVENTS = "events.out.tfevents.0000000000.prettyuseful"
"""The name of TensorBoard's file of a training; TensorBoard finds such files by the beginning of their names."""
LOG_MARK = b'"epoch"'
LISTS, SUMS = "findings", "SHA256SUMS"
"""The folder of the lists of images, and its file with their checksums as written, as `sha256sum` prints them."""
_SUMS_MARK = b".csv\n"
_DATASET_MARKS = {CARD: b"Written by prettyuseful.", MANIFEST: b'"rate_class"'}


@dataclass(frozen=True)
class StudyResult:
    """The results of a study.

    `summary`: all numbers and the answer. `report`: path of the HTML report. `records`: folder of JSON records.
    `datasets`: a folder for each complete data set, by name. `image_lists`: the CSV file with the lists of images of
    each diagnosed data set, by name.
    """

    summary: Summary
    report: Path
    records: Path
    datasets: dict[str, Path]
    image_lists: dict[str, Path] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every data set and every run is complete."""
        return self.summary.complete


def check_output_folder(plan: Plan, out: Path) -> None:
    """Create the output folder of a study, and check that its results can be written there, before they are made.

    Raises:
        StoreError: the folder cannot be written, or a file of somebody else has the name of a result.
    """
    make_folder(out)
    check_writable(out)
    replaceable(out / REPORT, REPORT_MARK)
    for dataset in plan.all_datasets:
        replaceable(out / "records" / dataset_file(dataset.label), RECORD_MARK)
        for name, mark in _DATASET_MARKS.items():
            replaceable(out / "datasets" / dataset.label / name, mark)
        if "diagnose" in dataset.keys:
            replaceable(out / LISTS / f"{dataset.label}.csv", LIST_MARK)
            replaceable(out / LISTS / SUMS, _SUMS_MARK)
    for run in plan.all_runs:
        replaceable(out / "records" / run_file(run.label), RECORD_MARK)
        replaceable(out / "training" / run.label / LOG, LOG_MARK)


def write_results(plan: Plan, store: Store, records: list[Record], out: Path) -> StudyResult:
    """Write training logs, data sets and the report; the records are already written, even for an interrupted run."""
    export_training_logs(plan, store, out / "training")
    summary, image_lists = summarise(records), export_image_lists(plan, store, out / LISTS)
    return StudyResult(
        summary=summary,
        report=write_report(summary, out / REPORT, REPORT_MARK),
        records=out / "records",
        datasets=_export_datasets(plan, store, out / "datasets"),
        image_lists=image_lists,
    )


def check_dataset_folder(folder: Path) -> None:
    """Check that a folder can be written, and contains no files except hidden ones and those of a data set.

    Raises:
        StoreError: it cannot be written, or contains another file.
    """
    check_writable(folder)
    with convert_write_errors(folder):
        for path in sorted(folder.iterdir()):
            if path.name in _DATASET_MARKS:
                replaceable(path, _DATASET_MARKS[path.name])
            elif not path.name.startswith(".") and not _is_own_shard(path):
                raise StoreError(f"{folder} contains other files ({path.name}); choose an empty folder with --out")


def export_dataset(artifact: Artifact, dataset: PlannedDataset, plan: Plan, folder: Path) -> None:
    """Write a Hugging Face data set: hard links to (or copies of) the files in the store, a card and the manifest.

    Shards of an earlier data set in the folder are removed; other files are kept. If the folder is a symbolic link,
    nothing is removed from it.

    Raises:
        StoreError: a file cannot be written, or belongs to somebody else.
    """
    names = {entry.name for entry in artifact.manifest.files}
    if odd := sorted(name for name in names if not is_shard_name(name)):
        raise StoreError(
            f"the artifact {dataset.key[:12]} of the store is not a data set, because it contains the file {odd[0]!r}; "
            "check the store with `prettyuseful verify`"
        )
    origin = _describe_origin(dataset, plan)
    draws = 1 + sum(draw.name == dataset.name for draw in plan.more_draws)
    drawn = f" This is draw {dataset.draw} of {draws}." if draws > 1 else ""
    description = f"{dataset.images_per_class} images per class of the task {plan.task.name}, {origin}.{drawn}"
    make_folder(folder)
    with convert_write_errors(folder), draft_folder(folder) as drafts:
        for name in sorted(names):
            _link_or_copy(artifact.path(name), folder / name, drafts)
        if not folder.is_symlink():
            for path in folder.iterdir():
                if path.name not in names and _is_own_shard(path):
                    path.unlink()
        if _is_edited_card(folder / CARD):
            _logger.warning("%s was edited and is kept; delete it for a new one", folder / CARD)
        else:
            card = dataset_card(folder.name, plan.task.classes, description)
            write_text(folder / CARD, card, _DATASET_MARKS[CARD], drafts)
        write_text(folder / MANIFEST, artifact.manifest.as_text(), _DATASET_MARKS[MANIFEST], drafts)


def export_image_lists(plan: Plan, store: Store, folder: Path) -> dict[str, Path]:
    """Write the lists of images of each diagnosed data set to a CSV file, and return the files by name.

    A list that the user has edited is kept, with a warning.

    Raises:
        StoreError: a file cannot be written, or belongs to somebody else.
    """
    files: dict[str, Path] = {}
    written = _read_sums(folder / SUMS)
    for dataset in plan.datasets:
        artifact = store.read(dataset.keys["diagnose"]) if "diagnose" in dataset.keys else None
        if artifact is None or CULPRITS not in {entry.name for entry in artifact.manifest.files}:
            continue
        content = artifact.path(CULPRITS).read_bytes()
        path = files[dataset.label] = folder / f"{dataset.label}.csv"
        with convert_write_errors(path):
            present = _sha256(replaceable(path, LIST_MARK).read_bytes()) if path.is_file() else None
        if present not in (None, written.get(path.name), _sha256(content)):
            _logger.warning("%s was edited and is kept; delete or rename it for a new one", path)
            continue
        make_folder(folder)
        if present != _sha256(content):
            write_text(path, content.decode("utf-8"), LIST_MARK)
        written[path.name] = _sha256(content)
    if files:
        make_folder(folder)
        sums = "".join(f"{digest}  {name}\n" for name, digest in sorted(written.items()))
        write_text(folder / SUMS, sums, _SUMS_MARK)
    return files


def _read_sums(path: Path) -> dict[str, str]:
    """Return the checksums of the lists as they were written, by name of the file."""
    if not is_own_file(path, _SUMS_MARK):
        return {}
    lines = (line.split("  ", 1) for line in path.read_text("utf-8", "replace").splitlines())
    return {line[1]: line[0] for line in lines if len(line) == 2 and line[1].endswith(".csv")}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def export_training_logs(plan: Plan, store: Store, folder: Path) -> None:
    """Write one folder per finished training, with the name of its record.

    It contains the log of the epochs as JSON lines, and as a TensorBoard file if that package is installed. Other files
    are kept.

    Raises:
        StoreError: a file cannot be written, or belongs to somebody else.
        CorruptArtifactError: a log in the store is none.
    """
    for run in plan.runs:
        if (artifact := store.read(run.train)) is not None:
            label = plan.steps[run.train].label
            with report_unusable_contents(artifact.manifest, label, store.url, "its log or its time"):
                _export_training_log(artifact, folder / run.label)


def _export_training_log(artifact: Artifact, folder: Path) -> None:
    text = artifact.path(LOG).read_text("utf-8")
    with convert_write_errors(folder):
        log = replaceable(folder / LOG, LOG_MARK)
        if log.is_file() and log.read_bytes() == text.encode("utf-8"):
            sweep_drafts(folder)
            return
        make_folder(folder)
        if find_spec("tensorboard"):
            _write_events(folder / EVENTS, text, datetime.fromisoformat(artifact.manifest.created).timestamp())
        write_text(folder / LOG, text, LOG_MARK)


def _export_datasets(plan: Plan, store: Store, folder: Path) -> dict[str, Path]:
    """Write a folder for each data set that is complete, and return the folders by name."""
    folders = {}
    for dataset in plan.datasets:
        artifact = store.read(dataset.key)
        if artifact is None:
            continue
        folders[dataset.label] = folder / dataset.label
        export_dataset(artifact, dataset, plan, folder / dataset.label)
    return folders


def _is_edited_card(path: Path) -> bool:
    return is_own_file(path, _DATASET_MARKS[CARD]) and not is_card_as_written(path.read_text("utf-8", "replace"))


def _is_own_shard(path: Path) -> bool:
    return is_shard_name(path.name) and is_own_file(path, SHARD_MARK)


def _link_or_copy(source: Path, target: Path, drafts: Path) -> None:
    path = replaceable(target, SHARD_MARK)
    if path.exists() and path.samefile(source):
        return
    with draft_folder(path.parent, drafts) as folder:
        draft = folder / uuid.uuid4().hex
        try:
            os.link(source, draft)
        except OSError:  # another disk, or a file system without hard links
            with source.open("rb") as stored, draft.open("wb") as copy:
                shutil.copyfileobj(stored, copy)
        draft.replace(path)


def _describe_origin(dataset: PlannedDataset, plan: Plan) -> str:
    origin = dataset.origin
    if origin is None:
        return f"real images, licence: {plan.task.licence}"
    if origin.kind in ("folder", "mix", "changed", "selected"):
        return origin.note
    return f"generated by {origin.id}{f', {dataset.condition}' if dataset.condition else ''}"


def _write_events(target: Path, text: str, time: float) -> None:
    """Write a log of epochs as a file of TensorBoard."""
    from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[import-untyped]
    from tensorboard.compat.proto.summary_pb2 import Summary as EventSummary  # type: ignore[import-untyped]
    from tensorboard.summary.writer.record_writer import RecordWriter  # type: ignore[import-untyped]

    events = [Event(wall_time=time, file_version="brain.Event:2")]
    for line in text.splitlines():
        values = json.loads(line)
        epoch = values.pop("epoch")
        for name, value in values.items():
            summary = EventSummary(value=[EventSummary.Value(tag=name, simple_value=value)])
            events.append(Event(wall_time=time, step=epoch, summary=summary))
    path = replaceable(target)
    with draft_folder(path.parent) as drafts:
        with (drafts / EVENTS).open("wb") as file:
            writer = RecordWriter(file)
            for event in events:
                writer.write(event.SerializeToString())
        move_to(drafts / EVENTS, path)
