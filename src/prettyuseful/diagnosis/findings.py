"""The result of a diagnosis. `diagnose` returns it, a step stores it, records contain it and reports show it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from prettyuseful.diagnosis.causes import CAUSES, Cause, CauseId, Direction
from prettyuseful.diagnosis.formats import FormatFinding
from prettyuseful.diagnosis.listed import ListedName

MAX_UNEXPLAINED = 0.3
"""Largest unexplained share with which the main change of pixels is called the cause of a difference."""


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExampleImages(_Result):
    """A row of example images of a cause.

    Attributes:
        words: caption of the row.
        images: base64-encoded PNGs.
        titles: one title per image, or none.
    """

    words: str
    images: tuple[str, ...]
    titles: tuple[str, ...] = ()


class ShareEstimate(_Result):
    """A share, 0-1, with the ends of its 95% interval."""

    mean: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)


class NextBest(_Result):
    """The cause that explains the difference best after a reported one.

    `p_value`: of the hypothesis that it explains the difference as well as the reported cause.
    """

    cause: CauseId
    p_value: float = Field(ge=0, le=1)


class ImageList(_Result):
    """How many images a list has, see `listed.LISTED`.

    Attributes:
        finding: name of the list.
        images: number of images in the list.
        real_share: share of real images, 0-1, that would be in the list, or None if its length is fixed.
        examples: its first images.
    """

    finding: ListedName
    images: int = Field(ge=0)
    real_share: float | None = None
    examples: ExampleImages


class CauseEstimate(_Result):
    """The effect of one cause in one direction.

    Attributes:
        effect: for `labels` and `copies`, the share of images, 0-1, minus the share among real images. For `coverage`,
            the log ratio of nearest-neighbour distances within a class to those of real images, below 0 if the images
            are closer to each other. For other causes, by how much the change `like` reduces the distance of real
            images from the data set, as a share of the distance between two classes of real images.
        low: lower end of the 95% interval over classes.
        high: upper end of the interval.
        p_adjusted: p-value adjusted for all causes, directions and strengths (Westfall and Young 1993).
        explained: share of the whole difference from real images that the cause explains, 0-1.
        named: the cause is significant and large enough to be reported.
        like: the equivalent change of real images, in words, or empty.
        equivalent_to: other causes that explain the difference equally well.
        next_best: for a reported change of pixels, the cause that explains the difference best after it.
    """

    id: CauseId
    direction: Direction
    effect: float
    low: float
    high: float
    p_adjusted: float = Field(ge=0, le=1)
    explained: float
    named: bool
    like: str
    equivalent_to: tuple[CauseId, ...]
    next_best: NextBest | None = None

    @property
    def row(self) -> Cause:
        """The row of this cause."""
        return CAUSES[f"{self.id} {self.direction}"]

    @property
    def effect_words(self) -> str:
        """The effect with its interval, in the unit of the cause."""
        return self.row.unit.effect_words(self.effect, self.low, self.high)


class CauseFinding(CauseEstimate):
    """The effect of one cause, with its values per class and example images. Classes are given by label, from 0.

    Attributes:
        per_class: the effect in each class.
        few_classes: labels of the classes that show the cause, if only a few do.
        transform: the change `like`, as a study file specifies it.
        undo: the transform that reverts this change, if one exists.
        examples: example images of a reported cause.
    """

    per_class: tuple[float, ...]
    few_classes: tuple[int, ...]
    transform: dict[str, Any] | None = None
    undo: dict[str, Any] | None = None
    examples: tuple[ExampleImages, ...] = ()

    @property
    def worst_classes(self) -> list[int]:
        """All labels, ordered by the effect of the cause, the strongest first."""
        sign = 1 if self.row.unit.lowest_is_worst else -1
        return sorted(range(len(self.per_class)), key=lambda label: sign * self.per_class[label])

    def class_words(self, label: int) -> str:
        """Return the effect in one class, in words."""
        return self.row.unit.value_words(self.per_class[label])


class ChangeResult(_Result):
    """A candidate change, applied alone, and the share of the difference that it explains, 0-1."""

    cause: CauseId
    direction: Direction
    like: str
    explained: float


class Diagnosis(_Result):
    """The result of a diagnosis.

    Attributes:
        causes: all causes, reported ones first, then by the share of the difference that they explain.
        difference: distance of the data set from real images, as a share of the distance between two classes of real
            images. It does not depend on the number of images.
        low: lower end of its 95% interval over classes.
        high: upper end of the interval.
        p_value: p-value of the difference.
        differs: the data set differs significantly from real images.
        unexplained: share of the difference that the reported causes do not explain; None if there is no significant
            difference.
        tried: every candidate change, by family, from weak to strong.
        by_kind: by kind of features, the distance from real images and from real images after the selected changes.
        classes: names of the classes that were diagnosed, by label; empty if they are those of the task.
        format: the difference of the file formats; None if they do not differ. All else was measured after both sides
            had been given the same format.
        lists: the lists of images, with their numbers.
        images: number of images that were diagnosed and of which the lists are; 0 without lists.
    """

    causes: tuple[CauseFinding, ...]
    difference: float
    low: float
    high: float
    p_value: float = Field(ge=0, le=1)
    differs: bool
    unexplained: ShareEstimate | None = None
    tried: tuple[ChangeResult, ...] = ()
    by_kind: dict[str, tuple[float, float]] = {}
    classes: tuple[str, ...] = ()
    format: FormatFinding | None = None
    lists: tuple[ImageList, ...] = ()
    images: int = Field(0, ge=0)

    @property
    def named(self) -> tuple[CauseFinding, ...]:
        """The reported causes."""
        return tuple(cause for cause in self.causes if cause.named)

    @property
    def cause_unknown(self) -> bool:
        """Whether the data set differs significantly while no cause is reported."""
        return self.differs and not self.named

    @property
    def resemblance(self) -> bool:
        """Whether the main reported cause is a change of pixels, and the difference is largely unexplained.

        The images are then changed in a way that resembles this cause, which need not be what happened to them.
        """
        is_change = bool(self.named) and bool(self.named[0].like)
        return is_change and self.unexplained is not None and self.unexplained.mean > MAX_UNEXPLAINED
