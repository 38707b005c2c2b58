"""What a study says of a data set's prompts."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from prettyuseful.errors import StudyError
from prettyuseful.fields import BareName
from prettyuseful.prompts.captioners.source import CaptionerSource
from prettyuseful.prompts.strategies import TEMPLATE_SETS, check_templates

_OWNERS = {"templates": "template", "definitions": "definition", "captioner": "caption"}


class PromptPlan(BareName):
    """A prompt strategy, and what that strategy needs to know. A bare name is a strategy with its defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    bare_field: ClassVar[str] = "strategy"
    strategy: Literal["class-name", "template", "definition", "caption"] = "class-name"
    templates: str | tuple[str, ...] | None = Field(
        None, description="for template: the name of a bundled set, or a list of texts that hold {} for the class name"
    )
    definitions: dict[str, str] | None = Field(
        None, description="for definition: class name to gloss; the task's own glosses if left out"
    )
    captioner: CaptionerSource | None = Field(None, description="for caption: what writes the captions")

    @model_validator(mode="after")
    def _fits_the_strategy(self) -> PromptPlan:
        for field, owner in _OWNERS.items():
            if getattr(self, field) is not None and self.strategy != owner:
                raise ValueError(f"{field}: only for the strategy {owner!r}, and this is {self.strategy!r}")
        if isinstance(self.templates, str) and self.templates not in TEMPLATE_SETS:
            raise ValueError(f"no template set {self.templates!r}; known: {', '.join(TEMPLATE_SETS)}, or give a list")
        if self.strategy == "template":
            try:
                check_templates(self.template_texts)
            except StudyError as error:
                raise ValueError(str(error)) from None
        return self

    @property
    def template_texts(self) -> tuple[str, ...]:
        """The templates themselves."""
        asked = next(iter(TEMPLATE_SETS)) if self.templates is None else self.templates
        return TEMPLATE_SETS[asked] if isinstance(asked, str) else asked

    def per_class(self, real_images: int) -> int:
        """How many prompts a class gets, with `real_images` train images of it to describe."""
        if self.strategy == "caption":
            return real_images
        return len(self.template_texts) if self.strategy == "template" else 1
