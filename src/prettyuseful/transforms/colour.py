"""Changes of colour with a known strength, without changes of shape."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from prettyuseful.transforms.base import Formula, to_uint8

Part = Annotated[float, Field(ge=-1, le=1)]
Gain = Annotated[float, Field(ge=0, le=4)]
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114  # of luma (Rec. 601)
_U, _V = 0.492, 0.877  # units of blue - luma and red - luma


class ColourShift(Formula):
    """Scale the contrast around mid-grey, then add an offset to each channel, in fractions of the range, and clip."""

    kind: Literal["colour-shift"] = "colour-shift"
    shift: tuple[Part, Part, Part] = Field(
        (0.0, 0.0, 0.0), description="offsets of red, green and blue, in fractions of the range"
    )
    contrast: float = Field(1.0, ge=0, le=10, description="factor of the distance from mid-grey")

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        return to_uint8((image / 255 - 0.5) * self.contrast + 0.5 + np.array(self.shift))


class Colour(Formula):
    """Rotate hues around the grey axis and scale the distance from it, in the YUV space of Rec. 601, and clip.

    `hue`: degrees from -180 to 180; 120 turns red approximately into green, green into blue and blue into red.
    `saturation`: factor from 0 (grey) to 10; 1 changes nothing. Greys and the luma of the gamma-encoded values stay
    constant, unless values are clipped, which also happens when vivid colours are rotated.
    """

    kind: Literal["colour"] = "colour"
    hue: float = Field(0.0, ge=-180, le=180, description="degrees around the grey axis, from red towards yellow")
    saturation: float = Field(1.0, ge=0, le=10, description="factor of the distance from grey of equal luma")

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        red, green, blue = np.moveaxis(image / 255, 2, 0)
        luma = _RED * red + _GREEN * green + _BLUE * blue
        chroma = _U * (blue - luma) + 1j * _V * (red - luma)
        chroma = chroma * self.saturation * np.exp(1j * np.deg2rad(self.hue))
        redder, bluer = chroma.imag / _V, chroma.real / _U
        greener = -(_RED * redder + _BLUE * bluer) / _GREEN  # so that the luma stays
        return to_uint8(np.stack([luma + redder, luma + greener, luma + bluer], axis=2))


class ChannelGain(Formula):
    """Multiply each channel by a gain, as a wrong white balance does, and clip."""

    kind: Literal["channel-gain"] = "channel-gain"
    gains: tuple[Gain, Gain, Gain] = Field((1.0, 1.0, 1.0), description="factors of red, green and blue")

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        return to_uint8(image / 255 * np.array(self.gains))


class Posterise(Formula):
    """Round each channel to `levels` equally spaced values."""

    kind: Literal["posterise"] = "posterise"
    levels: int = Field(ge=2, le=256, description="values per channel")

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        steps = self.levels - 1
        return to_uint8(np.rint(image / 255 * steps) / steps)
