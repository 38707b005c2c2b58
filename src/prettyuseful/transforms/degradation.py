"""Losses of quality, of one kind and of known strength each: detail that goes, and patterns that come."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
from PIL import Image
from pydantic import Field

from prettyuseful.errors import DataError
from prettyuseful.transforms.base import Formula, generator_of, resized, scaled, to_bytes

_LONGEST_JPEG = 65_500  # pixels; libjpeg's limit


class Blur(Formula):
    """Gaussian blur (reflected border). `width`: its standard deviation in fractions of the short side."""

    kind: Literal["blur"] = "blur"
    width: float = Field(gt=0, le=1, description="standard deviation in fractions of the short side")

    def changed(self, image: np.ndarray) -> np.ndarray:
        from skimage.filters import gaussian

        width = self.width * min(image.shape[:2])
        return to_bytes(gaussian(image / 255, width, mode="reflect", channel_axis=2))


class LowResolution(Formula):
    """Shrinks an image, anti-aliased, and enlarges it to its size again, both by Pillow's bicubic filter.

    `factor`: of both sides, between 0 and 1. The small image has whole pixels, one at least: a factor so near 1 that
    none is lost changes nothing.
    """

    kind: Literal["low-resolution"] = "low-resolution"
    factor: float = Field(gt=0, lt=1, description="sides of the small image in fractions of the image's")

    def changed(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        return resized(resized(image, scaled(height, self.factor), scaled(width, self.factor)), height, width)


class Sharpen(Formula):
    """Unsharp masking: adds `amount` times what a Gaussian blur of `width` (see `Blur`) takes away, and clips."""

    kind: Literal["sharpen"] = "sharpen"
    amount: float = Field(gt=0, le=20, description="how many times the detail is added")
    width: float = Field(0.03, gt=0, le=1, description="of the blur: standard deviation in fractions of the short side")

    def changed(self, image: np.ndarray) -> np.ndarray:
        from skimage.filters import gaussian

        values = image / 255
        blurred = gaussian(values, self.width * min(image.shape[:2]), mode="reflect", channel_axis=2)
        return to_bytes(values + self.amount * (values - blurred))


class Smooth(Formula):
    """Takes away what is faint and fine and leaves edges: the guided filter of every channel by itself.

    He, Sun and Tang 2013, "Guided image filtering". `contrast`: standard deviation within a window, in fractions of the
    range, of which half the variance stays; much less goes, much more stays. `width`: the window's side in fractions of
    the short side, at least 3 pixels.
    """

    kind: Literal["smooth"] = "smooth"
    contrast: float = Field(gt=0, le=1, description="what is fainter goes; standard deviation, fractions of the range")
    width: float = Field(0.15, gt=0, le=1, description="the window's side in fractions of the short side")

    def changed(self, image: np.ndarray) -> np.ndarray:
        from scipy.ndimage import uniform_filter

        side = max(1, round(self.width * min(image.shape[:2]) / 2)) * 2 + 1
        values = image / 255

        def mean(of: np.ndarray) -> np.ndarray:
            return np.asarray(uniform_filter(of, (side, side, 1), mode="reflect"))

        centre = mean(values)
        variance = np.maximum(mean(values**2) - centre**2, 0)
        kept = variance / (variance + self.contrast**2)
        return to_bytes(mean(kept) * values + mean((1 - kept) * centre))


class Jpeg(Formula):
    """To JPEG and back, by Pillow with its default chroma subsampling (4:2:0). `quality`: libjpeg's, 1 to 100."""

    kind: Literal["jpeg"] = "jpeg"
    quality: int = Field(ge=1, le=100, description="libjpeg's quality; 100 is not lossless either")

    def changed(self, image: np.ndarray) -> np.ndarray:
        """Raises DataError: a side is longer than a JPEG's may be."""
        height, width = image.shape[:2]
        if max(height, width) > _LONGEST_JPEG:
            raise DataError(f"{width} x {height} pixels are too many for JPEG ({_LONGEST_JPEG} per side); resize them")
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=self.quality)
        with Image.open(file) as coded:
            return np.asarray(coded)


class Noise(Formula):
    """Adds Gaussian noise, independent in each pixel and channel, and clips.

    `deviation`: the standard deviation in fractions of the range, at most 1. Equal images get equal noise: it comes
    from `seed` and the image's own bytes. Near black and white half of it is clipped away, which moves the mean.
    """

    kind: Literal["noise"] = "noise"
    deviation: float = Field(gt=0, le=1, description="standard deviation in fractions of the range")
    seed: int = Field(0, ge=0, description="another seed is other noise")

    def changed(self, image: np.ndarray) -> np.ndarray:
        noise = generator_of(image, self.seed).standard_normal(image.shape)
        return to_bytes(image / 255 + self.deviation * noise)


class Grating(Formula):
    """Adds a sine wave, equally to all channels, and clips.

    `frequency`: in fractions of Nyquist. `amplitude`: in fractions of the range. `angle`: of its course, in degrees, 0
    from left to right and 90 from top to bottom.
    """

    kind: Literal["grating"] = "grating"
    frequency: float = Field(gt=0, le=1, description="in fractions of Nyquist")
    amplitude: float = Field(0.1, ge=0, le=1, description="in fractions of the range")
    angle: float = Field(0.0, ge=0, lt=180, description="degrees; 0: from left to right, 90: from top to bottom")

    def changed(self, image: np.ndarray) -> np.ndarray:
        rows, columns = np.indices(image.shape[:2])
        turn = np.deg2rad(self.angle)
        wave = np.sin(np.pi * self.frequency * (columns * np.cos(turn) + rows * np.sin(turn)) + np.pi / 4)
        return to_bytes(image / 255 + self.amplitude * wave[:, :, None])
