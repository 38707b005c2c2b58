"""A band of spatial frequencies, by a mask in the Fourier domain."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from prettyuseful.errors import DataError
from prettyuseful.transforms.base import Formula, spread_out, to_bytes

Fraction = Annotated[float, Field(ge=0, le=1)]
Shape = Literal["square", "round"]
_FLAT = 1e-6  # of 0-1: far above the noise of the transforms, far below what uint8 can hold


class Band(Formula):
    """Keeps low <= |f| < high of each channel, |f| in fractions of the Nyquist frequency, 0.5 cycles per pixel.

    `keep`: [low, high]; high may be `all`, which is everything from low on with the Nyquist frequency and the corners,
    so that [0, c] and [c, all] share all frequencies between them. `shape`: what |f| means, the larger of the two
    frequencies (square, the paper's) or their Euclidean length (round). `rescale`: min-max scaling of each channel of
    each image, as the paper does, or none.

    As the paper: 2-D FFT of each channel, centred mask, inverse FFT, real part, clipped to [0, 1], min-max scaled.
    The mean is frequency 0. A band that starts at 0 keeps it until the scaling, which takes brightness, contrast and
    colour cast of the image away; another band leaves values around 0, of which clipping cuts the negative half.
    What is left is rectified: its envelope brings new low frequencies in, and they are seen by a classifier.
    The FFT continues an image periodically: where opposite borders differ, there is a sharp edge between them.
    A channel that is flat after clipping stays as it is, instead of noise blown up or a division by zero.
    The mask treats f and -f alike at every size, odd or even.
    """

    kind: Literal["band"] = "band"
    keep: tuple[Fraction, Fraction | Literal["all"]] = Field(description="[low, high] in fractions of Nyquist, or all")
    shape: Shape = Field("square", description="square: the larger of both frequencies counts; round: their length")
    rescale: Literal["per-channel", "none"] = Field("per-channel", description="min-max scaling after the filter")

    @model_validator(mode="after")
    def _rises(self) -> Band:
        low, high = self.keep
        if high != "all" and low >= high:
            raise ValueError(f"keep: [{low}, {high}] holds nothing; low must be below high, in fractions of Nyquist")
        return self

    def changed(self, image: np.ndarray) -> np.ndarray:
        """The filtered image, of the same size.

        Raises:
            DataError: the image is so small that no frequency of it lies in the band.
        """
        height, width = image.shape[:2]
        low, high = self.keep
        mask = _mask(height, width, low, None if high == "all" else high, self.shape)
        if not mask.any():
            raise DataError(f"the band [{low}, {high}] holds no frequency of {width} x {height} pixels; widen keep")
        channels = np.moveaxis(image, 2, 0) / 255
        # The mask is symmetric, so this is the real part of the whole inverse transform.
        kept = np.clip(np.fft.irfft2(np.fft.rfft2(channels) * mask, s=(height, width)), 0, 1)
        if self.rescale == "per-channel":
            kept = np.stack([spread_out(channel, _FLAT) for channel in kept])
        return to_bytes(np.moveaxis(kept, 0, 2))


PRESETS = {
    "low-pass": Band(keep=(0, 0.1)),
    "high-pass": Band(keep=(0.1, "all")),
    "released": Band(keep=(0.9, "all")),
}
"""The paper's two bands at its released cutoff 0.1, and `released`: what its code does for a high-pass at that cutoff.

The released code has one parameter. Its low-pass keeps |f| < cutoff, but its high-pass flips it and removes
|f| < 1 - cutoff: at the default 0.1 that keeps the outermost tenth of each axis, not all that the low-pass leaves out.
Which cutoff the published high-pass figures had is not known; a note on the paper speaks of 0.2 and 0.8.
"""


@lru_cache(maxsize=8)
def _mask(height: int, width: int, low: float, high: float | None, shape: Shape) -> np.ndarray:
    """(H, W // 2 + 1) bool, in the order of `rfft2`."""
    rows = np.arange(height)
    # One division each, so that 3 of 60 pixels is the same number as 0.1.
    down, across = np.minimum(rows, height - rows)[:, None] * 2 / height, np.arange(width // 2 + 1)[None] * 2 / width
    frequency = np.maximum(down, across) if shape == "square" else np.hypot(down, across)
    return np.asarray((frequency >= low) & ((high is None) | (frequency < (high or 0))))
