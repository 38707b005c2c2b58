"""Changes of colour, of known strength, that leave shapes alone."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from prettyuseful.transforms.base import Formula, to_bytes

Part = Annotated[float, Field(ge=-1, le=1)]
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114  # of luma (Rec. 601)
_U, _V = 0.492, 0.877  # units of blue - luma and red - luma


class ColourShift(Formula):
    """Contrast around mid-grey, then an offset of each channel; both in fractions of the range, clipped."""

    kind: Literal["colour-shift"] = "colour-shift"
    shift: tuple[Part, Part, Part] = Field((0.0, 0.0, 0.0), description="what is added to red, green and blue")
    contrast: float = Field(1.0, ge=0, le=10, description="factor of the distance from mid-grey")

    def changed(self, image: np.ndarray) -> np.ndarray:
        return to_bytes((image / 255 - 0.5) * self.contrast + 0.5 + np.array(self.shift))


class Colour(Formula):
    """Turns hues around the grey axis and multiplies the distance from it, in the linear space YUV of Rec. 601 (or YIQ,
    which differs by an angle), clipped.

    `hue`: degrees from -180 to 180; 120 takes red near green, green near blue and blue near red. `saturation`: 0 is
    grey, 1 as it was, at most 10. The luma of the values as they are, gamma and all, stays, and so do greys; where
    values are clipped, which vivid colours are even when they are only turned, the luma moves with them.
    """

    kind: Literal["colour"] = "colour"
    hue: float = Field(0.0, ge=-180, le=180, description="degrees around the grey axis, from red towards yellow")
    saturation: float = Field(1.0, ge=0, le=10, description="factor of the distance from grey of equal luma")

    def changed(self, image: np.ndarray) -> np.ndarray:
        red, green, blue = np.moveaxis(image / 255, 2, 0)
        luma = _RED * red + _GREEN * green + _BLUE * blue
        chroma = _U * (blue - luma) + 1j * _V * (red - luma)
        chroma = chroma * self.saturation * np.exp(1j * np.deg2rad(self.hue))
        redder, bluer = chroma.imag / _V, chroma.real / _U
        greener = -(_RED * redder + _BLUE * bluer) / _GREEN  # so that the luma stays
        return to_bytes(np.stack([luma + redder, luma + greener, luma + bluer], axis=2))
