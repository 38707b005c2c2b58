"""The section `train.halving` of a study file: data sets that do badly with a small budget are not trained in full."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import ceil
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from prettyuseful.fields import BareName

_FRACTION = re.compile(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*")
_PERCENT = re.compile(r"\s*(\d{1,3}(?:\.\d{1,6})?)\s*%\s*")
_FEWEST = 2
"""So many data sets go on at least, so that the last ones can be compared."""
_ROUNDING = 1e-9


def _share(value: Any) -> Any:
    """Accept `1/3` and `30%` as well as `0.3`."""
    if isinstance(value, str):
        if (parts := _FRACTION.fullmatch(value)) and int(parts[2]):
            return int(parts[1]) / int(parts[2])
        if parts := _PERCENT.fullmatch(value):
            return float(parts[1]) / 100
    return value


Share = Annotated[
    float,
    Field(gt=0, lt=1),
    BeforeValidator(_share),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                {"type": "string", "pattern": f"^({_FRACTION.pattern}|{_PERCENT.pattern})$"},
            ]
        }
    ),
]


class HalvingPlan(BareName):
    """Successive halving: all data sets start with a small budget, and the best of each rung go on to a larger one.

    It may be written as `halving: images` or `halving: epochs`, and as `halving: {}`, which is `images`. The method is
    that of Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    bare_field: ClassVar[str] = "over"
    over: Literal["images", "epochs"] = Field(
        "images",
        description="what a small budget has less of: images (the first ones of each class; a generator makes no more "
        "than these) or epochs (the whole data sets, trained for fewer epochs)",
    )
    keep: Share = Field(
        1 / 3,
        description="share of the data sets of a rung that go on to the next one, such as 1/3, 0.5 or 30%; at least 2 "
        "data sets go on",
    )
    rungs: int = Field(
        3, ge=2, le=8, description="number of budgets, from the smallest to the whole one, which is the last rung"
    )
    smallest: Share | None = Field(
        None,
        description="budget of the first rung, as a share of the whole one; default: keep to the power of rungs - 1, "
        "so that every rung costs about the same",
    )

    @model_validator(mode="after")
    def _first_rung_is_not_tiny(self) -> HalvingPlan:
        if self.shares[0] < 1e-4:
            raise ValueError(
                f"the first rung has {self.shares[0]:.1e} of the budget, which is too little; use fewer rungs, a "
                "larger keep, or set smallest"
            )
        return self

    @property
    def shares(self) -> tuple[float, ...]:
        """The budget of each rung as a share of the whole one, in geometric progression; the last one is 1."""
        smallest = self.keep ** (self.rungs - 1) if self.smallest is None else self.smallest
        return (*(smallest ** (1 - rung / (self.rungs - 1)) for rung in range(self.rungs - 1)), 1.0)

    def number_kept(self, number: int) -> int:
        """Return how many of `number` data sets go on to the next rung."""
        return min(number, max(_FEWEST, ceil(number * self.keep - _ROUNDING)))

    def best(self, accuracies: Mapping[str, float]) -> tuple[str, ...]:
        """Return the data sets that go on to the next rung, in the order of `accuracies`; of equal ones the first."""
        ranked = sorted(accuracies, key=lambda name: -accuracies[name])  # stable
        kept = set(ranked[: self.number_kept(len(ranked))])
        return tuple(name for name in accuracies if name in kept)


def amount_of(share: float, whole: int) -> int:
    """Return a share of `whole` images or epochs, rounded up: at least 1."""
    return min(whole, max(1, ceil(whole * share - _ROUNDING)))
