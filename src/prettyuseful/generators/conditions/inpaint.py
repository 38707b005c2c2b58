"""Inpainting: the foreground of a real image is kept and its background generated, or the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from prettyuseful.generators.conditions.base import WithStrength
from prettyuseful.generators.conditions.masks import Rule, foreground
from prettyuseful.generators.conditions.pipelines import family_of, pipeline_for
from prettyuseful.generators.families import Family

if TYPE_CHECKING:
    import torch


class Inpainting(WithStrength):
    """Inpainting: the background of a real training image is generated and its foreground kept, or the reverse.

    The kept pixels are those of the real image, resized to the size of generated images.
    """

    kind: Literal["inpaint"] = "inpaint"
    repaint: Literal["background", "foreground"] = Field("background", description="the part that is generated")
    foreground: Rule = Field(
        "border",
        description="what the foreground is: border (what differs in colour from the border of the image) or centre "
        "(the centred square with half of the area)",
    )
    strength: float = Field(
        1.0, gt=0, le=1, description="how far the generated part may be from the real one; 1 ignores it"
    )

    @property
    def words(self) -> str:
        return f"inpainting of the {self.repaint} at strength {self.strength:g}"

    def family(self, of: Family) -> Family:
        return family_of(pipeline_for("inpainting", of.pipelines[0]), of)

    def arguments(self, images: Sequence[Image.Image]) -> dict[str, Any]:
        masks = [Image.fromarray(self._generated(np.asarray(image)).astype(np.uint8) * 255) for image in images]
        return {"image": list(images), "mask_image": masks, "strength": self.strength}

    def complete(self, generated: torch.Tensor, images: Sequence[np.ndarray]) -> torch.Tensor:
        import torch

        masks = np.stack([self._generated(image) for image in images])[..., None]
        real, painted = (torch.from_numpy(array).to(generated.device) for array in (np.stack(images), masks))
        return torch.where(painted, generated, real)

    def _generated(self, image: np.ndarray) -> np.ndarray:
        """Return the mask (H, W) of the part that is generated."""
        kept = foreground(image, self.foreground)
        return ~kept if self.repaint == "background" else kept
