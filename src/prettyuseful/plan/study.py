"""Plan a study: the graph of its steps, in which equal steps occur once, and its data sets and runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.engine.execute import select_missing_steps
from prettyuseful.engine.graph import Graph
from prettyuseful.engine.step import Step
from prettyuseful.engine.store.base import Store
from prettyuseful.errors import DataError, StudyError
from prettyuseful.hub.commits import Commit, commits_in
from prettyuseful.metrics.base import Metric
from prettyuseful.output_files import MAX_NAME_BYTES
from prettyuseful.plan.cells import CellGroup, PlannedCell, cell_groups, check_names, reference_cell
from prettyuseful.plan.checks import CheckPlanner
from prettyuseful.plan.classifiers import ClassifierPlanner, PixelPlanner
from prettyuseful.plan.datasets import DatasetPlanner
from prettyuseful.plan.diagnosis import DiagnosisPlanner
from prettyuseful.plan.measures import MeasurePlanner
from prettyuseful.plan.planned import PlanContext, PlannedDataset, PlannedRun
from prettyuseful.plan.real import RealImages
from prettyuseful.records import dataset_file, run_file
from prettyuseful.study.file import REAL, Study
from prettyuseful.tasks.base import Task, native_size
from prettyuseful.training.recipes import match_steps


@dataclass(frozen=True)
class Plan:
    """The plan of a study. `steps`: by key, in an order in which every step follows its inputs."""

    study: Study
    task: Task
    steps: dict[str, Step]
    datasets: tuple[PlannedDataset, ...]
    groups: tuple[CellGroup, ...]
    runs: tuple[PlannedRun, ...]
    metrics: tuple[Metric, ...] = ()
    encoders: Mapping[str, str] = field(default_factory=dict)
    """The encoders of the metrics by name, each with a one-line description."""
    notes: tuple[str, ...] = ()
    """Sentences on images and classes that are not used."""

    @property
    def result_keys(self) -> list[str]:
        """The keys of the artifacts that records and exported data sets are made from."""
        of_datasets = [key for dataset in self.datasets for key in dataset.keys.values()]
        of_datasets += [m.reencoded for dataset in self.datasets for m in dataset.measures if m.reencoded]
        of_runs = [key for run in self.runs for key in (run.train, *run.evaluations.values())]
        return list(dict.fromkeys([*of_datasets, *of_runs]))

    def hub_commits(self) -> Iterator[tuple[Step, Commit]]:
        """Yield each step that reads models of the hub, with the commit of each model."""
        for step in self.steps.values():
            for pinned in step.spec.pinned():
                yield from ((step, commit) for commit in commits_in(pinned.content))

    def missing_steps(self, store: Store) -> dict[str, Step]:
        """Return the steps that a run would still compute, by key, in order."""
        return select_missing_steps(self.steps, self.result_keys, store)


def make_plan(study: Study) -> Plan:
    """Plan all steps of a study. Reads the files of its task and generators, but computes nothing.

    Raises:
        UserError: an unknown name, an unusable task, or more images requested than the task has.
    """
    check_names(study)
    context = PlanContext(study, study.task.open(), Graph())
    groups = cell_groups(study, lambda: native_size(context.task))
    reference = reference_cell(groups[0])

    images = PixelPlanner(context)
    classifiers = ClassifierPlanner(context, images)
    real = RealImages(context)
    test_step, baselines = real.test_step, real.baselines
    diagnoses = DiagnosisPlanner(context, classifiers, real, reference)
    planner = DatasetPlanner(context, real, reference.recipe.stored_size, diagnoses.key)
    synthetic = {name: planner.plan(name) for name in study.datasets}
    _check_controls(synthetic)

    runs: list[PlannedRun] = []
    for cell, seed in product(dict.fromkeys(cell for group in groups for cell in group.cells), study.train.seeds):
        for dataset in baselines.values():
            tests = {REAL: test_step, **_tested_datasets(study, real, dataset, synthetic.values())}
            runs.append(classifiers.plan_run(dataset, cell, seed, tests))
        runs += [classifiers.plan_run(dataset, cell, seed, {REAL: test_step}) for dataset in synthetic.values()]
        if seed in (study.train.curve_seeds or study.train.seeds):
            runs += _curves(context, real, classifiers, cell, seed)

    datasets = [*baselines.values(), *synthetic.values()]
    metrics: tuple[Metric, ...] = ()
    encoders: Mapping[str, str] = {}
    if study.metrics:
        # Features come from the first classifier of the study that is trained on the largest set of real images.
        feature_run = (REAL, real.largest.images_per_class, reference)
        first = next(run for run in runs if (run.dataset, run.images_per_class, run.cell) == feature_run)
        measures = MeasurePlanner(context, test_step, first.train, reference, images.key)
        datasets, metrics = measures.with_measures(datasets), tuple(measures.metrics.values())
        encoders = measures.encoders
    if study.diagnosis:
        datasets = diagnoses.with_diagnoses(datasets)
    checks = CheckPlanner(context, real)
    datasets = [checks.with_checks(dataset) for dataset in datasets]
    _check_file_names(datasets, runs)
    return Plan(
        study=study,
        task=context.task,
        steps=context.graph.steps,
        datasets=tuple(datasets),
        groups=groups,
        runs=tuple(runs),
        metrics=metrics,
        encoders=encoders,
        notes=tuple(dict.fromkeys([*context.task.notes, *context.notes])),
    )


def _check_file_names(datasets: Iterable[PlannedDataset], runs: Iterable[PlannedRun]) -> None:
    """Check that the results of each data set and each run can be written to files with their names.

    Raises:
        StudyError: a file would have a longer name than file systems allow.
    """
    names = {dataset_file(dataset.label): [dataset.name] for dataset in datasets}
    names |= {run_file(run.label): [run.dataset, *run.cell.names] for run in runs}
    size, parts = max((len(file_name.encode("utf-8")), parts) for file_name, parts in names.items())
    if size > MAX_NAME_BYTES:
        raise StudyError(
            f"the name {max(parts, key=len)!r} is too long: names of data sets, architectures, recipes and probes are "
            f"parts of file names, and a file name would have {size} bytes, but file systems allow {MAX_NAME_BYTES}; "
            f"shorten the name by {size - MAX_NAME_BYTES} characters"
        )


def _tested_datasets(
    study: Study, real: RealImages, dataset: PlannedDataset, synthetic: Iterable[PlannedDataset]
) -> dict[str, str]:
    """Return the image keys of the synthetic data sets on which a classifier trained on real images is tested.

    They have equally many images as `dataset`. Data sets that contain real images are excluded, because the classifier
    may have been trained on the same images.
    """
    return {
        other.name: other.key
        for other in synthetic
        if real.limit(other.images_per_class) == dataset.images_per_class
        and REAL not in study.image_sources(other.name)
    }


def _curves(
    context: PlanContext, real: RealImages, classifiers: ClassifierPlanner, cell: PlannedCell, seed: int
) -> Iterator[PlannedRun]:
    """Yield the runs of the real-image curves: one curve for the number of training steps of each data set size."""
    classes, study = len(context.task.classes), context.study
    for steps_of in sorted(set(context.counts.values())):
        for per_class in _curve_points(sorted(study.train.real_curve), real):
            dataset = PlannedDataset(
                REAL, per_class, {"dataset": real.load_step("train", per_class, "train.real_curve")}
            )
            recipe = match_steps(cell.recipe, per_class.total(classes), steps_of.total(classes))
            run = classifiers.plan_run(dataset, replace(cell, recipe=recipe), seed, {REAL: real.test_step})
            yield replace(run, cell=cell, steps_of=steps_of)


def _curve_points(numbers: Iterable[int], real: RealImages) -> list[ClassCounts]:
    """Return the images of each class of the points of a curve of real images.

    A point of n has up to n images of each class; n is at most the number that the largest class has.
    """
    points = (ClassCounts(n) if n > real.available.largest else real.limit(ClassCounts(n)) for n in numbers)
    return list(dict.fromkeys(points))


def _check_controls(datasets: Mapping[str, PlannedDataset]) -> None:
    """Reject a data set whose control has exactly the same images.

    Raises:
        DataError: the images and the pretraining of both are the same.
    """
    for dataset in datasets.values():
        control = datasets[dataset.plan.control] if dataset.plan and dataset.plan.control else None
        if control is None or control.key != dataset.key:
            continue
        if control.plan and dataset.plan and control.plan.pretrain == dataset.plan.pretrain:
            raise DataError(
                f"data sets {dataset.name!r} and {control.name!r}, its control, have the same images: the same "
                "generator, prompts, sampling and seed; change one of them, or remove the control"
            )
