"""What the scores of one image share: its luma, its colour differences and its brightness gradient."""

from __future__ import annotations

from functools import cached_property

import numpy as np

_LUMA = (299, 587, 114)  # thousandths, ITU-R BT.601: sums of whole numbers are exact in float32
GREY_LEVEL = 1000
"""One grey level of 255 in the unit of `Planes.luma`."""


class Planes:
    """The planes of one image, each computed when a score first needs it.

    Sums and differences of whole numbers are exact in float32, and means are taken in float64, so that a score depends
    on nothing but the pixels.

    Attributes:
        pixels: (H, W, 3) uint8 sRGB, of any size.
    """

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels

    @cached_property
    def bytes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Red, green and blue, each (H, W) uint8 and contiguous."""
        red, green, blue = (np.ascontiguousarray(self.pixels[..., i]) for i in range(3))
        return red, green, blue

    @cached_property
    def channels(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Red, green and blue, each (H, W) float32, 0 to 255."""
        red, green, blue = (channel.astype(np.float32) for channel in self.bytes)
        return red, green, blue

    @cached_property
    def luma(self) -> np.ndarray:
        """Luma of ITU-R BT.601 in thousandths of a grey level, (H, W) float32, whole numbers from 0 to 255,000."""
        red, green, blue = (channel * np.float32(weight) for channel, weight in zip(self.channels, _LUMA, strict=True))
        red += green
        red += blue
        return red

    @cached_property
    def luma_moments(self) -> tuple[float, float]:
        """Mean and standard deviation of `luma`."""
        return mean_and_deviation(self.luma)

    @cached_property
    def laplacian(self) -> np.ndarray:
        """Laplacian of the luma at the inner pixels, with four neighbours, (H - 2, W - 2) float32, in thousandths."""
        result: np.ndarray = self.luma[1:-1, 1:-1] * np.float32(4)
        for neighbour in self._neighbours:
            result -= neighbour
        return result

    @cached_property
    def gradient_energy(self) -> np.ndarray:
        """Squared gradient of the luma at the inner pixels, by central differences, (H - 2, W - 2) float32.

        The unit is a grey level per pixel, squared.
        """
        left, right, above, below = self._neighbours
        energy: np.ndarray = right - left
        vertical: np.ndarray = below - above
        energy *= energy
        vertical *= vertical
        energy += vertical
        energy *= np.float32(1 / (2 * GREY_LEVEL) ** 2)
        return energy

    @property
    def _neighbours(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Luma at the left, at the right, above and below of the inner pixels."""
        luma = self.luma
        return luma[1:-1, :-2], luma[1:-1, 2:], luma[:-2, 1:-1], luma[2:, 1:-1]


def mean(plane: np.ndarray) -> float:
    """Return the mean of a plane, summed in float64."""
    return float(plane.sum(dtype=np.float64)) / plane.size


def mean_and_deviation(plane: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation (divided by the number of pixels) of a plane of whole numbers."""
    centre = mean(plane)
    deviations = plane - np.float32(round(centre))  # exact; without it, squares of a flat image would cancel badly
    deviations *= deviations
    return centre, max(0.0, mean(deviations) - (centre - round(centre)) ** 2) ** 0.5
