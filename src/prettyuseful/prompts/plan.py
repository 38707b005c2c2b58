"""The `prompts` section of a data set in a study file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, JsonValue, model_validator

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import StudyError
from prettyuseful.fields import BareName, RegisteredName, RelativePath, resolve_path
from prettyuseful.plugins import is_plugin
from prettyuseful.prompts.captioners.source import CaptionerSource
from prettyuseful.prompts.class_words import ClassWords, class_words
from prettyuseful.prompts.prompt_files import prompts_of_classes, read_prompt_file
from prettyuseful.prompts.strategies import (
    PROMPT_STRATEGIES,
    ClassList,
    PromptRequest,
    PromptStrategy,
    write_prompts,
)
from prettyuseful.prompts.writers.source import WriterSource

_OPTIONS = ("templates", "definitions", "captioner", "writer", "file", "options")
_STRATEGY_OF = {"file": "file", "writer": "described"}


class PromptPlan(BareName):
    """A prompt strategy with its options. A name alone means a strategy with its default options; `file` and `writer`
    imply their strategies."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    bare_field: ClassVar[str] = "strategy"
    strategy: Annotated[str, RegisteredName(PROMPT_STRATEGIES)] = Field(
        "class-name", description="a name from `prettyuseful list prompts`, or module:OBJECT"
    )
    templates: str | tuple[str, ...] | None = Field(
        None,
        description="for template: the name of a bundled list, or a list of texts with {} for the class name",
    )
    definitions: dict[str, str] | None = Field(
        None, description="for definition: short definitions by class name; by default those of the task"
    )
    captioner: CaptionerSource | None = Field(None, description="for caption: the model that writes the captions")
    writer: WriterSource | None = Field(None, description="for described: the language model that writes the prompts")
    file: Annotated[str, RelativePath(resolve_path)] | None = Field(
        None,
        min_length=1,
        description="your own prompts: a CSV file with the columns class and prompt, or JSON lines (.jsonl) with these "
        "keys",
    )
    options: dict[str, JsonValue] | None = Field(None, description="for a user-defined strategy: its options by name")

    @model_validator(mode="before")
    @classmethod
    def _imply_the_strategy(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "strategy" not in value:
            implied = [strategy for key, strategy in _STRATEGY_OF.items() if value.get(key) is not None]
            return {**value, "strategy": implied[0]} if implied else value
        return value

    @model_validator(mode="after")
    def _fits_the_strategy(self) -> PromptPlan:
        # A user-defined strategy is checked later, because its path is relative to the study file.
        if not is_plugin(self.strategy):
            try:
                self._validated_row()
            except StudyError as error:
                raise ValueError(str(error)) from None
        return self

    @property
    def label(self) -> str:
        """The name of the strategy in records and reports."""
        return PROMPT_STRATEGIES.label(self.strategy)

    def resolve(self, task: ClassList) -> ResolvedPrompts:
        """Return the prompts for a task, with all options filled in.

        Raises:
            UserError: the strategy does not support these options or this task.
        """
        row = self._validated_row()
        words = class_words(task.classes)
        with PROMPT_STRATEGIES.guard(self.strategy):
            value = getattr(self, row.option_key) if row.option_key else None
            if row.option_key == "file" and self.file is not None:
                value = prompts_of_classes(read_prompt_file(Path(self.file)), task.classes, words.changed, self.file)
            if row.option_key == "definitions" and value is not None:
                value = words.rename_keys(value)
            options = row.options(value, _TaskInWords(task.name, words.words, words.rename_keys(task.definitions)))
        captioner = (self.captioner or CaptionerSource()) if row.needs_captions else None
        writer = self.writer if row.needs_writer else None
        pinned = PROMPT_STRATEGIES.pin(self.strategy)
        return ResolvedPrompts(pinned, tuple(task.classes), words, options, captioner, writer)

    def _validated_row(self) -> PromptStrategy:
        """Return the strategy; raise StudyError for options that it does not support."""
        row = PROMPT_STRATEGIES[self.strategy]
        for key in _OPTIONS:
            if getattr(self, key) is not None and not row.accepts(key):
                strategies = " or ".join(repr(other.name) for other in PROMPT_STRATEGIES if other.accepts(key))
                owner = f"the strategy {strategies}" if strategies else "a user-defined strategy"
                raise StudyError(
                    f"{key} is only for {owner}, but the strategy is {row.name!r}; remove {key} or change the strategy"
                )
        if row.needs_writer and self.writer is None:
            raise StudyError(
                f"the strategy {row.name!r} needs a writer; add writer: {{model: NAME, endpoint: URL}}, or a model of "
                "transformers"
            )
        if row.check is not None and row.option_key:
            with PROMPT_STRATEGIES.guard(self.strategy):
                row.check(getattr(self, row.option_key))
        return row


@dataclass(frozen=True)
class _TaskInWords:
    """The part of a task that a prompt strategy can use, with the words for prompts as the names of the classes."""

    name: str
    classes: tuple[str, ...]
    definitions: Mapping[str, str]


@dataclass(frozen=True)
class ResolvedPrompts:
    """The prompt strategy of a data set with its options. `captioner` captions the real training images, or is None.

    `writer` writes prompts of each class, or is None. `words`: what prompts say for each class.
    """

    strategy: Pinned[str]
    classes: tuple[str, ...]
    words: ClassWords
    options: dict[str, JsonValue]
    captioner: CaptionerSource | None
    writer: WriterSource | None = None

    def per_class(self, real_images: int) -> int:
        """Return the number of prompts per class; `real_images` is the number of real training images per class."""
        if self.captioner is not None:
            return real_images
        if self.writer is not None:
            return self.writer.per_class
        prompts = write_prompts(self.strategy.source, PromptRequest(self.words.words, self.options))
        return len(prompts.prompts[0])
