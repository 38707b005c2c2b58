"""The captioner section of a study file, and how captioners are created from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, JsonValue, model_validator

from prettyuseful.endpoints.access import EndpointSettings, read_key
from prettyuseful.engine.cache import cached_model
from prettyuseful.engine.keys import digest
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import UnknownNameError, did_you_mean
from prettyuseful.fields import BareName, RelativePath, resolve_existing_folder
from prettyuseful.hub.commits import check_resolved
from prettyuseful.hub.files import pin_model_source
from prettyuseful.hub.ids import is_hub_id
from prettyuseful.numerics import Numerics
from prettyuseful.paths import is_file
from prettyuseful.prompts.captioners.base import CAPTIONS_AT_ONCE, PAPER_INSTRUCTION, Captioner

DESCRIBER = "describer"

_LOCAL_MODEL = RelativePath(resolve_existing_folder, only_if=lambda captioner: captioner.endpoint is None)


class CaptionerSource(BareName, EndpointSettings):
    """The bundled describer, a vision-language model on this machine, or a model at an OpenAI-compatible endpoint."""

    bare_field: ClassVar[str] = "model"
    model: Annotated[str, _LOCAL_MODEL] = Field(
        DESCRIBER, min_length=1, description="`describer`, a hub id, a folder, or the name of a model at the endpoint"
    )
    instruction: str = Field(
        PAPER_INSTRUCTION, min_length=1, description="the instruction for the model; {class} stands for the class name"
    )
    max_tokens: int = Field(256, ge=1, le=8192, description="maximal length of the answer in tokens")
    image_size: int = Field(
        256, ge=16, le=4096, description="larger images are downscaled to this short side, in pixels"
    )

    @model_validator(mode="after")
    def _endpoint_has_a_model(self) -> CaptionerSource:
        if self.endpoint is not None and self.model == DESCRIBER:
            raise ValueError("endpoint needs the name of a model; add model, or remove endpoint to use the describer")
        return self

    def pin(self) -> Pinned[CaptionerSource]:
        """Pin everything that changes captions: the model (by its files, its commit on the hub, or its name at an
        endpoint) and the request settings. The source of the result names the commit.

        Raises:
            UnknownNameError: without an endpoint, `model` is neither `describer`, a hub id nor a folder.
            DataError: the hub has no such model.
        """
        kind = self._kind()
        if kind == DESCRIBER:
            return Pinned(source=self, content={"model": DESCRIBER})
        request: dict[str, JsonValue] = {
            "instruction": self.instruction,
            "max_tokens": self.max_tokens,
            "image_size": self.image_size,
        }
        if kind == "endpoint":
            return Pinned(source=self, content={"kind": kind, "model": self.model, **request})
        model = pin_model_source(self.model)
        assert isinstance(model.content, dict)
        source = self.model_copy(update={"model": model.source})
        content = {"kind": kind, **model.content, **request, "at_once": CAPTIONS_AT_ONCE}
        return Pinned(source=source, content=content)

    def numerics(self, available: Numerics) -> Numerics:
        """Return those of the settings that can change captions: a step reserves no GPU unless the model runs in it."""
        return available if self._kind() == "vision-language" else Numerics(threads=available.threads)

    def _kind(self) -> str:
        if self.endpoint is not None:
            return "endpoint"
        if self.model == DESCRIBER:
            return DESCRIBER
        if is_file(Path(self.model) / "config.json") or is_hub_id(self.model):
            return "vision-language"
        raise UnknownNameError(
            f"unknown captioner {self.model!r}{did_you_mean(self.model, [DESCRIBER])}; known: {DESCRIBER}, a hub id "
            "such as owner/name, a folder with a config.json, or any name together with endpoint"
        )


def open_captioner(pinned: Pinned[CaptionerSource], numerics: Numerics) -> Captioner:
    """Create the captioner, or return the cached one if it was the last model loaded in this process.

    Raises:
        DataError: the commit of the model is unknown, or its weights cannot be loaded.
        UserError: the environment variable of the key is not set.
    """
    check_resolved(pinned.content, pinned.source.model)
    return cached_model(_make_captioner, pinned.source, numerics, content=digest(pinned.content))


def _make_captioner(source: CaptionerSource, numerics: Numerics) -> Captioner:
    kind = source._kind()
    if kind == DESCRIBER:
        from prettyuseful.prompts.captioners.describer import Describer

        return Describer()
    if kind == "vision-language":
        from prettyuseful.prompts.captioners.vision_language import VisionLanguageCaptioner

        return VisionLanguageCaptioner(source.model, source.instruction, source.max_tokens, source.image_size, numerics)
    from prettyuseful.prompts.captioners.endpoint import EndpointCaptioner

    return EndpointCaptioner(
        str(source.endpoint),
        source.model,
        source.instruction,
        source.max_tokens,
        source.image_size,
        source.concurrency,
        key=read_key(source.api_key_env),
    )
