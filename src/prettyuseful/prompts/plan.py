"""What a study says of a data set's prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, JsonValue, model_validator

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import StudyError
from prettyuseful.fields import BareName, RowName
from prettyuseful.plugins import is_plugin
from prettyuseful.prompts.captioners.source import CaptionerSource
from prettyuseful.prompts.strategies import (
    PROMPT_STRATEGIES,
    ClassList,
    PromptRequest,
    PromptStrategy,
    write_prompts,
)

_OPTIONS = ("templates", "definitions", "captioner", "options")


class PromptPlan(BareName):
    """A prompt strategy, and what that strategy needs to know. A bare name is a strategy with its defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    bare_field: ClassVar[str] = "strategy"
    strategy: Annotated[str, RowName(PROMPT_STRATEGIES)] = Field(
        "class-name", description="name of `prettyuseful list prompts`, or module:OBJECT"
    )
    templates: str | tuple[str, ...] | None = Field(
        None, description="for template: the name of a bundled set, or a list of texts that hold {} for the class name"
    )
    definitions: dict[str, str] | None = Field(
        None, description="for definition: class name to gloss; the task's own glosses if left out"
    )
    captioner: CaptionerSource | None = Field(None, description="for caption: what writes the captions")
    options: dict[str, JsonValue] | None = Field(None, description="for a strategy of your own: its options by name")

    @model_validator(mode="after")
    def _fits_the_strategy(self) -> PromptPlan:
        # A file of yours is looked up later, from the study's folder.
        if not is_plugin(self.strategy):
            try:
                self._checked()
            except StudyError as error:
                raise ValueError(str(error)) from None
        return self

    @property
    def label(self) -> str:
        """What records and reports call the strategy."""
        return PROMPT_STRATEGIES.label(self.strategy)

    def resolve(self, task: ClassList) -> ResolvedPrompts:
        """What the study says, for a task.

        Raises:
            UserError: the strategy cannot be used with these options, or with this task.
        """
        row = self._checked()
        with PROMPT_STRATEGIES.guard(self.strategy):
            options = row.options(getattr(self, row.option_key) if row.option_key else None, task)
        captioner = (self.captioner or CaptionerSource()) if row.needs_captions else None
        return ResolvedPrompts(PROMPT_STRATEGIES.pinned(self.strategy), tuple(task.classes), options, captioner)

    def _checked(self) -> PromptStrategy:
        """The strategy's row; raises StudyError for what does not fit it."""
        row = PROMPT_STRATEGIES[self.strategy]
        for key in _OPTIONS:
            if getattr(self, key) is not None and not row.reads(key):
                owners = " or ".join(repr(other.name) for other in PROMPT_STRATEGIES if other.reads(key))
                whose = f"for the strategy {owners}" if owners else "for a strategy of your own"
                raise StudyError(f"{key}: only {whose}, and this is {row.name!r}")
        if row.check is not None and row.option_key:
            with PROMPT_STRATEGIES.guard(self.strategy):
                row.check(getattr(self, row.option_key))
        return row


@dataclass(frozen=True)
class ResolvedPrompts:
    """The prompts of a data set, as its steps make them. `captioner`: of the real train images, None for none."""

    strategy: Pinned[str]
    classes: tuple[str, ...]
    options: dict[str, JsonValue]
    captioner: CaptionerSource | None

    def per_class(self, real_images: int) -> int:
        """How many prompts a class gets, with `real_images` train images of it to caption."""
        if self.captioner is not None:
            return real_images
        written = write_prompts(self.strategy.source, PromptRequest(self.classes, self.options))
        return len(written.prompts[0])
