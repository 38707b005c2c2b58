"""From a study to its steps: a graph in which nothing is made twice, and the runs and data sets it serves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product

from prettyuseful.engine.execute import missing_steps
from prettyuseful.engine.graph import Graph
from prettyuseful.engine.step import Step
from prettyuseful.engine.store.base import Store
from prettyuseful.errors import DataError
from prettyuseful.hub.commits import Commit, commits_in
from prettyuseful.metrics.base import Metric
from prettyuseful.plan.cells import CellGroup, PlannedCell, cell_groups, check_names, plain_cell
from prettyuseful.plan.classifiers import Classifiers, DecodedImages
from prettyuseful.plan.datasets import Datasets
from prettyuseful.plan.diagnosis import Diagnoses
from prettyuseful.plan.measures import MeasurePlanner
from prettyuseful.plan.planned import PlannedDataset, PlannedRun, Planning
from prettyuseful.plan.real import RealImages
from prettyuseful.study.file import REAL, Study
from prettyuseful.tasks.base import Task, native_size
from prettyuseful.training.recipes import matched


@dataclass(frozen=True)
class Plan:
    """Steps by key, every one after those it needs."""

    study: Study
    task: Task
    steps: dict[str, Step]
    datasets: tuple[PlannedDataset, ...]
    groups: tuple[CellGroup, ...]
    runs: tuple[PlannedRun, ...]
    metrics: tuple[Metric, ...] = ()
    encoders: Mapping[str, str] = field(default_factory=dict)
    """What data sets are compared by, with a line on each."""

    @property
    def wanted(self) -> list[str]:
        """The keys of the artifacts that records and data set folders are made of."""
        of_datasets = [key for dataset in self.datasets for key in dataset.keys.values()]
        of_runs = [key for run in self.runs for key in (run.train, *run.evaluations.values())]
        return list(dict.fromkeys([*of_datasets, *of_runs]))

    def hub_commits(self) -> Iterator[tuple[Step, Commit]]:
        """The models of the hub that each step reads, at their commits."""
        for step in self.steps.values():
            for pinned in step.spec.pinned():
                yield from ((step, commit) for commit in commits_in(pinned.content))

    def remaining(self, store: Store) -> dict[str, Step]:
        """The steps that a run would still make, by key, in order."""
        return missing_steps(self.steps, self.wanted, store)


def make_plan(study: Study) -> Plan:
    """All steps of a study. Looks at the task's and the generators' files, starts nothing.

    Raises:
        UserError: an unknown name, a task that cannot be used, more images asked for than the task has.
    """
    check_names(study)
    planning = Planning(study, study.task.open(), Graph())
    groups = cell_groups(study, lambda: native_size(planning.task))
    plain = plain_cell(groups[0])

    images = DecodedImages(planning)
    classifiers = Classifiers(planning, images)
    real = RealImages(planning)
    test, baselines = real.test, real.baselines
    diagnoses = Diagnoses(planning, classifiers, real.largest, plain)
    made = Datasets(planning, real, plain.recipe.stored_size, diagnoses.key)
    synthetic = {name: made.planned(name) for name in study.datasets}
    _check_controls(synthetic)

    runs: list[PlannedRun] = []
    for cell, seed in product(dict.fromkeys(cell for group in groups for cell in group.cells), study.train.seeds):
        for dataset in baselines.values():
            tests = {REAL: test, **_peers(study, real, dataset, synthetic.values())}
            runs.append(classifiers.run(dataset, cell, seed, tests))
        runs += [classifiers.run(dataset, cell, seed, {REAL: test}) for dataset in synthetic.values()]
        if seed in (study.train.curve_seeds or study.train.seeds):
            runs += _curves(planning, real, classifiers, cell, seed)

    datasets = [*baselines.values(), *synthetic.values()]
    metrics: tuple[Metric, ...] = ()
    encoders: Mapping[str, str] = {}
    if study.metrics:
        # Features come from one real-trained classifier: the first of the study, on the most real images.
        wanted = (REAL, real.largest.images_per_class, plain)
        first = next(run for run in runs if (run.dataset, run.images_per_class, run.cell) == wanted)
        measures = MeasurePlanner(study, planning.task, planning.graph, test, first.train, plain, images.key)
        datasets, metrics = measures.measured(datasets), tuple(measures.metrics.values())
        encoders = measures.encoders
    if study.diagnosis:
        datasets = [diagnoses.diagnosed(dataset) for dataset in datasets]
    return Plan(study, planning.task, planning.graph.steps, tuple(datasets), groups, tuple(runs), metrics, encoders)


def _peers(
    study: Study, real: RealImages, dataset: PlannedDataset, synthetic: Iterable[PlannedDataset]
) -> dict[str, str]:
    """The synthetic sets that classifiers trained on equally many real images are tested on.

    Not a mix with the very images that such a classifier has seen.
    """
    return {
        peer.name: peer.key
        for peer in synthetic
        if real.count(peer.images_per_class) == dataset.images_per_class and REAL not in study.images_of(peer.name)
    }


def _curves(
    planning: Planning, real: RealImages, classifiers: Classifiers, cell: PlannedCell, seed: int
) -> Iterator[PlannedRun]:
    """Real->Real on the numbers that the study asks for, in the steps of every size of generated data sets."""
    classes, study = len(planning.task.classes), planning.study
    for steps_of in sorted({plan.count for plan in study.datasets.values()}):
        for n in sorted(study.train.real_curve):
            dataset = PlannedDataset(REAL, n, {"dataset": real.load("train", n)})
            recipe = matched(cell.recipe, n * classes, steps_of * classes)
            run = classifiers.run(dataset, replace(cell, recipe=recipe), seed, {REAL: real.test})
            yield replace(run, cell=cell, steps_of=steps_of)


def _check_controls(datasets: Mapping[str, PlannedDataset]) -> None:
    """A comparison of a data set with itself is somebody's mistake."""
    for dataset in datasets.values():
        control = datasets[dataset.plan.control] if dataset.plan and dataset.plan.control else None
        if control is None or control.key != dataset.key:
            continue
        if control.plan and dataset.plan and control.plan.pretrain == dataset.plan.pretrain:
            raise DataError(
                f"data sets {dataset.name!r} and {control.name!r}, its control, are the same images: the same "
                "generator, prompts, sampling and seed; let them differ, or drop the control"
            )
