"""One study from its file to its report: plan, execute, gather records, write them, place data sets and report."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from prettyuseful.analysis.summary import Summary, summarise
from prettyuseful.curves import place_curves
from prettyuseful.data.dataset import dataset_card
from prettyuseful.engine.execute import Event, Outcome, execute, missing_steps
from prettyuseful.engine.status import Status, study_status
from prettyuseful.engine.step import Step
from prettyuseful.engine.store.base import Artifact, Store
from prettyuseful.engine.store.open import open_store
from prettyuseful.engine.workers.base import Workers
from prettyuseful.engine.workers.open import workers_on
from prettyuseful.errors import StepFailedError, StoreError
from prettyuseful.plan.datasets import PlannedDataset
from prettyuseful.plan.gather import gather
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.records import dataset_label, write_records
from prettyuseful.report.build import write_report
from prettyuseful.study.file import REAL, Study
from prettyuseful.study.reading import parse_study

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


def wanted_keys(plan: Plan) -> list[str]:
    """The artifacts that records and data set folders are made of."""
    of_datasets = [key for dataset in plan.datasets for key in dataset.keys.values()]
    of_runs = [key for run in plan.runs for key in (run.train, *run.evaluations.values())]
    return list(dict.fromkeys([*of_datasets, *of_runs]))


def remaining_steps(plan: Plan, store: Store) -> dict[str, Step]:
    """The steps that a run would still make, by key, in order."""
    return missing_steps(plan.steps, wanted_keys(plan), store)


def run_study(
    study: Study,
    store: Path | str,
    out: Path | str,
    workers: int | None = None,
    on: str = "local",
    on_event: Callable[[Event], None] = lambda _: None,
) -> StudyResult:
    """Runs what of a study is not in the store yet, and writes records, data sets and report to `out`.

    `on`: `local`, with `workers` steps side by side (default: what the cores
    carry), `ray` or `ray://host:port`. Workers are processes started afresh: a script that calls this needs the usual
    `if __name__ == "__main__":`.

    Raises:
        UserError: the study, its data or a folder is not usable; everything made so far stays in the store.
    """
    plan, opened = make_plan(study), open_store(store)
    with workers_on(on, opened, study.numerics, workers) as hands:
        return run_plan(plan, opened, Path(out), hands, on_event)


def run_plan(plan: Plan, store: Store, out: Path, workers: Workers, on_event: Callable[[Event], None]) -> StudyResult:
    """`run_study` for a plan, a store and workers that are open."""
    if any(out.resolve() == place.resolve() for place in plan.study.task.places):
        raise StoreError(f"{out} holds the task's images; name another folder with --out")
    _make_folder(out)
    outcome = Outcome()
    with _writing(out):
        try:
            outcome = execute(plan.steps, wanted_keys(plan), store, workers, on_event)
        finally:
            records = gather(plan, store, outcome)
            write_records(records, out / "records")
        place_curves(plan, store, out / "training")
        summary = summarise(records)
        return StudyResult(
            summary=summary,
            report=write_report(summary, out / "report.html"),
            records=out / "records",
            datasets=_place_datasets(plan, store, out / "datasets"),
        )


def work_on_plan(plan: Plan, store: Store, workers: Workers, on_event: Callable[[Event], None]) -> Outcome:
    """Makes what is missing beside other workers on the same store; records and report are for `run_plan`."""
    return execute(plan.steps, wanted_keys(plan), store, workers, on_event)


def status_of(plan: Plan, store: Store) -> Status:
    """How far a study is, as the store tells it to any machine."""
    return study_status(plan.steps, remaining_steps(plan, store), store)


def dataset_study(generator: str, fields: Mapping[str, Any], task: Any, numerics: Any) -> Study:
    """A study of one data set, called by its generator, that measures nothing. Values are as in a study file.

    Raises:
        StudyError: see `parse_study`.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(generator).name).strip("-._")
    content = {
        "version": 1,
        "task": task,
        "datasets": {"dataset" if name in ("", REAL) else name: {"generator": generator, **fields}},
        "metrics": [],
        "numerics": numerics,
    }
    text = yaml.safe_dump({key: value for key, value in content.items() if value is not None}, sort_keys=False)
    return parse_study(text, "generate")


def only_dataset(plan: Plan) -> PlannedDataset:
    """What a plan of `dataset_study` is made for."""
    return next(dataset for dataset in plan.datasets if dataset.plan is not None)


def make_dataset(
    plan: Plan, store: Store, out: Path, workers: Workers, on_event: Callable[[Event], None] = lambda _: None
) -> Artifact:
    """Makes the data set of a `dataset_study`, and nothing else, and places it in the folder `out`.

    Raises:
        UserError: the data set cannot be made, or `out` holds something else.
        StepFailedError: a step failed; everything made so far stays in the store.
    """
    dataset = only_dataset(plan)
    if (source := _source_of(dataset)) and source.resolve().is_relative_to(out.resolve()):
        raise StoreError(f"{out} holds the images that the data set is made of; name another folder with --out")
    _make_folder(out)
    if foreign := [path.name for path in out.iterdir() if not _OURS.fullmatch(path.name)]:
        raise StoreError(f"{out} holds other things ({foreign[0]}); name an empty folder with --out")
    key = dataset.keys["dataset"]
    outcome = execute(plan.steps, [key], store, workers, on_event)
    artifact = store.read(key)
    if artifact is None:
        causes = "; ".join(dict.fromkeys(outcome.failed.values()))
        raise StepFailedError(f"{dataset.name} could not be made: {causes or 'a step is missing'}")
    _place(artifact, dataset, plan, out)
    return artifact


def _source_of(dataset: PlannedDataset) -> Path | None:
    """The place of images that are there already."""
    if dataset.plan is None or dataset.origin is None or dataset.origin.kind != "folder":
        return None
    return Path(str(dataset.plan.generator))


def _make_folder(folder: Path) -> None:
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot write to {error.filename or folder}: {error.strerror or error}; free some space, or name another "
            "folder with --out"
        ) from error


def _place_datasets(plan: Plan, store: Store, folder: Path) -> dict[str, Path]:
    """A folder per data set, of links into the store (copies where links cannot be), each a Hugging Face data set."""
    placed = {}
    for dataset in plan.datasets:
        artifact = store.read(dataset.keys["dataset"])
        if artifact is None:
            continue
        name = dataset_label(dataset.name, dataset.images_per_class)
        placed[name] = folder / name
        _place(artifact, dataset, plan, folder / name)
    return placed


def _link_or_copy(source: Path, target: Path) -> None:
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        os.link(source, draft)
    except OSError:  # another disk, or a file system without hard links
        shutil.copyfile(source, draft)
    draft.replace(target)


def _place(artifact: Artifact, dataset: PlannedDataset, plan: Plan, folder: Path) -> None:
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


def _provenance(dataset: PlannedDataset, plan: Plan) -> str:
    """One clause on where the images come from."""
    origin = dataset.origin
    if origin is None:
        return f"real images, licence: {plan.task.licence}"
    return f"{origin.note}" if origin.kind in ("folder", "mix", "changed") else f"generated by {origin.id}"
