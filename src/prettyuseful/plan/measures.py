"""Plan the steps that measure the distribution metrics of data sets, on original and re-encoded images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from prettyuseful.encoders.source import REAL_TRAINED, EncoderSource
from prettyuseful.encoders.table import ENCODERS
from prettyuseful.engine.graph import Graph
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, StudyError, prefix_location
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
_MIN_IMAGES = 3  # images per class that any metric needs


@dataclass(frozen=True)
class _Family:
    """A family of metrics that are measured in one step; `name` appears in labels."""

    name: str
    reads: Reads
    pinned: Pinned[str]


@dataclass
class MeasurePlanner:
    """Adds the steps that measure data sets to the graph.

    `test`: key of the step of the real test images. `classifier`: key of the training of the study's first classifier
    on real images, whose grid cell is `cell`. `pixels`: returns the key of a data set's images as that cell uses them.

    Raises:
        UserError: an unknown metric, or two metrics with one name.
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
        with prefix_location("metrics"):
            self.metrics = requested_metrics(self.study.metrics)
            self._families = _families(self.metrics)

    def with_measures(self, datasets: Sequence[PlannedDataset]) -> list[PlannedDataset]:
        """Return the data sets with their measurements.

        Raises:
            UserError: too few images, an unknown encoder, or an encoder that lacks what a metric needs.
        """
        self._check(datasets)
        planned = []
        for dataset in datasets:
            measures = tuple(self._plan_measures(dataset))
            keys = {**dataset.keys, **{measure.label: measure.key for measure in measures}}
            planned.append(replace(dataset, keys=keys, measures=measures))
        return planned

    @property
    def encoders(self) -> dict[str, str]:
        """The encoders of the metrics by name, each with a one-line description."""
        real = f"penultimate layer of {self.study.train.architectures[0]} trained on the task's real images"
        requested = {encoder.label: encoder for encoder in self.study.encoders}
        if any(metric.reads == "logits" for metric in self.metrics.values()):
            requested.setdefault(REAL_TRAINED, EncoderSource(name=REAL_TRAINED))
        return {name: real if name == REAL_TRAINED else encoder.words for name, encoder in requested.items()}

    def _check(self, datasets: Sequence[PlannedDataset]) -> None:
        """Check encoders and numbers of images now, because the error would otherwise occur after the training."""
        for metric in self.metrics.values():
            if metric.reads == "texts" and not any(encoder.encodes_text for encoder in self.study.encoders):
                raise StudyError(
                    f"metrics: {metric.name} needs an encoder that also embeds texts; add one to encoders, such as "
                    f"{next(row.name for row in ENCODERS if row.encodes_text)}"
                )
        for encoder in self.study.encoders:
            with prefix_location("encoders"):
                self._pinned[encoder.name] = encoder.pin()
        self.per_class = min([self.task.available("test") // 2, *(dataset.images_per_class for dataset in datasets)])
        requirement = (
            f"in every data set and in half of the real test images, but the smallest has {self.per_class}; use more "
            "images, or disable metrics with 'metrics: []'"
        )
        limit = max(self.per_class, _MIN_IMAGES)
        if unmet := [metric for metric in self.metrics.values() if metric.fewest > limit]:
            k, fewest = unmet[0].k, unmet[0].fewest
            names = ", ".join(metric.name for metric in unmet if (metric.k, metric.fewest) == (k, fewest))
            reason = f" for {k} nearest neighbours" if k else ""
            raise DataError(f"{names}: at least {fewest} images per class are needed{reason} {requirement}")
        if self.per_class < _MIN_IMAGES:
            raise DataError(f"metrics: at least {_MIN_IMAGES} images per class are needed {requirement}")

    def _plan_measures(self, dataset: PlannedDataset) -> Iterator[PlannedMeasure]:
        """Plan the measurements of original and re-encoded images.

        Real images have two: the two halves of the test images, and training images against test images.
        """
        images = dataset.keys["dataset"]
        subjects: tuple[Subject, ...] = ("real-test", "real-train") if dataset.name == REAL else ("data-set",)
        reencoded = self._add_reencoding(images, self.test, dataset.name)
        test_reencoded = self._add_reencoding(self.test, images, "real test images")
        for encoder, family in self._encoder_families():
            for subject in subjects:
                if family.reads == "logits" and not self._logits_are_valid(dataset, subject):
                    continue
                for candidate, test, reencoding in ((images, self.test, None), (reencoded, test_reencoded, reencoded)):
                    key = self._add_measure(dataset.name, encoder, family, subject, test, candidate)
                    yield PlannedMeasure(encoder.label, family.name, subject, key, reencoding)

    def _encoder_families(self) -> Iterator[tuple[EncoderSource, _Family]]:
        """Yield each encoder with each family of metrics that it can measure.

        Metrics of logits always use the classifier trained on real images.
        """
        for encoder in self.study.encoders:
            for family in self._families:
                if family.reads != "logits" and (family.reads != "texts" or encoder.encodes_text):
                    yield encoder, family
        for family in self._families:
            if family.reads == "logits":
                yield EncoderSource(name=REAL_TRAINED), family

    def _logits_are_valid(self, dataset: PlannedDataset, subject: Subject) -> bool:
        """Return False for images that the classifier may have been trained on: it would agree with their labels."""
        return subject == "real-test" or REAL not in self.study.image_sources(dataset.name)

    def _add_reencoding(self, dataset: str, other: str, label: str) -> str:
        units = self.graph.units(dataset)
        spec = ReencodeSpec(per_class=None if dataset == self.test else self.per_class)
        return self.graph.add(spec, {"dataset": dataset, "other": other}, f"re-encode {label}", units)

    def _add_measure(
        self, name: str, encoder: EncoderSource, family: _Family, subject: Subject, test: str, candidate: str
    ) -> str:
        control = subject == "real-test"
        inputs_for = self._logits if family.reads == "logits" else self._features
        inputs = inputs_for("reference", encoder, test, "real test images")
        if not control:
            inputs |= inputs_for("candidate", encoder, candidate, name)
        if family.reads == "texts":
            inputs["texts"] = self._add_text_embeddings(encoder)
        spec = MeasureSpec(family=family.pinned, control=control, per_class=self.per_class)
        units = self.per_class * len(self.task.classes)
        return self.graph.add(spec, inputs, f"measure {family.name} of {name} by {encoder.label}", units)

    def _features(self, role: str, encoder: EncoderSource, dataset: str, label: str) -> dict[str, str]:
        if encoder.is_task_classifier:
            inputs = {"classifier": self.classifier, "pixels": self.pixels(dataset, self.cell)}
            view, numerics = self.cell.view, self.study.numerics.inference_numerics()
        else:
            inputs, view, numerics = {"dataset": dataset}, None, self._numerics
        spec = EmbedSpec(encoder=self._pinned[encoder.name], view=view, numerics=numerics)
        key = self.graph.add(spec, inputs, f"embed {label} by {encoder.label}", self.graph.units(dataset))
        return {role: key}

    def _logits(self, role: str, _: EncoderSource, dataset: str, label: str) -> dict[str, str]:
        pixels = self.pixels(dataset, self.cell)
        spec = EvaluateSpec(view=self.cell.view, numerics=self.study.numerics.inference_numerics())
        units = self.graph.units(dataset) * self.cell.view.crops**2
        inputs = {"classifier": self.classifier, "pixels": pixels}
        return {role: pixels, f"{role} values": self.graph.add(spec, inputs, f"test on {label}", units)}

    def _add_text_embeddings(self, encoder: EncoderSource) -> str:
        spec = EmbedTextSpec(
            encoder=self._pinned[encoder.name],
            texts=tuple(PROMPT.format(name) for name in self.task.classes),
            numerics=self._numerics,
        )
        return self.graph.add(spec, {}, f"embed class names by {encoder.label}", len(self.task.classes))

    @property
    def _numerics(self) -> Numerics:
        """Published encoders run in float32, so that results are comparable with published numbers."""
        return self.study.numerics.step_numerics()


def _families(metrics: Mapping[str, Metric]) -> tuple[_Family, ...]:
    """Return the families of the requested metrics; every user-defined metric is its own family."""
    families: dict[str, _Family] = {}
    for name, metric in metrics.items():
        family_name = metric.family if name in METRICS else metric.name
        families.setdefault(family_name, _Family(family_name, metric.reads, pinned_family(name)))
    return tuple(families.values())
