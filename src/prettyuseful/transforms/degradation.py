"""Image degradations of one kind each with a known strength: loss of detail, and added noise or patterns."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
from PIL import Image
from pydantic import Field

from prettyuseful.errors import DataError
from prettyuseful.transforms.base import Formula, image_generator, resize_image, scaled_side, to_uint8

_LONGEST_JPEG = 65_500  # pixels; libjpeg's limit


class Blur(Formula):
    """Gaussian blur with a reflected border. `width`: standard deviation in fractions of the short side."""

    kind: Literal["blur"] = "blur"
    width: float = Field(gt=0, le=1, description="standard deviation in fractions of the short side")

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        from skimage.filters import gaussian

        width = self.width * min(image.shape[:2])
        return to_uint8(gaussian(image / 255, width, mode="reflect", channel_axis=2))


class BorderBlur(Formula):
    """Gaussian blur towards the border, as by a shallow depth of field around an object in the centre.

    The middle half of both sides stays sharp; from four fifths of the way to the border on, the blur is full. `width`:
    standard deviation in fractions of the short side.
    """

    kind: Literal["border-blur"] = "border-blur"
    width: float = Field(gt=0, le=1, description="standard deviation in fractions of the short side")

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        from skimage.filters import gaussian

        down, across = (np.linspace(-1, 1, side) for side in image.shape[:2])
        share = np.clip((np.hypot(down[:, None], across) - 0.5) / 0.3, 0, 1)[:, :, None]
        values = image / 255
        blurred = gaussian(values, self.width * min(image.shape[:2]), mode="reflect", channel_axis=2)
        return to_uint8((1 - share) * values + share * blurred)


class LowResolution(Formula):
    """Shrink an image and enlarge it to its size again, both by Pillow's anti-aliased bicubic filter.

    `factor`: size of the small image, as a fraction of both sides, between 0 and 1. Its sides are rounded to whole
    pixels, at least 1, so a factor near 1 may change nothing.
    """

    kind: Literal["low-resolution"] = "low-resolution"
    factor: float = Field(gt=0, lt=1, description="size of the small image, as a fraction of both sides")

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        return resize_image(
            resize_image(image, scaled_side(height, self.factor), scaled_side(width, self.factor)), height, width
        )


class Sharpen(Formula):
    """Unsharp masking: add `amount` times the difference to a Gaussian blur of `width` (see `Blur`), and clip."""

    kind: Literal["sharpen"] = "sharpen"
    amount: float = Field(gt=0, le=20, description="factor of the added detail")
    width: float = Field(0.03, gt=0, le=1, description="standard deviation of the blur, in fractions of the short side")

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        from skimage.filters import gaussian

        values = image / 255
        blurred = gaussian(values, self.width * min(image.shape[:2]), mode="reflect", channel_axis=2)
        return to_uint8(values + self.amount * (values - blurred))


class Smooth(Formula):
    """Edge-preserving smoothing: the guided filter, applied to each channel with the channel itself as the guide.

    `contrast`: standard deviation within a window, in fractions of the range, at which half the amplitude of the detail
    remains; weaker detail is removed, stronger edges are kept. `width`: side of the window in fractions of the short
    side, at least 3 pixels.

    Source: He, Sun and Tang 2013, "Guided image filtering".
    """

    kind: Literal["smooth"] = "smooth"
    contrast: float = Field(
        gt=0, le=1, description="weaker detail is removed; standard deviation in fractions of the range"
    )
    width: float = Field(0.15, gt=0, le=1, description="side of the window in fractions of the short side")

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        from scipy.ndimage import uniform_filter

        side = max(1, round(self.width * min(image.shape[:2]) / 2)) * 2 + 1
        values = image / 255

        def mean(channels: np.ndarray) -> np.ndarray:
            return np.asarray(uniform_filter(channels, (side, side, 1), mode="reflect"))

        centre = mean(values)
        variance = np.maximum(mean(values**2) - centre**2, 0)
        kept = variance / (variance + self.contrast**2)
        return to_uint8(mean(kept) * values + mean((1 - kept) * centre))


class Jpeg(Formula):
    """Compress and decompress by Pillow's JPEG with chroma subsampling 4:2:0. `quality`: that of libjpeg, 1 to 100."""

    kind: Literal["jpeg"] = "jpeg"
    quality: int = Field(ge=1, le=100, description="quality of libjpeg; 100 is not lossless")

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        """Return the image after JPEG compression.

        Raises:
            DataError: a side is too long for JPEG.
        """
        height, width = image.shape[:2]
        if max(height, width) > _LONGEST_JPEG:
            raise DataError(
                f"{width} x {height} pixels is too large for JPEG (limit {_LONGEST_JPEG:,} per side); resize the image"
            )
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=self.quality)
        with Image.open(file) as coded:
            return np.asarray(coded)


class Noise(Formula):
    """Add Gaussian noise, independent in each pixel and channel, and clip.

    `deviation`: standard deviation in fractions of the range, at most 1. `seed`: the noise depends on this seed and the
    bytes of the image, so equal images get equal noise. Near black and white, clipping shifts the mean.
    """

    kind: Literal["noise"] = "noise"
    deviation: float = Field(gt=0, le=1, description="standard deviation in fractions of the range")
    seed: int = Field(0, ge=0, description="seed of the noise")

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        noise = image_generator(image, self.seed).standard_normal(image.shape)
        return to_uint8(image / 255 + self.deviation * noise)


class Grating(Formula):
    """Add a sine wave to all channels equally, and clip.

    `frequency`: in fractions of the Nyquist frequency. `amplitude`: in fractions of the range. `angle`: direction in
    degrees; 0 is from left to right, 90 from top to bottom.
    """

    kind: Literal["grating"] = "grating"
    frequency: float = Field(gt=0, le=1, description="in fractions of the Nyquist frequency")
    amplitude: float = Field(0.1, ge=0, le=1, description="in fractions of the range")
    angle: float = Field(0.0, ge=0, lt=180, description="degrees; 0: from left to right, 90: from top to bottom")

    def transform_image(self, image: np.ndarray) -> np.ndarray:
        rows, columns = np.indices(image.shape[:2])
        turn = np.deg2rad(self.angle)
        wave = np.sin(np.pi * self.frequency * (columns * np.cos(turn) + rows * np.sin(turn)) + np.pi / 4)
        return to_uint8(image / 255 + self.amplitude * wave[:, :, None])
