"""The study file: what a study asks for, in YAML, strictly validated."""

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
    WithJsonSchema,
    field_validator,
    model_validator,
)

from prettyuseful.diagnosis.causes import DroppableCause
from prettyuseful.encoders.source import REAL_TRAINED, EncoderSource
from prettyuseful.errors import did_you_mean
from prettyuseful.fields import RelativePlace, RowName, file_or_hub_id, images_or_plugin, plugin
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.models import MODELS
from prettyuseful.metrics.rows import METRICS
from prettyuseful.prompts.plan import PromptPlan
from prettyuseful.study.numerics import StudyNumerics
from prettyuseful.tasks.source import TaskSource
from prettyuseful.training.recipes import Checkpoint
from prettyuseful.transforms.chain import AnyTransform

REAL = "real"
"""The name of the real images among the data sets; a study cannot give it to another."""
DEFAULT = "default"
"""The recipe that every probe chooses for itself."""


MetricName = Annotated[str, RowName(METRICS)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _dataset_name(name: str) -> str:
    if name == REAL:
        raise ValueError(f"nothing can be called {REAL!r}: that name stands for the task's real images")
    if not _DATASET_NAME.fullmatch(name):
        raise ValueError("a name may hold letters, digits, '-', '_' and '.', and begins with none of the last")
    return name


DatasetName = Annotated[str, AfterValidator(_dataset_name)]
_DATASET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _per_class(value: Any) -> Any:
    """`50 per class` and `50` are the same."""
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
_GENERATED = ("prompts", "seed", "sampling")  # what makes no sense of images that are there already


class DatasetPlan(_Strict):
    """A data set: generated, taken from a folder of images, mixed from others, or another one changed."""

    generator: Annotated[str, RelativePlace(images_or_plugin, names=MODELS)] | None = Field(
        None,
        description="id of `prettyuseful list generators`, a hub id, a pipeline folder, a folder of images "
        "(class folders, .tar shards or Parquet files), or module:Class",
    )
    mix: dict[str, PerClass] | None = Field(
        None, min_length=1, description="other data sets, or real, and how many images per class of each"
    )
    of: str | None = Field(
        None, description="another data set, or real, that this one is made of by a transform or by dropping images"
    )
    transform: SerializeAsAny[AnyTransform] | None = Field(
        None, description="what is done to every image of it, in the size that classifiers are trained on"
    )
    drop: DroppableCause | None = Field(
        None,
        description="images that a diagnosis suspects of a wrong label, or of being near-copies of real ones, give way "
        "to others of their class",
    )
    images_per_class: PerClass | None = Field(None, description="how many; a mix counts its own")
    prompts: PromptPlan = Field(PromptPlan(), description="prompt strategy")
    seed: int = Field(0, ge=0, description="seed of the generation: another seed, another draw of images")
    sampling: Literal["vendor", "paper"] | Sampling = Field(
        "vendor", description="the vendor's settings, those of the paper's code, or your own"
    )
    control: str | None = Field(None, description="the data set that this one is compared with as planned beforehand")
    pretrain: str | None = Field(
        None, description="the data set (or real) that classifiers are trained on first, before this one"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> DatasetPlan:
        if sum(origin is not None for origin in (self.generator, self.mix, self.of)) != 1:
            raise ValueError("say where the images come from: generator, mix or of, and only one of them")
        if self.mix is None and self.images_per_class is None:
            raise ValueError("images_per_class is missing: how many images per class shall there be?")
        if self.mix is not None and self.images_per_class is not None:
            raise ValueError("a mix has no images_per_class of its own; that belongs to the data sets it is made of")
        if self.generator is None and (odd := [name for name in _GENERATED if name in self.model_fields_set]):
            kind = "mix" if self.mix else "changed data set"
            raise ValueError(f"a {kind} has no {odd[0]} of its own; that belongs to the data sets it is made of")
        if (self.of is not None) != ((self.transform is None) != (self.drop is None)):
            raise ValueError("of goes with either transform or drop, and they with of")
        if self.drop and self.of == REAL:
            raise ValueError("drop is for generated images; real ones are not diagnosed")
        return self

    @property
    def count(self) -> int:
        """Images per class."""
        return sum(self.mix.values()) if self.mix else self.images_per_class or 0

    @property
    def needs(self) -> tuple[str, ...]:
        """The other data sets of the study that this one is made from or trained after."""
        return (*(self.mix or ()), *(name for name in (self.of, self.pretrain) if name))


class ProbePlan(_Strict):
    """A probe of the study's own, or what it changes in one that has a name."""

    transform: SerializeAsAny[AnyTransform] | None = Field(
        None, description="what is done to every image, train and test alike"
    )
    recipe: Annotated[str, RelativePlace(plugin)] | None = Field(
        None, description="what classifiers of this probe are trained with"
    )
    architecture: str | None = Field(None, description="the only architecture that this probe is used with")
    crops: int | None = Field(
        None, ge=1, le=16, description="a test image is seen in so many by so many fixed squares, and they are averaged"
    )

    @model_validator(mode="after")
    def _says_something(self) -> ProbePlan:
        if not self.model_fields_set:
            raise ValueError("a probe says at least one of transform, recipe, architecture and crops")
        return self


class RecipePlan(_Strict):
    """A recipe of the study's own: one that has a name, with changes."""

    like: Annotated[str, RelativePlace(plugin)] = Field(
        description="name of `prettyuseful list recipes`, or module:OBJECT"
    )
    stored_size: Annotated[int, Field(ge=8, le=4096)] | Literal["native"] = Field(
        256, description="short side in pixels of the decoded images, or native"
    )
    size: int = Field(224, ge=8, le=4096, description="side in pixels of what a classifier looks at")
    resize: Annotated[int, Field(ge=8, le=4096)] | Literal["native"] = Field(
        224, description="short side of a test image before squares of size are cut from it, or native"
    )
    epochs: int = Field(80, ge=1, le=999_999, description="passes over the training images")
    batch_size: int = Field(1024, ge=2, description="images per step")
    learning_rate: float = Field(1e-3, gt=0, description="the highest of the schedule")
    weight_decay: float = Field(0.0, ge=0)
    warmup: float = Field(0.1, ge=0, le=1, description="fraction of all steps")
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    clip_norm: float = Field(1.0, gt=0, description="largest norm of the gradient")
    validation: float = Field(0.1, gt=0, lt=1, description="fraction held back for lowest-validation-loss")


class TrainPlan(_Strict):
    """The classifiers: every architecture with every recipe, probe and seed."""

    architectures: tuple[str, ...] = Field(("small",), min_length=1)
    recipes: tuple[Annotated[str, RelativePlace(plugin)], ...] = Field(
        (DEFAULT,),
        min_length=1,
        description="names of `prettyuseful list recipes`, or of the study's own; default is each probe's own choice",
    )
    probes: tuple[Annotated[str, RelativePlace(plugin)], ...] = Field(
        ("rgb",), min_length=1, description="names of `prettyuseful list probes`, or of the study's own probes"
    )
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1, description="training seeds: one run each")
    real_curve: tuple[PerClass, ...] = Field(
        (),
        description="numbers of real images per class to train on as well, in as many steps as each data set gets: "
        "they tell how many real images it is worth",
    )
    curve_seeds: tuple[int, ...] | None = Field(
        None, min_length=1, description="those of the seeds that the curve is trained with; all, if nothing is said"
    )
    checkpoint: Checkpoint | None = Field(
        None, description="which weights are kept; the recipes say last, the paper lowest-validation-loss"
    )
    weights: dict[str, Annotated[str, RelativePlace(file_or_hub_id)]] = Field(
        {}, description="files or hub ids of pretrained weights, by architecture, for recipes that begin with some"
    )

    @field_validator("architectures", "recipes", "probes", "seeds", "real_curve")
    @classmethod
    def _no_twins(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(values)) != len(values):
            raise ValueError("every entry may stand here only once")
        return values

    @model_validator(mode="after")
    def _curve_seeds_are_seeds(self) -> TrainPlan:
        if odd := [seed for seed in self.curve_seeds or () if seed not in self.seeds]:
            raise ValueError(f"curve_seeds names {odd[0]}, which is none of the seeds")
        return self

    @field_validator("real_curve")
    @classmethod
    def _a_curve(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        if len(values) == 1:
            raise ValueError("a curve needs at least two numbers of images per class")
        return values


class Study(_Strict):
    """A study: one task, its data sets, how classifiers are trained on them, and what is measured."""

    version: Literal[1]
    title: str = Field("", description="what the report is called")
    question: str = Field("", description="what is asked, in a sentence or two, for the report")
    task: TaskSource
    datasets: dict[DatasetName, DatasetPlan] = Field(min_length=1)
    probes: dict[DatasetName, ProbePlan] = Field({}, description="probes of the study's own, by name")
    recipes: dict[DatasetName, RecipePlan] = Field({}, description="recipes of the study's own, by name")
    train: TrainPlan = TrainPlan()
    metrics: tuple[MetricName, ...] = Field(
        ("density", "coverage"),
        description="names of `prettyuseful list metrics`, or your own as module:OBJECT; each measured with every "
        "encoder",
    )
    encoders: tuple[EncoderSource, ...] = Field(
        (EncoderSource(name=REAL_TRAINED),),
        min_length=1,
        description="what images are compared by: names of `prettyuseful list encoders`, timm ids, or module:OBJECT",
    )
    diagnosis: bool = Field(False, description="whether to look for what holds each data set back, see docs/audit.md")
    numerics: StudyNumerics = StudyNumerics()

    @field_validator("metrics")
    @classmethod
    def _each_once(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(metrics)) != len(metrics):
            raise ValueError("every metric may stand here only once")
        return metrics

    @field_validator("encoders")
    @classmethod
    def _names_differ(cls, encoders: tuple[EncoderSource, ...]) -> tuple[EncoderSource, ...]:
        names = [encoder.name for encoder in encoders]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name!r} stands here twice, and results go by that name; leave one out")
        return encoders

    @field_validator("recipes")
    @classmethod
    def _default_is_taken(cls, recipes: dict[str, RecipePlan]) -> dict[str, RecipePlan]:
        if DEFAULT in recipes:
            raise ValueError(f"no recipe can be called {DEFAULT!r}: that name stands for each probe's own choice")
        return recipes

    @field_validator("probes")
    @classmethod
    def _rgb_is_as_it_is(cls, probes: dict[str, ProbePlan]) -> dict[str, ProbePlan]:
        if "rgb" in probes and probes["rgb"].transform is not None:
            raise ValueError("rgb stands for the images as they are and has no transform; give the probe another name")
        return probes

    @field_validator("datasets")
    @classmethod
    def _controls_are_there(cls, datasets: dict[str, DatasetPlan]) -> dict[str, DatasetPlan]:
        for name, plan in datasets.items():
            if plan.control is not None and (plan.control == name or plan.control not in datasets):
                hint = did_you_mean(plan.control, datasets.keys() - {name})
                raise ValueError(f"the control of {name!r} is {plan.control!r}, which is no other data set here{hint}")
        return datasets

    @field_validator("datasets")
    @classmethod
    def _parts_are_there(cls, datasets: dict[str, DatasetPlan]) -> dict[str, DatasetPlan]:
        for name, plan in datasets.items():
            for part in plan.needs:
                if part != REAL and part not in datasets:
                    hint = did_you_mean(part, [REAL, *datasets])
                    raise ValueError(f"{name!r} needs {part!r}, which is no data set here{hint}")
                asked = plan.count if part == plan.of else (plan.mix or {}).get(part, 0)
                there = datasets[part].count if part != REAL else 1_000_000
                if asked > there:
                    raise ValueError(f"{name!r} takes {asked} images per class of {part!r}, which has {there}")
                if plan.drop and part == plan.of and asked < there:
                    raise ValueError(f"{name!r} drops images of all {there} per class of {part!r}; ask for as many")
            if name in _all_needs(plan, datasets):
                raise ValueError(f"{name!r} needs itself, by way of its mix, of or pretrain")
        return datasets

    def as_written(self) -> dict[str, Any]:
        """The study as its file has it: what was left out is left out."""
        return self.model_dump(mode="json", exclude_unset=True)

    def images_of(self, name: str) -> set[str]:
        """The data sets that the images of one come from in the end: itself, or what it is mixed or made from."""
        plan = self.datasets.get(name)
        parts = () if plan is None else plan.mix or ((plan.of,) if plan.of else ())
        return set().union(*(self.images_of(part) for part in parts)) if parts else {name}

    def seen_by(self, name: str) -> set[str]:
        """The data sets whose images classifiers of `name` have seen in the end, before it and in it."""
        before = self.datasets[name].pretrain if name in self.datasets else None
        return self.images_of(name) | (self.seen_by(before) if before else set())


def _all_needs(plan: DatasetPlan, datasets: Mapping[str, DatasetPlan]) -> set[str]:
    found: set[str] = set()
    waiting = [*plan.needs]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += datasets[name].needs if name in datasets else ()
    return found
