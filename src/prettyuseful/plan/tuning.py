"""Plan the tunings of a study: the steps that train LoRA weights, and which images are made with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.errors import DataError, prefix_location
from prettyuseful.generators.base import AddedWeights
from prettyuseful.generators.choice import GeneratorChoice, Lora
from prettyuseful.generators.model import Model
from prettyuseful.generators.pinning import pin_generator
from prettyuseful.paths import exists
from prettyuseful.plan.planned import PlanContext
from prettyuseful.plan.prompts import PromptPlanner
from prettyuseful.plan.real import RealImages
from prettyuseful.steps.tuning import TuneSpec
from prettyuseful.tuning.families import TUNED
from prettyuseful.tuning.plan import TunePlan


@dataclass(frozen=True)
class _PreparedTuning:
    """What the steps of a tuning share: the one for all classes, and the keys of the inputs."""

    spec: TuneSpec
    inputs: dict[str, str]


class TuningPlanner:
    """Plans the tunings that generators name, each once."""

    def __init__(self, context: PlanContext, real: RealImages, prompts: PromptPlanner) -> None:
        self.context, self.real, self.prompts = context, real, prompts
        self.plans: Mapping[str, TunePlan] = context.study.tune
        self._prepared: dict[str, _PreparedTuning] = {}
        self._keys: dict[tuple[str, int | None], str] = {}

    def names(self, choice: GeneratorChoice) -> tuple[str, ...]:
        """Return the names of the tunings that a generator uses.

        Raises:
            DataError: a name is that of a tuning and of a file, or the tuning is of another family of models.
        """
        found = []
        for lora in choice.loras:
            name = Path(lora.path or "").name
            if name not in self.plans:
                continue
            if exists(lora.location):
                raise DataError(f"lora: {name} is a tuning of this study and a file; rename one of them")
            if name != lora.path:
                continue
            model, tuned = choice.find(), self.plans[name].of.find()
            if model.family != tuned.family:
                raise DataError(
                    f"lora: {name} is tuned on {tuned.id}, a model of the family {tuned.family}, and {model.id} is of "
                    f"the family {model.family}"
                )
            if not _have_one_shape(model, tuned):
                raise DataError(
                    f"lora: {name} is tuned on {tuned.id}, and {model.id} has layers of other shapes; tune it of: "
                    f"{model.id}"
                )
            found.append(name)
        return tuple(found)

    def inputs(self, choice: GeneratorChoice, label: int) -> dict[str, str]:
        """Return the inputs with the LoRA weights for images of a class, by the position of the LoRA."""
        return {
            f"lora {number}": self._key(lora.path, label)
            for number, lora in enumerate(choice.loras)
            if lora.path is not None and lora.path in self.plans
        }

    def words(self, choice: GeneratorChoice) -> list[str]:
        """Return what the tuned weights of a generator are made from, for records and reports."""
        return [f"LoRA weights {record.name}" for record in self.added(choice)]

    def added(self, choice: GeneratorChoice) -> tuple[AddedWeights, ...]:
        """Return the tuned weights of a generator, for records."""
        tuned = [lora for lora in choice.loras if lora.path in self.plans]
        return tuple(self._record(str(lora.path), lora) for lora in tuned)

    def _record(self, name: str, lora: Lora) -> AddedWeights:
        plan, classes = self.plans[name], self.context.task.classes
        steps = [self._key(name, label) for label in range(len(classes) if plan.per == "class" else 1)]
        number = plan.images_per_class
        return AddedWeights(
            "lora",
            f"{name}, tuned on {number} real training images of {'the' if plan.per == 'class' else 'each'} class",
            lora.weight,
            {"steps": [*steps], "images": self._prepare(name).inputs["images"]},
        )

    def _images(self, plan: TunePlan) -> str:
        """Return the key of the step that loads the training images.

        Raises:
            DataError: the task has fewer images, or one of them is a real test image, too.
        """
        self.real.refuse_test_images(ClassCounts(plan.images_per_class), "images_per_class")
        return self.real.load_step("train", plan.images_per_class, "tune.images_per_class")

    def _key(self, name: str, label: int) -> str:
        """Return the key of the step that trains the weights for images of a class.

        Raises:
            UserError: the model cannot be tuned, or the task has fewer images.
        """
        plan = self.plans[name]
        of_class = label if plan.per == "class" else None
        if (name, of_class) not in self._keys:
            self._keys[name, of_class] = self._add_step(name, plan, of_class)
        return self._keys[name, of_class]

    def _prepare(self, name: str) -> _PreparedTuning:
        """Return what the steps of a tuning share.

        Raises:
            UserError: the model cannot be tuned, or the task has fewer images.
        """
        if name not in self._prepared:
            with prefix_location(f"tune.{name}"):
                self._prepared[name] = self._prepare_new(self.plans[name])
        return self._prepared[name]

    def _prepare_new(self, plan: TunePlan) -> _PreparedTuning:
        model = plan.of.find()
        _check_family(model)
        _check_size(plan.size, model)
        numerics = self.context.study.numerics.generation_numerics("bfloat16", plan.of.dtype)
        if numerics.dtype == "float16":
            raise DataError("training in float16 needs loss scaling; set of: {dtype: bfloat16} or float32")
        pinned = pin_generator(plan.of)
        prompts = plan.prompts.resolve(self.context.task)
        written = self.prompts.add_prompts(prompts, plan.prompts.label, ClassCounts(plan.images_per_class).smallest)
        spec = TuneSpec(
            generator=model.id,
            model=pinned.whole,
            settings=plan.settings,
            label=None,
            seed=plan.seed,
            numerics=numerics,
        )
        return _PreparedTuning(spec, {"images": self._images(plan), "prompts": written})

    def _add_step(self, name: str, plan: TunePlan, label: int | None) -> str:
        prepared = self._prepare(name)
        spec = prepared.spec.model_copy(update={"label": label})
        of_class = "" if label is None else f" for {self.context.task.classes[label]}"
        words, units = f"tune {spec.generator}{of_class}: {name}", plan.steps * plan.batch_size
        return self.context.graph.add(spec, prepared.inputs, words, units, {"tuning": name})


def _check_size(size: int | None, model: Model) -> None:
    multiple = TUNED[model.family].multiple
    if size is not None and size % multiple:
        near = max(multiple, round(size / multiple) * multiple)
        raise DataError(
            f"size is {size}, but {model.id} is trained on multiples of {multiple} pixels; set size: {near}"
        )


def _have_one_shape(model: Model, tuned: Model) -> bool:
    """Whether weights for one model fit another of the same family, as far as their rows say."""
    facts = [(each.embedding, each.footprint.denoiser if each.footprint else None) for each in (model, tuned)]
    return all(None in pair or pair[0] == pair[1] for pair in zip(*facts, strict=True))


def _check_family(model: Model) -> None:
    if model.family not in TUNED or model.refiner:
        raise DataError(
            f"{model.id!r} cannot be tuned here (families that can be: {', '.join(TUNED)}); train a LoRA with the "
            "scripts of diffusers, and give its file in lora"
        )
