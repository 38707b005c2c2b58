"""The kinds of conditions in study files."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from prettyuseful.generators.conditions.edit import Editing
from prettyuseful.generators.conditions.image import ImageToImage
from prettyuseful.generators.conditions.image_prompt import ImagePrompt
from prettyuseful.generators.conditions.inpaint import Inpainting

AnyCondition = Annotated[ImageToImage | Inpainting | Editing | ImagePrompt, Field(discriminator="kind")]
"""The type of a field of a study file that holds a condition."""
