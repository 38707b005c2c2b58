"""Filter a band of spatial frequencies, by a mask in the Fourier domain."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from prettyuseful.errors import DataError
from prettyuseful.transforms.base import Formula, min_max_scale, to_uint8

Fraction = Annotated[float, Field(ge=0, le=1)]
Shape = Literal["square", "round"]
_MIN_RANGE = 1e-6  # in 0-1: far above the rounding errors of the FFT, far below a grey level


class Band(Formula):
    """Keep the frequencies low <= |f| < high of each channel, in fractions of the Nyquist frequency (0.5 cycles/pixel).

    `keep`: [low, high]. The value `all` for high keeps all frequencies from low on, including the Nyquist frequency and
    the corners; so [0, c] and [c, all] together keep each frequency once. `shape`: |f| is the larger of the horizontal
    and the vertical frequency (square, as in the paper) or their Euclidean norm (round). `rescale`: min-max scaling of
    each channel of each image (per-channel, as in the paper), or none.

    The steps are those of the paper: 2-D FFT of each channel, centred mask, inverse FFT, real part, clipping to [0, 1],
    min-max scaling. Consequences:

    - The mean of a channel is frequency 0. If the band includes 0, the scaling removes brightness, contrast and colour
      cast. Otherwise values are centred at 0, and clipping removes the negative half. This rectification creates new
      low frequencies (the envelope), which a classifier can see.
    - The FFT treats an image as periodic, so that different opposite borders act as a sharp edge.
    - A channel that is constant after clipping stays unchanged, which avoids amplified noise and a division by zero.
    - The mask is symmetric in f and -f for odd and even sizes.
    """

    kind: Literal["band"] = "band"
    keep: tuple[Fraction, Fraction | Literal["all"]] = Field(
        description="[low, high] in fractions of the Nyquist frequency; high may be all"
    )
    shape: Shape = Field("square", description="|f| is the larger of both frequencies (square) or their norm (round)")
    rescale: Literal["per-channel", "none"] = Field("per-channel", description="min-max scaling after the filter")

    @model_validator(mode="after")
    def _check_order(self) -> Band:
        low, high = self.keep
        if high != "all" and low >= high:
            raise ValueError(
                f"keep: [{low}, {high}] is empty; low must be less than high, in fractions of the Nyquist frequency"
            )
        return self

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        """Return the filtered image, of the same size.

        Raises:
            DataError: the image is so small that none of its frequencies is in the band.
        """
        height, width = image.shape[:2]
        low, high = self.keep
        mask = _mask(height, width, low, None if high == "all" else high, self.shape)
        if not mask.any():
            raise DataError(f"the band [{low}, {high}] contains no frequency of a {width} x {height} image; widen keep")
        channels = np.moveaxis(image, 2, 0) / 255
        # The mask is symmetric, so this equals the real part of the full inverse transform.
        kept = np.clip(np.fft.irfft2(np.fft.rfft2(channels) * mask, s=(height, width)), 0, 1)
        if self.rescale == "per-channel":
            kept = np.stack([min_max_scale(channel, _MIN_RANGE) for channel in kept])
        return to_uint8(np.moveaxis(kept, 0, 2))


PRESETS = {
    "low-pass": Band(keep=(0, 0.1)),
    "high-pass": Band(keep=(0.1, "all")),
    "released": Band(keep=(0.9, "all")),
}
"""The paper's low-pass and high-pass at its released cutoff 0.1, and `released`, the high-pass of its released code.

The released code has one parameter, the cutoff. Its low-pass keeps |f| < cutoff, but its high-pass removes
|f| < 1 - cutoff. With the default 0.1, it keeps the outermost tenth of each axis instead of everything above 0.1. The
cutoff of the published high-pass results is unknown; a note on the paper mentions 0.2 and 0.8.
"""


@lru_cache(maxsize=8)
def _mask(height: int, width: int, low: float, high: float | None, shape: Shape) -> np.ndarray:
    """Return the mask in the layout of `rfft2`, (H, W // 2 + 1) bool."""
    rows = np.arange(height)
    # A single division each, so that 3 of 60 pixels equals 0.1 exactly.
    down, across = np.minimum(rows, height - rows)[:, None] * 2 / height, np.arange(width // 2 + 1)[None] * 2 / width
    frequency = np.maximum(down, across) if shape == "square" else np.hypot(down, across)
    return np.asarray((frequency >= low) & ((high is None) | (frequency < (high or 0))))
