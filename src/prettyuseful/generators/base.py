"""The interface of generators, which turn prompts and seeds into images, and the settings of diffusion models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

if TYPE_CHECKING:
    import torch


class Sampling(BaseModel):
    """Sampling settings of a diffusion model. A missing field means the vendor's value."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    steps: int | None = Field(None, ge=1, le=1000, description="denoising steps")
    cfg: float | None = Field(
        None, ge=1, le=100, description="scale of true classifier-free guidance; 1 turns guidance off"
    )
    distilled_guidance: float | None = Field(
        None, ge=0, le=100, description="guidance value that a guidance-distilled model takes as an input"
    )
    negative: str | None = Field(None, description="negative prompt; needs cfg above 1")
    size: int | None = Field(None, ge=8, le=4096, description="height and width in pixels")
    step_cache: float | None = Field(
        None,
        gt=0,
        le=1,
        description="threshold of the first-block cache: skips computation between steps; changes the images",
    )
    quantise: Literal["float8"] | None = Field(
        None, description="store the denoiser's weights in 8 bits: needs less memory; changes the images"
    )
    instruction: bool | None = Field(
        None,
        description="put the vendor's instruction to a language model before the prompt (Sana's complex human "
        "instruction)",
    )
    cfg_trunc_ratio: float | None = Field(
        None, gt=0, le=1, description="share of the denoising steps, from the first one, with guidance (Lumina 2)"
    )
    resolution_binning: bool | None = Field(
        None,
        description="generate at the model's own size of the nearest aspect ratio, and resize to size (PixArt, Sana)",
    )
    arguments: dict[str, JsonValue] | None = Field(
        None,
        description="further arguments of the pipeline's call by name, for diffusers pipelines that are not in the "
        "table of generators, such as {pag_scale: 3.0}",
    )

    @model_validator(mode="before")
    @classmethod
    def _scheduler_is_of_the_generator(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "scheduler" in value:
            raise ValueError("scheduler is a setting of the generator; write generator: {model: NAME, scheduler: ...}")
        return value

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out options that are off, which not all families have: keys are older than these fields."""
        values: dict[str, Any] = handler(self)
        return {name: value for name, value in values.items() if name not in _OPTIONAL or value is not None}


OPTIONS = ("instruction", "cfg_trunc_ratio", "resolution_binning")
"""The fields of `Sampling` that some families have; None where they are off."""
_OPTIONAL = (*OPTIONS, "arguments")


@dataclass(frozen=True)
class Request:
    """One micro-batch: images of one class and one prompt, one image per seed (63-bit integers).

    `images`: with `condition` in the study, a real training image of the class for each seed, (H, W, 3) uint8, in its
    own size; otherwise None.
    """

    prompt: str
    class_name: str
    label: int
    seeds: tuple[int, ...]
    images: tuple[np.ndarray, ...] | None = None


@dataclass(frozen=True)
class Drawn:
    """The images of a micro-batch.

    `pixels`: (N, H, W, 3) uint8, 0-255, as an array or as a tensor on any device. `finite`: (N,) bool, likewise; an
    image is black where it is False, because its values were NaN or infinite.
    """

    pixels: np.ndarray | torch.Tensor
    finite: np.ndarray | torch.Tensor


@dataclass(frozen=True)
class AddedWeights:
    """A file that is loaded beside those of the model, for records: the field that names it, its name and content.

    `weight`: the factor of a LoRA.
    """

    field: str
    name: str
    weight: float | None
    content: JsonValue


@dataclass(frozen=True)
class Origin:
    """The source of a data set's images, for records and reports. `released` is a year and month such as 2024-02.

    `added`: files that are loaded beside those of the model, such as LoRA weights.
    """

    id: str
    kind: Literal["diffusers", "folder", "custom", "hosted", "mix", "changed", "selected"]
    released: str | None = None
    licence: str = "see its source"
    note: str = ""
    added: tuple[AddedWeights, ...] = ()

    @property
    def is_encoded(self) -> bool:
        """Whether the images came as pixels, and files were made of them here."""
        return self.kind in ("diffusers", "custom")

    @property
    def is_generated(self) -> bool:
        """Whether a model made the images for this study."""
        return self.kind in ("diffusers", "custom", "hosted")


class Generator(Protocol):
    """Turns requests into images, deterministically. A user-defined class needs only these two methods."""

    def generate(self, request: Request) -> np.ndarray | torch.Tensor:
        """Return one image per seed: (N, H, W, 3) uint8, 0-255, as an array or as a tensor on any device.

        Image `i` depends only on the request's prompt and class, on `seeds[i]`, on `images[i]` if there are images, and
        on N, not on the other seeds and images.
        """

    def applied(self) -> dict[str, object]:
        """Return the settings in effect, such as model and steps, for the record. They must be serialisable as JSON."""
