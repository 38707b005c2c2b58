"""The writer section of a study file, and how writers are created from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, JsonValue, field_validator

from prettyuseful.endpoints.access import EndpointSettings, read_key
from prettyuseful.engine.cache import cached_model
from prettyuseful.engine.keys import digest
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import UnknownNameError
from prettyuseful.fields import RelativePath, resolve_existing_folder
from prettyuseful.hub.commits import check_resolved
from prettyuseful.hub.files import pin_model_source
from prettyuseful.hub.ids import is_hub_id
from prettyuseful.numerics import Numerics
from prettyuseful.paths import is_file
from prettyuseful.prompts.writers.base import DEFAULT_INSTRUCTION, Writer

_LOCAL_MODEL = RelativePath(resolve_existing_folder, only_if=lambda writer: writer.endpoint is None)


class WriterSource(EndpointSettings):
    """A language model that writes prompts: on this machine, or at an OpenAI-compatible endpoint."""

    model: Annotated[str, _LOCAL_MODEL] = Field(
        min_length=1,
        description="a text-generation model of transformers (hub id or folder), or the name of one at the endpoint",
    )
    per_class: int = Field(20, ge=2, le=2_000, description="number of prompts for each class")
    temperature: float = Field(1.0, gt=0, le=5, description="temperature of sampling; a higher one varies prompts more")
    seed: int = Field(0, ge=0, lt=2**31, description="seed of the requests; another one gives other prompts")
    instruction: str = Field(
        DEFAULT_INSTRUCTION,
        min_length=1,
        max_length=10_000,
        description="the instruction; {class}, {count} and {focus} (what to vary) are replaced",
    )
    max_tokens: int = Field(1024, ge=1, le=32_768, description="maximal length of an answer in tokens")

    @field_validator("instruction")
    @classmethod
    def _instruction_names_the_class(cls, instruction: str) -> str:
        if "{class}" not in instruction:
            raise ValueError("instruction must hold {class}, the place of the name of the class; add it")
        return instruction

    def pin(self) -> Pinned[WriterSource]:
        """Pin everything that changes the prompts of a class, as captioners do.

        Raises:
            UnknownNameError: without an endpoint, `model` is neither a hub id nor a folder.
            DataError: the hub has no such model.
        """
        request: dict[str, JsonValue] = {
            name: getattr(self, name) for name in ("per_class", "temperature", "seed", "instruction", "max_tokens")
        }
        if self.endpoint is not None:
            return Pinned(source=self, content={"kind": "endpoint", "model": self.model, **request})
        if not is_file(Path(self.model) / "config.json") and not is_hub_id(self.model):
            raise UnknownNameError(
                f"unknown writer {self.model!r}; give a hub id such as owner/name, a folder with a config.json, or any "
                "name together with endpoint"
            )
        model = pin_model_source(self.model)
        assert isinstance(model.content, dict)
        content = {"kind": "language-model", **model.content, **request}
        return Pinned(source=self.model_copy(update={"model": model.source}), content=content)

    def numerics(self, available: Numerics) -> Numerics:
        """Return those of the settings that can change prompts: a step reserves no GPU unless the model runs in it."""
        return available if self.endpoint is None else Numerics(threads=available.threads)


def open_writer(pinned: Pinned[WriterSource], numerics: Numerics) -> Writer:
    """Create the writer, or return the cached one if it was the last model loaded in this process.

    Raises:
        DataError: the commit of the model is unknown, or its weights cannot be loaded.
        UserError: the environment variable of the key is not set.
    """
    check_resolved(pinned.content, pinned.source.model)
    return cached_model(_make_writer, pinned.source, numerics, content=digest(pinned.content))


def _make_writer(source: WriterSource, numerics: Numerics) -> Writer:
    if source.endpoint is None:
        from prettyuseful.prompts.writers.language_model import LanguageModelWriter

        return LanguageModelWriter(source.model, source.temperature, source.max_tokens, numerics)
    from prettyuseful.prompts.writers.endpoint import EndpointWriter

    key = read_key(source.api_key_env)
    temperature, max_tokens, concurrency = source.temperature, source.max_tokens, source.concurrency
    return EndpointWriter(source.endpoint, source.model, temperature, max_tokens, concurrency, key)
