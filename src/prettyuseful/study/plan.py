"""From a study to its steps: a graph in which nothing is made twice, and the runs and data sets it serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

from prettyuseful.errors import DataError, UserError
from prettyuseful.registry import ARCHITECTURES, PROBES, RECIPES
from prettyuseful.steps.base import Step
from prettyuseful.steps.classifiers import DecodeSpec, EmbedSpec, EvaluateSpec, TrainSpec
from prettyuseful.steps.measures import NEIGHBOURS, MeasureSpec
from prettyuseful.steps.probe import ProbeSpec
from prettyuseful.study.file import REAL, Study
from prettyuseful.study.graph import Graph
from prettyuseful.study.plan_datasets import DatasetPlanner, PlannedDataset
from prettyuseful.tasks.base import Task
from prettyuseful.training.recipes import Recipe
from prettyuseful.transforms.base import TransformSource


@dataclass(frozen=True)
class PlannedRun:
    """A cell with a seed: one classifier and its tests. `evaluations` maps the tested data set to its step's key."""

    dataset: str
    images_per_class: int
    architecture: str
    recipe: str
    probe: str
    seed: int
    train: str
    evaluations: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """Steps by key, every one after those it needs."""

    study: Study
    task: Task
    steps: dict[str, Step]
    datasets: tuple[PlannedDataset, ...]
    runs: tuple[PlannedRun, ...]


def make_plan(study: Study) -> Plan:
    """All steps of a study. Looks at the task's and the generators' files, starts nothing.

    Raises:
        UserError: an unknown name, a task that cannot be used, more images asked for than the task has.
    """
    return _Planner(study).plan()


class _Planner:
    def __init__(self, study: Study) -> None:
        self.study, self.graph = study, Graph()

    def plan(self) -> Plan:
        study = self.study
        self._check_names()
        self.task = study.task.open()
        self.numerics = study.numerics.of_steps()
        self.transforms = {name: self._transform(name) for name in study.train.probes}
        self.recipes: dict[str, Recipe] = {name: RECIPES[name].load() for name in study.train.recipes}

        made = DatasetPlanner(study, self.task, self.graph)
        self.test = made.load("test", self.task.available("test"))
        sizes = {made.real_count(plan.count) for plan in study.datasets.values()}
        self.real = {n: made.real(n) for n in sorted(sizes)}
        self.synthetic = {name: made.synthetic(name) for name in study.datasets}
        _check_controls(self.synthetic)
        runs = []
        for architecture, recipe, probe, seed in product(
            study.train.architectures, study.train.recipes, study.train.probes, study.train.seeds
        ):
            for n, dataset in self.real.items():
                peers = {
                    name: peer.keys["dataset"]
                    for name, peer in self.synthetic.items()
                    # A real-trained classifier is not tested on a mix with the very images that it has seen.
                    if made.real_count(peer.images_per_class) == n and REAL not in study.images_of(name)
                }
                runs.append(self._run(dataset, architecture, recipe, probe, seed, {REAL: self.test, **peers}))
            runs += [
                self._run(dataset, architecture, recipe, probe, seed, {REAL: self.test})
                for dataset in self.synthetic.values()
            ]
        datasets: list[PlannedDataset] = [*self.real.values(), *self.synthetic.values()]
        if study.metrics:
            self._check_enough(datasets)
            datasets = self._measured(datasets, runs)
        return Plan(study, self.task, self.graph.steps, tuple(datasets), tuple(runs))

    def _check_names(self) -> None:
        for architecture in self.study.train.architectures:
            if architecture not in ARCHITECTURES.entries:
                from prettyuseful.training.architectures import check

                check(architecture)
        for recipe in self.study.train.recipes:
            RECIPES.check(recipe)
        for probe in self.study.train.probes:
            PROBES.check(probe, also=self.study.probes)

    def _check_enough(self, datasets: list[PlannedDataset]) -> None:
        """Better now than after the training: neighbours need images to be found among."""
        fewest = min([self.task.available("test") // 2, *(dataset.images_per_class for dataset in datasets)])
        if fewest <= NEIGHBOURS:
            raise DataError(
                f"{', '.join(self.study.metrics)} look at {NEIGHBOURS} neighbours per image and need more than "
                f"{NEIGHBOURS} images per class, in every data set and in half the real test images; the fewest here "
                f"are {fewest}: take more images, or leave the metrics out with 'metrics: []'"
            )

    def _pixels(self, dataset: str, size: int, probe: str) -> str:
        """The decoded data set, as the probe leaves it."""
        label, units = self.graph.steps[dataset].label, self.graph.units(dataset)
        decoded = self.graph.add(DecodeSpec(size=size), {"dataset": dataset}, f"decode {label}", units)
        transform, identity = self.transforms[probe]
        if transform is None:
            return decoded
        spec = ProbeSpec(transform=transform, identity=identity, numerics=self.numerics)
        return self.graph.add(spec, {"pixels": decoded}, f"probe {probe}: {label}", units)

    def _transform(self, name: str) -> tuple[TransformSource | None, dict[str, Any]]:
        """What a probe does, and what of it is in the key."""
        own = self.study.probes.get(name)
        transform = own.transform if own else PROBES[name].load().transform
        try:
            return transform, transform.identity() if transform else {}
        except UserError as error:
            raise type(error)(f"probe {name!r}: {error}") from None

    def _run(
        self, dataset: PlannedDataset, architecture: str, recipe: str, probe: str, seed: int, tests: Mapping[str, str]
    ) -> PlannedRun:
        train = self._train(dataset, architecture, recipe, probe, seed)
        size = self.recipes[recipe].stored_size
        evaluations = {
            name: self.graph.add(
                EvaluateSpec(numerics=self.numerics),
                {"classifier": train, "pixels": self._pixels(test, size, probe)},
                f"test {_words(dataset, architecture, seed)} on {name}",
                self.graph.units(test),
            )
            for name, test in tests.items()
        }
        return PlannedRun(dataset.name, dataset.images_per_class, architecture, recipe, probe, seed, train, evaluations)

    def _train(self, dataset: PlannedDataset, architecture: str, recipe_name: str, probe: str, seed: int) -> str:
        recipe = self.recipes[recipe_name]
        inputs = {"pixels": self._pixels(dataset.keys["dataset"], recipe.stored_size, probe)}
        first = dataset.plan.pretrain if dataset.plan else None
        if first is not None:
            before = self._pretraining(dataset) if first == REAL else self.synthetic[first]
            inputs["start"] = self._train(before, architecture, recipe_name, probe, seed)
        spec = TrainSpec(architecture=architecture, recipe=asdict(recipe), seed=seed, numerics=self.numerics)
        units = self.graph.units(dataset.keys["dataset"]) * recipe.epochs
        return self.graph.add(spec, inputs, f"train {_words(dataset, architecture, seed)}", units)

    def _pretraining(self, dataset: PlannedDataset) -> PlannedDataset:
        """As many real images as the data set has."""
        return self.real[min(dataset.images_per_class, self.task.available("train"))]

    def _measured(self, datasets: list[PlannedDataset], runs: list[PlannedRun]) -> list[PlannedDataset]:
        """Features come from one real-trained classifier: the first of the study, on the most real images."""
        first = self.study.train
        recipe, probe = self.recipes[first.recipes[0]], "rgb" if "rgb" in first.probes else first.probes[0]
        most = max(d.images_per_class for d in datasets if d.name == REAL)
        encoder = next(
            run.train
            for run in runs
            if (run.dataset, run.images_per_class, run.architecture, run.recipe, run.probe, run.seed)
            == (REAL, most, first.architectures[0], recipe.name, probe, first.seeds[0])
        )

        def embed(dataset: str, words: str) -> str:
            inputs = {"classifier": encoder, "pixels": self._pixels(dataset, recipe.stored_size, probe)}
            return self.graph.add(
                EmbedSpec(numerics=self.numerics), inputs, f"embed {words}", self.graph.units(dataset)
            )

        reference = embed(self.test, "real test images")
        measured = []
        # Density and coverage depend on how many images they are taken from: one number for the whole study.
        per_class = min(d.images_per_class for d in datasets)
        for dataset in datasets:
            control = dataset.name == REAL
            inputs = {"reference": reference}
            if not control:
                inputs["candidate"] = embed(dataset.keys["dataset"], dataset.name)
            spec = MeasureSpec(control=control, per_class=per_class)
            key = self.graph.add(spec, inputs, f"measure {dataset.name}", per_class * len(self.task.classes))
            measured.append(replace(dataset, keys={**dataset.keys, "measure": key, "encoder": encoder}))
        return measured


def _words(dataset: PlannedDataset, architecture: str, seed: int) -> str:
    return f"{architecture} on {dataset.name}, seed {seed}"


def _check_controls(datasets: Mapping[str, PlannedDataset]) -> None:
    """A comparison of a data set with itself is somebody's mistake."""
    for dataset in datasets.values():
        control = datasets[dataset.plan.control] if dataset.plan and dataset.plan.control else None
        if control is None or control.keys["dataset"] != dataset.keys["dataset"]:
            continue
        if control.plan and dataset.plan and control.plan.pretrain == dataset.plan.pretrain:
            raise DataError(
                f"data sets {dataset.name!r} and {control.name!r}, its control, are the same images: the same "
                "generator, prompts, sampling and seed; let them differ, or drop the control"
            )
