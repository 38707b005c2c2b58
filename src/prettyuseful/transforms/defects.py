"""Defects to plant in images, each of one kind and of known strength: what a probe or a diagnosis should notice."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from prettyuseful.errors import DataError
from prettyuseful.transforms.base import Formula, to_bytes

Part = Annotated[float, Field(ge=-1, le=1)]


class ColourShift(Formula):
    """Contrast around mid-grey, then an offset of each channel; both in fractions of the range, clipped."""

    kind: Literal["colour-shift"] = "colour-shift"
    shift: tuple[Part, Part, Part] = Field((0.0, 0.0, 0.0), description="what is added to red, green and blue")
    contrast: float = Field(1.0, ge=0, le=10, description="factor of the distance from mid-grey")

    def changed(self, image: np.ndarray) -> np.ndarray:
        return to_bytes((image / 255 - 0.5) * self.contrast + 0.5 + np.array(self.shift))


class PatchShuffle(Formula):
    """Cuts an image into `grid` x `grid` patches and puts every one of them into another's place.

    Equal images are shuffled equally: the order comes from `seed` and the image's own bytes. Rows and columns that no
    whole patch covers, at the lower and right edge, stay where they are.
    """

    kind: Literal["patch-shuffle"] = "patch-shuffle"
    grid: int = Field(4, ge=2, le=64, description="patches per side")
    seed: int = Field(0, ge=0, description="another seed is another order")

    def changed(self, image: np.ndarray) -> np.ndarray:
        """Raises DataError: the image is smaller than the grid."""
        height, width = image.shape[0] // self.grid, image.shape[1] // self.grid
        if not height or not width:
            raise DataError(f"no {self.grid} x {self.grid} patches fit into {image.shape[1]} x {image.shape[0]} pixels")
        whole = image[: height * self.grid, : width * self.grid]
        patches = whole.reshape(self.grid, height, self.grid, width, 3).swapaxes(1, 2).reshape(-1, height, width, 3)
        seen = hashlib.sha256(f"{self.seed} {image.shape}".encode() + image.tobytes()).digest()
        circle = np.random.default_rng(list(seen)).permutation(len(patches))
        moved = np.empty_like(patches)
        moved[circle] = patches[np.roll(circle, 1)]  # one step along a circle: none stays
        result = image.copy()
        shape = (self.grid, self.grid, height, width, 3)
        result[: whole.shape[0], : whole.shape[1]] = moved.reshape(shape).swapaxes(1, 2).reshape(whole.shape)
        return result


class Blur(Formula):
    """Gaussian blur (reflected border). `width`: its standard deviation in fractions of the short side."""

    kind: Literal["blur"] = "blur"
    width: float = Field(gt=0, le=1, description="standard deviation in fractions of the short side")

    def changed(self, image: np.ndarray) -> np.ndarray:
        from skimage.filters import gaussian

        width = self.width * min(image.shape[:2])
        return to_bytes(gaussian(image / 255, width, mode="reflect", channel_axis=2))


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
