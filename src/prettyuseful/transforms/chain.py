"""The types of all transforms in study files, and chains of transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, JsonValue

from prettyuseful.engine.pinned import Pinned
from prettyuseful.numerics import Numerics
from prettyuseful.transforms.band import Band
from prettyuseful.transforms.base import Transform, TransformSource
from prettyuseful.transforms.colour import ChannelGain, Colour, ColourShift, Posterise
from prettyuseful.transforms.custom import CustomTransform
from prettyuseful.transforms.degradation import Blur, BorderBlur, Grating, Jpeg, LowResolution, Noise, Sharpen, Smooth
from prettyuseful.transforms.geometry import Flip, Frame, PatchShuffle, Rotate, Stretch, Zoom
from prettyuseful.transforms.structure import Depth, Edges
from prettyuseful.transforms.vae import Vae

_ColourChange = ColourShift | Colour | ChannelGain | Posterise
_Degradation = Blur | BorderBlur | LowResolution | Sharpen | Smooth | Jpeg | Noise | Grating
_GeometryChange = PatchShuffle | Zoom | Rotate | Flip | Stretch | Frame
Single = Band | Depth | Edges | Vae | _ColourChange | _Degradation | _GeometryChange | CustomTransform


class Chain(TransformSource):
    """Several transforms in order. Each one is applied to the uint8 result of the previous one."""

    kind: Literal["chain"] = "chain"
    transforms: tuple[Annotated[Single, Field(discriminator="kind")], ...] = Field(
        min_length=1, description="the transforms, in order"
    )

    @property
    def uses_device(self) -> bool:
        return any(link.uses_device for link in self.transforms)

    def pin(self) -> Pinned[TransformSource]:
        links = [link.pin() for link in self.transforms]
        source = self.model_copy(update={"transforms": tuple(link.source for link in links)})
        contents: list[JsonValue] = [link.content for link in links]
        return Pinned(source=source, content={"kind": self.kind, "transforms": contents, "version": self.version})

    def open(self, numerics: Numerics) -> Transform:
        return Compose([link.open(numerics) for link in self.transforms])


AnyTransform = Annotated[Single | Chain, Field(discriminator="kind")]
"""The type of a field of a study file that holds a transform."""


class Compose:
    """Apply several transforms in order."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = transforms

    def apply(self, images: np.ndarray) -> np.ndarray:
        for transform in self.transforms:
            images = transform.apply(images)
        return images
