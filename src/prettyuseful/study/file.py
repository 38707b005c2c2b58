"""The models of study files (YAML). They are validated strictly: unknown keys and wrong types are errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from prettyuseful.aesthetics.rows import SCORES
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.stored_format import FormatName, StoredFormat, format_problem
from prettyuseful.diagnosis.listed import Droppable
from prettyuseful.encoders.scoring import ScoreSettings
from prettyuseful.encoders.source import REAL_TRAINED, EncoderSource
from prettyuseful.errors import did_you_mean
from prettyuseful.fields import (
    RegisteredName,
    RelativePath,
    resolve_file_or_hub_id,
    resolve_plugin,
)
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.choice import GeneratorChoice
from prettyuseful.generators.conditions.edit import Editing
from prettyuseful.generators.conditions.rows import AnyCondition
from prettyuseful.generators.hosted import HostedModel
from prettyuseful.metrics.rows import METRICS
from prettyuseful.prompts.plan import PromptPlan
from prettyuseful.selection.plan import SelectionPlan
from prettyuseful.study.curve import MAX_SEEDS, CurvePlan, mixed_datasets
from prettyuseful.study.halving import HalvingPlan
from prettyuseful.study.numerics import MAX_MICRO_BATCH, StudyNumerics
from prettyuseful.tasks.source import TaskSource
from prettyuseful.training.recipes import Checkpoint
from prettyuseful.transforms.chain import AnyTransform
from prettyuseful.tuning.plan import TunePlan

REAL = "real"
"""The reserved name of the task's real images among the data sets."""
DEFAULT = "default"
"""The reserved name for the default recipe of each probe."""
MAX_DRAWS = 100
"""The most draws of a generator that a data set may have."""
ALL = "all"
"""The value of `images_per_class` with which every class keeps the images that it has."""


MetricName = Annotated[str, RegisteredName(METRICS)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _dataset_name(name: str) -> str:
    if name == REAL:
        raise ValueError(f"the name {REAL!r} is reserved for the real images of the task; choose another name")
    if not _DATASET_NAME.fullmatch(name):
        raise ValueError("a name may contain letters, digits, '-', '_' and '.', and must start with a letter or digit")
    return name


DatasetName = Annotated[str, AfterValidator(_dataset_name)]
_DATASET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _per_class(value: Any) -> Any:
    """Accept `50 per class` as well as `50`."""
    if isinstance(value, str) and (number := _PER_CLASS.fullmatch(value.strip())):
        return int(number[1])
    return value


_PER_CLASS = re.compile(r"(\d+) +per +class")
PerClass = Annotated[
    int,
    Field(ge=1, le=1_000_000),
    BeforeValidator(_per_class),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 1_000_000},
                {"type": "string", "pattern": r"^\s*\d+ +per +class\s*$"},
            ]
        }
    ),
]
SINGLE_TUNING = "tune"
"""The name of a tuning that a study writes without a name."""
_GENERATION_FIELDS = (
    "prompts",
    "seed",
    "draws",
    "sampling",
    "micro_batch",
    "format",
    "quality",
    "condition",
)  # fields that only apply to generated images


class DatasetPlan(_Strict):
    """A data set: generated images, a folder of images, a mix of other data sets, or a modified or selected data set.

    Set exactly one of `generator`, `mix`, `of` and `select`.
    """

    generator: GeneratorChoice | HostedModel | None = Field(
        None,
        description="source of the images: a name, a mapping with a model, adapters and another scheduler, such as "
        "{model: sdxl, lora: {path: style.safetensors, weight: 0.8}}, or a hosted model: {endpoint: URL, model: NAME}",
    )
    mix: dict[str, PerClass] | None = Field(
        None,
        min_length=1,
        description="a mix of other data sets (or real): for each one, the number of images per class taken from it",
    )
    of: str | None = Field(
        None, description="the data set (or real) that this one is derived from, by transform or by drop"
    )
    transform: SerializeAsAny[AnyTransform] | None = Field(
        None, description="transform applied to every image of the data set in of, at the size used for training"
    )
    drop: Droppable | None = Field(
        None,
        description="drop images of the data set in of: those that the diagnosis reports as labels (class labels that "
        "look wrong), copies (near-duplicates of real images), repeats (of other images of the set) or blank; or those "
        "that a CSV file lists, such as findings/NAME.csv; other images of the same class are repeated in their place",
    )
    select: SelectionPlan | None = Field(
        None,
        description="choose images of another data set, in each class: {of: base, by: prettiness, keep: top 50%}; a "
        "random choice of equal size, NAME-random, is added to the study as its control",
    )
    images_per_class: PerClass | Literal["all"] | Annotated[tuple[PerClass, ...], Field(min_length=2)] | None = Field(
        None,
        description="number of images per class, 1 to 1,000,000; required, except for a mix and for select. For images "
        "that exist also all: every class keeps the images that it has, but at most as many as there are real training "
        "images of the class; or a list with one number for each class of the task, in order",
    )
    prompts: PromptPlan = Field(PromptPlan(), description="prompt strategy of the generator")
    seed: int = Field(0, ge=0, description="seed of image generation; another seed gives other images")
    draws: int = Field(
        1,
        ge=1,
        le=MAX_DRAWS,
        description="number of draws: the images are generated this often, with seed, seed + 1, seed + 2 and so on, "
        "and classifiers are trained on every draw, so that intervals can cover generation, too; only the first draw "
        "is measured, diagnosed and exported",
    )
    sampling: Literal["vendor", "paper"] | Sampling = Field(
        "vendor",
        description="sampling settings: vendor (recommended by the model's vendor), paper (used in the paper's code), "
        "or a mapping with your own settings",
    )
    micro_batch: int | None = Field(
        None,
        ge=1,
        le=MAX_MICRO_BATCH,
        description="images per generation batch of this data set; default: numerics.micro_batch",
    )
    format: FormatName = Field(
        "png",
        description="the format in which generated images are stored: png (without loss), jpeg, or webp (without loss, "
        "unless quality is set)",
    )
    quality: int | None = Field(
        None,
        ge=1,
        le=100,
        description="quality of jpeg (default: 95, as in the paper) or of webp; png takes none",
    )
    condition: AnyCondition | None = Field(
        None,
        description="conditions the generated images on real training images: image (image-to-image), inpaint, edit "
        "(an editing model) or image-prompt (an IP-Adapter), such as {kind: image, strength: 0.6}",
    )
    control: str | None = Field(
        None, description="pre-registers a comparison of this data set with another data set of the study"
    )
    pretrain: str | None = Field(
        None,
        description="the data set (or real) on which classifiers are pretrained before training on this one",
    )

    @model_validator(mode="before")
    @classmethod
    def _variant_is_of_the_generator(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "variant" in value:
            raise ValueError("variant is a setting of the generator; write generator: {model: NAME, variant: ...}")
        return value

    @model_validator(mode="after")
    def _has_one_origin(self) -> DatasetPlan:
        if sum(origin is not None for origin in (self.generator, self.mix, self.of, self.select)) != 1:
            raise ValueError("set exactly one of generator, mix, of and select; it defines where the images come from")
        if self.mix is None and self.select is None and self.images_per_class is None:
            raise ValueError("images_per_class is missing; set the number of images per class")
        if self.select is not None and self.images_per_class is not None:
            raise ValueError("images_per_class does not apply to select; keep sets the number of images")
        if self.mix is not None and self.images_per_class is not None:
            raise ValueError("images_per_class does not apply to a mix; each entry of mix has its own number")
        if self.generator is None and (names := [name for name in _GENERATION_FIELDS if name in self.model_fields_set]):
            kind = "mix" if self.mix else "selection" if self.select else "derived data set"
            raise ValueError(f"{names[0]} does not apply to a {kind}; set it in the data sets that it is made from")
        if self.condition is not None and self.condition.edits and "prompts" in self.model_fields_set:
            raise ValueError("prompts has no effect: the instruction of condition is the prompt; remove prompts")
        if (self.of is not None) != ((self.transform is None) != (self.drop is None)):
            raise ValueError("of needs exactly one of transform and drop, and transform and drop need of")
        if self.drop and self.of == REAL:
            raise ValueError("drop does not apply to real images, because they are not diagnosed")
        if problem := format_problem(self.format, self.quality):
            raise ValueError(problem)
        return self

    @property
    def stored(self) -> StoredFormat:
        """How generated images are stored."""
        return StoredFormat(name=self.format, quality=self.quality)

    @property
    def effective_prompts(self) -> PromptPlan:
        """The prompts that are used: an editing model has its instruction as the prompt."""
        if isinstance(self.condition, Editing):
            return PromptPlan(strategy="instruction", templates=(self.condition.instruction,))
        return self.prompts

    @property
    def source(self) -> str | None:
        """The data set (or real) that this one is derived from, by `of` or by `select`."""
        return self.select.of if self.select else self.of

    @property
    def count(self) -> ClassCounts | None:
        """Images of each class; None for `all` and for a share of another data set, which depend on the images."""
        if self.mix is not None:
            return ClassCounts(sum(self.mix.values()))
        if self.select is not None:
            number = self.select.kept.number
            return None if number is None else ClassCounts(number)
        numbers = self.images_per_class
        return None if numbers is None or isinstance(numbers, str) else ClassCounts(numbers)

    @property
    def dependencies(self) -> tuple[str, ...]:
        """The other data sets of the study that this one is made from or pretrained on."""
        return (*(self.mix or ()), *(name for name in (self.source, self.pretrain) if name))


class ProbePlan(_Strict):
    """A probe that the study defines, or changes to a built-in probe of the same name."""

    transform: SerializeAsAny[AnyTransform] | None = Field(
        None, description="transform applied to all training and test images"
    )
    recipe: Annotated[str, RelativePath(resolve_plugin)] | None = Field(
        None, description="recipe of the classifiers of this probe; the default is the probe's own recipe"
    )
    architecture: str | None = Field(None, description="architecture of this probe, instead of train.architectures")
    crops: int | None = Field(
        None,
        ge=1,
        le=16,
        description="classify test images in crops x crops fixed square views and average the results; default: the "
        "setting of the probe, usually 1",
    )

    @model_validator(mode="after")
    def _is_not_empty(self) -> ProbePlan:
        if not self.model_fields_set:
            raise ValueError("a probe must set at least one of transform, recipe, architecture and crops")
        return self


class RecipePlan(_Strict):
    """A training recipe that the study defines: an existing recipe with some settings changed.

    Settings that are left out keep the value of the recipe in `like`.
    """

    like: Annotated[str, RelativePath(resolve_plugin)] = Field(
        description="the recipe to start from: a name from `prettyuseful list recipes`, or module:OBJECT"
    )
    stored_size: Annotated[int, Field(ge=8, le=4096)] | Literal["native"] = Field(
        256, description="short side in pixels of the decoded training images, or native for the original size"
    )
    size: int = Field(224, ge=8, le=4096, description="side in pixels of the square input of the classifier")
    resize: Annotated[int, Field(ge=8, le=4096)] | Literal["native"] = Field(
        224, description="short side in pixels to which test images are resized before cropping to size, or native"
    )
    epochs: int = Field(80, ge=1, le=999_999, description="number of passes over the training images")
    batch_size: int = Field(1024, ge=2, description="images per optimiser step")
    learning_rate: float = Field(1e-3, gt=0, description="peak learning rate of the schedule")
    weight_decay: float = Field(0.0, ge=0, description="weight decay of matrices and convolution kernels")
    warmup: float = Field(0.1, ge=0, le=1, description="fraction of all steps with linear warm-up")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="label smoothing of the cross-entropy loss")
    clip_norm: float = Field(1.0, gt=0, description="maximum norm of the gradient")
    validation: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="fraction of the training images held out for validation, if checkpoint is lowest-validation-loss",
    )


class TrainPlan(_Strict):
    """The classifiers: one is trained for every combination of data set, architecture, recipe, probe and seed."""

    architectures: tuple[Annotated[str, RelativePath(resolve_plugin)], ...] = Field(
        ("small",),
        min_length=1,
        description="small (a bundled network) or names of timm models, such as resnet50; with the recipe "
        "frozen-features, encoders: names from `prettyuseful list encoders`, timm models, or module:OBJECT",
    )
    recipes: tuple[Annotated[str, RelativePath(resolve_plugin)], ...] = Field(
        (DEFAULT,),
        min_length=1,
        description="names from `prettyuseful list recipes` or from recipes of this study; default is the recipe that "
        "each probe defines",
    )
    probes: tuple[Annotated[str, RelativePath(resolve_plugin)], ...] = Field(
        ("rgb",), min_length=1, description="names from `prettyuseful list probes` or from probes of this study"
    )
    seeds: tuple[int, ...] = Field(
        (0, 1, 2),
        min_length=1,
        description="training seeds; every classifier is trained once per seed; with until: sure, the seeds before the "
        "first look",
    )
    until: Literal["sure"] | None = Field(
        None,
        description="sure: after seeds, add one training seed after the other for the data sets of every planned "
        "comparison (control) until it is decided",
    )
    at_most: int = Field(
        12,
        ge=3,
        le=MAX_SEEDS,
        description="with until: sure, the number of seeds after which a comparison stays undecided; choose it before "
        "any results, because the looks up to it share one error rate",
    )
    halving: HalvingPlan | None = Field(
        None,
        description="stop hopeless data sets early: train all of them with a small budget first, and only the best "
        "with the whole one; {} or images: with a part of the images; epochs: with fewer epochs",
    )
    real_curve: tuple[PerClass, ...] = Field(
        (),
        description="numbers of real images per class for additional classifiers, trained for as many steps as those "
        "of the data sets; from this curve the effective real images of each data set are computed",
    )
    curve_seeds: tuple[int, ...] | None = Field(
        None, min_length=1, description="the seeds used for real_curve, a subset of seeds; default: all seeds"
    )
    checkpoint: Checkpoint | None = Field(
        None,
        description="the weights to keep: last, or lowest-validation-loss (used in the paper); default: the recipe's "
        "setting",
    )
    weights: dict[str, Annotated[str, RelativePath(resolve_file_or_hub_id)]] = Field(
        {},
        description="pretrained weights for recipes that need them: for each architecture or encoder, a file or a hub "
        "id; default: the weights of timm, or those of the encoder",
    )

    @field_validator("architectures", "recipes", "probes", "seeds", "real_curve")
    @classmethod
    def _entries_are_unique(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if duplicates := [value for value in values if values.count(value) > 1]:
            raise ValueError(f"duplicate entry {duplicates[0]!r}; list every entry only once")
        return values

    @model_validator(mode="after")
    def _curve_seeds_are_seeds(self) -> TrainPlan:
        if unknown := [seed for seed in self.curve_seeds or () if seed not in self.seeds]:
            raise ValueError(f"curve_seeds contains {unknown[0]}, which is not in seeds")
        return self

    @model_validator(mode="after")
    def _looks_are_possible(self) -> TrainPlan:
        if self.until is None and "at_most" in self.model_fields_set:
            raise ValueError("at_most needs until: sure; without it, seeds lists all training seeds")
        if self.until is not None and len(self.seeds) < 2:
            raise ValueError("until: sure needs at least two seeds: one seed says nothing about their variation")
        if self.until is not None and self.at_most <= len(self.seeds):
            raise ValueError(
                f"at_most is {self.at_most}, but seeds lists {len(self.seeds)}, and until: sure adds to them; increase "
                "at_most, or list fewer seeds"
            )
        return self

    @model_validator(mode="after")
    def _halving_has_fixed_seeds(self) -> TrainPlan:
        if self.halving is not None and self.until is not None:
            raise ValueError(
                "halving and until exclude each other, because a data set that is dropped has no accuracy to be sure "
                "of; remove one of them"
            )
        return self

    @property
    def later_seeds(self) -> tuple[int, ...]:
        """The seeds that may be added, in order: those that follow the largest of `seeds`."""
        count = 0 if self.until is None else self.at_most - len(self.seeds)
        return tuple(range(max(self.seeds) + 1, max(self.seeds) + 1 + count))

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """`seeds` and the seeds that may be added, in order."""
        return self.seeds + self.later_seeds

    @field_validator("real_curve")
    @classmethod
    def _curve_has_two_points(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        if len(values) == 1:
            raise ValueError("real_curve needs at least two numbers of images per class")
        return values


class Study(_Strict):
    """A study: one task, its data sets, how classifiers are trained on them, and what is measured."""

    version: Literal[1] = Field(description="version of the study file format, always 1")
    title: str = Field("", description="title of the report")
    question: str = Field("", description="the question of the study in one or two sentences, shown in the report")
    task: TaskSource = Field(description="the task: its classes and its real training and test images")
    datasets: dict[DatasetName, DatasetPlan] = Field(min_length=1, description="the data sets of the study, by name")
    tune: dict[DatasetName, TunePlan] = Field(
        {},
        description="LoRA weights that are trained on real training images of the task, by name; a generator uses them "
        "as {model: pocket-base, lora: NAME}. The settings of a single one may stand here without a name; its name is "
        "then tune",
    )
    probes: dict[DatasetName, ProbePlan] = Field({}, description="probes that this study defines, by name")
    recipes: dict[DatasetName, RecipePlan] = Field({}, description="training recipes that this study defines, by name")
    train: TrainPlan = Field(TrainPlan(), description="the classifiers that are trained on every data set")
    curve: CurvePlan | None = Field(
        None,
        description="additional classifiers on real images mixed with generated ones, in a grid of numbers: what "
        "generated images add to few real ones, and when they harm",
    )
    metrics: tuple[MetricName, ...] = Field(
        ("density", "coverage"),
        description="distribution metrics: names from `prettyuseful list metrics`, or user-defined metrics as "
        "module:OBJECT; each is measured with every encoder",
    )
    encoders: tuple[EncoderSource, ...] = Field(
        (EncoderSource(name=REAL_TRAINED),),
        min_length=1,
        description="feature extractors for the metrics: names from `prettyuseful list encoders`, timm model names, or "
        "module:OBJECT",
    )
    score_models: dict[str, ScoreSettings] = Field(
        {},
        description="settings of learned scores, such as other weights than their defaults, by the name of the score",
    )
    diagnosis: bool = Field(
        False, description="diagnose the causes of the difference between each data set and the real images"
    )
    numerics: StudyNumerics = Field(
        StudyNumerics(), description="device, number format and batch settings of all steps"
    )

    @field_validator("train")
    @classmethod
    def _seeds_are_added_for_a_comparison(cls, train: TrainPlan, info: ValidationInfo) -> TrainPlan:
        datasets = info.data.get("datasets")
        if train.until is not None and datasets and not any(plan.control for plan in datasets.values()):
            example = "control: NAME" if len(datasets) < 2 else f"control: {next(iter(datasets))}"
            raise ValueError(
                f"until: sure needs a planned comparison to decide; plan one in a data set, for example with {example}"
                "; to compare with real images, add the data set {mix: {real: N}} and name it as the control"
            )
        return train

    @field_validator("curve")
    @classmethod
    def _curve_mixes_generated_images(cls, curve: CurvePlan | None, info: ValidationInfo) -> CurvePlan | None:
        datasets, train = info.data.get("datasets"), info.data.get("train")
        if curve is None or datasets is None or train is None:  # what is wrong there is reported
            return curve
        if not (names := mixed_datasets(curve, datasets)):
            raise ValueError("no data set has a generator, so name in of what is added to the real images")
        if train.halving is not None:
            raise ValueError(
                "curve and halving exclude each other, because a data set that is dropped has no images to mix with "
                "real ones; remove one of them"
            )
        for name in names:
            _check_mixable(name, datasets)
        if curve.precision is not None and curve.at_most <= len(train.seeds):
            raise ValueError(
                f"at_most is {curve.at_most}, but train.seeds lists {len(train.seeds)}, and precision adds to them; "
                "increase at_most, or list fewer seeds"
            )
        if curve.precision is not None and len(train.seeds) < 2:
            raise ValueError("precision needs at least two train.seeds: one seed says nothing about their variation")
        return curve

    @field_validator("metrics")
    @classmethod
    def _metrics_are_unique(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        if duplicates := [name for name in metrics if metrics.count(name) > 1]:
            raise ValueError(f"duplicate metric {duplicates[0]!r}; list every metric only once")
        return metrics

    @field_validator("encoders")
    @classmethod
    def _encoders_are_unique(cls, encoders: tuple[EncoderSource, ...]) -> tuple[EncoderSource, ...]:
        names = [encoder.name for encoder in encoders]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"duplicate encoder {name!r}; list every encoder only once")
        return encoders

    @field_validator("score_models")
    @classmethod
    def _scores_have_models(cls, settings: dict[str, ScoreSettings]) -> dict[str, ScoreSettings]:
        learned = [score.name for score in SCORES if score.model is not None]
        for name in settings:
            if name in SCORES and name not in learned:
                raise ValueError(f"the score {name!r} has no model; remove it")
            if name not in learned:
                raise ValueError(
                    f"unknown learned score {name!r}{did_you_mean(name, learned)}; known: {', '.join(learned)}"
                )
        return settings

    @field_validator("recipes")
    @classmethod
    def _default_is_reserved(cls, recipes: dict[str, RecipePlan]) -> dict[str, RecipePlan]:
        if DEFAULT in recipes:
            raise ValueError(
                f"the recipe name {DEFAULT!r} is reserved for the default recipe of each probe; rename the recipe"
            )
        return recipes

    @field_validator("probes")
    @classmethod
    def _rgb_has_no_transform(cls, probes: dict[str, ProbePlan]) -> dict[str, ProbePlan]:
        if "rgb" in probes and probes["rgb"].transform is not None:
            raise ValueError(
                "the probe rgb is reserved for unchanged images and cannot have a transform; rename the probe"
            )
        return probes

    @field_validator("tune", mode="before")
    @classmethod
    def _name_a_single_tuning(cls, tune: Any) -> Any:
        """Give a tuning that is written without a name, `tune: {of: ...}`, the name `tune`."""
        is_single = isinstance(tune, Mapping) and "of" in tune and "images_per_class" in tune
        return {SINGLE_TUNING: tune} if is_single else tune

    @field_validator("tune")
    @classmethod
    def _tunings_are_used(cls, tune: dict[str, TunePlan], info: ValidationInfo) -> dict[str, TunePlan]:
        plans = info.data.get("datasets", {}).values()
        choices = (plan.generator for plan in plans if isinstance(plan.generator, GeneratorChoice))
        used = {lora.path for choice in choices for lora in choice.loras}
        if "datasets" in info.data and (unused := [name for name in tune if name not in used]):
            raise ValueError(f"no generator uses the tuning {unused[0]!r}; name it in lora, or remove it from tune")
        return tune

    @field_validator("datasets")
    @classmethod
    def _selections_have_controls(cls, datasets: dict[str, DatasetPlan]) -> dict[str, DatasetPlan]:
        return add_random_controls(datasets)

    @field_validator("datasets")
    @classmethod
    def _controls_exist(cls, datasets: dict[str, DatasetPlan]) -> dict[str, DatasetPlan]:
        for name, plan in datasets.items():
            if plan.control is not None and (plan.control == name or plan.control not in datasets):
                hint = did_you_mean(plan.control, datasets.keys() - {name})
                raise ValueError(
                    f"the control of {name!r} must be another data set of the study, not {plan.control!r}{hint}"
                )
        return datasets

    @field_validator("datasets")
    @classmethod
    def _dependencies_exist(cls, datasets: dict[str, DatasetPlan]) -> dict[str, DatasetPlan]:
        for name, plan in datasets.items():
            for part in plan.dependencies:
                if part != REAL and part not in datasets:
                    hint = did_you_mean(part, [REAL, *datasets])
                    raise ValueError(f"{name!r} refers to {part!r}, which is not a data set of the study{hint}")
                needed = plan.count if part == plan.source else ClassCounts((plan.mix or {}).get(part, 0))
                available = datasets[part].count if part != REAL else None
                if needed is None or available is None:  # the number of images is known when the study is planned
                    continue
                if not needed.fits(available):
                    raise ValueError(
                        f"{name!r} takes {needed} images per class of {part!r}, which has only {available}"
                    )
                if plan.drop and part == plan.of and needed != available:
                    raise ValueError(f"{name!r} drops images of {part!r}: set its images_per_class to {available}")
            if name in _all_dependencies(plan, datasets):
                raise ValueError(f"{name!r} depends on itself, through mix, of, select or pretrain")
        return datasets

    @field_validator("datasets")
    @classmethod
    def _selections_do_not_compare_real_images_with_themselves(
        cls, datasets: dict[str, DatasetPlan]
    ) -> dict[str, DatasetPlan]:
        for name, plan in datasets.items():
            criterion = plan.select.criterion if plan.select else None
            if criterion and criterion.compares_with_real and REAL in _image_sources(name, datasets):
                raise ValueError(
                    f"{name!r} selects real training images by {criterion.name}, which compares images with these "
                    "real images; select them by a score of the image alone, such as prettiness, or by k-centre"
                )
        return datasets

    def as_written(self) -> dict[str, Any]:
        """Return the study as plain data, without the fields that the file leaves out."""
        return self.model_dump(mode="json", exclude_unset=True)

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The training seeds that may be used, in order: those of `train`, and those that results may add."""
        of_curve = self.curve.seeds(self.train.seeds) if self.curve else ()
        return tuple(dict.fromkeys([*self.train.all_seeds, *of_curve]))

    def image_sources(self, name: str) -> set[str]:
        """Return the names of the data sets that the images of `name` come from, following `mix`, `of` and `select`."""
        return _image_sources(name, self.datasets)

    def is_conditioned(self, name: str) -> bool:
        """Return whether some images of a data set were generated from real training images."""
        plans = (self.datasets.get(source) for source in self.image_sources(name))
        return any(plan is not None and (plan.condition is not None or self._tunings(plan)) for plan in plans)

    def _tunings(self, plan: DatasetPlan) -> list[str]:
        """Return the names in `tune` of the LoRA weights of a generator."""
        choice = plan.generator if isinstance(plan.generator, GeneratorChoice) else None
        return [lora.path for lora in choice.loras if lora.path in self.tune] if choice else []

    def real_images_used(self, name: str) -> int:
        """Return how many real training images per class a data set is made from, at most; 0 if it is made from none.

        These are the images that generated images are conditioned on, that LoRA weights are tuned on, and those in a
        mix or a selection. Parts of a data set use the same first images, so the largest number counts. Pretraining is
        not considered.
        """
        plan = self.datasets.get(name)
        if plan is None:
            return 0
        own = plan.count.largest if plan.count else 0
        parts = plan.mix or ({plan.source: own} if plan.source else {})
        numbers = [self.tune[tuning].images_per_class for tuning in self._tunings(plan)]
        if plan.condition is not None:
            numbers.append(plan.condition.sources or own)
        numbers += [number if part == REAL else self.real_images_used(part) for part, number in parts.items()]
        return max(numbers, default=0)

    @property
    def random_controls(self) -> dict[str, str]:
        """The selections of images, each with its control: a random choice of equal size from the same images."""
        return {
            name: plan.control
            for name, plan in self.datasets.items()
            if plan.select and plan.control and not plan.select.is_random
            if (control := self.datasets[plan.control].select) and control.is_random
        }

    def training_sources(self, name: str) -> set[str]:
        """Return the image sources of all data sets that classifiers of `name` are trained on, with pretraining."""
        pretrain = self.datasets[name].pretrain if name in self.datasets else None
        return self.image_sources(name) | (self.training_sources(pretrain) if pretrain else set())


def _check_mixable(name: str, datasets: Mapping[str, DatasetPlan]) -> None:
    """Check that the curve can add the images of a data set to real ones.

    Raises:
        ValueError: it is no data set of the study, contains real images, or is pretrained.
    """
    if name not in datasets:
        raise ValueError(f"of names {name!r}, which is not a data set of the study{did_you_mean(name, datasets)}")
    if REAL in _image_sources(name, datasets):
        raise ValueError(f"{name!r} contains real images, which would be counted as generated ones; leave it out of of")
    if datasets[name].pretrain:
        raise ValueError(f"{name!r} is pretrained, and the classifiers of the curve are not; leave it out of of")


def _all_dependencies(plan: DatasetPlan, datasets: Mapping[str, DatasetPlan]) -> set[str]:
    visited: set[str] = set()
    pending = [*plan.dependencies]
    while pending:
        name = pending.pop()
        if name not in visited:
            visited.add(name)
            pending += datasets[name].dependencies if name in datasets else ()
    return visited


def _image_sources(name: str, datasets: Mapping[str, DatasetPlan]) -> set[str]:
    plan = datasets.get(name)
    parts = () if plan is None else plan.mix or ((plan.source,) if plan.source else ())
    return set().union(*(_image_sources(part, datasets) for part in parts)) if parts else {name}


def add_random_controls(datasets: Mapping[str, DatasetPlan]) -> dict[str, DatasetPlan]:
    """Return the data sets of a study, with a random control of equal size as the control of every selection.

    The control is the one that a selection names, or else NAME-random, which is added if it does not exist. A selection
    with a reason in `without_control` stays as it is. Data sets that have their controls are returned unchanged.

    Raises:
        ValueError: the control of a selection is not a random choice of equal size.
    """
    result: dict[str, DatasetPlan] = {}
    for name, plan in datasets.items():
        select = plan.select
        if select is None or select.is_random or select.without_control:
            result[name] = plan
            continue
        control, needed = plan.control or f"{name}-random", select.random_control
        result[name] = plan.model_copy(update={"control": control})
        if control in datasets:
            _check_random_control(name, control, needed, datasets[control])
        elif plan.control is None:
            pretrain = {"pretrain": plan.pretrain} if plan.pretrain else {}
            result[control] = DatasetPlan(select=needed, **pretrain)
    return result


def _check_random_control(name: str, control: str, needed: SelectionPlan, plan: DatasetPlan) -> None:
    select = plan.select
    if select is None or (select.of, select.keep) != (needed.of, needed.keep):
        raise ValueError(
            f"{name!r} is a selection, and its control {control!r} is not {needed.words}; leave out control, name a "
            f"data set {{select: {{of: {needed.of}, keep: {needed.keep}}}}}, or give a reason in without_control"
        )
