"""Plan the steps that decode images, apply probes to them, and train and test classifiers on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prettyuseful.data.pixels import StoredSize
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import prefix_location
from prettyuseful.plan.cells import PlannedCell, probe_label, resolve_probe
from prettyuseful.plan.planned import PlanContext, PlannedDataset, PlannedMix, PlannedRun
from prettyuseful.steps.classifiers import DecodeSpec, EvaluateSpec, TrainMixSpec, TrainSpec
from prettyuseful.steps.probe import ProbeSpec
from prettyuseful.study.file import REAL
from prettyuseful.training.recipes import View
from prettyuseful.transforms.base import TransformSource


class PixelPlanner:
    """Plans the decoded images that the classifiers of a grid cell are trained and tested on."""

    def __init__(self, context: PlanContext) -> None:
        self.context = context
        self._transforms = {probe_label(name): self._pinned_transform(name) for name in context.study.train.probes}
        self._keys: dict[tuple[str, StoredSize, str], str] = {}

    def key(self, dataset: str, cell: PlannedCell) -> str:
        """Return the key of the step that decodes the images of the step `dataset` and applies the cell's probe."""
        arguments = dataset, cell.recipe.stored_size, cell.probe
        if arguments not in self._keys:
            self._keys[arguments] = self._add_steps(*arguments, cell.recipe_name)
        return self._keys[arguments]

    def _add_steps(self, dataset: str, size: StoredSize, probe: str, recipe: str) -> str:
        graph = self.context.graph
        label, units = graph.steps[dataset].label, graph.units(dataset)
        spec = DecodeSpec(stored_size=size)
        decoded = graph.add(spec, {"dataset": dataset}, f"decode {label}", units, {"recipe": recipe})
        transform = self._transforms[probe]
        if transform is None:
            return decoded
        numerics = transform.source.numerics(self.context.study.numerics.step_numerics())
        probed = ProbeSpec(transform=transform, numerics=numerics)
        return graph.add(probed, {"pixels": decoded}, f"probe {probe}: {label}", units)

    def _pinned_transform(self, name: str) -> Pinned[TransformSource] | None:
        """Return the transform of a probe; None if it has none."""
        transform = resolve_probe(self.context.study, name).transform
        with prefix_location(f"probe {name!r}"):
            return transform.pin() if transform else None


class ClassifierPlanner:
    """Plans the training and the tests of classifiers."""

    def __init__(self, context: PlanContext, images: PixelPlanner) -> None:
        self.context, self.images = context, images
        self._weights: dict[str, Pinned[str | None]] = {}
        self._tests: dict[View, EvaluateSpec] = {}

    def plan_run(self, dataset: PlannedDataset, cell: PlannedCell, seed: int, tests: Mapping[str, str]) -> PlannedRun:
        """Plan one classifier and its tests.

        `tests`: for each data set to test on, the key of the step that makes its images.
        """
        train = self._add_run_training(dataset, cell, seed)
        label = _run_label(dataset, cell, seed)
        evaluations = {name: self.add_test(train, key, cell, f"test {label} on {name}") for name, key in tests.items()}
        return PlannedRun(
            dataset.name,
            dataset.images_per_class,
            cell,
            seed,
            train,
            evaluations,
            draw=dataset.draw,
            rung=dataset.rung,
        )

    def plan_mix(self, mix: PlannedMix, cell: PlannedCell, seed: int, tests: Mapping[str, str]) -> PlannedRun:
        """Plan one classifier on a mixture, and its tests; see `plan_run`."""
        inputs = {name: self.images.key(key, cell) for name, (key, _) in mix.parts.items()}
        spec = TrainMixSpec(**self._settings(cell, seed), portions=mix.portions)
        label = _cell_label(mix.title, cell, seed)
        units = mix.images_per_class.total(len(self.context.task.classes)) * cell.recipe.epochs
        train = self.context.graph.add(spec, inputs, f"train {label}", units, {"recipe": cell.recipe_name})
        evaluations = {name: self.add_test(train, key, cell, f"test {label} on {name}") for name, key in tests.items()}
        counts = mix.images_per_class
        return PlannedRun(mix.dataset, counts, cell, seed, train, evaluations, draw=mix.draw, mixed=mix.point)

    def add_test(self, classifier: str, dataset: str, cell: PlannedCell, label: str) -> str:
        """Add the step that tests a classifier on the images of the step `dataset`, and return its key."""
        if cell.view not in self._tests:  # one object for thousands of tests
            numerics = self.context.study.numerics.inference_numerics()
            self._tests[cell.view] = EvaluateSpec(view=cell.view, numerics=numerics)
        spec = self._tests[cell.view]
        units = self.context.graph.units(dataset) * cell.view.crops**2
        inputs = {"classifier": classifier, "pixels": self.images.key(dataset, cell)}
        return self.context.graph.add(spec, inputs, label, units, {"recipe": cell.recipe_name})

    def add_training(self, pixels: str, cell: PlannedCell, seed: int, label: str, start: str | None = None) -> str:
        """Add the step that trains on the decoded images of the step `pixels`, and return its key.

        `start`: the key of the training whose weights it starts from, if any.
        """
        spec = TrainSpec(**self._settings(cell, seed, has_start=start is not None))
        inputs = {"pixels": pixels} | ({} if start is None else {"start": start})
        units = self.context.graph.units(pixels) * cell.recipe.epochs
        return self.context.graph.add(spec, inputs, label, units, {"recipe": cell.recipe_name})

    def _settings(self, cell: PlannedCell, seed: int, has_start: bool = False) -> dict[str, Any]:
        """Return the fields that all steps of training have."""
        pretrained = not has_start and cell.recipe.weights == "pretrained"
        return {
            "architecture": cell.architecture,
            "recipe": cell.recipe,
            "seed": seed,
            "numerics": self.context.study.numerics.training_numerics(),
            "weights": self._pretrained_weights(cell.architecture) if pretrained else None,
        }

    def _add_run_training(self, dataset: PlannedDataset, cell: PlannedCell, seed: int) -> str:
        start = self._add_run_training(dataset.pretrain, cell, seed) if dataset.pretrain else None
        pixels = self.images.key(dataset.key, cell)
        return self.add_training(pixels, cell, seed, f"train {_run_label(dataset, cell, seed)}", start)

    def _pretrained_weights(self, architecture: str) -> Pinned[str | None]:
        """Return the initial weights of an architecture: the study's file, or timm's weights."""
        from prettyuseful.training.initialisation import pin_weights

        if architecture not in self._weights:
            file = self.context.study.train.weights.get(architecture)
            self._weights[architecture] = pin_weights(architecture, file)
        return self._weights[architecture]


def _run_label(dataset: PlannedDataset, cell: PlannedCell, seed: int) -> str:
    data = f"{dataset.images_per_class} {REAL}" if dataset.name == REAL else dataset.title
    return _cell_label(data, cell, seed)


def _cell_label(data: str, cell: PlannedCell, seed: int) -> str:
    probe = "" if cell.probe == "rgb" else f", {cell.probe}"
    return f"{cell.architecture} on {data}{probe}, seed {seed}"
