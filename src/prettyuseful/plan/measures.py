"""From the metrics and encoders of a study to the steps that measure its data sets, as they are and re-encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from prettyuseful.encoders.source import REAL_TRAINED, EncoderSource
from prettyuseful.encoders.table import ENCODERS
from prettyuseful.engine.graph import Graph
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, StudyError, located
from prettyuseful.metrics.base import Metric, Reads
from prettyuseful.metrics.rows import METRICS, pinned_family, requested_metrics
from prettyuseful.numerics import Numerics
from prettyuseful.plan.cells import PlannedCell
from prettyuseful.plan.planned import PlannedDataset, PlannedMeasure
from prettyuseful.records import Subject
from prettyuseful.steps.classifiers import EvaluateSpec
from prettyuseful.steps.embed import EmbedSpec, EmbedTextSpec
from prettyuseful.steps.measures import MeasureSpec
from prettyuseful.steps.reencode import ReencodeSpec
from prettyuseful.study.file import REAL, Study
from prettyuseful.tasks.base import Task

PROMPT = "a photo of a {}"
_FEWEST = 3  # images per class that anything can be said of


@dataclass(frozen=True)
class _Family:
    """Metrics that are measured in one step; `name` is what people call them."""

    name: str
    reads: Reads
    pinned: Pinned[str]


@dataclass
class MeasurePlanner:
    """Adds to the graph what measures data sets.

    `test` is the step of the real test images; `classifier` that of the study's first real-trained classifier, whose
    cell is `cell`; `pixels` gives the step of a data set as that cell sees it.

    Raises:
        UserError: a metric that is not there, or two of one name.
    """

    study: Study
    task: Task
    graph: Graph
    test: str
    classifier: str
    cell: PlannedCell
    pixels: Callable[[str, PlannedCell], str]
    _pinned: dict[str, Pinned[EncoderSource]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with located("metrics"):
            self.metrics = requested_metrics(self.study.metrics)
            self._families = _families(self.metrics)

    def measured(self, datasets: Sequence[PlannedDataset]) -> list[PlannedDataset]:
        """The data sets with their measures.

        Raises:
            UserError: too few images, or an encoder that is not there or cannot do what a metric needs.
        """
        self._check(datasets)
        found = []
        for dataset in datasets:
            measures = tuple(self._of(dataset))
            keys = {**dataset.keys, **{measure.label: measure.key for measure in measures}}
            found.append(replace(dataset, keys=keys, measures=measures))
        return found

    @property
    def encoders(self) -> dict[str, str]:
        """What data sets are compared by, with a line on each."""
        real = f"penultimate layer of {self.study.train.architectures[0]} trained on the task's real images"
        asked = {encoder.label: encoder for encoder in self.study.encoders}
        if any(metric.reads == "logits" for metric in self.metrics.values()):
            asked.setdefault(REAL_TRAINED, EncoderSource(name=REAL_TRAINED))
        return {name: real if name == REAL_TRAINED else encoder.words for name, encoder in asked.items()}

    def _check(self, datasets: Sequence[PlannedDataset]) -> None:
        """Better now than after the training."""
        for metric in self.metrics.values():
            if metric.reads == "texts" and not any(encoder.reads_texts for encoder in self.study.encoders):
                raise StudyError(
                    f"metrics: {metric.name} needs an encoder that reads texts; name one in encoders, such as "
                    f"{next(row.name for row in ENCODERS if row.reads_texts)}"
                )
        for encoder in self.study.encoders:
            with located("encoders"):
                self._pinned[encoder.name] = encoder.pin()
        self.per_class = min([self.task.available("test") // 2, *(dataset.images_per_class for dataset in datasets)])
        where = (
            f"in every data set and in half the real test images; the fewest here are {self.per_class}: take more "
            "images, or leave the metrics out with 'metrics: []'"
        )
        if short := [metric for metric in self.metrics.values() if metric.fewest > max(self.per_class, _FEWEST)]:
            k, fewest = short[0].k, short[0].fewest
            names = ", ".join(metric.name for metric in short if (metric.k, metric.fewest) == (k, fewest))
            needs = f"look at {k} neighbours per image and need" if k else "need"
            raise DataError(f"{names} {needs} more than {fewest - 1} images per class, {where}")
        if self.per_class < _FEWEST:
            raise DataError(f"metrics need {_FEWEST} images per class at least, {where}")

    def _of(self, dataset: PlannedDataset) -> Iterator[PlannedMeasure]:
        """Plain and re-encoded; of real images both against themselves: other test images, and train images."""
        own = dataset.keys["dataset"]
        subjects: tuple[Subject, ...] = ("real-test", "real-train") if dataset.name == REAL else ("data-set",)
        reencoded = self._reencoded(own, self.test, dataset.name)
        test_reencoded = self._reencoded(self.test, own, "real test images")
        for encoder, family in self._by_encoder():
            for subject in subjects:
                if family.reads == "logits" and not self._may_agree(dataset, subject):
                    continue
                for candidate, test, again in ((own, self.test, None), (reencoded, test_reencoded, reencoded)):
                    key = self._measure(dataset.name, encoder, family, subject, test, candidate)
                    yield PlannedMeasure(encoder.label, family.name, subject, key, again)

    def _by_encoder(self) -> Iterator[tuple[EncoderSource, _Family]]:
        """What is measured with each encoder. Logits come from the real-trained classifier, whatever the encoders."""
        for encoder in self.study.encoders:
            for family in self._families:
                if family.reads != "logits" and (family.reads != "texts" or encoder.reads_texts):
                    yield encoder, family
        for family in self._families:
            if family.reads == "logits":
                yield EncoderSource(name=REAL_TRAINED), family

    def _may_agree(self, dataset: PlannedDataset, subject: Subject) -> bool:
        """A classifier that was trained on the very images agrees with their labels for that reason."""
        return subject == "real-test" or REAL not in self.study.images_of(dataset.name)

    def _reencoded(self, dataset: str, other: str, words: str) -> str:
        whole = dataset == self.test
        units = self.graph.units(dataset)
        spec = ReencodeSpec(per_class=None if whole else self.per_class)
        return self.graph.add(spec, {"dataset": dataset, "other": other}, f"re-encode {words}", units)

    def _measure(
        self, name: str, encoder: EncoderSource, family: _Family, subject: Subject, test: str, candidate: str
    ) -> str:
        control = subject == "real-test"
        of = self._logits if family.reads == "logits" else self._features
        inputs = of("reference", encoder, test, "real test images")
        if not control:
            inputs |= of("candidate", encoder, candidate, name)
        if family.reads == "texts":
            inputs["texts"] = self._texts(encoder)
        spec = MeasureSpec(family=family.pinned, control=control, per_class=self.per_class)
        units = self.per_class * len(self.task.classes)
        return self.graph.add(spec, inputs, f"measure {family.name} of {name} by {encoder.label}", units)

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


def _families(metrics: Mapping[str, Metric]) -> tuple[_Family, ...]:
    """Of the rows, by the names that the study gives them; a user's own is measured by itself."""
    found: dict[str, _Family] = {}
    for name, metric in metrics.items():
        called = metric.family if name in METRICS else metric.name
        found.setdefault(called, _Family(called, metric.reads, pinned_family(name)))
    return tuple(found.values())
