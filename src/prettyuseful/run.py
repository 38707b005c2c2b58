"""The Python interface: run a study, generate a data set, ask what a study costs and how far it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from prettyuseful.engine.cost import Cost, Prices, Rates, cost_of
from prettyuseful.engine.events import OnEvent, ignore
from prettyuseful.engine.execute import Outcome
from prettyuseful.engine.session import Execution, Session
from prettyuseful.engine.status import Status, status_of
from prettyuseful.engine.store.base import Swept
from prettyuseful.engine.store.open import exists, open_store
from prettyuseful.engine.workers.open import local_width
from prettyuseful.errors import EveryRunFailedError, StepFailedError, StoreError, StudyError
from prettyuseful.hub.commits import check_resolved
from prettyuseful.plan.gather import gather
from prettyuseful.plan.planned import PlannedDataset
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.records import RunRecord, write_records
from prettyuseful.results import (
    StudyResult,
    check_dataset_folder,
    make_folder,
    place_dataset,
    write_results,
    writing_to,
)
from prettyuseful.study.file import REAL, DatasetPlan, Study
from prettyuseful.study.numerics import StudyNumerics
from prettyuseful.study.reading import parse_study

DEFAULT_STORE = "prettyuseful-store"


def run_study(
    study: Study,
    store: Path | str = DEFAULT_STORE,
    out: Path | str = "results",
    workers: int | None = None,
    on: str = "local",
    on_event: OnEvent = ignore,
) -> StudyResult:
    """Runs what of a study is not in the store yet, and writes records, data sets and report to `out`.

    `on`: `local`, with `workers` processes side by side (None: as many as the cores carry; 1: in this process), `ray`
    or `ray://host:port`. Worker processes import the script that was run: it needs its main guard,
    `if __name__ == "__main__":`.

    Raises:
        UserError: the study, its data or a folder is not usable, or no worker can start; everything made so far stays
            in the store.
        EveryRunFailedError: no classifier could be trained and tested; its `result` is what was left in `out`.
    """
    plan = make_plan(study)
    with Execution(store, workers, on, on_event).session(study.numerics) as session:
        return run_plan(plan, session, Path(out))


def run_plan(plan: Plan, session: Session, out: Path) -> StudyResult:
    """`run_study` for a plan, in a session that is open."""
    if any(out.resolve() == place.resolve() for place in plan.study.task.places):
        raise StoreError(f"{out} holds the task's images; name another folder with --out")
    make_folder(out)
    outcome = Outcome()
    with writing_to(out):
        try:
            outcome = session.run(plan.steps, plan.wanted)
        finally:
            records = gather(plan, session.store, outcome)
            write_records(records, out / "records")
        result = write_results(plan, session.store, records, out)
    runs = [record for record in records if isinstance(record, RunRecord)]
    causes = [run.cause for run in runs if run.cause]
    if causes and not any(run.status == "complete" for run in runs):
        raise EveryRunFailedError(f"every run failed; the first cause: {causes[0]}", result)
    return result


def make_steps(
    study: Study,
    store: Path | str = DEFAULT_STORE,
    workers: int | None = None,
    on: str = "local",
    on_event: OnEvent = ignore,
) -> Outcome:
    """Makes what of a study is not in the store yet, beside other workers on the same store; writes no report.

    Raises:
        UserError: see `run_study`.
    """
    plan = make_plan(study)
    with Execution(store, workers, on, on_event).session(study.numerics) as session:
        return session.run(plan.steps, plan.wanted)


@dataclass(frozen=True)
class GeneratedDataset:
    """A data set in `folder`, by the `key` of its artifact. `prompts_cut`: how many prompts a tokenizer has cut."""

    folder: Path
    key: str
    images: int
    prompts_cut: Mapping[str, int]
    facts: Mapping[str, Any]


def generate(
    dataset: DatasetPlan | Mapping[str, Any],
    out: Path | str,
    task: Any = "photos",
    numerics: StudyNumerics | Mapping[str, Any] | None = None,
    store: Path | str = DEFAULT_STORE,
    workers: int | None = None,
    on: str = "local",
    on_event: OnEvent = ignore,
) -> GeneratedDataset:
    """Makes one data set in the folder `out`.

    `dataset`, `task` and `numerics` are what a study file says: `generate({"generator": "sd-1.5", "images_per_class":
    10}, out="my-images")`. `store`, `workers` and `on`: see `run_study`.

    Raises:
        UserError: the data set cannot be made, or `out` holds something else.
        StepFailedError: a step failed; everything made so far stays in the store.
    """
    plan = make_plan(dataset_study(dataset, task, numerics))
    folder, planned = Path(out), next(one for one in plan.datasets if one.plan is not None)
    if (source := _source_of(planned)) and source.resolve().is_relative_to(folder.resolve()):
        raise StoreError(f"{folder} holds the images that the data set is made of; name another folder with --out")
    make_folder(folder)
    check_dataset_folder(folder)
    with Execution(store, workers, on, on_event).session(plan.study.numerics) as session:
        outcome = session.run(plan.steps, [planned.key])
        artifact = session.store.read(planned.key)
    if artifact is None:
        causes = "; ".join(dict.fromkeys(outcome.failed.values()))
        raise StepFailedError(f"{planned.name} could not be made: {causes or 'a step is missing'}")
    place_dataset(artifact, planned, plan, folder)
    facts = artifact.manifest.facts
    return GeneratedDataset(folder, planned.key, facts["images"], facts.get("prompts_cut", {}), facts)


def estimate_cost(study: Study, store: Path | str = DEFAULT_STORE, prices: Prices | None = None) -> Cost:
    """What of a study is done, and what the rest will cost. Makes nothing, not even the store.

    Raises:
        UserError: the study is not usable.
    """
    plan = make_plan(study)
    opened = open_store(store) if exists(store) else None
    todo = plan.remaining(opened) if opened else plan.steps
    return cost_of(plan.steps, todo, Rates(opened.list() if opened else ()), local_width(study.numerics), prices)


def study_status(study: Study, store: Path | str = DEFAULT_STORE) -> Status:
    """How far a study is, as its store shows it to any machine.

    Raises:
        UserError: the study is not usable, or there is no store.
    """
    plan, opened = make_plan(study), open_store(store, must_exist=True)
    return status_of(plan.steps, plan.remaining(opened), opened)


def sweep_store(studies: Iterable[Study], store: Path | str = DEFAULT_STORE, remove: bool = False) -> Swept:
    """Counts, and removes if `remove`, what none of the studies refers to.

    Raises:
        UserError: a study is not usable, a model's commit is not known, or there is no store.
    """
    opened = open_store(store, must_exist=True)
    plans = [make_plan(study) for study in studies]
    for plan in plans:
        # Keys hold commits: without them, what the study refers to cannot be told from what it does not.
        for step, commit in plan.hub_commits():
            check_resolved(commit.content, step.label)
    return opened.sweep({key for plan in plans for key in plan.steps}, remove)


def dataset_study(
    dataset: DatasetPlan | Mapping[str, Any],
    task: Any = "photos",
    numerics: StudyNumerics | Mapping[str, Any] | None = None,
) -> Study:
    """A study of one data set, called by its generator, that measures nothing.

    Raises:
        StudyError: a value that a study file cannot have.
    """
    fields = _plain(dataset)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(str(fields.get("generator", ""))).name).strip("-._")
    content = {
        "version": 1,
        "task": {"folder": str(task)} if isinstance(task, Path) else _plain(task),
        "datasets": {"dataset" if name in ("", REAL) else name: fields},
        "metrics": [],
        "numerics": _plain(numerics),
    }
    try:
        text = yaml.safe_dump({key: value for key, value in content.items() if value is not None}, sort_keys=False)
    except yaml.YAMLError as error:
        what = f"{error.args[0]} of the type {type(error.args[-1]).__name__}"
        raise StudyError(f"generate: {what}; give what a study file can say") from error
    return parse_study(text, "generate")


def _plain(value: Any) -> Any:
    """As a study file says it: models by their fields, paths as text."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def _source_of(dataset: PlannedDataset) -> Path | None:
    """The place of images that are there already."""
    if dataset.plan is None or dataset.origin is None or dataset.origin.kind != "folder":
        return None
    return Path(str(dataset.plan.generator))
