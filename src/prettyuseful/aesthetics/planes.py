"""What the scores of one image share: its luma, its colour differences and its brightness gradient."""

from __future__ import annotations

from functools import cached_property

import numpy as np

_LUMA = (299, 587, 114)  # thousandths, ITU-R BT.601: sums of whole numbers are exact in float32
_SKIP = 8
GREY_LEVEL = 1000
"""One grey level of 255 in the unit of `Planes.luma`."""


class Planes:
    """The planes of one image, each computed when a score first needs it.

    Sums and differences of whole numbers are exact in float32.

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
        red, green, blue = self.channels
        luma, weighted = red * np.float32(_LUMA[0]), green * np.float32(_LUMA[1])
        luma += weighted
        np.multiply(blue, np.float32(_LUMA[2]), out=weighted)
        luma += weighted
        return luma

    @cached_property
    def luma_moments(self) -> tuple[float, float]:
        """Mean and standard deviation of `luma`."""
        return mean_and_deviation(self.luma)

    @cached_property
    def laplacian(self) -> np.ndarray:
        """Laplacian of the luma at the inner pixels, with four neighbours, (H - 2, W - 2) float32, in thousandths."""
        result: np.ndarray = self._shifted(0, 0) * np.float32(4)
        for down, right in ((0, -1), (0, 1), (-1, 0), (1, 0)):
            result -= self._shifted(down, right)
        return self._inner(result)

    @cached_property
    def gradient_energy(self) -> np.ndarray:
        """Squared gradient of the luma at the inner pixels, by central differences, (H - 2, W - 2) float32.

        The unit is a grey level per pixel, squared.
        """
        energy: np.ndarray = self._shifted(0, 1) - self._shifted(0, -1)
        vertical: np.ndarray = self._shifted(1, 0) - self._shifted(-1, 0)
        energy *= energy
        vertical *= vertical
        energy += vertical
        energy *= np.float32(1 / (2 * GREY_LEVEL) ** 2)
        return self._inner(energy)

    def _shifted(self, down: int, right: int) -> np.ndarray:
        """Return the luma of all inner rows, shifted, as one run of memory, which is twice as fast as rows.

        The first and the last value of a row come from its neighbours; `_inner` removes them.
        """
        height, width = self.luma.shape
        start = (1 + down) * width + right
        return self.luma.reshape(-1)[start : start + max(0, height - 2) * width]

    def _inner(self, values: np.ndarray) -> np.ndarray:
        """Return the values of the inner pixels of `_shifted` rows."""
        height, width = self.luma.shape
        return values.reshape(max(0, height - 2), width)[:, 1:-1]


def mean(plane: np.ndarray) -> float:
    """Return the mean of a plane.

    NumPy adds the float32 values of a row in pairs of blocks, which is precise; the sums of rows are added in float64.
    """
    return float(plane.sum(axis=1).sum(dtype=np.float64)) / plane.size


def mean_and_deviation(plane: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation (divided by the number of pixels) of a plane of whole numbers."""
    # The mean of some rows is enough to keep the squares of a nearly flat image from cancelling, and it is exact.
    near = round(mean(plane[::_SKIP]))
    deviations = plane - np.float32(near)
    rest = mean(deviations)
    deviations *= deviations
    return near + rest, max(0.0, mean(deviations) - rest**2) ** 0.5
