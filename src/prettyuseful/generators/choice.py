"""What a data set says of its generator: a name, or a model with adapters, other weight files and another scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import (
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
)

from prettyuseful.fields import BareName, RelativePath, resolve_existing_path, resolve_images_or_plugin
from prettyuseful.generators.components import Component
from prettyuseful.generators.conditions.rows import AnyCondition
from prettyuseful.generators.locations import Location
from prettyuseful.generators.model import Model
from prettyuseful.generators.model_rows import MODELS
from prettyuseful.generators.models import find_model
from prettyuseful.generators.variants import VARIANT, ChosenVariant
from prettyuseful.numerics import DType

_WEIGHTS = "a .safetensors file, or a folder that holds one; as plain text also a hub id or, in lora, a name in tune"


class WeightFile(Location):
    """A safetensors file of this machine (`path`) or of a hub repository (`id`, and `file` where it has several)."""

    path: Annotated[str, RelativePath(resolve_existing_path)] | None = Field(None, min_length=1, description=_WEIGHTS)
    file: str | None = Field(
        None, min_length=1, description="name of the file within the folder or repository, if it has several"
    )

    @property
    def shown(self) -> str:
        return f"{super().shown}/{self.file}" if self.file else super().shown


class Lora(WeightFile):
    """LoRA weights, which are added to those of the model."""

    weight: float = Field(1.0, ge=-10, le=10, description="factor of the LoRA; 0 leaves the images as they are")


class TextualInversion(WeightFile):
    """A learned embedding: a new word for prompts."""

    token: str | None = Field(
        None, min_length=1, max_length=100, description="the word for prompts; default: the one in the file"
    )


class GeneratorChoice(BareName):
    """A generator, as a data set of a study names it. It is what samplers and text encoders are loaded from.

    Images that exist and classes of users have a `model` and nothing else.
    """

    bare_field: ClassVar[str] = "model"
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    model: Annotated[str, RelativePath(resolve_images_or_plugin, names=MODELS)] = Field(
        description="source of the images: a name from `prettyuseful list generators`, a Hugging Face hub id, a "
        "diffusers pipeline folder, a folder of images (class folders, .tar shards or Parquet files), or module:Class",
    )
    lora: Lora | tuple[Lora, ...] = Field(
        (), description="LoRA weights: one, or a list of several, such as {path: style.safetensors, weight: 0.8}"
    )
    textual_inversion: TextualInversion | tuple[TextualInversion, ...] = Field(
        (), description="learned embeddings of new words: one, or a list of several"
    )
    single_file: WeightFile | None = Field(
        None,
        description="a checkpoint in one .safetensors file, whose weights replace those of the model; configurations, "
        "tokenizers and networks that it lacks are those of the model",
    )
    scheduler: str | dict[str, JsonValue] | None = Field(
        None,
        description="another scheduler of diffusers: its class, or a mapping with class and options of its "
        "configuration, such as {class: EulerDiscreteScheduler, timestep_spacing: trailing}; other options are those "
        "of the model",
    )
    components: dict[str, Component] = Field(
        default_factory=dict,
        description="components of the pipeline from other places, by name, such as {vae: OWNER/NAME} or {text_encoder:"
        " {path: FOLDER}}; they are added to those of the model or replace them. prior names the whole pipeline of the "
        "prior of a combined pipeline, and refiner that of an SDXL refiner",
    )
    variant: Annotated[str, StringConstraints(pattern=rf"^{VARIANT}$")] | None = Field(
        None,
        description="variant of the model's weight files, such as fp16 for model.fp16.safetensors, or default for "
        "those without one; by default what the model's row prefers, and the study is refused if it does not exist",
    )
    dtype: DType | None = Field(None, description="number format of this generator; default: that of numerics")

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> Any:
        """Write a choice without settings as the name that it is, as studies did before there were settings."""
        return handler(self) if self.settings else self.model

    @property
    def settings(self) -> tuple[str, ...]:
        """The names of the fields beside `model` that say something."""
        return tuple(name for name in type(self).model_fields if name != "model" and getattr(self, name))

    @property
    def loras(self) -> tuple[Lora, ...]:
        return (self.lora,) if isinstance(self.lora, Lora) else self.lora

    @property
    def textual_inversions(self) -> tuple[TextualInversion, ...]:
        found = self.textual_inversion
        return (found,) if isinstance(found, TextualInversion) else found

    @property
    def added(self) -> Iterator[str]:
        """Words on what is loaded beside the files of the model, for notes."""
        for lora in self.loras:
            yield f"LoRA {lora.shown} at {lora.weight:g}"
        for embedding in self.textual_inversions:
            yield f"textual inversion {embedding.shown}"
        if self.single_file is not None:
            yield f"weights of {self.single_file.shown}"
        for name, component in self.components.items():
            yield f"{name} of {component.shown}"

    @property
    def written_out(self) -> GeneratorChoice:
        """The same generator without names for combinations: a model, and the LoRA weights that its row names."""
        name, at, revision = self.model.partition("@")
        weights = MODELS[name].few_step_weights if name in MODELS else None
        if weights is None:
            return self
        lora = Lora(path=None, id=weights.repository, file=weights.file, weight=1.0)
        scheduler = self.scheduler or dict(weights.scheduler)
        update = {"model": f"{weights.of}{at}{revision}", "lora": (lora, *self.loras), "scheduler": scheduler}
        return self.model_copy(update=update)

    def find(self, condition: AnyCondition | None = None) -> Model:
        """Return the model, with the variant that is asked for. `condition`: see `find_model`.

        Raises:
            UserError: see `find_model`.
        """
        found = find_model(self.model, condition, self.components)
        if self.variant is not None:
            found = replace(found, variant=ChosenVariant(self.variant, exact=True))
        return found


def choice_of(generator: GeneratorChoice | str) -> GeneratorChoice:
    """Return a generator that may be given by its name alone as a choice, which is written out."""
    return (GeneratorChoice(model=generator) if isinstance(generator, str) else generator).written_out
