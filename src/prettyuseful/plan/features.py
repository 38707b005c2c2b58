"""Plan the steps that embed images, and the linear probes on these features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.encoders.source import EncoderSource
from prettyuseful.engine.pinned import Pinned
from prettyuseful.plan.cells import FrozenCell, PlannedCell
from prettyuseful.plan.planned import PlanContext, PlannedDataset, PlannedMix, PlannedRun
from prettyuseful.plan.real import RealImages
from prettyuseful.records import dataset_title
from prettyuseful.steps.embed import EmbedSpec, EmbedTextSpec, SelectFeaturesSpec
from prettyuseful.steps.linear_probe import EvaluateProbeSpec, FitMixSpec, FitProbeSpec
from prettyuseful.steps.selection import SelectSpec
from prettyuseful.study.file import REAL
from prettyuseful.training.recipes import FROZEN_FEATURES, RECIPES, FrozenFeatures

LINEAR_PROBE = "linear probe"
"""The name of the step in which a linear probe of a data set is tested on real training images."""
REAL_TRAINING_IMAGES = "real training images"
_CLASS_TEXT = "a photo of a {}"


def class_texts(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the text of each class, with which CLIPScore and learned scores compare images."""
    return tuple(_CLASS_TEXT.format(name) for name in classes)


@dataclass(frozen=True)
class TrainedOnReal:
    """The study's first network that is trained on real images, as an encoder.

    `classifier`: key of its training. `cell`: its grid cell. `pixels`: returns the key of a data set's images as that
    cell uses them.
    """

    classifier: str
    cell: PlannedCell
    pixels: Callable[[str, PlannedCell], str]


class FeaturePlanner:
    """Plans the features of data sets by pretrained encoders; each data set is embedded once by each encoder."""

    def __init__(self, context: PlanContext) -> None:
        self.context = context
        self._pinned: dict[EncoderSource, Pinned[EncoderSource]] = {}

    def pinned(self, encoder: EncoderSource) -> Pinned[EncoderSource]:
        """Return the encoder with its weights, which are looked up once.

        Raises:
            UserError: see `EncoderSource.pin`.
        """
        if encoder not in self._pinned:
            self._pinned[encoder] = encoder.pin()
        return self._pinned[encoder]

    def key(self, dataset: str, encoder: EncoderSource, title: str) -> str:
        """Return the key of the step that embeds the images of the step `dataset`; `title` is their name.

        Encoders run in float32, so that results are comparable with published numbers. Selected images are not embedded
        again: their features are those of the data set that they are selected from.
        """
        graph = self.context.graph
        if isinstance(graph.steps[dataset].spec, SelectSpec):
            images = graph.steps[dataset].inputs["dataset"]
            features = self.key(images, encoder, graph.steps[images].label.partition(" ")[2].rpartition(": ")[2])
            inputs = {"features": features, "dataset": images, "selection": dataset}
            label = f"select features of {title} by {encoder.label}"
            return graph.add(SelectFeaturesSpec(), inputs, label, graph.units(images))
        spec = EmbedSpec(encoder=self.pinned(encoder), numerics=self.context.study.numerics.step_numerics())
        return graph.add(spec, {"dataset": dataset}, f"embed {title} by {encoder.label}", graph.units(dataset))

    def key_by_classifier(self, dataset: str, encoder: EncoderSource, title: str, trained: TrainedOnReal) -> str:
        """Return the key of the step that embeds the images of the step `dataset` by a network of the study.

        `encoder`: the source that stands for this network.
        """
        graph, numerics = self.context.graph, self.context.study.numerics.inference_numerics()
        inputs = {"classifier": trained.classifier, "pixels": trained.pixels(dataset, trained.cell)}
        spec = EmbedSpec(encoder=self.pinned(encoder), view=trained.cell.view, numerics=numerics)
        return graph.add(spec, inputs, f"embed {title} by {encoder.label}", graph.units(dataset))

    def class_names(self, encoder: EncoderSource) -> str:
        """Return the key of the step that embeds the `class_texts`."""
        classes = self.context.task.classes
        spec = EmbedTextSpec(
            encoder=self.pinned(encoder),
            texts=class_texts(classes),
            numerics=self.context.study.numerics.step_numerics(),
        )
        return self.context.graph.add(spec, {}, f"embed class names by {encoder.label}", len(classes))


class ProbePlanner:
    """Plans linear probes on frozen features, and their tests.

    A fit has no randomness. Each training seed has another draw of real images, so that the variation over seeds is
    that of the real images; a generated data set is the same for every seed.
    """

    def __init__(self, context: PlanContext, features: FeaturePlanner, real: RealImages) -> None:
        self.context, self.features, self.real = context, features, real

    def plan_run(self, dataset: PlannedDataset, cell: FrozenCell, seed: int, tests: Mapping[str, str]) -> PlannedRun:
        """Plan one linear probe and its tests; see `ClassifierPlanner.plan_run`."""
        fit = self._fit(dataset, cell, seed)
        evaluations = self._add_tests(fit, cell, _run_label(dataset, cell, seed), tests)
        counts, draw, rung = dataset.images_per_class, dataset.draw, dataset.rung
        return PlannedRun(dataset.name, counts, cell, seed, fit, evaluations, draw=draw, rung=rung)

    def plan_mix(self, mix: PlannedMix, cell: FrozenCell, seed: int, tests: Mapping[str, str]) -> PlannedRun:
        """Plan one linear probe on a mixture, and its tests; see `ClassifierPlanner.plan_run`."""
        titles = {mix.dataset: dataset_title(mix.dataset, mix.draw), REAL: "real train images of the curve"}
        inputs = {name: self.features.key(key, cell.encoder, titles[name]) for name, (key, _) in mix.parts.items()}
        label = f"{cell.architecture} on {mix.title}, seed {seed}"
        units = mix.images_per_class.total(len(self.context.task.classes))
        spec = FitMixSpec(recipe=cell.recipe, portions=mix.portions)
        fit = self.context.graph.add(spec, inputs, f"fit {label}", units)
        evaluations, counts = self._add_tests(fit, cell, label, tests), mix.images_per_class
        return PlannedRun(mix.dataset, counts, cell, seed, fit, evaluations, draw=mix.draw, mixed=mix.point)

    def _add_tests(self, fit: str, cell: FrozenCell, label: str, tests: Mapping[str, str]) -> dict[str, str]:
        """Add the tests of a linear probe; return their keys by tested data set."""
        graph, evaluations = self.context.graph, {}
        for name, key in tests.items():
            tested = self.features.key(key, cell.encoder, "real test images" if name == REAL else name)
            inputs = {"classifier": fit, "features": tested}
            evaluations[name] = graph.add(EvaluateProbeSpec(), inputs, f"test {label} on {name}", graph.units(key))
        return evaluations

    def with_transfer(self, dataset: PlannedDataset, encoder: EncoderSource) -> PlannedDataset:
        """Return a data set with the test, on real training images, of a linear probe that is fitted on it.

        Real images, and data sets that contain some of them, are returned unchanged: the probe could have been fitted
        on the images of the test.
        """
        study, recipe = self.context.study, RECIPES[FROZEN_FEATURES].recipe
        if dataset.name == REAL or REAL in study.image_sources(dataset.name):
            return dataset
        assert isinstance(recipe, FrozenFeatures)
        cell = FrozenCell(encoder.label, FROZEN_FEATURES, "rgb", recipe, encoder)
        tests = {REAL_TRAINING_IMAGES: self.real.reference.key}
        run = self.plan_run(dataset, cell, study.train.seeds[0], tests)
        return replace(dataset, keys={**dataset.keys, LINEAR_PROBE: run.evaluations[REAL_TRAINING_IMAGES]})

    def _fit(self, dataset: PlannedDataset, cell: FrozenCell, seed: int) -> str:
        per_class, seeds = dataset.images_per_class, self.context.study.train.seeds
        units, label = per_class.total(len(self.context.task.classes)), f"fit {_run_label(dataset, cell, seed)}"
        if dataset.name != REAL:
            inputs = {"features": self.features.key(dataset.key, cell.encoder, dataset.title)}
            return self.context.graph.add(FitProbeSpec(recipe=cell.recipe), inputs, label, units)
        spec = FitProbeSpec(recipe=cell.recipe, per_class=per_class, draw=seeds.index(seed))
        reference = self.real.reference
        inputs = {"features": self.features.key(reference.key, cell.encoder, "real train images")}
        if self.further:
            further = self.real.further_step(self.further, reference.images_per_class)
            inputs["further features"] = self.features.key(further, cell.encoder, "further real train images")
        return self.context.graph.add(spec, inputs, label, units)

    @cached_property
    def further(self) -> ClassCounts:
        """The real training images of each class beyond those of the reference that the draws need."""
        study, reference = self.context.study, self.real.reference.images_per_class
        largest = max(max(study.train.real_curve, default=0), reference.largest)
        wanted = ClassCounts(len(study.train.seeds) * largest)
        classes = range(len(self.context.task.classes))
        wanted = ClassCounts([min(wanted[i], self.real.available[i]) - reference[i] for i in classes])
        return wanted if wanted else ClassCounts(0)

    def add_notes(self) -> None:
        """Say in the notes of the plan what the intervals of linear probes cover."""
        study, classes = self.context.study, range(len(self.context.task.classes))
        seeds, available = len(study.train.seeds), self.real.available
        needed = [self.real.reference.images_per_class[i] * seeds for i in classes]
        words = (
            "Linear probes on frozen features are fitted exactly, so a training seed is a draw of real training "
            f"images: intervals cover the test images and {seeds} draws of real images, and no other draw of generated "
            "images."
        )
        if any(available[i] < needed[i] for i in classes):
            words += " Some classes have too few real images for draws without common images, which makes them similar."
        self.context.notes.append(words)


def _run_label(dataset: PlannedDataset, cell: FrozenCell, seed: int) -> str:
    data = f"{dataset.images_per_class} {REAL}" if dataset.name == REAL else dataset.title
    return f"{cell.architecture} on {data}, seed {seed}"
