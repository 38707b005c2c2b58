"""From what a study says of a data set to the steps that make it: load, generate, import, mix or change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prettyuseful.data.pixels import StoredSize
from prettyuseful.engine.graph import Graph
from prettyuseful.errors import DataError, UserError
from prettyuseful.generators.base import Origin, Sampling
from prettyuseful.generators.batches import Cut
from prettyuseful.generators.models import MODELS, Model, find_model, is_pipeline_folder, model_fingerprint
from prettyuseful.generators.settings import resolved
from prettyuseful.numerics import Numerics
from prettyuseful.plugins import is_plugin, plugin_fingerprint, plugin_id
from prettyuseful.prompts.captioners.source import CaptionerSource
from prettyuseful.prompts.plan import ResolvedPrompts
from prettyuseful.records import Subject
from prettyuseful.steps.changed import ChangeSpec, DropSpec
from prettyuseful.steps.datasets import ImportSpec, LoadSpec, MixSpec, SampleSpec
from prettyuseful.steps.generation import CollectSpec, GenerateSpec
from prettyuseful.steps.measures import Family
from prettyuseful.steps.prompts import CaptionSpec, EncodeSpec, PromptSpec
from prettyuseful.study.file import REAL, DatasetPlan, Study
from prettyuseful.tasks.base import Split, Task, too_few

_SAMPLES_PER_CLASS = 8
_PART = 100  # prompts per encode step, and images per caption step: what an interruption can cost


@dataclass(frozen=True)
class PlannedMeasure:
    """A family of metrics by an encoder, measured in the step `key`.

    `subject`: see `records.MeasureResult`. `reencoded`: the step that re-encoded the images as the real test images
    were; None for images as they are.
    """

    encoder: str
    family: Family
    subject: Subject
    key: str
    reencoded: str | None

    @property
    def label(self) -> str:
        """What tells it from all other measures of its data set."""
        of_train = " real-train" if self.subject == "real-train" else ""
        return f"measure {self.family} {self.encoder}{of_train}{' alike' if self.reencoded else ''}"


@dataclass(frozen=True)
class PlannedDataset:
    """A data set of the study: `keys` of its artifacts by the name of their step. `plan` is None for real images."""

    name: str
    images_per_class: int
    keys: Mapping[str, str]
    origin: Origin | None = None
    plan: DatasetPlan | None = None
    measures: tuple[PlannedMeasure, ...] = ()


@dataclass
class DatasetPlanner:
    """Adds to the graph what makes data sets; each is planned once.

    `stored_size`: of the images that classifiers are trained on. `diagnosis` gives the step that diagnoses a data set.
    """

    study: Study
    task: Task
    graph: Graph
    stored_size: StoredSize
    diagnosis: Callable[[PlannedDataset], str]
    _planned: dict[str, PlannedDataset] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.fingerprint = self.task.fingerprint()

    def real(self, per_class: int) -> PlannedDataset:
        """The first real train images of every class."""
        key = self.load("train", per_class)
        return PlannedDataset(REAL, per_class, {"dataset": key, "sample": self._sample(key, REAL)})

    def load(self, split: Split, per_class: int) -> str:
        """The step that loads real images."""
        if per_class > self.task.available(split):
            raise DataError(too_few(self.task, split, per_class))
        spec = LoadSpec(task=self.study.task, fingerprint=self.fingerprint, split=split, per_class=per_class)
        return self.graph.add(
            spec, {}, f"load {per_class} real {split} images per class", per_class * len(self.task.classes)
        )

    def synthetic(self, name: str) -> PlannedDataset:
        """A data set that the study names.

        Raises:
            UserError: its generator, prompts, sampling or parts cannot be used.
        """
        if name not in self._planned:
            plan = self.study.datasets[name]
            try:
                key, origin, keys = self._made(name, plan)
            except UserError as error:
                raise type(error)(f"data set {name!r}: {error}") from None
            keys = {"dataset": key, "sample": self._sample(key, name), **keys}
            self._planned[name] = PlannedDataset(name, plan.count, keys, origin, plan)
        return self._planned[name]

    def real_count(self, per_class: int) -> int:
        """As many real images as there are synthetic ones, or all that the task has."""
        return min(per_class, self.task.available("train"))

    def _made(self, name: str, plan: DatasetPlan) -> tuple[str, Origin, dict[str, str]]:
        if plan.mix is not None:
            return self._mixed(name, plan.mix)
        if plan.of is not None:
            return self._changed(name, plan, plan.of)
        source = str(plan.generator)
        if is_plugin(source):
            origin = Origin(plugin_id(source), "custom", note="a generator of your own")
            _refuse(plan, "sampling", "your own generator has its own settings")
            return self._generated(name, plan, origin, plugin_fingerprint(source), None, None)
        if source not in MODELS and not is_pipeline_folder(source):
            from prettyuseful.data.sources.open import is_source

            if is_source(source):
                return self._imported(name, plan, source)
        model = find_model(source)
        sampling = resolved(plan.sampling, model)
        return self._generated(name, plan, model.origin, model_fingerprint(model), model, sampling)

    def _imported(self, name: str, plan: DatasetPlan, place: str) -> tuple[str, Origin, dict[str, str]]:
        from prettyuseful.data.sources.labels import check_labels
        from prettyuseful.data.sources.open import open_source

        for field_name in ("prompts", "sampling", "seed"):
            _refuse(plan, field_name, "these images are there already")
        source = open_source(place)
        check_labels(source, self.task.classes, plan.count)
        spec = ImportSpec(
            place=place, fingerprint=source.fingerprint(), classes=self.task.classes, per_class=plan.count
        )
        key = self.graph.add(spec, {}, f"import {name}", plan.count * len(self.task.classes))
        return key, Origin(name, "folder", note=f"images from {source.kind}"), {}

    def _mixed(self, name: str, mix: Mapping[str, int]) -> tuple[str, Origin, dict[str, str]]:
        inputs = {
            part: self.load("train", count) if part == REAL else self.synthetic(part).keys["dataset"]
            for part, count in mix.items()
        }
        units = sum(mix.values()) * len(self.task.classes)
        key = self.graph.add(MixSpec(parts=tuple(mix.items())), inputs, f"mix {name}", units)
        words = ", ".join(f"{count} {part}" for part, count in mix.items())
        return key, Origin(f"mix of {' and '.join(mix)}", "mix", note=f"{words} per class"), {}

    def _changed(self, name: str, plan: DatasetPlan, of: str) -> tuple[str, Origin, dict[str, str]]:
        units = plan.count * len(self.task.classes)
        dataset = self.load("train", plan.count) if of == REAL else self.synthetic(of).keys["dataset"]
        if plan.transform is None:
            assert plan.drop is not None
            inputs = {"dataset": dataset, "diagnosis": self.diagnosis(self.synthetic(of))}
            key = self.graph.add(DropSpec(cause=plan.drop), inputs, f"drop {plan.drop} of {of}: {name}", units)
            words = {"labels": "images with suspect labels", "copies": "near-copies of real images"}[plan.drop]
            return key, Origin(f"{of} without some", "changed", note=f"{of} without {words}"), {}
        spec = ChangeSpec(
            transform=plan.transform,
            identity=plan.transform.identity(),
            stored_size=self.stored_size,
            per_class=plan.count,
            numerics=self.study.numerics.of_steps(),
        )
        key = self.graph.add(spec, {"dataset": dataset}, f"change {of}: {name}", units)
        return key, Origin(f"{of} changed", "changed", note=f"{of} after {plan.transform.kind}"), {}

    def _generated(
        self,
        name: str,
        plan: DatasetPlan,
        origin: Origin,
        fingerprint: str,
        model: Model | None,
        sampling: Sampling | None,
    ) -> tuple[str, Origin, dict[str, str]]:
        numerics = self.study.numerics.of_generation(model.dtype if model else "float32")
        asked, real_count = plan.prompts.resolve(self.task), self.real_count(plan.count)
        prompts, per_class = self._prompts(asked, plan.prompts.label, real_count), asked.per_class(real_count)
        cut = Cut.of(plan.count, per_class, self.study.numerics.micro_batch)
        encoded: dict[int, str] = {}
        if model is not None and sampling is not None:
            encoded = self._encoded(plan, model, fingerprint, sampling, prompts, per_class, numerics)
        cuts = [(first, stop, cut.within(first, stop)) for first, stop in cut.shards()]  # the same for all classes
        shards: dict[str, str] = {}
        for label, class_name in enumerate(self.task.classes):
            for first, stop, images in cuts:
                parts = sorted({(label * per_class + i % per_class) // _PART for i in images}) if encoded else []
                spec = GenerateSpec(
                    generator=origin.id,
                    fingerprint=fingerprint,
                    source=str(plan.generator),
                    sampling=sampling,
                    label=label,
                    images=images[-1] + 1,
                    prompts=per_class,
                    first=first,
                    stop=stop,
                    seed=plan.seed,
                    micro_batch=cut.size,
                    numerics=numerics,
                )
                inputs = {"prompts": prompts, **{f"embeddings {part:05d}": encoded[part] for part in parts}}
                words = f"generate {name}: {class_name} {images[0]}-{images[-1] + 1}"
                shards[f"{len(shards):05d}"] = self.graph.add(spec, inputs, words, len(images))
        collect = CollectSpec(classes=self.task.classes, images_per_class=plan.count)
        key = self.graph.add(collect, shards, f"collect {name}", plan.count * len(self.task.classes))
        return key, origin, {"prompt": prompts}

    def _encoded(
        self,
        plan: DatasetPlan,
        model: Model,
        fingerprint: str,
        sampling: Sampling,
        prompts: str,
        per_class: int,
        numerics: Numerics,
    ) -> dict[int, str]:
        """The steps that encode the prompts, by part. All stand before the first that samples: they share no memory."""
        guided = (sampling.cfg or 1) > 1
        return {
            part: self.graph.add(
                EncodeSpec(
                    generator=model.id,
                    fingerprint=fingerprint,
                    source=str(plan.generator),
                    sequence=model.max_sequence,
                    guided=guided,
                    negative=sampling.negative,
                    first=first,
                    stop=stop,
                    numerics=numerics,
                ),
                {"prompts": prompts},
                f"encode prompts {first}-{stop} for {model.id}",
                stop - first,
            )
            for part, (first, stop) in enumerate(_parts(per_class * len(self.task.classes)))
        }

    def _prompts(self, asked: ResolvedPrompts, label: str, real_count: int) -> str:
        inputs = self._captions(asked.captioner, real_count) if asked.captioner else {}
        spec = PromptSpec(strategy=asked.strategy, classes=asked.classes, options=asked.options)
        return self.graph.add(spec, inputs, f"write {label} prompts", 1)

    def _captions(self, captioner: CaptionerSource, per_class: int) -> dict[str, str]:
        images = self.load("train", per_class)
        pinned, numerics = captioner.pin(), self.study.numerics.of_generation("bfloat16")
        return {
            f"captions {number:05d}": self.graph.add(
                CaptionSpec(captioner=pinned, first=first, stop=stop, numerics=numerics),
                {"images": images},
                f"caption real train images {first}-{stop}",
                stop - first,
            )
            for number, (first, stop) in enumerate(_parts(per_class * len(self.task.classes)))
        }

    def _sample(self, dataset: str, name: str) -> str:
        return self.graph.add(SampleSpec(per_class=_SAMPLES_PER_CLASS), {"dataset": dataset}, f"sample {name}", 1)


def _parts(total: int) -> Iterator[tuple[int, int]]:
    for first in range(0, total, _PART):
        yield first, min(first + _PART, total)


def _refuse(plan: DatasetPlan, field_name: str, why: str) -> None:
    if field_name in plan.model_fields_set:
        raise DataError(f"{field_name} has no effect here: {why}; remove it")
