"""The Python interface: run studies, generate data sets, estimate costs, report progress and clean the store."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from prettyuseful.adaptive import expected_plan, largest_plan, needed_plan, run_looks
from prettyuseful.analysis.detection import Compared, Detection, StudySizes, detect
from prettyuseful.analysis.rows import baseline_of
from prettyuseful.analysis.statistics import Replicate, fit
from prettyuseful.analysis.stopping import random_controls
from prettyuseful.cards import DEFAULT_CARD, Card, local_card
from prettyuseful.checks.finding import Finding
from prettyuseful.checks.image_set import Sets
from prettyuseful.checks.rows import check_images
from prettyuseful.engine.cost import Cost, Prices, Rates, cost_of
from prettyuseful.engine.events import OnEvent, ignore
from prettyuseful.engine.execute import Outcome
from prettyuseful.engine.explain import Explanation, explain_steps
from prettyuseful.engine.history import History
from prettyuseful.engine.session import Execution, Session
from prettyuseful.engine.status import Status, status_of
from prettyuseful.engine.step import Step
from prettyuseful.engine.store.base import Store, SweepResult
from prettyuseful.engine.store.open import open_store, store_exists
from prettyuseful.engine.workers.open import local_parallelism
from prettyuseful.errors import DataError, EveryRunFailedError, StepFailedError, StoreError, StudyError
from prettyuseful.generators.hosted import HostedModel
from prettyuseful.hub.commits import check_resolved
from prettyuseful.interface_checks import CheckResult
from prettyuseful.output_files import check_outside_stores, convert_write_errors, make_folder
from prettyuseful.plan.counts import existing_images
from prettyuseful.plan.experiments import with_experiment
from prettyuseful.plan.gather import gather_records
from prettyuseful.plan.measured import measured_cells
from prettyuseful.plan.memory import memory_warnings
from prettyuseful.plan.planned import PlannedDataset
from prettyuseful.plan.predictions import Predictions
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.plugins import is_plugin, plugin_id
from prettyuseful.records import Record, RunRecord, dataset_label, write_records
from prettyuseful.results import (
    StudyResult,
    check_dataset_folder,
    check_output_folder,
    export_dataset,
    write_results,
)
from prettyuseful.selection.experiments import EXPERIMENTS, Experiment
from prettyuseful.steps.checks import image_set
from prettyuseful.study.file import REAL, DatasetPlan, Study
from prettyuseful.study.numerics import StudyNumerics
from prettyuseful.study.paths import resolve_paths
from prettyuseful.study.reading import parse_study

DEFAULT_STORE = "prettyuseful-store"
_logger = logging.getLogger("prettyuseful")
_PILOT_SEEDS = 3
_MAX_NAME = 80  # characters of the name of a data set that is named after its generator


def run_study(
    study: Study,
    store: Path | str = DEFAULT_STORE,
    out: Path | str = "results",
    workers: int | None = None,
    on: str = "local",
    on_event: OnEvent = ignore,
) -> StudyResult:
    """Run a study: compute the steps that are not in the store, and write records, data sets and the report.

    Worker processes import the calling script, so it needs a main guard: `if __name__ == "__main__":`.

    Args:
        study: from `load_study` or `parse_study`.
        store: folder or URL of the store, in which all results are kept and from which they are reused.
        out: folder for `records/`, `datasets/`, `training/` and `report.html`.
        workers: number of worker processes; None: as many as the CPU cores allow; 1: no worker processes.
        on: `local`; `ray` for the Ray cluster of RAY_ADDRESS, one running on this machine, or a new one; or
            `ray://host:port`.
        on_event: called with every event of the run.

    Raises:
        UserError: the study, its data or a folder cannot be used, or no worker can start. Finished steps stay in the
            store.
        EveryRunFailedError: no classifier could be trained and tested; its `result` is the incomplete result.
    """
    plan = make_plan(study)
    with Execution(store, workers, on, on_event).session(study.numerics) as session:
        warn_of_memory(plan, session.store)
        return run_plan(plan, session, Path(out))


def run_experiment(
    study: Study,
    experiment: Experiment | str = "pretty",
    store: Path | str = DEFAULT_STORE,
    out: Path | str = "results",
    workers: int | None = None,
    on: str = "local",
    on_event: OnEvent = ignore,
) -> StudyResult:
    """Run a study with selections of its generated images, each against a random selection of equal size.

    Example: `run_experiment(load_study("study.yaml")).summary.selections` tells whether the prettier half of the images
    is better or worse training data than a random half.

    Args:
        study: from `load_study` or `parse_study`.
        experiment: a name from `prettyuseful list experiments`, or `top_and_bottom("sharpness", "30%")`.
        store: see `run_study`, as for the other parameters.

    Raises:
        UserError: see `run_study`; or no data set is generated or has enough images.
        EveryRunFailedError: see `run_study`.
    """
    chosen = EXPERIMENTS[experiment] if isinstance(experiment, str) else experiment
    study, notes = with_experiment(study, chosen)
    plan = make_plan(study)
    with Execution(store, workers, on, on_event).session(study.numerics) as session:
        warn_of_memory(plan, session.store)
        return run_plan(replace(plan, notes=(*plan.notes, *notes)), session, Path(out))


def warn_of_memory(plan: Plan, store: Store) -> None:
    """Log a line for what is predicted to exceed the memory of a GPU, before anything runs."""
    predictions = _predictions(plan, None)
    if any(memory_warnings(plan.steps.values(), predictions)):
        for line in memory_warnings(plan.missing_steps(store).values(), predictions):
            _logger.warning("warning: %s", line)


def _predictions(plan: Plan, card: Card | None) -> Predictions:
    """Return the predictions for the steps of a plan on a card; by default on this machine's, or a common one."""
    return Predictions(plan.all_steps or plan.steps, len(plan.task.classes), card or local_card() or DEFAULT_CARD)


def run_plan(plan: Plan, session: Session, out: Path) -> StudyResult:
    """Run a plan like `run_study`, in an open session."""
    check_results_folder(plan, out)
    outcome = Outcome()
    with convert_write_errors(out):
        try:
            outcome = run_looks(plan, session)
        finally:
            plan = needed_plan(plan, session.store, outcome)
            records = gather_records(plan, session.store, outcome)
            write_records(records, out / "records")
        result = write_results(plan, session.store, records, out)
    check_any_run(records, result)
    return result


def check_results_folder(plan: Plan, out: Path) -> None:
    """Check, before anything runs, that the results of a plan can be written to a folder.

    Raises:
        StoreError: they cannot, or the folder is the task's.
    """
    if any(os.path.realpath(out) == os.path.realpath(path) for path in plan.study.task.paths):
        raise StoreError(f"{out} contains the images of the task; choose another folder with --out")
    check_output_folder(plan, out)


def check_any_run(records: Iterable[Record], result: StudyResult) -> None:
    """Check that a run is complete.

    Raises:
        EveryRunFailedError: none is, and some failed.
    """
    runs = [record for record in records if isinstance(record, RunRecord)]
    causes = [run.cause for run in runs if run.cause]
    if causes and not any(run.status == "complete" for run in runs):
        raise EveryRunFailedError(f"every run failed; the first cause: {causes[0]}", result)


def make_steps(
    study: Study,
    store: Path | str = DEFAULT_STORE,
    workers: int | None = None,
    on: str = "local",
    on_event: OnEvent = ignore,
) -> Outcome:
    """Compute the missing steps of a study, possibly together with other processes on the same store.

    Writes no records and no report. See `run_study` for the parameters.

    Raises:
        UserError: see `run_study`.
    """
    plan = make_plan(study)
    with Execution(store, workers, on, on_event).session(study.numerics) as session:
        return run_looks(plan, session)


@dataclass(frozen=True)
class GeneratedDataset:
    """A generated data set.

    `folder`: its files, a Hugging Face data set. `key`: key of its artifact. `images`: number of images. `prompts_cut`:
    number of prompts that a tokenizer truncated, by tokenizer. `facts`: all facts of its manifest. `notes`: sentences
    on the task's images, on class names in prompts, and on images without contrast. `findings`: what the data checks
    found in these images alone, such as repeated images.
    """

    folder: Path
    key: str
    images: int
    prompts_cut: Mapping[str, int]
    facts: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


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
    """Generate one data set and write it to the folder `out`.

    Example: `generate({"generator": "sd-1.5", "images_per_class": 10}, out="my-images")`.

    Args:
        dataset: as in the section `datasets` of a study file.
        out: an empty or new folder.
        task: as in a study file: a name, or a mapping such as `{"folder": "my-task"}`.
        numerics: as in a study file.
        store: see `run_study`.
        workers: see `run_study`.
        on: see `run_study`.
        on_event: see `run_study`.

    Raises:
        UserError: the data set cannot be made, or `out` contains other files.
        StepFailedError: a step failed. Finished steps stay in the store.
    """
    plan = make_plan(dataset_study(dataset, task, numerics))
    folder, planned = Path(out), next(planned for planned in plan.datasets if planned.plan is not None)
    source = _source_folder(planned)
    if source and Path(os.path.realpath(source)).is_relative_to(os.path.realpath(folder)):
        raise StoreError(f"{folder} contains the source images of the data set; choose another folder with --out")
    make_folder(folder)
    check_dataset_folder(folder)
    with Execution(store, workers, on, on_event).session(plan.study.numerics) as session:
        check_outside_stores(folder)  # a new folder may have become the store
        inspected_key = planned.keys.get("inspect", planned.key)
        outcome = session.run(plan.steps, [planned.key, inspected_key])
        artifact, inspected = session.store.read(planned.key), session.store.read(inspected_key)
    if artifact is None:
        causes = "; ".join(dict.fromkeys(outcome.failed.values()))
        raise StepFailedError(f"data set {planned.name!r} could not be made: {causes or 'a step is missing'}")
    export_dataset(artifact, planned, plan, folder)
    facts = artifact.manifest.facts
    findings: tuple[Finding, ...] = ()
    if inspected is not None and inspected_key != planned.key:
        findings = check_images(Sets((image_set(planned.name, "synthetic", inspected),)))
    # Images without contrast are counted while they are generated.
    warnings = [finding.words for finding in findings if finding.misleads and finding.check not in _COUNTED]
    notes = (*plan.notes, *_draw_notes(plan), *_contrast_notes(facts), *warnings)
    return GeneratedDataset(folder, planned.key, facts["images"], facts.get("prompts_cut", {}), facts, notes, findings)


_COUNTED = ("without_contrast", "not_finite")


def _draw_notes(plan: Plan) -> tuple[str, ...]:
    if not plan.more_draws:
        return ()
    return (f"Only draw 0 of {len(plan.more_draws) + 1} is generated; `prettyuseful run` makes the others.",)


def _contrast_notes(facts: Mapping[str, Any]) -> tuple[str, ...]:
    count, not_finite = facts.get("without_contrast", 0), facts.get("not_finite", 0)
    if not count:
        return ()
    broken = f" The values of {not_finite} of them were not finite (NaN or infinite)." if not_finite else ""
    return (
        f"{count} of {facts['images']} images have no contrast: they are black or of one other colour, as after an "
        f"overflow or from a safety checker; look at them before you use them.{broken}",
    )


def estimate_cost(
    study: Study, store: Path | str = DEFAULT_STORE, prices: Prices | None = None, card: Card | None = None
) -> Cost:
    """Estimate the time and the price of the missing steps of a study. Computes nothing and does not create the store.

    Args:
        study: from `load_study` or `parse_study`.
        store: whose measured times are used.
        prices: of an hour.
        card: the GPU for which times and memory that are not measured are predicted, from `find_card`; by default that
            of this machine, or else an A100.

    Raises:
        UserError: the study cannot be used.
    """
    plan, opened = make_plan(study), _open_existing(store)
    return _cost_of(plan, opened, Rates(opened.list() if opened else ()), prices, card)


def explain(study: Study, store: Path | str = DEFAULT_STORE) -> Explanation:
    """Explain why the missing steps of a study must run. Computes nothing and does not create the store.

    Example: `print(explain(load_study("study.yaml")).summary)` prints "12 of 216 steps to run: recipe `quick` changed
    its learning rate from 0.001 to 0.003".

    Returns:
        The reasons by step, the causes with the number of steps that each explains, and a sentence. A step is compared
        with the artifact of its kind in the store that differs from it in the fewest fields and inputs.

    Raises:
        UserError: the study or the store cannot be used.
    """
    opened = _open_existing(store)
    plan = needed_plan(make_plan(study), opened)
    return explain_steps(plan.steps, _missing_steps(plan, opened), opened)


def estimate_and_explain(
    study: Study, store: Path | str, prices: Prices, card: Card | None
) -> tuple[Cost, Explanation]:
    """Return `estimate_cost` and `explain` of a study, which is planned once, as are the manifests read."""
    plan, opened, history = make_plan(study), _open_existing(store), History()
    needed = needed_plan(plan, opened)
    missing = _missing_steps(needed, opened)
    manifests = opened.list() if opened else ()
    rates = Rates(history.record(manifests) if missing else manifests)
    return _cost_of(plan, opened, rates, prices, card), explain_steps(needed.steps, missing, opened, history)


def _cost_of(plan: Plan, store: Store | None, rates: Rates, prices: Prices | None, card: Card | None) -> Cost:
    """Return the cost of the steps that are needed so far, and at most if results may ask for more."""
    workers, needed = local_parallelism(plan.study.numerics), needed_plan(plan, store)
    predictions = _predictions(plan, card)

    def cost(plan: Plan) -> Cost:
        missing = _missing_steps(plan, store)
        warnings = tuple(memory_warnings(missing.values(), predictions))
        estimated = cost_of(plan.steps, missing, rates, workers, prices, predictions.predict)
        return replace(estimated, warnings=warnings, card=predictions.card.assumptions)

    largest = largest_plan(plan, store)
    if len(largest.runs) == len(needed.runs):
        return cost(needed)
    expected = expected_plan(plan, store)
    return replace(cost(needed), most=cost(largest), expected=None if expected is None else cost(expected))


def study_power(study: Study, store: Path | str, difference: float) -> Detection:
    """Return the power of a study for a true difference, and what it needs for 80% power. Computes no step.

    The variances are those of tests in the store: of classifiers of the study's first configuration, or else of another
    configuration on the same data sets and test images.

    Args:
        study: from `load_study` or `parse_study`.
        store: see `run_study`.
        difference: in units of accuracy (0-1): 0.02 for 2 points.

    Raises:
        UserError: the study or the store cannot be used.
    """
    plan, opened = make_plan(study), _open_existing(store)
    manifests = list(opened.list()) if opened else []
    cells = [cell for cell in measured_cells(plan, manifests) if cell.seeds > 1]
    sizes = _study_sizes(plan, Rates(manifests))
    if not cells:
        return Detection(difference, sizes, ())
    cell = cells[0]
    tests = {name: {Replicate(*run): test for run, test in tests.items()} for name, tests in cell.tests.items()}
    model = fit(tests, random_controls=random_controls(study))
    compared = [pair for pair in _comparisons_of(plan) if {pair.a, pair.b} <= cell.tests.keys()]
    whose = "of this study" if cell.planned else f"of another configuration ({cell.architecture}) on the same data sets"
    source = f"variances from tests {whose} in the store, {cell.seeds} seeds"
    return Detection(difference, sizes, detect([(pair, model) for pair in compared], difference, sizes), source)


def run_pilot(
    study: Study,
    store: Path | str = DEFAULT_STORE,
    workers: int | None = None,
    on: str = "local",
    on_event: OnEvent = ignore,
) -> Outcome:
    """Run the steps of a study for two of its data sets with three seeds, so that `study_power` knows the variances.

    The study reuses the results. See `run_study` for the parameters.

    Raises:
        UserError: see `run_study`.
    """
    unused = (seed for seed in range(_PILOT_SEEDS + len(study.train.seeds)) if seed not in study.train.seeds)
    seeds = (*study.train.seeds, *unused)[:_PILOT_SEEDS]
    train = study.train.model_copy(update={"seeds": seeds, "until": None, "halving": None})
    plan = make_plan(study.model_copy(update={"train": train}))
    pair = _comparisons_of(plan)[0]
    wanted = [
        run.evaluations[REAL]
        for run in plan.runs
        if run.cell == plan.runs[0].cell and run.is_result and run.draw == 0
        if dataset_label(run.dataset, run.images_per_class) in (pair.a, pair.b)
    ]
    with Execution(store, workers, on, on_event).session(study.numerics) as session:
        return session.run(plan.steps, wanted)


def _comparisons_of(plan: Plan) -> list[Compared]:
    """Return the comparisons of a study by labels of data sets: planned ones, other pairs, and those with real images.

    Each has the number of comparisons that are corrected for each other.
    """
    datasets = plan.study.datasets
    planned = [(name, dataset.control) for name, dataset in datasets.items() if dataset.control]
    underived = [name for name, dataset in datasets.items() if dataset.source is None]
    others = [
        pair for pair in combinations(underived, 2) if pair not in planned and tuple(reversed(pair)) not in planned
    ]
    real = [dataset.images_per_class for dataset in plan.datasets if dataset.name == REAL]
    counts = {dataset.name: dataset.images_per_class for dataset in plan.all_datasets if dataset.name != REAL}
    baselines = {name: baseline_of(counts[name], real) for name in underived}
    return [
        *(Compared(a, b, "planned", len(planned)) for a, b in planned),
        *(Compared(a, b, "exploratory", len(others)) for a, b in others),
        *(Compared(name, dataset_label(REAL, number), "real") for name, number in baselines.items() if number),
    ]


def _study_sizes(plan: Plan, rates: Rates) -> StudySizes:
    """Return the sizes of a study, with the estimated time of one more seed and of one more draw."""
    last = plan.study.train.seeds[-1]
    by_seed = [key for run in plan.runs if run.seed == last for key in run.keys]
    generated = {
        dataset.name for dataset in plan.datasets if dataset.origin is not None and dataset.origin.is_generated
    }
    runs = [run for run in plan.runs if run.dataset in generated and run.draw == 0 and run.is_result]
    by_draw = {key for run in runs for key in run.keys}
    pending = [dataset.key for dataset in plan.datasets if dataset.name in generated]
    while pending:  # its images; prompts and their encodings are the same in every draw
        step = plan.steps[pending.pop()]
        by_draw.add(step.key)
        pending += [key for key in step.inputs.values() if plan.steps[key].spec.generates]
    draws = {name: 1 + sum(draw.name == name for draw in plan.more_draws) for name in plan.study.datasets}
    return StudySizes(
        seeds=len(plan.study.train.all_seeds),
        draws=draws,
        test_images=sum(plan.task.counts("test")),
        seed_seconds=_total_seconds(plan, set(by_seed), rates),
        draw_seconds=_total_seconds(plan, by_draw, rates) if generated else None,
    )


def _total_seconds(plan: Plan, keys: Iterable[str], rates: Rates) -> float | None:
    """Return the estimated seconds of steps on one worker; None if that of any is unknown."""
    seconds = [rates.seconds(plan.steps[key]) for key in sorted(keys)]
    return None if None in seconds else sum(value for value in seconds if value is not None)


def _open_existing(store: Path | str) -> Store | None:
    """Open a store for reading; None if it does not exist."""
    return open_store(store, writable=False) if store_exists(store) else None


def _missing_steps(plan: Plan, store: Store | None) -> Mapping[str, Step]:
    return plan.steps if store is None else plan.missing_steps(store)


def study_status(study: Study, store: Path | str = DEFAULT_STORE) -> Status:
    """Return the progress of a study, read from its store; it may run on another machine.

    Raises:
        UserError: the study cannot be used, or there is no store.
    """
    opened = open_store(store, must_exist=True, writable=False)
    plan = needed_plan(make_plan(study), opened)
    return status_of(plan.steps, plan.missing_steps(opened), opened)


def sweep_store(studies: Iterable[Study], store: Path | str = DEFAULT_STORE, remove: bool = False) -> SweepResult:
    """Count the artifacts that none of the studies uses, and remove them if `remove` is true.

    Raises:
        UserError: a study cannot be used, the commit of a model is unknown, or there is no store.
    """
    opened = open_store(store, must_exist=True, writable=remove)
    plans = [make_plan(study) for study in studies]
    for plan in plans:
        # Keys contain commits of models: if one is unknown, artifacts of the study would look unused.
        for step, commit in plan.hub_commits():
            check_resolved(commit.content, step.label)
    return opened.sweep({key for plan in plans for key in plan.all_steps}, remove)


def check_source(
    generator: Any,
    folder: Path | str = ".",
    condition: bool = False,
    at_most: float | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[str, list[CheckResult]]:
    """Check a generator by a few images; return its name and the results.

    Args:
        generator: as in a data set of a study file: a name, or a mapping for a model or an endpoint.
        folder: from which relative paths in it are resolved.
        condition: give it real images.
        at_most: what images of an endpoint may cost.
        say: receives what an endpoint is asked for, before any request.

    Raises:
        UserError: it is not valid in a study file, cannot be used, or may not be paid.
    """
    from prettyuseful.generators.check import check_own_generator
    from prettyuseful.generators.check_hosted import check_hosted
    from prettyuseful.generators.check_model import check_model

    study = resolve_paths(dataset_study({"generator": generator, "images_per_class": 1}), Path(folder))
    (source,) = (plan.generator for plan in study.datasets.values())
    assert source is not None
    if isinstance(source, HostedModel):
        if condition:
            raise DataError("a hosted model gets no real images; check it without --condition")
        return source.model, check_hosted(source, at_most, say)
    if is_plugin(source.model):
        return plugin_id(source.model), check_own_generator(source.model, condition)
    if existing_images(source):
        raise DataError(f"{source.model} holds images that exist; check them with prettyuseful check data")
    numerics = study.numerics.generation_numerics(source.find().dtype, source.dtype)
    return source.model, check_model(source, numerics, condition)


def dataset_study(
    dataset: DatasetPlan | Mapping[str, Any],
    task: Any = "photos",
    numerics: StudyNumerics | Mapping[str, Any] | None = None,
) -> Study:
    """Return a study with one data set, named after its generator, and without metrics.

    Raises:
        StudyError: a value that is not valid in a study file.
    """
    fields = _to_plain_data(dataset)
    generator = fields.get("generator", "")
    model = generator.get("model", "") if isinstance(generator, Mapping) else generator
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(str(model)).name)[:_MAX_NAME].strip("-._")
    content = {
        "version": 1,
        "task": {"folder": str(task)} if isinstance(task, Path) else _to_plain_data(task),
        "datasets": {"dataset" if name in ("", REAL) else name: fields},
        "metrics": [],
        "numerics": _to_plain_data(numerics),
    }
    try:
        text = yaml.safe_dump({key: value for key, value in content.items() if value is not None}, sort_keys=False)
    except yaml.YAMLError as error:
        problem = f"{error.args[0]} of type {type(error.args[-1]).__name__}"
        raise StudyError(f"generate: {problem}; use only values that a study file can contain") from error
    return parse_study(text, "generate")


def _to_plain_data(value: Any) -> Any:
    """Convert to the plain data of a study file: models to mappings, paths to text."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, Mapping):
        return {key: _to_plain_data(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_plain_data(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def _source_folder(dataset: PlannedDataset) -> Path | None:
    """Return the folder of an imported data set; None for other data sets."""
    if dataset.plan is None or dataset.origin is None or dataset.origin.kind != "folder":
        return None
    return Path(dataset.plan.generator.model) if dataset.plan.generator else None
