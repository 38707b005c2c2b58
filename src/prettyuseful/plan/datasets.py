"""From what a study says of a data set to the steps that make it: generate, import, mix or change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prettyuseful.data.pixels import StoredSize
from prettyuseful.diagnosis.causes import droppable
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, located
from prettyuseful.generators.base import Origin
from prettyuseful.generators.batches import Cut
from prettyuseful.generators.models import MODELS, find_model, is_pipeline_folder, pin_model
from prettyuseful.generators.settings import resolved
from prettyuseful.numerics import DType
from prettyuseful.plan.planned import PlannedDataset, Planning
from prettyuseful.plan.prompts import PART, PinnedModel, PromptSteps
from prettyuseful.plan.real import RealImages, add_sample
from prettyuseful.plugins import is_plugin, plugin_fingerprint, plugin_id
from prettyuseful.steps.changed import ChangeSpec, DropSpec
from prettyuseful.steps.datasets import ImportSpec, MixSpec
from prettyuseful.steps.generation import CollectSpec, GenerateSpec
from prettyuseful.study.file import REAL, DatasetPlan


@dataclass(frozen=True)
class _Made:
    """The step that leaves a data set, where its images come from, and the step of its prompts, if it has any."""

    dataset: str
    origin: Origin
    prompts: str | None = None


@dataclass(frozen=True)
class _Generator:
    """What draws images: a class of the user's, or a diffusion `model`. `dtype`: its own number format on a GPU."""

    origin: Origin
    pinned: Pinned[str]
    dtype: DType = "float32"
    model: PinnedModel | None = None


class Datasets:
    """The data sets that a study names, each planned once.

    `stored_size`: of the images that classifiers are trained on. `diagnose` gives the step that diagnoses a data set.
    """

    def __init__(
        self,
        planning: Planning,
        real: RealImages,
        stored_size: StoredSize,
        diagnose: Callable[[PlannedDataset], str],
    ) -> None:
        self.planning, self.real, self.stored_size, self.diagnose = planning, real, stored_size, diagnose
        self.graph, self.classes = planning.graph, planning.task.classes
        self.prompts = PromptSteps(planning, real)
        self._planned: dict[str, PlannedDataset] = {}

    def planned(self, name: str) -> PlannedDataset:
        """A data set by its name.

        Raises:
            UserError: its generator, prompts, sampling or parts cannot be used.
        """
        if name not in self._planned:
            plan = self.planning.study.datasets[name]
            with located(f"data set {name!r}"):
                made = self._made(name, plan)
            keys = {"dataset": made.dataset, "sample": add_sample(self.planning, made.dataset, name)}
            if made.prompts is not None:
                keys["prompt"] = made.prompts
            self._planned[name] = PlannedDataset(
                name, plan.count, keys, made.origin, plan, self._before(plan), prompts=plan.prompts.label
            )
        return self._planned[name]

    def _before(self, plan: DatasetPlan) -> PlannedDataset | None:
        """What classifiers are trained on first: of real images as many as the data set has."""
        if plan.pretrain is None:
            return None
        return self.real.train(self.real.count(plan.count)) if plan.pretrain == REAL else self.planned(plan.pretrain)

    def _made(self, name: str, plan: DatasetPlan) -> _Made:
        if plan.mix is not None:
            return self._mixed(name, plan.mix)
        if plan.of is not None:
            return self._changed(name, plan, plan.of)
        source = str(plan.generator)
        if is_plugin(source):
            _refuse(plan, "sampling", "your own generator has its own settings")
            origin = Origin(plugin_id(source), "custom", note="a generator of your own")
            pinned = Pinned(source=source, content=plugin_fingerprint(source))
            return self._generated(name, plan, _Generator(origin, pinned))
        if source not in MODELS and not is_pipeline_folder(source):
            from prettyuseful.data.sources.open import is_source

            if is_source(source):
                return self._imported(name, plan, source)
        model, pinned = find_model(source), pin_model(source)
        diffusion = PinnedModel(model, pinned, resolved(plan.sampling, model))
        return self._generated(name, plan, _Generator(model.origin, pinned, model.dtype, diffusion))

    def _imported(self, name: str, plan: DatasetPlan, place: str) -> _Made:
        from prettyuseful.data.sources.class_names import check_labels
        from prettyuseful.data.sources.open import open_source

        for field_name in ("prompts", "sampling", "seed"):
            _refuse(plan, field_name, "these images are there already")
        source = open_source(place)
        check_labels(source, self.classes, plan.count)
        images = Pinned(source=place, content=source.fingerprint())
        spec = ImportSpec(images=images, classes=self.classes, per_class=plan.count)
        key = self.graph.add(spec, {}, f"import {name}", plan.count * len(self.classes))
        return _Made(key, Origin(name, "folder", note=f"images from {source.kind}"))

    def _mixed(self, name: str, mix: Mapping[str, int]) -> _Made:
        inputs = {
            part: self.real.load("train", count) if part == REAL else self.planned(part).key
            for part, count in mix.items()
        }
        units = sum(mix.values()) * len(self.classes)
        key = self.graph.add(MixSpec(parts=tuple(mix.items())), inputs, f"mix {name}", units)
        words = ", ".join(f"{count} {part}" for part, count in mix.items())
        return _Made(key, Origin(f"mix of {' and '.join(mix)}", "mix", note=f"{words} per class"))

    def _changed(self, name: str, plan: DatasetPlan, of: str) -> _Made:
        units = plan.count * len(self.classes)
        dataset = self.real.load("train", plan.count) if of == REAL else self.planned(of).key
        if plan.transform is None:
            assert plan.drop is not None
            inputs = {"dataset": dataset, "diagnosis": self.diagnose(self.planned(of))}
            key = self.graph.add(DropSpec(cause=plan.drop), inputs, f"drop {plan.drop} of {of}: {name}", units)
            note = f"{of} without {droppable()[plan.drop].words}"
            return _Made(key, Origin(f"{of} without some", "changed", note=note))
        spec = ChangeSpec(
            transform=plan.transform.pin(),
            stored_size=self.stored_size,
            per_class=plan.count,
            numerics=self.planning.study.numerics.of_steps(),
        )
        key = self.graph.add(spec, {"dataset": dataset}, f"change {of}: {name}", units)
        return _Made(key, Origin(f"{of} changed", "changed", note=f"{of} after {plan.transform.kind}"))

    def _generated(self, name: str, plan: DatasetPlan, generator: _Generator) -> _Made:
        numerics = self.planning.study.numerics.of_generation(generator.dtype)
        resolved_prompts, real_count = plan.prompts.resolve(self.planning.task), self.real.count(plan.count)
        per_class = resolved_prompts.per_class(real_count)
        cut = Cut.of(plan.count, per_class, self.planning.study.numerics.micro_batch)
        prompts = self.prompts.write(resolved_prompts, plan.prompts.label, real_count)
        # All encoding stands before the first sampling: text encoders and denoisers share no memory.
        encoded = {} if generator.model is None else self.prompts.encode(prompts, per_class, generator.model, numerics)
        cuts = [(first, stop, cut.within(first, stop)) for first, stop in cut.shards()]  # the same for all classes
        shards: dict[str, str] = {}
        for label, class_name in enumerate(self.classes):
            for first, stop, images in cuts:
                parts = sorted({(label * per_class + i % per_class) // PART for i in images}) if encoded else []
                spec = GenerateSpec(
                    generator=generator.origin.id,
                    model=generator.pinned,
                    sampling=generator.model.sampling if generator.model else None,
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
        collect = CollectSpec(classes=self.classes, images_per_class=plan.count)
        key = self.graph.add(collect, shards, f"collect {name}", plan.count * len(self.classes))
        return _Made(key, generator.origin, prompts)


def _refuse(plan: DatasetPlan, field_name: str, why: str) -> None:
    if field_name in plan.model_fields_set:
        raise DataError(f"{field_name} has no effect here: {why}; remove it")
