"""Plan the steps that measure the distribution metrics of data sets, on original and re-encoded images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.encoders.source import REAL_TRAINED, EncoderSource
from prettyuseful.encoders.table import ENCODERS
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, StudyError, prefix_location
from prettyuseful.metrics.base import Metric, Reads
from prettyuseful.metrics.rows import METRICS, pinned_family, requested_metrics
from prettyuseful.plan.cells import AnyCell, FrozenCell, PlannedCell
from prettyuseful.plan.features import FeaturePlanner, TrainedOnReal
from prettyuseful.plan.planned import PlanContext, PlannedDataset, PlannedMeasure
from prettyuseful.plan.scores import ScorePlanner
from prettyuseful.records import Subject
from prettyuseful.steps.classifiers import EvaluateSpec
from prettyuseful.steps.measures import MeasureSpec
from prettyuseful.steps.reencode import ReencodeSpec
from prettyuseful.study.file import REAL, Study
from prettyuseful.tasks.base import summarise_names
from prettyuseful.training.recipes import FROZEN_FEATURES

IMAGE_SCORES = "image-scores"
"""What stands in records in place of an encoder for metrics of scores of single images."""
_MIN_IMAGES = 3  # images per class that any metric needs


@dataclass(frozen=True)
class _Family:
    """A family of metrics that are measured in one step; `name` appears in labels.

    `metrics`: names of the requested metrics. `fewest`: images of a class that they need on either side.
    """

    name: str
    reads: Reads
    pinned: Pinned[str]
    metrics: tuple[str, ...]
    fewest: int


def used_encoders(study: Study, cells: Sequence[AnyCell]) -> tuple[EncoderSource, ...]:
    """Return the encoders of the metrics.

    In a study that trains no network, the real-trained classifier is a linear probe on frozen features: the encoder of
    the first cell takes its place.
    """
    if any(isinstance(cell, PlannedCell) for cell in cells):
        return study.encoders
    frozen = [cell.encoder for cell in cells if isinstance(cell, FrozenCell)]
    chosen = (frozen[0] if encoder.is_task_classifier else encoder for encoder in study.encoders)
    return tuple({encoder.name: encoder for encoder in chosen}.values())


@dataclass
class MeasurePlanner:
    """Adds the steps that measure data sets to the graph.

    Every data set is compared with equally many real images, class by class, whatever the other data sets have.

    `test`: key of the step of the real test images. `features`: plans the features of published encoders. `encoders`:
    that are used. `trained`: the study's first classifier on real images; None if the study trains no network.

    Raises:
        UserError: an unknown metric, or two metrics with one name.
    """

    context: PlanContext
    test: str
    features: FeaturePlanner
    encoders_used: Sequence[EncoderSource]
    trained: TrainedOnReal | None

    def __post_init__(self) -> None:
        self.study, self.task, self.graph = self.context.study, self.context.task, self.context.graph
        with prefix_location("metrics"):
            self.metrics = requested_metrics(self.study.metrics)
            self._families = _families(self.metrics)
        self.scores = ScorePlanner(self.context)

    def with_measures(self, datasets: Sequence[PlannedDataset]) -> list[PlannedDataset]:
        """Return the data sets with their measurements.

        A data set or class with too few images for a metric is left out of it, and the notes of the plan say so.

        Raises:
            UserError: no data set has enough images, an unknown encoder, or an encoder that lacks what a metric needs.
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
        architecture = self.trained.cell.architecture if self.trained else ""
        real = f"penultimate layer of {architecture} trained on the task's real images"
        requested = {encoder.label: encoder for encoder in self.encoders_used}
        if any(metric.reads == "logits" for metric in self.metrics.values()):
            requested.setdefault(REAL_TRAINED, EncoderSource(name=REAL_TRAINED))
        words = {name: real if name == REAL_TRAINED else encoder.words for name, encoder in requested.items()}
        if any(metric.reads == "scores" for metric in self.metrics.values()):
            words[IMAGE_SCORES] = "of each image by itself, at its stored size"
        return words

    def _check(self, datasets: Sequence[PlannedDataset]) -> None:
        """Check encoders and numbers of images now, because the error would otherwise occur after the training."""
        for metric in self.metrics.values():
            if metric.reads == "logits" and self.trained is None:
                raise StudyError(
                    f"metrics: {metric.name} needs a network that is trained on real images, which the recipe "
                    f"{FROZEN_FEATURES} does not train; remove it, or add another recipe"
                )
            if metric.reads == "texts" and not any(encoder.encodes_text for encoder in self.encoders_used):
                raise StudyError(
                    f"metrics: {metric.name} needs an encoder that also embeds texts; add one to encoders, such as "
                    f"{next(row.name for row in ENCODERS if row.encodes_text)}"
                )
        for encoder in self.encoders_used:
            with prefix_location("encoders"):
                self.features.pinned(encoder)
        synthetic = [dataset for dataset in datasets if dataset.name != REAL]
        most = max(self._compared(dataset).largest for dataset in datasets)
        requirement = (
            f"in a data set and in half of the real test images, but at most {most} can be compared; use more images, "
            "or disable metrics with 'metrics: []'"
        )
        measurable = [f for f in self._families if any(self._measured(dataset, f) for dataset in datasets)]
        names_met = {name for family in measurable for name in family.metrics}
        unmet = [metric for name, metric in self.metrics.items() if name not in names_met]
        if unmet and most < _MIN_IMAGES and all(metric.fewest <= _MIN_IMAGES for metric in unmet):
            raise DataError(f"metrics: at least {_MIN_IMAGES} images per class are needed {requirement}")
        if unmet:
            k, fewest = unmet[0].k, unmet[0].fewest
            names = ", ".join(metric.name for metric in unmet if (metric.k, metric.fewest) == (k, fewest))
            reason = f" for {k} nearest neighbours" if k else ""
            raise DataError(f"{names}: at least {fewest} images per class are needed{reason} {requirement}")
        for dataset in synthetic:
            self.context.notes.extend(self._notes(dataset))

    def _compared(self, dataset: PlannedDataset) -> ClassCounts:
        """Return the images of each class that can be compared with equally many real ones.

        There are as many real training images, and two halves of the real test images of this size, so that real
        images can be compared with real images in equal numbers.
        """
        return dataset.images_per_class.limit(self.task.counts("train")).limit(self._half_of_test)

    @cached_property
    def _half_of_test(self) -> ClassCounts:
        return ClassCounts(tuple(count // 2 for count in self.task.counts("test")))

    def _measured(self, dataset: PlannedDataset, family: _Family) -> ClassCounts:
        """Return the images of each class that a family is measured on; without any if most classes have too few."""
        classes = range(len(self.task.classes))
        enough = self._compared(dataset).without_small(family.fewest)
        return enough if 2 * sum(enough[label] > 0 for label in classes) >= len(classes) else ClassCounts(0)

    def _notes(self, dataset: PlannedDataset) -> Iterator[str]:
        """Yield one sentence for each number of images that some class of the data set does not have."""
        compared = self._compared(dataset)
        for fewest in sorted({family.fewest for family in self._families}):
            families = [family for family in self._families if family.fewest == fewest]
            names = ", ".join(self.metrics[name].name for family in families for name in family.metrics)
            small = [name for label, name in enumerate(self.task.classes) if compared[label] < fewest]
            if not self._measured(dataset, families[0]):
                yield (
                    f"Not measured for {dataset.name}, because most classes have fewer than {fewest} images, synthetic "
                    f"or real test images of one half: {names}."
                )
            elif small:
                yield (
                    f"Classes with fewer than {fewest} images, synthetic or real test images of one half, are left out "
                    f"of {names} of {dataset.name}: {summarise_names(small)}."
                )

    def _plan_measures(self, dataset: PlannedDataset) -> Iterator[PlannedMeasure]:
        """Plan the measurements of original and re-encoded images.

        Real images have two: the two halves of the test images, and training images against test images.
        """
        images = dataset.keys["dataset"]
        subjects: tuple[Subject, ...] = ("real-test", "real-train") if dataset.name == REAL else ("data-set",)
        compared = self._compared(dataset)
        reencoded = self._add_reencoding(images, self.test, dataset.name, compared)
        test_reencoded = self._add_reencoding(self.test, images, "real test images", None)
        for encoder, family in self._encoder_families():
            per_class, label = self._measured(dataset, family), encoder.label if encoder else IMAGE_SCORES
            for subject in subjects if per_class else ():
                if family.reads == "logits" and not self._logits_are_valid(dataset, subject):
                    continue
                for candidate, test, reencoding in ((images, self.test, None), (reencoded, test_reencoded, reencoded)):
                    key = self._add_measure(dataset.name, encoder, family, subject, test, candidate, per_class)
                    yield PlannedMeasure(label, family.name, subject, key, reencoding)

    def _encoder_families(self) -> Iterator[tuple[EncoderSource | None, _Family]]:
        """Yield each encoder with each family of metrics that it can measure.

        Metrics of logits always use the classifier trained on real images, metrics of scores no encoder.
        """
        for encoder in self.encoders_used:
            for family in self._families:
                if family.reads in ("both", "synthetic") or (family.reads == "texts" and encoder.encodes_text):
                    yield encoder, family
        for family in self._families:
            if family.reads == "logits":
                yield EncoderSource(name=REAL_TRAINED), family
            elif family.reads == "scores":
                yield None, family

    def _logits_are_valid(self, dataset: PlannedDataset, subject: Subject) -> bool:
        """Return False for images that the classifier may have been trained on: it would agree with their labels."""
        return subject == "real-test" or REAL not in self.study.image_sources(dataset.name)

    def _add_reencoding(self, dataset: str, other: str, label: str, per_class: ClassCounts | None) -> str:
        units = self.graph.units(dataset)
        spec = ReencodeSpec(per_class=per_class)
        return self.graph.add(spec, {"dataset": dataset, "other": other}, f"re-encode {label}", units)

    def _add_measure(
        self,
        name: str,
        encoder: EncoderSource | None,
        family: _Family,
        subject: Subject,
        test: str,
        candidate: str,
        per_class: ClassCounts,
    ) -> str:
        """Add the step that measures a family; without an encoder, from scores of single images."""
        control = subject == "real-test"

        def inputs_for(role: str, dataset: str, label: str) -> dict[str, str]:
            if encoder is None:
                return {role: self.scores.key(dataset, family.pinned.source, label)}
            return (self._logits if family.reads == "logits" else self._features)(role, encoder, dataset, label)

        inputs = inputs_for("reference", test, "real test images")
        if not control:
            inputs |= inputs_for("candidate", candidate, name)
        if encoder is not None and family.reads == "texts":
            inputs["texts"] = self.features.class_names(encoder)
        spec = MeasureSpec(family=family.pinned, control=control, per_class=per_class)
        units, by = per_class.total(len(self.task.classes)), f" by {encoder.label}" if encoder else ""
        return self.graph.add(spec, inputs, f"measure {family.name} of {name}{by}", units)

    def _features(self, role: str, encoder: EncoderSource, dataset: str, label: str) -> dict[str, str]:
        trained = self.trained
        if trained is None or not encoder.is_task_classifier:
            return {role: self.features.key(dataset, encoder, label)}
        return {role: self.features.key_by_classifier(dataset, encoder, label, trained)}

    def _logits(self, role: str, _: EncoderSource, dataset: str, label: str) -> dict[str, str]:
        trained = self.trained
        assert trained is not None  # checked before
        pixels, view = trained.pixels(dataset, trained.cell), trained.cell.view
        spec = EvaluateSpec(view=view, numerics=self.study.numerics.inference_numerics())
        units = self.graph.units(dataset) * view.crops**2
        inputs = {"classifier": trained.classifier, "pixels": pixels}
        return {role: pixels, f"{role} values": self.graph.add(spec, inputs, f"test on {label}", units)}


def _families(metrics: Mapping[str, Metric]) -> tuple[_Family, ...]:
    """Return the families of the requested metrics; every user-defined metric is its own family, a score is one."""
    names_by_family: dict[str, list[str]] = {}
    for name, metric in metrics.items():
        names_by_family.setdefault(metric.family if name in METRICS or metric.score else metric.name, []).append(name)
    return tuple(
        _Family(
            name=family,
            reads=metrics[names[0]].reads,
            pinned=pinned_family(names[0]),
            metrics=tuple(names),
            fewest=max(_MIN_IMAGES, *(metrics[name].fewest for name in names)),
        )
        for family, names in names_by_family.items()
    )
