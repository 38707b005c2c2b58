"""Plan the real training images that generated images are conditioned on."""

from __future__ import annotations

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.errors import DataError
from prettyuseful.generators.conditions.base import Condition
from prettyuseful.plan.planned import PlanContext
from prettyuseful.plan.real import RealImages
from prettyuseful.steps.sources import INPUT


class ConditionPlanner:
    """Plans the real images of data sets with `condition`."""

    def __init__(self, context: PlanContext, real: RealImages) -> None:
        self.context, self.real, self.task = context, real, context.task

    def add_sources(self, condition: Condition, count: int) -> dict[str, str]:
        """Add the step that loads the real images for `count` generated images per class; return it as an input.

        Raises:
            DataError: a class has too few training images, or one of them is a real test image, too.
        """
        per_class = self._sources(condition, count)
        self.real.refuse_test_images(per_class, "condition")
        return {INPUT: self.real.load_step("train", per_class, "condition.sources")}

    def words(self, condition: Condition, count: int) -> str:
        """Return what the images are conditioned on, for records and reports."""
        per_class = self._sources(condition, count)
        return f"{condition.words} from {per_class} real training images per class"

    def _sources(self, condition: Condition, count: int) -> ClassCounts:
        """Return the number of real images of each class; a data set uses no more of them than it has images."""
        available = self.real.available
        if condition.sources is None:
            return available.limit(ClassCounts(count))
        labels = range(len(self.task.classes))
        least = min(labels, key=lambda label: available[label])
        if available[least] < condition.sources:
            raise DataError(
                f"condition: sources is {condition.sources}, but the class {self.task.classes[least]!r} has only "
                f"{available[least]} real training images; lower sources, or leave it out"
            )
        return ClassCounts(min(condition.sources, count))


def check_custom_condition(condition: Condition | None) -> None:
    """Check that a user-defined generator can be given what the study conditions its images on.

    Raises:
        DataError: the condition has settings that such a generator does not know.
    """
    if condition is None:
        return
    if condition.kind != "image":
        raise DataError(
            f"condition: kind: {condition.kind} is for diffusers pipelines; a user-defined generator gets the real "
            "images of kind: image, and does with them what it likes"
        )
    if "strength" in condition.model_fields_set:
        raise DataError(
            "condition: strength has no effect here: a user-defined generator has its own settings; remove it"
        )
