"""Plan a study: the graph of its steps, in which equal steps occur once, and its data sets and runs."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.encoders.source import EncoderSource
from prettyuseful.engine.execute import select_missing_steps, with_inputs
from prettyuseful.engine.graph import Graph
from prettyuseful.engine.step import Step
from prettyuseful.engine.store.base import Store
from prettyuseful.errors import DataError, StudyError
from prettyuseful.hub.commits import Commit, commits_in
from prettyuseful.metrics.base import Metric
from prettyuseful.output_files import MAX_NAME_BYTES
from prettyuseful.plan.cells import (
    AnyCell,
    CellGroup,
    FrozenCell,
    PlannedCell,
    cell_groups,
    check_names,
    reference_cell,
)
from prettyuseful.plan.checks import CheckPlanner
from prettyuseful.plan.classifiers import ClassifierPlanner, PixelPlanner
from prettyuseful.plan.datasets import DatasetPlanner
from prettyuseful.plan.diagnosis import DiagnosisPlanner
from prettyuseful.plan.features import FeaturePlanner, ProbePlanner, TrainedOnReal
from prettyuseful.plan.halving import plan_rungs
from prettyuseful.plan.measures import MeasurePlanner, used_encoders
from prettyuseful.plan.mixing import MixPlanner
from prettyuseful.plan.planned import PlanContext, PlannedDataset, PlannedMix, PlannedRun, RunId
from prettyuseful.plan.real import RealImages
from prettyuseful.plan.selections import SelectionPlanner
from prettyuseful.records import dataset_file, run_file
from prettyuseful.study.file import REAL, Study
from prettyuseful.tasks.base import Task, native_size
from prettyuseful.training.recipes import match_steps


@dataclass(frozen=True)
class Plan:
    """The plan of a study. `steps`: by key, in an order in which every step follows its inputs.

    `datasets`: real images and the first draw of every data set. `more_draws`: the draws beyond the first, which only
    serve to train classifiers. `more_choices`: the random choices of images of training seeds beyond the first. `runs`:
    that are needed so far; `all_runs` and `all_steps` have those of every seed that results may add, and of every rung
    of `halving`, too. With `halving`, `datasets` are those that reached the last rung so far; `all_datasets` has all of
    them.
    """

    study: Study
    task: Task
    steps: dict[str, Step]
    datasets: tuple[PlannedDataset, ...]
    groups: tuple[CellGroup, ...]
    runs: tuple[PlannedRun, ...]
    more_draws: tuple[PlannedDataset, ...] = ()
    more_choices: tuple[PlannedDataset, ...] = ()
    metrics: tuple[Metric, ...] = ()
    encoders: Mapping[str, str] = field(default_factory=dict)
    """The encoders of the metrics by name, each with a one-line description."""
    notes: tuple[str, ...] = ()
    """Sentences on images and classes that are not used."""
    all_datasets: tuple[PlannedDataset, ...] = ()
    all_runs: tuple[PlannedRun, ...] = ()
    all_steps: Mapping[str, Step] = field(default_factory=dict)

    @property
    def result_keys(self) -> list[str]:
        """The keys of the artifacts that records and exported data sets are made from."""
        of_datasets = [key for dataset in self.datasets for key in dataset.keys.values()]
        of_datasets += [m.reencoded for dataset in self.datasets for m in dataset.measures if m.reencoded]
        return list(dict.fromkeys([*of_datasets, *_keys(self.runs)]))

    @property
    def is_adaptive(self) -> bool:
        """Whether results may add training seeds."""
        return self.study.all_seeds != self.study.train.seeds

    def with_seeds(self, added: Container[RunId]) -> Plan:
        """Return the plan with the runs of the first seeds and the `added` ones."""
        first = self.study.train.seeds
        return self._with_runs(run for run in self.all_runs if run.seed in first or run.id in added)

    def with_datasets(self, names: Container[str]) -> Plan:
        """Return the plan with the runs of real images and of these data sets, in the first grid cell."""
        [cell, *_] = self.groups[0].cells
        wanted = [run for run in self.all_runs if run.cell == cell and (run.dataset == REAL or run.dataset in names)]
        return replace(self._with_runs(wanted), groups=(replace(self.groups[0], cells=(cell,)),))

    def _with_runs(self, wanted: Iterable[PlannedRun]) -> Plan:
        """Return the plan with these runs, without the steps that only others need."""
        runs = tuple(wanted)
        plan = replace(self, runs=runs)
        if len(runs) == len(self.all_runs):
            return replace(plan, steps=dict(self.all_steps))
        labels = {run.label for run in runs}
        of_later = with_inputs(self.all_steps, _keys(run for run in self.all_runs if run.label not in labels))
        of_plan = with_inputs(self.all_steps, plan.result_keys)
        steps = {key: step for key, step in self.all_steps.items() if key in of_plan or key not in of_later}
        return replace(plan, steps=steps)

    def at_rungs(self, rungs: Sequence[Collection[str]]) -> Plan:
        """Return the plan with what is needed once these data sets are on each rung of `halving`.

        `rungs`: by rung, those that are known so far. Only data sets on the last one are generated and measured whole.
        """
        halving = self.study.train.halving
        assert halving is not None
        finalists = rungs[-1] if len(rungs) == halving.rungs else ()
        runs = tuple(
            replace(run, evaluations={name: key for name, key in run.evaluations.items() if name in (REAL, *finalists)})
            if run.dataset == REAL
            else run
            for run in self.all_runs
            if run.dataset == REAL
            or (run.rung is None and run.dataset in finalists)
            or (run.rung is not None and run.rung <= len(rungs) and run.dataset in rungs[run.rung - 1])
        )
        datasets = tuple(dataset for dataset in self.all_datasets if dataset.name in (REAL, *finalists))
        plan = replace(self, datasets=datasets, runs=runs)
        return replace(plan, steps=with_inputs(self.all_steps, plan.result_keys))

    def hub_commits(self) -> Iterator[tuple[Step, Commit]]:
        """Yield each step that reads models of the hub, with the commit of each model."""
        for step in self.steps.values():
            for pinned in step.spec.pinned():
                yield from ((step, commit) for commit in commits_in(pinned.content))

    def missing_steps(self, store: Store) -> dict[str, Step]:
        """Return the steps that a run would still compute, by key, in order."""
        return select_missing_steps(self.steps, self.result_keys, store)


def make_plan(study: Study, probe_encoder: EncoderSource | None = None) -> Plan:
    """Plan all steps of a study. Reads the files of its task and generators, but computes nothing.

    Args:
        study: from `load_study` or `parse_study`.
        probe_encoder: if given, a linear probe on its features is fitted on each data set and tested on real training
            images, for a forecast.

    Raises:
        UserError: an unknown name, an unusable task, or more images requested than the task has.
    """
    check_names(study)
    context = PlanContext(study, study.task.open(), Graph())
    groups = cell_groups(study, lambda: native_size(context.task))
    references = [reference_cell(group) for group in groups]
    cells = list(dict.fromkeys(cell for group in groups for cell in group.cells))
    reference, trained = references[0], next((cell for cell in references if isinstance(cell, PlannedCell)), None)

    images = PixelPlanner(context)
    features, real = FeaturePlanner(context), RealImages(context)
    classifiers = Classifiers(ClassifierPlanner(context, images), ProbePlanner(context, features, real))
    test_step, baselines = real.test_step, real.baselines
    diagnoses = DiagnosisPlanner(context, classifiers.networks, features, real, reference)
    selections = SelectionPlanner(context, real, features, classifiers.plan_run, reference, trained, images.key)
    planner = DatasetPlanner(context, real, reference.recipe.stored_size, diagnoses.key, selections)
    synthetic = {name: planner.plan(name) for name in study.datasets}
    draws = [planner.plan(name, draw) for name in study.datasets for draw in range(context.draws[name])]
    _check_controls(draws)

    runs: list[PlannedRun] = []
    compared = {name for dataset, plan in study.datasets.items() if plan.control for name in (dataset, plan.control)}
    for cell, seed in product(cells, study.train.all_seeds):
        if seed in study.train.later_seeds:
            of_compared = [dataset for dataset in draws if dataset.name in compared]
            runs += [
                classifiers.plan_run(planner.of_seed(dataset, seed), cell, seed, {REAL: test_step})
                for dataset in of_compared
            ]
            continue
        for dataset in baselines.values():
            tests = {REAL: test_step, **_tested_datasets(study, real, dataset, synthetic.values())}
            runs.append(classifiers.plan_run(dataset, cell, seed, tests))
        runs += [
            classifiers.plan_run(planner.of_seed(dataset, seed), cell, seed, {REAL: test_step}) for dataset in draws
        ]
        if seed in (study.train.curve_seeds or study.train.seeds):
            runs += _curves(context, real, classifiers, cell, seed)
    if study.curve:
        mixes = MixPlanner(context, study.curve, real, planner)
        mixes.check()
        runs += _mixed_runs(context, mixes, classifiers, cells, {REAL: test_step})

    runs += plan_rungs(context, real, planner, classifiers.plan_run, reference)

    datasets = [*baselines.values(), *synthetic.values()]
    metrics: tuple[Metric, ...] = ()
    encoders: Mapping[str, str] = {}
    if study.metrics:
        measures = MeasurePlanner(
            context,
            test_step,
            features,
            used_encoders(study, references),
            _trained_on_real(runs, real, trained, images) if trained else None,
        )
        datasets, metrics = measures.with_measures(datasets), tuple(measures.metrics.values())
        encoders = measures.encoders
    if study.diagnosis:
        datasets = diagnoses.with_diagnoses(datasets)
    if any(isinstance(cell, FrozenCell) for cell in cells):
        classifiers.probes.add_notes()
    if probe_encoder is not None:
        datasets = [classifiers.probes.with_transfer(dataset, probe_encoder) for dataset in datasets]
    checks = CheckPlanner(context, real)
    datasets = [checks.with_checks(dataset) for dataset in datasets]
    _check_file_names(datasets, runs)
    plan = Plan(
        study=study,
        task=context.task,
        steps=context.graph.steps,
        datasets=tuple(datasets),
        groups=groups,
        runs=tuple(runs),
        more_draws=tuple(dataset for dataset in draws if dataset.draw),
        more_choices=planner.more_choices,
        metrics=metrics,
        encoders=encoders,
        notes=tuple(dict.fromkeys([*context.task.notes, *context.notes])),
        all_datasets=tuple(datasets),
        all_runs=tuple(runs),
        all_steps=context.graph.steps,
    )
    if study.train.halving is not None:
        return plan.at_rungs([study.datasets])
    return plan.with_seeds(()) if plan.is_adaptive else plan


@dataclass(frozen=True)
class Classifiers:
    """Plans classifiers of either kind: networks that are trained, and linear probes on frozen features."""

    networks: ClassifierPlanner
    probes: ProbePlanner

    def plan_run(self, dataset: PlannedDataset, cell: AnyCell, seed: int, tests: Mapping[str, str]) -> PlannedRun:
        """Plan one classifier and its tests, see `ClassifierPlanner.plan_run`."""
        if isinstance(cell, FrozenCell):
            return self.probes.plan_run(dataset, cell, seed, tests)
        return self.networks.plan_run(dataset, cell, seed, tests)

    def plan_mix(self, mix: PlannedMix, cell: AnyCell, seed: int, tests: Mapping[str, str]) -> PlannedRun:
        """Plan one classifier on a mixture, and its tests."""
        if isinstance(cell, FrozenCell):
            return self.probes.plan_mix(mix, cell, seed, tests)
        return self.networks.plan_mix(mix, cell, seed, tests)


def _trained_on_real(
    runs: Iterable[PlannedRun], real: RealImages, cell: PlannedCell, images: PixelPlanner
) -> TrainedOnReal:
    """Return the first network of the study that is trained on the largest set of real images."""
    wanted = (REAL, real.largest.images_per_class, cell)
    first = next(run for run in runs if (run.dataset, run.images_per_class, run.cell) == wanted)
    return TrainedOnReal(first.train, cell, images.key)


def _keys(runs: Iterable[PlannedRun]) -> list[str]:
    """Return the keys of the classifiers and of their tests."""
    return [key for run in runs for key in run.keys]


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
    may have been trained on the same images, and so are those whose images were generated from real ones.
    """
    return {
        other.name: other.key
        for other in synthetic
        if real.limit(other.images_per_class) == dataset.images_per_class
        and REAL not in study.image_sources(other.name)
        and not study.is_conditioned(other.name)
    }


def _curves(
    context: PlanContext, real: RealImages, classifiers: Classifiers, cell: AnyCell, seed: int
) -> Iterator[PlannedRun]:
    """Yield the runs of the real-image curves: one curve for the number of training steps of each data set size.

    Each training seed has another draw of real images, so that the variation over seeds contains that of the images.
    """
    classes, study = len(context.task.classes), context.study
    draw = (study.train.curve_seeds or study.train.seeds).index(seed)
    for steps_of in sorted(set(context.counts.values())):
        for per_class in _curve_points(sorted(study.train.real_curve), real):
            if isinstance(cell, FrozenCell):  # draws are taken from features, and there are no steps to match
                run = classifiers.plan_run(PlannedDataset(REAL, per_class, {}), cell, seed, {REAL: real.test_step})
                yield replace(run, steps_of=steps_of)
                continue
            step = real.further_train_step(per_class, draw, "train.real_curve")
            dataset = PlannedDataset(REAL, per_class, {"dataset": step})
            recipe = match_steps(cell.recipe, per_class.total(classes), steps_of.total(classes))
            run = classifiers.plan_run(dataset, replace(cell, recipe=recipe), seed, {REAL: real.test_step})
            yield replace(run, cell=cell, steps_of=steps_of)


def _mixed_runs(
    context: PlanContext,
    mixes: MixPlanner,
    classifiers: Classifiers,
    cells: Iterable[AnyCell],
    tests: Mapping[str, str],
) -> Iterator[PlannedRun]:
    """Yield the runs of the curve of mixtures, of all seeds that it may use."""
    classes = len(context.task.classes)
    for cell, seed in product(cells, mixes.seeds):
        for mix in mixes.mixes(seed):
            steps_of, used = mixes.steps_of(mix), cell
            if isinstance(cell, PlannedCell):
                images, reference = (counts.total(classes) for counts in (mix.images_per_class, steps_of))
                used = replace(cell, recipe=match_steps(cell.recipe, images, reference))
            yield replace(classifiers.plan_mix(mix, used, seed, tests), cell=cell, steps_of=steps_of)


def _curve_points(numbers: Iterable[int], real: RealImages) -> list[ClassCounts]:
    """Return the images of each class of the points of a curve of real images.

    A point of n has up to n images of each class; n is at most the number that the largest class has.
    """
    points = (ClassCounts(n) if n > real.available.largest else real.limit(ClassCounts(n)) for n in numbers)
    return list(dict.fromkeys(points))


def _check_controls(draws: Sequence[PlannedDataset]) -> None:
    """Reject a data set that has the same images as its control, also if only in some draws.

    Raises:
        DataError: the images and the pretraining of a draw of both are the same.
    """
    made = {(draw.name, draw.key): draw for draw in draws}
    for draw in draws:
        name = draw.plan.control if draw.plan else None
        control = made.get((name, draw.key)) if name else None
        if control is None or control.plan is None or draw.plan is None or control.plan.pretrain != draw.plan.pretrain:
            continue
        if control.draw == draw.draw:
            raise DataError(
                f"data sets {draw.name!r} and {control.name!r}, its control, have the same images: the same "
                "generator, prompts, sampling and seed; change one of them, or remove the control"
            )
        raise DataError(
            f"data sets {draw.name!r} and {control.name!r}, its control, share images: draw {draw.draw} of "
            f"{draw.name!r} is draw {control.draw} of {control.name!r}, because each draw adds one to the seed; choose "
            "seeds that are further apart than there are draws"
        )
