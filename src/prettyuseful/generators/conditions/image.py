"""Image-to-image: generation starts from a noised real image instead of pure noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from PIL import Image

from prettyuseful.generators.conditions.base import WithStrength
from prettyuseful.generators.conditions.pipelines import family_of, pipeline_for
from prettyuseful.generators.families import Family


class ImageToImage(WithStrength):
    """Image-to-image: denoising starts from a real training image with noise of a given strength."""

    kind: Literal["image"] = "image"

    @property
    def words(self) -> str:
        return f"image-to-image at strength {self.strength:g}"

    def family(self, of: Family) -> Family:
        return family_of(pipeline_for("image-to-image", of.pipelines[0]), of)

    def arguments(self, images: Sequence[Image.Image]) -> dict[str, Any]:
        return {"image": list(images), "strength": self.strength}
