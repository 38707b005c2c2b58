"""Every transform that a study file can say, alone or one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, JsonValue

from prettyuseful.engine.pinned import Pinned
from prettyuseful.numerics import Numerics
from prettyuseful.transforms.band import Band
from prettyuseful.transforms.base import Transform, TransformSource
from prettyuseful.transforms.colour import Colour, ColourShift
from prettyuseful.transforms.custom import Own
from prettyuseful.transforms.degradation import Blur, Grating, Jpeg, LowResolution, Noise, Sharpen, Smooth
from prettyuseful.transforms.geometry import PatchShuffle, Zoom
from prettyuseful.transforms.structure import Depth, Edges
from prettyuseful.transforms.vae import Vae

_Colours = ColourShift | Colour
_Losses = Blur | LowResolution | Sharpen | Smooth | Jpeg | Noise | Grating
_Places = PatchShuffle | Zoom
Single = Band | Depth | Edges | Vae | _Colours | _Losses | _Places | Own


class Chain(TransformSource):
    """Several transforms, the first one first: each works on the uint8 images that the one before it made."""

    kind: Literal["chain"] = "chain"
    transforms: tuple[Annotated[Single, Field(discriminator="kind")], ...] = Field(
        min_length=1, description="what is done, in order"
    )

    def pin(self) -> Pinned[TransformSource]:
        links = [link.pin() for link in self.transforms]
        source = self.model_copy(update={"transforms": tuple(link.source for link in links)})
        contents: list[JsonValue] = [link.content for link in links]
        return Pinned(source=source, content={"kind": self.kind, "transforms": contents, "version": self.version})

    def open(self, numerics: Numerics) -> Transform:
        return InTurn([link.open(numerics) for link in self.transforms])


AnyTransform = Annotated[Single | Chain, Field(discriminator="kind")]
"""The type of a field of a study file that holds a transform."""


class InTurn:
    """Transforms, one after another."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = transforms

    def apply(self, images: np.ndarray) -> np.ndarray:
        for transform in self.transforms:
            images = transform.apply(images)
        return images
