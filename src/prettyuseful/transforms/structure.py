"""Structure without colour and texture: a depth map by a network, or edges and a silhouette without one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, JsonValue

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import UnknownNameError, did_you_mean
from prettyuseful.fields import RelativePlace, existing_folder
from prettyuseful.hub.commits import resolve
from prettyuseful.hub.files import folder_fingerprint
from prettyuseful.hub.ids import is_hub_id
from prettyuseful.numerics import Numerics
from prettyuseful.transforms.base import Formula, Transform, TransformSource, grey

DEPTH_MODELS = {
    "large": "depth-anything/Depth-Anything-V2-Large-hf",  # the paper's, CC BY-NC 4.0
    "small": "depth-anything/Depth-Anything-V2-Small-hf",  # Apache-2.0
}
_SCALE = 1 / 64  # of the short side: what is finer is texture
_FAINT = 0.01  # contrast that is not stretched further, in fractions of the range
_SOFTNESS = 1 / 8  # of the distance between the means of light and dark, in which one turns into the other


class Depth(TransformSource):
    """The depth map of a depth-estimation model of transformers, min-max scaled per image, in three equal channels.

    `model`: `large` or `small` for Depth-Anything-V2 (Large is the paper's), a hub id, perhaps with @revision, or a
    folder. Depth-Anything shows what is near as bright; models that estimate distances show it as dark.
    """

    kind: Literal["depth"] = "depth"
    model: Annotated[str, RelativePlace(existing_folder)] = Field(
        "large", min_length=1, description="`large`, `small`, a hub id or a folder"
    )

    def pin(self) -> Pinned[TransformSource]:
        place = self._place()
        content: dict[str, JsonValue] = {"kind": self.kind, "version": self.version}
        if Path(place).is_dir():
            return Pinned(source=self, content={**content, "model": folder_fingerprint(Path(place))})
        commit = resolve(place)
        source = self.model_copy(update={"model": commit.id})
        return Pinned(source=source, content={**content, "model": commit.content})

    def open(self, numerics: Numerics) -> Transform:
        from prettyuseful.transforms.depth import DepthMap

        return DepthMap(self._place(), numerics)

    def _place(self) -> str:
        place = DEPTH_MODELS.get(self.model, self.model)
        if (Path(place) / "config.json").is_file() or (is_hub_id(place) and not Path(place).exists()):
            return place
        raise UnknownNameError(
            f"unknown depth model {place!r}{did_you_mean(place, DEPTH_MODELS)}; known: {', '.join(DEPTH_MODELS)}, a "
            "hub id such as owner/name, or a folder with a config.json"
        )


class Edges(Formula):
    """An edge-and-silhouette map, in three equal channels: half of it edges, half of it light against dark.

    It needs no weights and works from 32 px on; it is no depth. From the luminance, smoothed by a Gaussian of 1/64 of
    the short side, at least 1 px, so that texture counts little: the gradient's magnitude in units of the image's own
    strongest edges (99th percentile), and the side of Otsu's threshold on which a pixel lies, softened by an eighth of
    the distance between the means of both sides. So gain, offset and hue of the image hardly matter; what moves does.
    Where light and dark change places, as in a negative, the silhouette turns too.
    """

    kind: Literal["edges"] = "edges"

    def changed(self, image: np.ndarray) -> np.ndarray:
        from skimage.color import rgb2gray
        from skimage.filters import gaussian, scharr, threshold_otsu

        width = max(1, _SCALE * min(image.shape[:2]))
        light = gaussian(rgb2gray(image), width, mode="reflect")
        contrast = scharr(light, mode="reflect") * width  # along one width, so that it means the same at every size
        edges = np.clip(contrast / max(np.percentile(contrast, 99), _FAINT), 0, 1)
        if np.ptp(light) < _FAINT:
            return grey(edges / 2)
        threshold = threshold_otsu(light)
        above = light > threshold
        distance = max(light[above].mean() - light[~above].mean(), _FAINT)
        silhouette = 1 / (1 + np.exp((threshold - light) / (_SOFTNESS * distance)))
        return grey((edges + silhouette) / 2)
