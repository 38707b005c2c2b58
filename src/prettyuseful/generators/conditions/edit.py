"""Editing models, which change an image by an instruction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from PIL import Image
from pydantic import Field

from prettyuseful.errors import DataError
from prettyuseful.generators.conditions.base import Condition
from prettyuseful.generators.conditions.pipelines import family_of
from prettyuseful.generators.families import Family


class Editing(Condition):
    """An editing model, such as InstructPix2Pix, FLUX.1-Kontext or Qwen-Image-Edit, changes a real training image."""

    kind: Literal["edit"] = "edit"
    edits: ClassVar[bool] = True
    instruction: str = Field(
        min_length=1,
        max_length=10_000,
        description="the prompt of all images: what to change; {class} stands for the name of the class",
    )

    @property
    def words(self) -> str:
        return "editing"

    @property
    def settings(self) -> dict[str, Any]:
        return {"kind": self.kind}  # the instruction is the prompt

    def family(self, of: Family) -> Family:
        if not of.is_recorded:
            raise DataError(
                f"{of.pipelines[0]} does not edit images; use an editing model such as InstructPix2Pix, FLUX.1-Kontext "
                "or Qwen-Image-Edit"
            )
        return family_of(of.pipelines[0], of)

    def arguments(self, images: Sequence[Image.Image]) -> dict[str, Any]:
        return {"image": list(images)}
