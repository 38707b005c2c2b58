"""One study from its file to its report: plan, execute, gather records, write them, place data sets and report."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prettyuseful.analysis.summary import Summary, summarise
from prettyuseful.data.dataset import dataset_card
from prettyuseful.errors import StoreError
from prettyuseful.report.build import write_report
from prettyuseful.steps.base import Step
from prettyuseful.store.base import Artifact
from prettyuseful.store.local import LocalStore
from prettyuseful.study.execute import Event, Outcome, execute, missing_steps
from prettyuseful.study.file import Study
from prettyuseful.study.gather import gather
from prettyuseful.study.plan import Plan, PlannedDataset, make_plan
from prettyuseful.study.records import dataset_label, write_records


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


def remaining_steps(plan: Plan, store: LocalStore) -> dict[str, Step]:
    """The steps that a run would still make, by key, in order."""
    return missing_steps(plan.steps, wanted_keys(plan), store)


def default_workers(study: Study) -> int:
    """As many steps side by side as the cores carry; one on an accelerator."""
    if study.numerics.device != "cpu":
        return 1
    return max(1, (os.cpu_count() or 1) // study.numerics.threads)


def run_study(
    study: Study,
    store: Path | str,
    out: Path | str,
    workers: int | None = None,
    on_event: Callable[[Event], None] = lambda _: None,
) -> StudyResult:
    """Runs what of a study is not in the store yet, and writes records, data sets and report to `out`.

    Workers are processes started afresh: a script that calls this needs the usual `if __name__ == "__main__":`.

    Raises:
        UserError: the study, its data or a folder is not usable; everything made so far stays in the store.
    """
    return run_plan(make_plan(study), LocalStore(Path(store)), Path(out), workers or default_workers(study), on_event)


def run_plan(plan: Plan, store: LocalStore, out: Path, workers: int, on_event: Callable[[Event], None]) -> StudyResult:
    """`run_study` for a plan and a store that are at hand."""
    if plan.study.task.folder is not None and out.resolve() == Path(plan.study.task.folder).resolve():
        raise StoreError(f"{out} holds the task's images; name another folder with --out")
    _make_folder(out)
    outcome = Outcome()
    try:
        outcome = execute(plan.steps, wanted_keys(plan), store, workers, on_event)
    finally:
        records = gather(plan, store, outcome)
        write_records(records, out / "records")
    summary = summarise(records)
    return StudyResult(
        summary=summary,
        report=write_report(summary, out / "report.html"),
        records=out / "records",
        datasets=_place_datasets(plan, store, out / "datasets"),
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot write to {folder}: {error.strerror or error}; name another folder with --out"
        ) from error


def _place_datasets(plan: Plan, store: LocalStore, folder: Path) -> dict[str, Path]:
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
    made = f"generated by {dataset.generator.id}" if dataset.generator else f"real images, licence: {plan.task.licence}"
    words = f"{dataset.images_per_class} images per class of the task {plan.task.name}, {made}."
    (folder / "README.md").write_text(dataset_card(folder.name, plan.task.classes, words), encoding="utf-8")
    (folder / "manifest.json").write_text(artifact.manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
