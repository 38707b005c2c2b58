"""Plan the steps that make each data set of a study: generate, import, mix or change images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.pixels import StoredSize
from prettyuseful.diagnosis.causes import droppable
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, prefix_location
from prettyuseful.generators.base import Origin
from prettyuseful.generators.micro_batches import BatchPlan
from prettyuseful.generators.models import find_model, pin_model
from prettyuseful.generators.settings import resolve_sampling
from prettyuseful.numerics import DType
from prettyuseful.plan.counts import existing_images
from prettyuseful.plan.planned import PlanContext, PlannedDataset
from prettyuseful.plan.prompts import PROMPTS_PER_STEP, PinnedModel, PromptPlanner
from prettyuseful.plan.real import RealImages, add_sample
from prettyuseful.plugins import is_plugin, plugin_fingerprint, plugin_id
from prettyuseful.steps.changed import ChangeSpec, DropSpec
from prettyuseful.steps.datasets import ImportSpec, MixSpec
from prettyuseful.steps.generation import CollectSpec, GenerateSpec
from prettyuseful.study.file import REAL, DatasetPlan


@dataclass(frozen=True)
class _DatasetSteps:
    """The key of the step that makes a data set, the origin of its images, and the key of its prompt step, if any."""

    dataset: str
    origin: Origin
    prompts: str | None = None


@dataclass(frozen=True)
class _Generator:
    """A user-defined generator class, or a diffusion `model`. `dtype`: its native number format on a GPU."""

    origin: Origin
    pinned: Pinned[str]
    dtype: DType = "float32"
    model: PinnedModel | None = None


class DatasetPlanner:
    """Plans the data sets of a study, each once.

    `stored_size`: size of stored training images. `diagnose`: returns the key of the step that diagnoses a data set.
    """

    def __init__(
        self,
        context: PlanContext,
        real: RealImages,
        stored_size: StoredSize,
        diagnose: Callable[[PlannedDataset], str],
    ) -> None:
        self.context, self.real, self.stored_size, self.diagnose = context, real, stored_size, diagnose
        self.graph, self.classes = context.graph, context.task.classes
        self.prompts = PromptPlanner(context, real)
        self._planned: dict[str, PlannedDataset] = {}

    def plan(self, name: str) -> PlannedDataset:
        """Return the planned data set with this name.

        Raises:
            UserError: its generator, prompts, sampling or the data sets it is made from cannot be used.
        """
        if name not in self._planned:
            plan, per_class = self.context.study.datasets[name], self.context.counts[name]
            with prefix_location(f"data set {name!r}"):
                steps = self._add_steps(name, plan, per_class)
            keys = {"dataset": steps.dataset, "sample": add_sample(self.context, steps.dataset, name)}
            if steps.prompts is not None:
                keys["prompt"] = steps.prompts
            self._planned[name] = PlannedDataset(
                name, per_class, keys, steps.origin, plan, self._pretraining(plan, per_class), plan.prompts.label
            )
        return self._planned[name]

    def _pretraining(self, plan: DatasetPlan, per_class: ClassCounts) -> PlannedDataset | None:
        """Return the data set for pretraining; real images are as many as the data set has."""
        if plan.pretrain is None:
            return None
        if plan.pretrain == REAL:
            return self.real.train_dataset(self.real.limit(per_class))
        return self.plan(plan.pretrain)

    def _add_steps(self, name: str, plan: DatasetPlan, per_class: ClassCounts) -> _DatasetSteps:
        if plan.mix is not None:
            return self._add_mix(name, plan.mix)
        if plan.of is not None:
            return self._add_change(name, plan, plan.of, per_class)
        source = str(plan.generator)
        if is_plugin(source):
            _reject_field(plan, "sampling", "a user-defined generator has its own settings")
            origin = Origin(plugin_id(source), "custom", note="a user-defined generator")
            pinned = Pinned(source=source, content=plugin_fingerprint(source))
            return self._add_generation(name, plan, per_class.smallest, _Generator(origin, pinned))
        if existing_images(source):
            return self._add_import(name, plan, source, per_class)
        model, pinned = find_model(source), pin_model(source)
        diffusion = PinnedModel(model, pinned, resolve_sampling(plan.sampling, model))
        return self._add_generation(
            name, plan, per_class.smallest, _Generator(model.origin, pinned, model.dtype, diffusion)
        )

    def _add_import(self, name: str, plan: DatasetPlan, path: str, per_class: ClassCounts) -> _DatasetSteps:
        from prettyuseful.data.sources.class_names import match_large_classes

        for field_name in ("prompts", "sampling", "seed"):
            _reject_field(plan, field_name, "the images already exist")
        source = self.context.open_images(path)
        match_large_classes(source, self.classes, per_class)
        self.context.notes.extend(source.notes(self.classes))
        images = Pinned(source=path, content=source.fingerprint())
        names = self.context.study.task.classes
        spec = ImportSpec(images=images, classes=self.classes, per_class=per_class, names=names)
        key = self.graph.add(spec, {}, f"import {name}", per_class.total(len(self.classes)))
        return _DatasetSteps(key, Origin(name, "folder", note=f"images from {source.kind}"))

    def _add_mix(self, name: str, mix: Mapping[str, int]) -> _DatasetSteps:
        inputs = {
            part: self.real.load_step("train", count, f"mix of data set {name}")
            if part == REAL
            else self.plan(part).key
            for part, count in mix.items()
        }
        units = sum(mix.values()) * len(self.classes)
        key = self.graph.add(MixSpec(parts=tuple(mix.items())), inputs, f"mix {name}", units, {"dataset": name})
        counts = ", ".join(f"{count} {part}" for part, count in mix.items())
        return _DatasetSteps(key, Origin(f"mix of {' and '.join(mix)}", "mix", note=f"{counts} per class"))

    def _add_change(self, name: str, plan: DatasetPlan, of: str, per_class: ClassCounts) -> _DatasetSteps:
        units = per_class.total(len(self.classes))
        dataset = self.real.load_step("train", per_class) if of == REAL else self.plan(of).key
        if plan.transform is None:
            assert plan.drop is not None
            inputs = {"dataset": dataset, "diagnosis": self.diagnose(self.plan(of))}
            key = self.graph.add(DropSpec(cause=plan.drop), inputs, f"drop {plan.drop} of {of}: {name}", units)
            note = f"{of} without {droppable()[plan.drop].words}"
            return _DatasetSteps(key, Origin(f"{of}, some images dropped", "changed", note=note))
        spec = ChangeSpec(
            transform=plan.transform.pin(),
            stored_size=self.stored_size,
            per_class=per_class,
            numerics=self.context.study.numerics.step_numerics(),
        )
        key = self.graph.add(spec, {"dataset": dataset}, f"change {of}: {name}", units)
        return _DatasetSteps(key, Origin(f"{of} changed", "changed", note=f"{of} after {plan.transform.kind}"))

    def _add_generation(self, name: str, plan: DatasetPlan, count: int, generator: _Generator) -> _DatasetSteps:
        numerics = self.context.study.numerics.generation_numerics(generator.dtype)
        resolved_prompts = plan.prompts.resolve(self.context.task)
        self.context.notes.extend(resolved_prompts.words.notes)
        real_count = self.real.limit(ClassCounts(count)).smallest  # captions of equally many images of every class
        per_class = resolved_prompts.per_class(real_count)
        batches = BatchPlan.for_class(count, per_class, self.context.study.numerics.micro_batch)
        prompts = self.prompts.add_prompts(resolved_prompts, plan.prompts.label, real_count)
        # Encode all prompts before sampling, so text encoder and denoiser are never in memory together.
        embeddings = (
            {}
            if generator.model is None
            else self.prompts.add_embeddings(prompts, per_class, generator.model, numerics)
        )
        shard_ranges = [(first, stop, batches.image_indices(first, stop)) for first, stop in batches.shards()]
        names = {"dataset": name, "micro_batch": str(self.context.study.numerics.micro_batch)}
        shards: dict[str, str] = {}
        for label, class_name in enumerate(self.classes):
            for first, stop, images in shard_ranges:
                prompt_indices = [label * per_class + i % per_class for i in images] if embeddings else []
                parts = sorted({index // PROMPTS_PER_STEP for index in prompt_indices})
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
                    micro_batch=batches.size,
                    numerics=numerics,
                )
                inputs = {"prompts": prompts, **{f"embeddings {part:05d}": embeddings[part] for part in parts}}
                step_label = f"generate {name}: {class_name} {images[0]}-{images[-1] + 1}"
                shards[f"{len(shards):05d}"] = self.graph.add(spec, inputs, step_label, len(images), names)
        collect = CollectSpec(classes=self.classes, images_per_class=count)
        key = self.graph.add(collect, shards, f"collect {name}", count * len(self.classes))
        return _DatasetSteps(key, generator.origin, prompts)


def _reject_field(plan: DatasetPlan, field_name: str, reason: str) -> None:
    if field_name in plan.model_fields_set:
        raise DataError(f"{field_name} has no effect here: {reason}; remove it")
