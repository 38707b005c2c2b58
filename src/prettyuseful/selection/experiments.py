"""Experiments with the images of any data set: selections of it, each against a random selection of equal size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.errors import StudyError
from prettyuseful.registry import Registry
from prettyuseful.selection.criteria import CRITERIA, find_criterion
from prettyuseful.selection.keep import Keep

PRETTINESS = "prettiness"
FEWEST = 4
"""With fewer images, the half of a class says nothing."""


@dataclass(frozen=True)
class Arm:
    """One way of selecting images of a data set.

    `name`: what is appended to the name of the data set. `by`, `keep`: see `SelectionPlan`.
    """

    name: str
    by: str
    keep: str

    @property
    def control(self) -> str:
        """What is appended for its random control, such as `random-50`."""
        return f"random-{Keep.parse(self.keep).amount.removesuffix('%')}"


@dataclass(frozen=True)
class Experiment:
    """Ways of selecting images whose gain or harm is measured.

    `name`: the name for `prettyuseful audit --experiment`. `summary`: one line of description. `arms`: the selections.
    """

    name: str
    summary: str
    arms: tuple[Arm, ...]

    @property
    def scores(self) -> tuple[str, ...]:
        """The scores of single images that it selects by, so that they are measured, too."""
        by = dict.fromkeys(arm.by for arm in self.arms)
        return tuple(name for name in by if find_criterion(name).reads == "score")

    def arms_for(self, available: ClassCounts, classes: Sequence[str]) -> tuple[Arm, ...]:
        """Return the arms that keep some images of every class, and leave some out."""
        if any(available[label] < FEWEST for label in range(len(classes))):
            return ()
        return tuple(arm for arm in self.arms if Keep.parse(arm.keep).divides(available, len(classes)))


def top_and_bottom(by: str = PRETTINESS, keep: str = "50%") -> Experiment:
    """Return the experiment with both ends of the images of every class in the order of a score.

    Args:
        by: a name from `prettyuseful list selections`, or a score of your own as `file.py:SCORE`.
        keep: a share such as `50%`, or a number of images per class.

    Raises:
        UnknownNameError: there is no such score.
        StudyError: the images have no order, or nothing or everything would be kept.
    """
    CRITERIA.check(by)
    if find_criterion(by).spread:
        raise StudyError(f"{by} chooses images together, so it has no top and bottom; select by a number per image")
    try:
        amount = Keep.parse(keep)
    except ValueError as error:
        raise StudyError(f"keep: {error}") from None
    if amount.part is not None:
        raise StudyError(
            f"keep: {keep} names one end, but both are compared with a random choice; write {amount.amount}"
        )
    noun = find_criterion(by).by
    return Experiment(
        "pretty" if by == PRETTINESS else by,
        f"the top and the bottom {amount.amount} by {noun}, against as many random images",
        (Arm("top", by, f"top {amount.amount}"), Arm("bottom", by, f"bottom {amount.amount}")),
    )


EXPERIMENTS = Registry(
    "experiment",
    Experiment,
    (
        top_and_bottom(),
        Experiment(
            "curate",
            "how people curate: the surest 80% of the labels, without the 10% nearest to real images, and a diverse "
            "50% (k-centre), each against as many random images",
            (
                Arm("sure-labels", "label-confidence", "top 80%"),
                Arm("no-copies", "nearest-real", "bottom 90%"),
                Arm("diverse", "k-centre", "50%"),
            ),
        ),
    ),
)
