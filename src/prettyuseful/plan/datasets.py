"""Plan the steps that make each data set of a study: generate, import, mix or change images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.pixels import StoredSize
from prettyuseful.diagnosis.causes import droppable
from prettyuseful.diagnosis.listed import ImageSelection
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, prefix_location
from prettyuseful.generators.base import Origin
from prettyuseful.generators.choice import GeneratorChoice
from prettyuseful.generators.conditions.base import Condition
from prettyuseful.generators.hosted import HostedModel
from prettyuseful.generators.micro_batches import MICRO_BATCH, BatchPlan, fills_micro_batches
from prettyuseful.generators.pinning import PinnedChoice, pin_generator
from prettyuseful.generators.settings import resolve_sampling
from prettyuseful.numerics import DType, Numerics
from prettyuseful.plan.conditions import ConditionPlanner, check_custom_condition
from prettyuseful.plan.counts import existing_images
from prettyuseful.plan.hosted import HostedDataset, HostedPlanner
from prettyuseful.plan.planned import PlanContext, PlannedDataset
from prettyuseful.plan.prompts import PROMPTS_PER_STEP, PinnedModel, PromptPlanner
from prettyuseful.plan.real import RealImages, add_sample
from prettyuseful.plan.selections import SelectionPlanner
from prettyuseful.plan.tuning import TuningPlanner
from prettyuseful.plugins import is_plugin, plugin_fingerprint, plugin_id
from prettyuseful.records import dataset_title
from prettyuseful.selection.plan import SelectionPlan
from prettyuseful.steps.changed import ChangeSpec, DropListSpec, DropSpec
from prettyuseful.steps.datasets import ImportSpec, MixSpec, SubsetSpec
from prettyuseful.steps.generation import CollectSpec, Encoding, GenerateSpec
from prettyuseful.study.file import REAL, DatasetPlan
from prettyuseful.study.halving import amount_of


@dataclass(frozen=True)
class _DatasetSteps:
    """The key of the step that makes a data set, the origin of its images, and the key of its prompt step, if any.

    `condition`: see `PlannedDataset`.
    """

    dataset: str
    origin: Origin
    prompts: str | None = None
    condition: str | None = None


@dataclass(frozen=True)
class _Generator:
    """A user-defined generator class, or a diffusion `model`.

    `pinned`: of a model, all of it. `dtype`: its native number format on a GPU. `micro_batch`: images per micro-batch,
    unless the study sets it.
    """

    origin: Origin
    pinned: PinnedChoice
    dtype: DType = "float32"
    micro_batch: int = MICRO_BATCH
    model: PinnedModel | None = None

    def sampled(self, from_embeddings: bool) -> PinnedChoice:
        """Return what a step that samples loads."""
        return self.model.pinned.image if self.model and from_embeddings else self.pinned


@dataclass(frozen=True)
class _SamplingSteps:
    """What all draws of a generated data set share.

    `prompts`: the key of its prompt step. `embeddings`: keys of the steps that encode its prompts, by index; empty for
    a user-defined generator and with `encoding`. `prompts_per_class`: of the strategy. `batches`: the micro-batches of
    a class. `shards`: first and last micro-batch, and the indices of the images, of each shard of a class. `sources`:
    with a condition, the input with the real images.
    """

    generator: _Generator
    prompts: str
    embeddings: Mapping[int, str]
    encoding: Encoding | None
    prompts_per_class: int
    batches: BatchPlan
    shards: tuple[tuple[int, int, Sequence[int]], ...]
    numerics: Numerics
    condition: Pinned[Condition] | None
    sources: Mapping[str, str]

    def embeddings_of(self, label: int, images: Sequence[int]) -> dict[str, str]:
        """Return the inputs with the embedded prompts of some images of a class."""
        if not self.embeddings:
            return {}
        per_class = self.prompts_per_class
        prompts = (label * per_class + i % per_class for i in images)
        parts = sorted({prompt // PROMPTS_PER_STEP for prompt in prompts})
        return {f"embeddings {part:05d}": self.embeddings[part] for part in parts}


class DatasetPlanner:
    """Plans the data sets of a study and their draws, each once.

    `stored_size`: size of stored training images. `diagnose`: returns the key of the step that diagnoses a data set.
    `selections`: plans the choice of images.
    """

    def __init__(
        self,
        context: PlanContext,
        real: RealImages,
        stored_size: StoredSize,
        diagnose: Callable[[PlannedDataset], str],
        selections: SelectionPlanner,
    ) -> None:
        self.context, self.real, self.stored_size, self.diagnose = context, real, stored_size, diagnose
        self.selections = selections
        self.graph, self.classes = context.graph, context.task.classes
        self.prompts, self.conditions = PromptPlanner(context, real), ConditionPlanner(context, real)
        self.tunings = TuningPlanner(context, real, self.prompts)
        self._planned: dict[tuple[str, int], PlannedDataset] = {}
        self._sampling: dict[str, _SamplingSteps] = {}
        self._choices: dict[str, PlannedDataset] = {}
        self.hosted = HostedPlanner(context)
        self._hosted: dict[str, HostedDataset] = {}

    def plan(self, name: str, draw: int = 0) -> PlannedDataset:
        """Return a draw of the data set with this name.

        Images that exist are the same in every draw. Draws beyond the first one have no sample images in the report.

        Raises:
            UserError: its generator, prompts, sampling or the data sets it is made from cannot be used.
        """
        if draw >= self.context.draws[name]:
            draw = 0
        if (name, draw) not in self._planned:
            plan, per_class = self.context.study.datasets[name], self.context.counts[name]
            with prefix_location(f"data set {name!r}"):
                steps = self._add_steps(name, plan, per_class, draw)
            keys = {"dataset": steps.dataset}
            if draw == 0:
                keys["sample"] = add_sample(self.context, steps.dataset, name)
                if steps.prompts is not None:
                    keys["prompt"] = steps.prompts
            pretrain = self._pretraining(plan, per_class, draw)
            self._planned[name, draw] = PlannedDataset(
                name,
                per_class,
                keys,
                steps.origin,
                plan,
                pretrain,
                plan.effective_prompts.label,
                draw=draw,
                condition=steps.condition,
            )
        return self._planned[name, draw]

    def part(self, name: str, share: float, rung: int) -> PlannedDataset:
        """Return a share of the images of each class of the first draw of a data set, for a rung of `halving`.

        A generator makes no more images than it holds, up to whole micro-batches, also for a mix or a change of its
        images. Other data sets are made whole first.

        Raises:
            UserError: see `plan`.
        """
        plan, whole = self.context.study.datasets[name], self.plan(name)
        numbers = [whole.images_per_class[label] for label in range(len(self.classes))]
        per_class = ClassCounts([amount_of(share, number) if number else 0 for number in numbers])
        if (pretrain := whole.pretrain) is not None:
            of_real = pretrain.name == REAL
            real = self.real.train_dataset(self.real.limit(per_class)) if of_real else None
            pretrain = real or self.part(pretrain.name, share, rung)
        with prefix_location(f"data set {name!r}"):
            keys = {"dataset": self._part_key(name, per_class)}
        return PlannedDataset(name, per_class, keys, whole.origin, plan, pretrain, whole.prompts, rung=rung)

    def _part_key(self, name: str, per_class: ClassCounts) -> str:
        """Return the key of the step with `per_class` images of each class of the first draw of a data set."""
        plan, whole = self.context.study.datasets[name], self.plan(name)
        if per_class == self.context.counts[name]:
            return whole.key
        if name in self._sampling:
            return self._generated_part(name, plan, per_class)
        if name in self._hosted:
            return self.hosted.add_part(self._hosted[name], per_class)
        units = per_class.total(len(self.classes))
        if plan.mix is not None and per_class.equal:
            # The same shares of its parts, rounded up; what is too much is cut off.
            total = sum(plan.mix.values())
            counts = {part: amount_of(per_class.smallest / total, count) for part, count in plan.mix.items()}
            inputs = {
                part: self.real.load_step("train", count) if part == REAL else self._part_key(part, ClassCounts(count))
                for part, count in counts.items()
            }
            mixed = self.graph.add(
                MixSpec(parts=tuple(counts.items())),
                inputs,
                f"mix {per_class} of {name}",
                sum(counts.values()) * len(self.classes),
                {"dataset": name},
            )
            if sum(counts.values()) == per_class.smallest:
                return mixed
            return self.graph.add(SubsetSpec(per_class=per_class), {"dataset": mixed}, f"part of {name}", units)
        if plan.of is not None and plan.transform is not None:
            of_real = plan.of == REAL
            source = self.real.load_step("train", per_class) if of_real else self._part_key(plan.of, per_class)
            spec = self.graph.steps[whole.key].spec.model_copy(update={"per_class": per_class})
            return self.graph.add(spec, {"dataset": source}, f"change {per_class} of {plan.of}: {name}", units)
        return self.graph.add(SubsetSpec(per_class=per_class), {"dataset": whole.key}, f"part of {name}", units)

    def of_seed(self, dataset: PlannedDataset, seed: int) -> PlannedDataset:
        """Return the data set as classifiers with a training seed use it.

        A random choice is another one for every training seed, so that the variation over seeds contains that of the
        choice; all other data sets are the same for every seed.
        """
        plan = dataset.plan
        if plan is None or plan.select is None or not plan.select.is_random:
            return dataset
        images, per_class = self._selected_from(plan.select, dataset.draw), dataset.images_per_class
        key = self.selections.add(plan.select, images, per_class, dataset.title, seed)
        if key == dataset.key:
            return dataset
        return self._choices.setdefault(key, replace(dataset, keys={"dataset": key}))

    @property
    def more_choices(self) -> tuple[PlannedDataset, ...]:
        """The random choices of training seeds beyond the first."""
        return tuple(self._choices.values())

    def _pretraining(self, plan: DatasetPlan, per_class: ClassCounts, draw: int) -> PlannedDataset | None:
        """Return the data set for pretraining; real images are as many as the data set has."""
        if plan.pretrain is None:
            return None
        if plan.pretrain == REAL:
            return self.real.train_dataset(self.real.limit(per_class))
        return self.plan(plan.pretrain, draw)

    def _add_steps(self, name: str, plan: DatasetPlan, per_class: ClassCounts, draw: int) -> _DatasetSteps:
        if plan.mix is not None:
            return self._add_mix(name, plan.mix, draw)
        if plan.select is not None:
            return self._add_selection(name, plan.select, per_class, draw)
        if plan.of is not None:
            return self._add_change(name, plan, plan.of, per_class, draw)
        if isinstance(plan.generator, HostedModel):
            return self._add_hosted(name, plan, plan.generator, per_class.smallest, draw)
        assert plan.generator is not None
        choice, source = plan.generator, plan.generator.model
        if is_plugin(source):
            _reject_fields(plan, ("sampling",), "a user-defined generator has its own settings")
            check_custom_condition(plan.condition)
            origin = Origin(plugin_id(source), "custom", note="a user-defined generator")
            custom = Pinned(source=choice, content=plugin_fingerprint(source))
            return self._add_generation(name, plan, per_class.smallest, _Generator(origin, custom), draw)
        if existing_images(choice):
            return self._add_import(name, plan, source, per_class)
        model = choice.find(plan.condition)
        pinned = pin_generator(choice, plan.condition, self.tunings.names(choice))
        diffusion = PinnedModel(model, pinned, resolve_sampling(plan.sampling, model))
        if plan.condition is not None:
            plan.condition.check_steps(diffusion.sampling.steps)
        added = (*pinned.added, *self.tunings.added(choice))
        origin = replace(model.origin, added=added, note=_note(model.note, choice))
        generator = _Generator(origin, pinned.whole, model.dtype, model.micro_batch, diffusion)
        return self._add_generation(name, plan, per_class.smallest, generator, draw)

    def _add_import(self, name: str, plan: DatasetPlan, path: str, per_class: ClassCounts) -> _DatasetSteps:
        from prettyuseful.data.sources.class_names import match_large_classes

        fields = ("prompts", "sampling", "seed", "micro_batch", "condition", "format", "quality")
        _reject_fields(plan, fields, "the images already exist")
        source = self.context.open_images(path)
        match_large_classes(source, self.classes, per_class)
        self.context.notes.extend(source.notes(self.classes))
        images = Pinned(source=path, content=source.fingerprint())
        names = self.context.study.task.classes
        spec = ImportSpec(images=images, classes=self.classes, per_class=per_class, names=names)
        key = self.graph.add(spec, {}, f"import {name}", per_class.total(len(self.classes)))
        return _DatasetSteps(key, Origin(name, "folder", note=f"images from {source.kind}"))

    def _add_mix(self, name: str, mix: Mapping[str, int], draw: int) -> _DatasetSteps:
        inputs = {
            part: self.real.load_step("train", count, f"mix of data set {name}")
            if part == REAL
            else self.plan(part, draw).key
            for part, count in mix.items()
        }
        units, title = sum(mix.values()) * len(self.classes), dataset_title(name, draw)
        key = self.graph.add(MixSpec(parts=tuple(mix.items())), inputs, f"mix {title}", units, {"dataset": name})
        counts = ", ".join(f"{count} {part}" for part, count in mix.items())
        return _DatasetSteps(key, Origin(f"mix of {' and '.join(mix)}", "mix", note=f"{counts} per class"))

    def _add_selection(self, name: str, select: SelectionPlan, per_class: ClassCounts, draw: int) -> _DatasetSteps:
        images = self._selected_from(select, draw)
        key = self.selections.add(select, images, per_class, dataset_title(name, draw))
        if select.is_random and len(self.context.study.all_seeds) > 1:
            self.context.notes.append(
                f"Each training seed has another random choice of the images of {name}; its other measurements are of "
                "the first."
            )
        note = select.words if select.kept.number else f"{select.words}, {per_class} per class"
        return _DatasetSteps(key, Origin(f"{select.of}, some images selected", "selected", note=note))

    def _selected_from(self, select: SelectionPlan, draw: int) -> str:
        """Return the key of the images from which a selection chooses: a draw of a data set, or all real ones."""
        if select.of == REAL:
            return self.real.load_step("train", self.real.available)
        return self.plan(select.of, draw).key

    def _add_change(self, name: str, plan: DatasetPlan, of: str, per_class: ClassCounts, draw: int) -> _DatasetSteps:
        units, title = per_class.total(len(self.classes)), dataset_title(name, draw)
        dataset = self.real.load_step("train", per_class) if of == REAL else self.plan(of, draw).key
        if isinstance(plan.drop, ImageSelection):
            return self._add_drop_list(plan.drop, of, dataset, f"drop listed images of {of}: {title}", units)
        if plan.transform is None:
            assert plan.drop is not None
            inputs = {"dataset": dataset, "diagnosis": self.diagnose(self.plan(of, draw))}
            key = self.graph.add(DropSpec(cause=plan.drop), inputs, f"drop {plan.drop} of {of}: {title}", units)
            note = f"{of} without {droppable()[plan.drop].words}"
            return _DatasetSteps(key, Origin(f"{of}, some images dropped", "changed", note=note))
        spec = ChangeSpec(
            transform=plan.transform.pin(),
            stored_size=self.stored_size,
            per_class=per_class,
            numerics=plan.transform.numerics(self.context.study.numerics.step_numerics()),
        )
        key = self.graph.add(spec, {"dataset": dataset}, f"change {of}: {title}", units)
        return _DatasetSteps(key, Origin(f"{of} changed", "changed", note=f"{of} after {plan.transform.kind}"))

    def _add_drop_list(
        self, selection: ImageSelection, of: str, dataset: str, label: str, units: float
    ) -> _DatasetSteps:
        if self.context.draws[of] > 1:
            raise DataError(
                f"a list of images is about one draw, but {of!r} has {self.context.draws[of]}; set its draws to 1, or "
                "drop by the name of a cause"
            )
        key = self.graph.add(DropListSpec.of(selection), {"dataset": dataset}, label, units)
        note = f"{of} without the images listed in {Path(selection.file).name}"
        return _DatasetSteps(key, Origin(f"{of}, some images dropped", "changed", note=note))

    def _add_hosted(self, name: str, plan: DatasetPlan, model: HostedModel, count: int, draw: int) -> _DatasetSteps:
        if name not in self._hosted:
            _reject_fields(
                plan, ("sampling", "micro_batch", "condition"), "a hosted model has other settings (options)"
            )
            _reject_fields(plan, ("format", "quality"), "the images of a hosted model are kept as received")
            prompts, draws = self._add_prompts(plan, count)[0], self.context.draws[name]
            self._hosted[name] = HostedDataset(name, model.pin(), prompts, count, plan.seed, draws)
        dataset = self._hosted[name]
        return _DatasetSteps(self.hosted.add(dataset, draw), dataset.origin, dataset.prompts)

    def _add_generation(
        self, name: str, plan: DatasetPlan, count: int, generator: _Generator, draw: int
    ) -> _DatasetSteps:
        """Add the steps of one draw; only its seed differs from that of the others."""
        if name not in self._sampling:
            self._sampling[name] = self._prepare_sampling(plan, count, generator)
        sampling, title = self._sampling[name], dataset_title(name, draw)
        key = self._collect_shards(name, plan, sampling.shards, title, draw)
        words = [self.conditions.words(plan.condition, count)] if plan.condition is not None else []
        words += self.tunings.words(generator.pinned.source)
        return _DatasetSteps(key, generator.origin, sampling.prompts, ", ".join(words) or None)

    def _generated_part(self, name: str, plan: DatasetPlan, per_class: ClassCounts) -> str:
        """Add the steps of the first micro-batches of each class of a generated data set; return the key of the images.

        Whole micro-batches may hold some images more, which are cut off.
        """
        sampling, count = self._sampling[name], per_class.smallest
        end = sampling.batches.batches_of(count)
        shards = [shard for shard in sampling.shards if shard[0] < end]
        key = self._collect_shards(name, plan, shards, f"{count} of {name}")
        if sum(len(images) for _, _, images in shards) == count:
            return key
        units = count * len(self.classes)
        return self.graph.add(SubsetSpec(per_class=per_class), {"dataset": key}, f"part of {name}", units)

    def _collect_shards(
        self,
        name: str,
        plan: DatasetPlan,
        parts: Sequence[tuple[int, int, Sequence[int]]],
        title: str,
        draw: int = 0,
    ) -> str:
        """Add the steps that generate some shards of every class of a draw and collect them; return the last key."""
        sampling = self._sampling[name]
        generator = sampling.generator
        names = {"dataset": name, "micro_batch": str(self._micro_batch(plan, generator))}
        shards: dict[str, str] = {}
        pinned = generator.sampled(sampling.encoding is None)
        for label, class_name in enumerate(self.classes):
            loras = self.tunings.inputs(pinned.source, label)
            for first, stop, images in parts:
                spec = GenerateSpec(
                    generator=generator.origin.id,
                    model=pinned,
                    sampling=generator.model.sampling if generator.model else None,
                    label=label,
                    images=images[-1] + 1,
                    prompts=sampling.prompts_per_class,
                    first=first,
                    stop=stop,
                    seed=plan.seed + draw,
                    micro_batch=sampling.batches.size,
                    numerics=sampling.numerics,
                    encoding=sampling.encoding,
                    stored=plan.stored,
                    condition=sampling.condition,
                )
                inputs = {
                    "prompts": sampling.prompts,
                    **loras,
                    **sampling.embeddings_of(label, images),
                    **sampling.sources,
                }
                step_label = f"generate {dataset_title(name, draw)}: {class_name} {images[0]}-{images[-1] + 1}"
                shards[f"{len(shards):05d}"] = self.graph.add(spec, inputs, step_label, len(images), names)
        count = sum(len(images) for _, _, images in parts)
        collect = CollectSpec(classes=self.classes, images_per_class=count)
        return self.graph.add(collect, shards, f"collect {title}", count * len(self.classes))

    def _micro_batch(self, plan: DatasetPlan, generator: _Generator) -> int:
        return plan.micro_batch or self.context.study.numerics.micro_batch or generator.micro_batch

    def _prepare_sampling(self, plan: DatasetPlan, count: int, generator: _Generator) -> _SamplingSteps:
        """Add the steps that write and encode the prompts of a data set, which all of its draws share."""
        own_dtype = plan.generator.dtype if isinstance(plan.generator, GeneratorChoice) else None
        numerics = self.context.study.numerics.generation_numerics(generator.dtype, own_dtype)
        prompts, per_class = self._add_prompts(plan, count)
        model, micro_batch = generator.model, self._micro_batch(plan, generator)
        embeddings, encoding = {}, None
        whole = model.model.kind.whole if model is not None else ""
        if model is not None and whole:
            self.context.notes.append(
                f"{model.model.id}: text encoders and denoiser are in memory together, because {whole}."
            )
        if model is not None and not whole and fills_micro_batches(count, per_class, micro_batch):
            # All prompts before sampling, so that text encoder and denoiser are never in memory together.
            embeddings = self.prompts.add_embeddings(prompts, per_class, model, numerics)
        elif model is not None:  # the embeddings of a prompt may take more bytes than its few images
            encoding = model.encoding
        groups = 1 if encoding is not None and encoding.mixed else per_class
        batches = BatchPlan.for_class(count, groups, micro_batch)
        ends = [batches.batches_of(amount_of(share, count)) for share in self._image_shares()]
        shards = tuple((first, stop, batches.image_indices(first, stop)) for first, stop in batches.shards(ends))
        condition = plan.condition
        pinned = condition.pin() if condition is not None else None
        sources = self.conditions.add_sources(condition, count) if condition is not None else {}
        return _SamplingSteps(
            generator, prompts, embeddings, encoding, per_class, batches, shards, numerics, pinned, sources
        )

    def _add_prompts(self, plan: DatasetPlan, count: int) -> tuple[str, int]:
        """Add the step that writes the prompts of a data set; return its key and the number of prompts per class."""
        written = plan.effective_prompts
        resolved = written.resolve(self.context.task)
        self.context.notes.extend(resolved.words.notes)
        real_count = self.real.limit(ClassCounts(count)).smallest  # captions of equally many images of every class
        key = self.prompts.add_prompts(resolved, written.label, real_count)
        return key, resolved.per_class(real_count)

    def _image_shares(self) -> tuple[float, ...]:
        """Return the shares of the images at which shards end, so that a rung of `halving` reuses the one before."""
        halving = self.context.study.train.halving
        return halving.shares[:-1] if halving is not None and halving.over == "images" else ()


def _note(note: str, choice: GeneratorChoice) -> str:
    return "; ".join(filter(None, [note, ", ".join(choice.added) and f"with {', '.join(choice.added)}"]))


def _reject_fields(plan: DatasetPlan, names: Sequence[str], reason: str) -> None:
    """Raise a DataError if a data set has a field in `names`, or its generator settings, which have no effect."""
    choice = plan.generator if isinstance(plan.generator, GeneratorChoice) else None
    settings = [f"generator.{name}" for name in choice.settings] if choice else []
    if found := [name for name in names if name in plan.model_fields_set] + settings:
        raise DataError(f"{found[0]} has no effect here: {reason}; remove it")
