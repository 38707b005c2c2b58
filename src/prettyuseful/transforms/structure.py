"""Structure without colour and texture: depth maps by a network, or edges and silhouettes without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, JsonValue

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import UnknownNameError, did_you_mean
from prettyuseful.fields import RelativePath, resolve_existing_folder
from prettyuseful.hub.commits import resolve
from prettyuseful.hub.files import folder_fingerprint
from prettyuseful.hub.ids import is_hub_id
from prettyuseful.numerics import Numerics
from prettyuseful.paths import exists, is_file, is_folder
from prettyuseful.transforms.base import Formula, Transform, TransformSource, grey_image

DEPTH_MODELS = {
    "large": "depth-anything/Depth-Anything-V2-Large-hf",  # used in the paper; CC BY-NC 4.0
    "small": "depth-anything/Depth-Anything-V2-Small-hf",  # Apache-2.0
}
_SCALE = 1 / 64  # in fractions of the short side; finer detail counts as texture
_MIN_CONTRAST = 0.01  # in fractions of the range; weaker contrast is not amplified further
_SOFTNESS = 1 / 8  # width of the transition at the threshold, relative to the distance between light and dark means


class Depth(TransformSource):
    """Depth maps by a depth-estimation model of transformers, min-max scaled per image, in three equal channels.

    `model`: `large` or `small` for Depth-Anything-V2 (the paper uses Large), a hub id, optionally with @revision, or a
    folder. Depth-Anything maps near objects to bright values; models that estimate distances map them to dark values.
    """

    version: ClassVar[int] = 2
    kind: Literal["depth"] = "depth"
    model: Annotated[str, RelativePath(resolve_existing_folder)] = Field(
        "large", min_length=1, description="`large`, `small`, a hub id or a folder"
    )

    def pin(self) -> Pinned[TransformSource]:
        location = self._model_location()
        content: dict[str, JsonValue] = {"kind": self.kind, "version": self.version}
        if is_folder(location):
            return Pinned(source=self, content={**content, "model": folder_fingerprint(Path(location))})
        commit = resolve(location)
        source = self.model_copy(update={"model": commit.id})
        return Pinned(source=source, content={**content, "model": commit.content})

    def open(self, numerics: Numerics) -> Transform:
        from prettyuseful.transforms.depth import DepthMap

        return DepthMap(self._model_location(), numerics)

    def _model_location(self) -> str:
        location = DEPTH_MODELS.get(self.model, self.model)
        if is_file(Path(location) / "config.json") or (is_hub_id(location) and not exists(location)):
            return location
        raise UnknownNameError(
            f"unknown depth model {location!r}{did_you_mean(location, DEPTH_MODELS)}; "
            f"choose {', '.join(DEPTH_MODELS)}, a hub id such as owner/name, or a folder with a config.json"
        )


class Edges(Formula):
    """The mean of an edge map and a silhouette map, in three equal channels. It is not depth, and needs no weights.

    Both maps use the luminance, smoothed by a Gaussian of 1/64 of the short side (at least 1 px) to suppress texture.
    The edge map is the gradient magnitude, relative to its 99th percentile in the image. The silhouette map is a soft
    threshold at Otsu's value, with a transition of 1/8 of the distance between the means of light and dark pixels. So
    the result hardly depends on gain, offset and hue, but on the positions of shapes. In a negative, the silhouette map
    is inverted. It works for images of at least 32 px.
    """

    kind: Literal["edges"] = "edges"

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        from skimage.color import rgb2gray
        from skimage.filters import gaussian, scharr, threshold_otsu

        width = max(1, _SCALE * min(image.shape[:2]))
        light = gaussian(rgb2gray(image), width, mode="reflect")
        contrast = (
            scharr(light, mode="reflect") * width
        )  # relative to the smoothing width, so that it does not depend on the image size
        edges = np.clip(contrast / max(np.percentile(contrast, 99), _MIN_CONTRAST), 0, 1)
        if np.ptp(light) < _MIN_CONTRAST:
            return grey_image(edges / 2)
        threshold = threshold_otsu(light)
        above = light > threshold
        distance = max(light[above].mean() - light[~above].mean(), _MIN_CONTRAST)
        silhouette = 1 / (1 + np.exp((threshold - light) / (_SOFTNESS * distance)))
        return grey_image((edges + silhouette) / 2)
