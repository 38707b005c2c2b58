"""What a generator is: anything that turns a prompt and seeds into images; and the settings of those that denoise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import torch


class Sampling(BaseModel):
    """How a diffusion model is run. A field left out is the vendor's value."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    steps: int | None = Field(None, ge=1, le=1000, description="denoising steps")
    cfg: float | None = Field(
        None, ge=1, le=100, description="scale of true classifier-free guidance; 1 is no guidance"
    )
    distilled_guidance: float | None = Field(
        None, ge=0, le=100, description="guidance value that a guidance-distilled model takes as an input"
    )
    negative: str | None = Field(None, description="negative prompt; needs cfg above 1")
    size: int | None = Field(None, ge=8, le=4096, description="height and width in pixels")
    step_cache: float | None = Field(
        None, gt=0, le=1, description="first-block cache threshold: skips work between steps, and changes the images"
    )
    quantise: Literal["float8"] | None = Field(
        None, description="keep the denoiser's weights in 8 bits: less memory, and other images"
    )


@dataclass(frozen=True)
class Request:
    """One micro-batch: images of one class and one prompt, one per seed (63-bit integers)."""

    prompt: str
    class_name: str
    label: int
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Origin:
    """Where a data set's images come from, for records and reports. `released`: year-month."""

    id: str
    kind: Literal["diffusers", "folder", "custom", "mix", "changed"]
    released: str | None = None
    licence: str = "see its source"
    note: str = ""


class Generator(Protocol):
    """Turns requests into images, deterministically. Your own class needs no more than these two methods."""

    def generate(self, request: Request) -> np.ndarray | torch.Tensor:
        """One image per seed, (N, H, W, 3) uint8, as an array or as a tensor on any device.

        Image `i` depends on the request's prompt, class, `seeds[i]` and N alone, not on its neighbours.
        """

    def applied(self) -> dict[str, object]:
        """What was really applied, JSON-able, for the record."""
