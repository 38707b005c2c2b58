"""The steps that decode images, leave one cue in them, and train and test classifiers on them."""

from __future__ import annotations

from collections.abc import Mapping

from prettyuseful.data.pixels import StoredSize
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import located
from prettyuseful.plan.cells import PlannedCell, probe_label, probe_of
from prettyuseful.plan.planned import PlannedDataset, PlannedRun, Planning
from prettyuseful.steps.classifiers import DecodeSpec, EvaluateSpec, TrainSpec
from prettyuseful.steps.probe import ProbeSpec
from prettyuseful.study.file import REAL
from prettyuseful.transforms.base import TransformSource


class DecodedImages:
    """Data sets as the classifiers of a cell are shown them."""

    def __init__(self, planning: Planning) -> None:
        self.planning = planning
        self._transforms = {probe_label(name): self._pinned(name) for name in planning.study.train.probes}
        self._keys: dict[tuple[str, StoredSize, str], str] = {}

    def key(self, dataset: str, cell: PlannedCell) -> str:
        """The step that leaves the images of the step `dataset`, decoded and as the cell's probe changes them."""
        which = dataset, cell.recipe.stored_size, cell.probe
        if which not in self._keys:
            self._keys[which] = self._add(*which)
        return self._keys[which]

    def _add(self, dataset: str, size: StoredSize, probe: str) -> str:
        graph = self.planning.graph
        label, units = graph.steps[dataset].label, graph.units(dataset)
        decoded = graph.add(DecodeSpec(stored_size=size), {"dataset": dataset}, f"decode {label}", units)
        transform = self._transforms[probe]
        if transform is None:
            return decoded
        spec = ProbeSpec(transform=transform, numerics=self.planning.study.numerics.of_steps())
        return graph.add(spec, {"pixels": decoded}, f"probe {probe}: {label}", units)

    def _pinned(self, name: str) -> Pinned[TransformSource] | None:
        """What a probe does to images; None if nothing."""
        transform = probe_of(self.planning.study, name).transform
        with located(f"probe {name!r}"):
            return transform.pin() if transform else None


class Classifiers:
    """Trainings and tests."""

    def __init__(self, planning: Planning, images: DecodedImages) -> None:
        self.planning, self.images = planning, images
        self._weights: dict[str, Pinned[str | None]] = {}

    def run(self, dataset: PlannedDataset, cell: PlannedCell, seed: int, tests: Mapping[str, str]) -> PlannedRun:
        """One classifier, tested on the steps `tests`."""
        train = self._train_on(dataset, cell, seed)
        words = _words(dataset, cell, seed)
        evaluations = {name: self.test(train, key, cell, f"test {words} on {name}") for name, key in tests.items()}
        return PlannedRun(dataset.name, dataset.images_per_class, cell, seed, train, evaluations)

    def test(self, classifier: str, dataset: str, cell: PlannedCell, label: str) -> str:
        """The step that tests a classifier on the images of the step `dataset`."""
        spec = EvaluateSpec(view=cell.view, numerics=self.planning.study.numerics.of_inference())
        units = self.planning.graph.units(dataset) * cell.view.crops**2
        inputs = {"classifier": classifier, "pixels": self.images.key(dataset, cell)}
        return self.planning.graph.add(spec, inputs, label, units)

    def train(self, pixels: str, cell: PlannedCell, seed: int, label: str, start: str | None = None) -> str:
        """The step that trains on the decoded images of the step `pixels`, after the training `start`, if any."""
        pretrained = start is None and cell.recipe.weights == "pretrained"
        spec = TrainSpec(
            architecture=cell.architecture,
            recipe=cell.recipe,
            seed=seed,
            numerics=self.planning.study.numerics.of_training(),
            weights=self._pretrained(cell.architecture) if pretrained else None,
        )
        inputs = {"pixels": pixels} | ({} if start is None else {"start": start})
        return self.planning.graph.add(spec, inputs, label, self.planning.graph.units(pixels) * cell.recipe.epochs)

    def _train_on(self, dataset: PlannedDataset, cell: PlannedCell, seed: int) -> str:
        start = self._train_on(dataset.pretrain, cell, seed) if dataset.pretrain else None
        pixels = self.images.key(dataset.key, cell)
        return self.train(pixels, cell, seed, f"train {_words(dataset, cell, seed)}", start)

    def _pretrained(self, architecture: str) -> Pinned[str | None]:
        """The weights that a training begins with: the study's file, or timm's."""
        from prettyuseful.training.initialisation import pin_weights

        if architecture not in self._weights:
            file = self.planning.study.train.weights.get(architecture)
            self._weights[architecture] = pin_weights(architecture, file)
        return self._weights[architecture]


def _words(dataset: PlannedDataset, cell: PlannedCell, seed: int) -> str:
    probe = "" if cell.probe == "rgb" else f", {cell.probe}"
    data = f"{dataset.images_per_class} {REAL}" if dataset.name == REAL else dataset.name
    return f"{cell.architecture} on {data}{probe}, seed {seed}"
