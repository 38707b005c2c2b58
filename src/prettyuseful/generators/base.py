"""What a generator is: anything that turns prompts and seeds into images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field


class Sampling(BaseModel):
    """How a diffusion model is run. A field left out is the vendor's value."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    steps: int | None = Field(None, ge=1, le=1000, description="denoising steps")
    cfg: float | None = Field(None, ge=1, le=100, description="scale of classifier-free guidance; 1 is no guidance")
    negative: str = Field("", description="negative prompt; has an effect only with guidance")


class Generator(Protocol):
    """Turns prompts into images, deterministically."""

    def applied(self) -> dict[str, object]:
        """What was really applied (steps, guidance, scheduler, size, safety checker), for the record."""

    def generate(self, prompts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        """One image per prompt, (N, H, W, 3) uint8.

        Image `i` depends on `prompts[i]`, `seeds[i]` and N alone, not on its neighbours. Seeds are 63-bit integers.
        """
