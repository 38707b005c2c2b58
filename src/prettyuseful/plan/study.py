"""From a study to its steps: a graph in which nothing is made twice, and the runs and data sets it serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from prettyuseful.data.pixels import StoredSize
from prettyuseful.engine.graph import Graph
from prettyuseful.engine.step import Step
from prettyuseful.errors import DataError, UserError
from prettyuseful.plan.cells import CellGroup, PlannedCell, cell_groups, check_names, probe_label, probe_of
from prettyuseful.plan.datasets import DatasetPlanner, PlannedDataset
from prettyuseful.plan.diagnosis import DiagnosisPlanner
from prettyuseful.plan.measures import MeasurePlanner
from prettyuseful.steps.classifiers import DecodeSpec, EvaluateSpec, TrainSpec
from prettyuseful.steps.probe import ProbeSpec
from prettyuseful.study.file import REAL, Study
from prettyuseful.tasks.base import Task, native_size
from prettyuseful.training.recipes import matched
from prettyuseful.transforms.base import TransformSource


@dataclass(frozen=True)
class PlannedRun:
    """A cell with a seed: one classifier and its tests. `evaluations` maps the tested data set to its step's key.

    `steps_of`: of a curve's real images, trained in the steps that so many images per class would take.
    """

    dataset: str
    images_per_class: int
    cell: PlannedCell
    seed: int
    train: str
    evaluations: Mapping[str, str]
    steps_of: int | None = None


@dataclass(frozen=True)
class Plan:
    """Steps by key, every one after those it needs."""

    study: Study
    task: Task
    steps: dict[str, Step]
    datasets: tuple[PlannedDataset, ...]
    groups: tuple[CellGroup, ...]
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
        self._seen: dict[tuple[str, StoredSize, str], str] = {}

    def plan(self) -> Plan:
        study = self.study
        check_names(study)
        self.task = study.task.open()
        self.numerics = study.numerics.of_inference()
        self.transforms = {probe_label(name): self._transform(name) for name in study.train.probes}
        groups = cell_groups(study, lambda: native_size(self.task))
        cells = dict.fromkeys(cell for group in groups for cell in group.cells)

        plain = _plain_cell(groups[0])
        size = plain.recipe.stored_size
        made = DatasetPlanner(study, self.task, self.graph, size, lambda dataset: diagnoses.step(dataset))
        self.test = made.load("test", self.task.available("test"))
        sizes = {made.real_count(plan.count) for plan in study.datasets.values()}
        self.real = {n: made.real(n) for n in sorted(sizes)}
        most = self.real[max(sizes)]
        diagnoses = DiagnosisPlanner(study, len(self.task.classes), self.graph, plain, self._pixels, most)
        self.synthetic = {name: made.synthetic(name) for name in study.datasets}
        _check_controls(self.synthetic)
        runs = []
        for cell, seed in product(cells, study.train.seeds):
            for n, dataset in self.real.items():
                peers = {
                    name: peer.keys["dataset"]
                    for name, peer in self.synthetic.items()
                    # A real-trained classifier is not tested on a mix with the very images that it has seen.
                    if made.real_count(peer.images_per_class) == n and REAL not in study.images_of(name)
                }
                runs.append(self._run(dataset, cell, seed, {REAL: self.test, **peers}))
            runs += [self._run(dataset, cell, seed, {REAL: self.test}) for dataset in self.synthetic.values()]
            if seed in (study.train.curve_seeds or study.train.seeds):
                runs += self._curves(made, cell, seed)
        datasets: list[PlannedDataset] = [*self.real.values(), *self.synthetic.values()]
        if study.metrics:
            # Features come from one real-trained classifier: the first of the study, on the most real images.
            first = next(
                run for run in runs if (run.dataset, run.images_per_class, run.cell) == (REAL, max(sizes), plain)
            )
            measures = MeasurePlanner(study, self.task, self.graph, self.test, first.train, first.cell, self._pixels)
            datasets = measures.measured(datasets)
        if study.diagnosis:
            datasets = [diagnoses.diagnosed(dataset) for dataset in datasets]
        return Plan(study, self.task, self.graph.steps, tuple(datasets), groups, tuple(runs))

    def _curves(self, made: DatasetPlanner, cell: PlannedCell, seed: int) -> Iterator[PlannedRun]:
        """Real->Real on the numbers that the study asks for, in the steps of every size of generated data sets."""
        classes = len(self.task.classes)
        for steps_of in sorted({dataset.images_per_class for dataset in self.synthetic.values()}):
            for n in sorted(self.study.train.real_curve):
                dataset = PlannedDataset(REAL, n, {"dataset": made.load("train", n)})
                recipe = matched(cell.recipe, n * classes, steps_of * classes)
                run = self._run(dataset, replace(cell, recipe=recipe), seed, {REAL: self.test})
                yield replace(run, cell=cell, steps_of=steps_of)

    def _pixels(self, dataset: str, cell: PlannedCell) -> str:
        """The decoded data set, as the cell's probe leaves it; worked out once, whatever the number of seeds."""
        asked = dataset, cell.recipe.stored_size, cell.probe
        if asked not in self._seen:
            self._seen[asked] = self._probed(*asked)
        return self._seen[asked]

    def _probed(self, dataset: str, size: StoredSize, probe: str) -> str:
        label, units = self.graph.steps[dataset].label, self.graph.units(dataset)
        decode = DecodeSpec(stored_size=size)
        decoded = self.graph.add(decode, {"dataset": dataset}, f"decode {label}", units)
        transform, identity = self.transforms[probe]
        if transform is None:
            return decoded
        spec = ProbeSpec(transform=transform, identity=identity, numerics=self.study.numerics.of_steps())
        return self.graph.add(spec, {"pixels": decoded}, f"probe {probe}: {label}", units)

    def _transform(self, name: str) -> tuple[TransformSource | None, dict[str, Any]]:
        """What a probe does, and what of it is in the key."""
        transform = probe_of(self.study, name).transform
        try:
            return transform, transform.identity() if transform else {}
        except UserError as error:
            raise type(error)(f"probe {name!r}: {error}") from None

    def _run(self, dataset: PlannedDataset, cell: PlannedCell, seed: int, tests: Mapping[str, str]) -> PlannedRun:
        train = self._train(dataset, cell, seed)
        spec = EvaluateSpec(view=cell.view, numerics=self.numerics)
        evaluations = {
            name: self.graph.add(
                spec,
                {"classifier": train, "pixels": self._pixels(test, cell)},
                f"test {_words(dataset, cell, seed)} on {name}",
                self.graph.units(test) * cell.view.crops**2,
            )
            for name, test in tests.items()
        }
        return PlannedRun(dataset.name, dataset.images_per_class, cell, seed, train, evaluations)

    def _train(self, dataset: PlannedDataset, cell: PlannedCell, seed: int) -> str:
        inputs = {"pixels": self._pixels(dataset.keys["dataset"], cell)}
        first = dataset.plan.pretrain if dataset.plan else None
        weights: dict[str, Any] = {}
        if first is not None:
            before = self._pretraining(dataset) if first == REAL else self.synthetic[first]
            inputs["start"] = self._train(before, cell, seed)
        elif cell.recipe.weights == "pretrained":
            weights = self._weights(cell.architecture)
        spec = TrainSpec(
            architecture=cell.architecture,
            recipe=cell.recipe,
            seed=seed,
            numerics=self.study.numerics.of_training(),
            **weights,
        )
        units = self.graph.units(dataset.keys["dataset"]) * cell.recipe.epochs
        return self.graph.add(spec, inputs, f"train {_words(dataset, cell, seed)}", units)

    def _weights(self, architecture: str) -> dict[str, Any]:
        """Fields of a training that begins with pretrained weights."""
        from prettyuseful.training.starts import Pretrained

        file = self.study.train.weights.get(architecture)
        return {"weights": Pretrained(Path(file) if file else None).identity(architecture), "weights_file": file}

    def _pretraining(self, dataset: PlannedDataset) -> PlannedDataset:
        """As many real images as the data set has."""
        return self.real[min(dataset.images_per_class, self.task.available("train"))]


def _plain_cell(group: CellGroup) -> PlannedCell:
    """The first one on images as they are, whose classifiers everything is looked at with."""
    return next((cell for cell in group.cells if cell.probe == "rgb"), group.cells[0])


def _words(dataset: PlannedDataset, cell: PlannedCell, seed: int) -> str:
    probe = "" if cell.probe == "rgb" else f", {cell.probe}"
    data = f"{dataset.images_per_class} {REAL}" if dataset.name == REAL else dataset.name
    return f"{cell.architecture} on {data}{probe}, seed {seed}"


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
