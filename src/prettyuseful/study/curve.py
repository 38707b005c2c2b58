"""The section `curve` of a study file: real images mixed with generated ones, in a grid of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

MAX_SEEDS = 100
"""The largest number of training seeds up to which a study may add seeds."""
_MOST_IMAGES = 1_000_000
_MOST_PRICE = 1_000_000_000


class MixPoint(BaseModel):
    """A point of the grid: up to `real` real and up to `synthetic` generated images of each class.

    A class that has fewer images takes part with those that it has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    real: int = Field(ge=1, le=_MOST_IMAGES)
    synthetic: int = Field(ge=0, le=_MOST_IMAGES)

    @property
    def label(self) -> str:
        """A name for files: `50-real-500-synthetic`."""
        return f"{self.real}-real-{self.synthetic}-synthetic"


class CurvePrices(BaseModel):
    """What images cost, in any currency."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    real: float = Field(ge=0, le=_MOST_PRICE, description="price of one more labelled real image, in any currency")
    synthetic: float = Field(ge=0, le=_MOST_PRICE, description="price of one generated image, in the same currency")


def _one_or_more(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


_NAMES = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}


class CurvePlan(BaseModel):
    """Classifiers on real images mixed with generated ones: what do generated images add to few real ones?

    One is trained for every number of real images, every number of generated ones, and every training seed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    real: tuple[Annotated[int, Field(ge=1, le=_MOST_IMAGES)], ...] = Field(
        min_length=1,
        max_length=20,
        description="numbers of real images per class, such as [10, 50, 250]; a class that has fewer takes part with "
        "those that it has",
    )
    synthetic: tuple[Annotated[int, Field(ge=0, le=_MOST_IMAGES)], ...] = Field(
        min_length=1,
        max_length=20,
        description="numbers of generated images per class that are added to each number of real ones, such as [0, "
        "100, 500]; 0 is the control, and is added if it is left out",
    )
    of: Annotated[tuple[str, ...], BeforeValidator(_one_or_more), WithJsonSchema(_NAMES)] | None = Field(
        None,
        min_length=1,
        description="the data set that is added to the real images, or a list of data sets, each in a grid of its own; "
        "default: every data set with a generator",
    )
    fixed: Literal["steps", "epochs"] = Field(
        "steps",
        description="what is equal for all mixtures: steps (all are trained for as many steps as the largest mixture, "
        "so that added images do not also add training) or epochs (added images add steps, too)",
    )
    precision: float | None = Field(
        None,
        gt=0,
        le=100,
        description="add training seeds until the half width of the interval of each gain is at most this many points "
        "of accuracy, or the gain no longer matters; default: the seeds of train alone",
    )
    at_most: int = Field(
        12,
        ge=3,
        le=MAX_SEEDS,
        description="with precision, the largest number of training seeds; choose it before any results, because the "
        "looks up to it share one error rate",
    )
    prices: CurvePrices | None = Field(
        None, description="prices of images, from which the report computes the cost of a point of accuracy"
    )

    @field_validator("real", "synthetic", "of")
    @classmethod
    def _entries_are_unique(cls, values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        if values and (duplicates := [value for value in values if values.count(value) > 1]):
            raise ValueError(f"duplicate entry {duplicates[0]!r}; list every entry only once")
        return values

    @model_validator(mode="after")
    def _images_are_added(self) -> CurvePlan:
        if not self.amounts:
            raise ValueError("synthetic needs a number above 0; otherwise nothing is added to the real images")
        return self

    @model_validator(mode="after")
    def _looks_are_planned(self) -> CurvePlan:
        if self.precision is None and "at_most" in self.model_fields_set:
            raise ValueError("at_most needs precision; without it, train.seeds lists all training seeds")
        return self

    @property
    def amounts(self) -> tuple[int, ...]:
        """The numbers of generated images that are added, without 0, in ascending order."""
        return tuple(sorted(number for number in self.synthetic if number))

    @property
    def points(self) -> tuple[MixPoint, ...]:
        """All points of the grid, row by row; each row begins with its control, which has no generated images."""
        return tuple(MixPoint(real=real, synthetic=n) for real in sorted(self.real) for n in (0, *self.amounts))

    @property
    def gains(self) -> int:
        """The number of gains that are tested for each data set."""
        return len(self.real) * len(self.amounts)

    def seeds(self, first: tuple[int, ...]) -> tuple[int, ...]:
        """Return the training seeds that may be used, in order; `first`: those of the study."""
        count = 0 if self.precision is None else self.at_most - len(first)
        return first + tuple(range(max(first) + 1, max(first) + 1 + count))

    def looks(self, first: int) -> tuple[int, ...]:
        """Return after how many seeds results are looked at: after the `first` ones, and whenever they have doubled.

        Few looks share the error rate, and each doubling narrows what seeds leave open by a factor of 1.4.
        """
        counts = [first]
        while self.precision is not None and counts[-1] < self.at_most:
            counts.append(min(2 * counts[-1], self.at_most))
        return tuple(counts)


class MixableData(Protocol):
    """What decides whether a data set can be added to real images."""

    @property
    def generator(self) -> object: ...

    @property
    def pretrain(self) -> str | None: ...


def mixed_datasets(curve: CurvePlan, datasets: Mapping[str, MixableData]) -> tuple[str, ...]:
    """Return the names of the data sets that are added to real images, in the order of the study or of `of`."""
    if curve.of is not None:
        return curve.of
    return tuple(name for name, plan in datasets.items() if plan.generator is not None and plan.pretrain is None)
