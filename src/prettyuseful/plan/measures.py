"""From the metrics and encoders of a study to the steps that measure each data set, its controls, and both alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from prettyuseful.encoders.source import REAL_TRAINED, EncoderSource
from prettyuseful.engine.graph import Graph
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, StudyError, UserError
from prettyuseful.numerics import Numerics
from prettyuseful.plan.cells import PlannedCell
from prettyuseful.plan.datasets import PlannedDataset, PlannedMeasure
from prettyuseful.records import Subject
from prettyuseful.steps.alike import AlikeSpec
from prettyuseful.steps.classifiers import EvaluateSpec
from prettyuseful.steps.embed import EmbedSpec, EmbedTextSpec
from prettyuseful.steps.measures import NEIGHBOURS, Family, MeasureSpec
from prettyuseful.study.file import REAL, Metric, Study
from prettyuseful.tasks.base import Task

FAMILY: dict[Metric, Family] = {
    "density": "manifold",
    "coverage": "manifold",
    "precision": "manifold",
    "recall": "manifold",
    "nearest": "nearest",
    "frechet": "frechet",
    "kid": "kid",
    "cmmd": "cmmd",
    "vendi": "vendi",
    "clip-score": "clip-score",
    "label-agreement": "label-agreement",
}
PROMPT = "a photo of a {}"
_FEWEST = 3  # images per class that anything can be said of


@dataclass
class MeasurePlanner:
    """Adds to the graph what measures data sets.

    `test` is the step of the real test images; `classifier` that of the study's first real-trained classifier, whose
    cell is `cell`; `pixels` gives the step of a data set as that cell sees it.
    """

    study: Study
    task: Task
    graph: Graph
    test: str
    classifier: str
    cell: PlannedCell
    pixels: Callable[[str, PlannedCell], str]
    _pinned: dict[str, Pinned[EncoderSource]] = field(default_factory=dict)

    def measured(self, datasets: Sequence[PlannedDataset]) -> list[PlannedDataset]:
        """The data sets with their measures.

        Raises:
            UserError: too few images, or an encoder that is not there or cannot do what a metric needs.
        """
        self._check(datasets)
        self.per_class = min(self.task.available("test") // 2, *(dataset.images_per_class for dataset in datasets))
        found = []
        for dataset in datasets:
            measures = tuple(self._of(dataset))
            keys = {**dataset.keys, **{measure.label: measure.key for measure in measures}}
            found.append(replace(dataset, keys=keys, measures=measures))
        return found

    def _check(self, datasets: Sequence[PlannedDataset]) -> None:
        """Better now than after the training."""
        metrics = self.study.metrics
        if "clip-score" in metrics and not any(encoder.reads_texts for encoder in self.study.encoders):
            raise StudyError(
                "metrics: clip-score needs an encoder that reads texts; name one in encoders, such as clip-vit-b-32"
            )
        for encoder in self.study.encoders:
            try:
                self._pinned[encoder.name] = encoder.pin()
            except UserError as error:
                raise type(error)(f"encoders: {error}") from None
        looking = [metric for metric in metrics if FAMILY[metric] == "manifold"]
        fewest = min([self.task.available("test") // 2, *(dataset.images_per_class for dataset in datasets)])
        if looking and fewest <= NEIGHBOURS:
            raise DataError(
                f"{', '.join(looking)} look at {NEIGHBOURS} neighbours per image and need more than "
                f"{NEIGHBOURS} images per class, in every data set and in half the real test images; the fewest here "
                f"are {fewest}: take more images, or leave the metrics out with 'metrics: []'"
            )
        if fewest < _FEWEST:
            raise DataError(
                f"metrics need {_FEWEST} images per class at least, in every data set and in half the real test "
                f"images; the fewest here are {fewest}: take more images, or leave the metrics out with 'metrics: []'"
            )

    def _of(self, dataset: PlannedDataset) -> Iterator[PlannedMeasure]:
        """Plain and re-encoded; of real images both against themselves: other test images, and train images."""
        own = dataset.keys["dataset"]
        subjects: tuple[Subject, ...] = ("real-test", "real-train") if dataset.name == REAL else ("data-set",)
        alike, test_alike = self._alike(own, self.test, dataset.name), self._alike(self.test, own, "real test images")
        for encoder, family in self._asked():
            for subject in subjects:
                if family == "label-agreement" and not self._may_agree(dataset, subject):
                    continue
                for reencoded, test, candidate in ((None, self.test, own), (alike, test_alike, alike)):
                    key = self._measure(dataset.name, encoder, family, subject, test, candidate)
                    yield PlannedMeasure(encoder.label, family, subject, key, reencoded)

    def _asked(self) -> Iterator[tuple[EncoderSource, Family]]:
        families = dict.fromkeys(FAMILY[metric] for metric in self.study.metrics)
        for encoder in self.study.encoders:
            for family in families:
                if family != "label-agreement" and (family != "clip-score" or encoder.reads_texts):
                    yield encoder, family
        if "label-agreement" in families:
            yield EncoderSource(name=REAL_TRAINED), "label-agreement"

    def _may_agree(self, dataset: PlannedDataset, subject: Subject) -> bool:
        """A classifier that has seen the very images agrees with their labels for that reason."""
        return subject == "real-test" or REAL not in self.study.images_of(dataset.name)

    def _alike(self, dataset: str, other: str, words: str) -> str:
        whole = dataset == self.test
        units = self.graph.units(dataset)
        spec = AlikeSpec(per_class=None if whole else self.per_class)
        return self.graph.add(spec, {"dataset": dataset, "other": other}, f"re-encode {words}", units)

    def _measure(
        self, name: str, encoder: EncoderSource, family: Family, subject: Subject, test: str, candidate: str
    ) -> str:
        control = subject == "real-test"
        of = self._logits if family == "label-agreement" else self._features
        inputs = of("reference", encoder, test, "real test images")
        if not control:
            inputs |= of("candidate", encoder, candidate, name)
        if family == "clip-score":
            inputs["texts"] = self._texts(encoder)
        spec = MeasureSpec(family=family, control=control, per_class=self.per_class)
        units = self.per_class * len(self.task.classes)
        return self.graph.add(spec, inputs, f"measure {family} of {name} by {encoder.label}", units)

    def _features(self, role: str, encoder: EncoderSource, dataset: str, words: str) -> dict[str, str]:
        if encoder.trained_here:
            inputs = {"classifier": self.classifier, "pixels": self.pixels(dataset, self.cell)}
            view, numerics = self.cell.view, self.study.numerics.of_inference()
        else:
            inputs, view, numerics = {"dataset": dataset}, None, self._numerics
        spec = EmbedSpec(encoder=self._pinned[encoder.name], view=view, numerics=numerics)
        key = self.graph.add(spec, inputs, f"embed {words} by {encoder.label}", self.graph.units(dataset))
        return {role: key}

    def _logits(self, role: str, _: EncoderSource, dataset: str, words: str) -> dict[str, str]:
        pixels = self.pixels(dataset, self.cell)
        spec = EvaluateSpec(view=self.cell.view, numerics=self.study.numerics.of_inference())
        units = self.graph.units(dataset) * self.cell.view.crops**2
        inputs = {"classifier": self.classifier, "pixels": pixels}
        return {role: pixels, f"{role} values": self.graph.add(spec, inputs, f"test on {words}", units)}

    def _texts(self, encoder: EncoderSource) -> str:
        spec = EmbedTextSpec(
            encoder=self._pinned[encoder.name],
            texts=tuple(PROMPT.format(name) for name in self.task.classes),
            numerics=self._numerics,
        )
        return self.graph.add(spec, {}, f"embed class names by {encoder.label}", len(self.task.classes))

    @property
    def _numerics(self) -> Numerics:
        """Features of published encoders are compared with published numbers, which are float32's."""
        return self.study.numerics.of_steps()
