"""What a diagnosis finds: `diagnose` makes it, a step stores it, records hold it and reports show it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from prettyuseful.diagnosis.causes import CAUSES, Cause, CauseId, Direction


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExampleImages(_Result):
    """A row of images (base64 PNG) that show what a cause is about; `titles`: one for each, or none."""

    words: str
    images: tuple[str, ...]
    titles: tuple[str, ...] = ()


class CauseFinding(_Result):
    """What was found of one cause in one direction.

    `effect`, with the 95 % interval `low` to `high` over classes: of `labels` and `copies` the share of images beyond
    that among real images, 0-1; of `coverage` the logarithm of how near to each other the images of a class lie against
    real ones, below 0 if nearer; of the others how much nearer real images come after the change `like`, in standard
    deviations of real against real. `p_adjusted`: over all causes, directions and strengths (Westfall and Young 1993).
    `explained`: share of the whole difference from real images, 0-1. `named`: it is clear and large enough to be
    reported. `like`: the change of real images that comes nearest, in words, or empty. `equivalent_to`: causes that
    explain as much, as far as these images show.
    """

    id: CauseId
    direction: Direction
    effect: float
    low: float
    high: float
    p_adjusted: float
    explained: float
    named: bool
    like: str
    equivalent_to: tuple[CauseId, ...]

    @property
    def row(self) -> Cause:
        """The row that describes it."""
        return CAUSES[f"{self.id} {self.direction}"]

    @property
    def effect_words(self) -> str:
        """The effect with its interval, in the unit of its cause."""
        return self.row.unit.effect_words(self.effect, self.low, self.high)


class FoundCause(CauseFinding):
    """The same with classes by label, and what can be done about it.

    `per_class`: the effect by class. `few_classes`: those that stand out, where only they do. `transform`: the change
    `like` as a study file has it; `undo`: what takes it back, where anything does. `examples`: of named causes.
    """

    per_class: tuple[float, ...]
    few_classes: tuple[int, ...]
    transform: dict[str, Any] | None = None
    undo: dict[str, Any] | None = None
    examples: tuple[ExampleImages, ...] = ()

    @property
    def worst_classes(self) -> list[int]:
        """All labels, from the one that shows the cause most."""
        sign = 1 if self.row.unit.lowest_is_worst else -1
        return sorted(range(len(self.per_class)), key=lambda label: sign * self.per_class[label])

    def class_words(self, label: int) -> str:
        """The effect in one class."""
        return self.row.unit.value_words(self.per_class[label])


class TriedChange(_Result):
    """A change of real images, alone, and the share of the difference that it explains, 0-1."""

    cause: CauseId
    direction: Direction
    like: str
    explained: float


class Diagnosis(_Result):
    """The causes, those that are named first and among them the one that explains most.

    `difference`: of the set from real images, in standard deviations of real against real, with its interval over
    classes; `differs`: it is clear. `tried`: every change, by family from weak to strong. `by_kind`: by what images
    were compared by, the distance from real images, and from real images after the named changes.
    """

    causes: tuple[FoundCause, ...]
    difference: float
    low: float
    high: float
    p_value: float
    differs: bool
    tried: tuple[TriedChange, ...] = ()
    by_kind: dict[str, tuple[float, float]] = {}

    @property
    def named(self) -> tuple[FoundCause, ...]:
        return tuple(cause for cause in self.causes if cause.named)

    @property
    def cause_unknown(self) -> bool:
        """The set differs while no cause is named."""
        return self.differs and not self.named
