"""What can hold a set of images back: the causes that a diagnosis knows, and what it finds of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

CauseId = Literal[
    "labels",
    "copies",
    "coverage",
    "colour-contrast",
    "scale-position",
    "structure",
    "high-frequencies",
    "texture",
]
Direction = Literal["lost", "added"]


@dataclass(frozen=True)
class Cause:
    """What was found of one cause in one direction.

    `effect`, with the 95 % interval `low` to `high` over classes: of `labels` and `copies` the share of images beyond
    what the same look at real images finds, 0-1; of `coverage` the logarithm of how near to each other the images of a
    class lie against real ones, below 0 if nearer; of the others how much nearer real images come, once they have
    passed `like`, in standard deviations of real against real.
    `p_adjusted`: over all causes, directions and strengths (Westfall and Young 1993). `explained`: share of the whole
    difference from real images, 0-1. `named`: it is clear and large enough to be said. `equivalent_to`: causes that
    explain as much, as far as these images can tell. `like`: a change of real images that comes nearest, in words;
    `transform`: the same as a study file says it, and `undo` what takes it back, where anything does. `per_class`: the
    effect by class; `few_classes`: those alone that stand out where the rest do not.
    """

    id: CauseId
    direction: Direction
    effect: float
    low: float
    high: float
    p_adjusted: float
    explained: float
    named: bool
    like: str = ""
    equivalent_to: tuple[CauseId, ...] = ()
    per_class: tuple[float, ...] = ()
    few_classes: tuple[int, ...] = ()
    transform: Mapping[str, Any] | None = None
    undo: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Tried:
    """A change of real images that was tried first, and the share of the difference that it explains, 0-1."""

    cause: CauseId
    direction: Direction
    like: str
    explained: float


@dataclass(frozen=True)
class Diagnosis:
    """The causes, those that are named first and among them the one that explains most.

    `difference`: of the set from real images, in standard deviations of real against real, with its interval over
    classes; `differs`: it is clear. A set that differs while no cause is named differs for a cause unknown. `tried`:
    every change, by family from weak to strong. `by_kind`: by what images were compared by, the distance from real
    images, and from real images that have gone through the named changes.
    """

    causes: tuple[Cause, ...]
    difference: float
    low: float
    high: float
    p_value: float
    differs: bool
    tried: tuple[Tried, ...] = ()
    by_kind: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def named(self) -> tuple[Cause, ...]:
        return tuple(cause for cause in self.causes if cause.named)

    @property
    def cause_unknown(self) -> bool:
        return self.differs and not self.named
