"""What the scores of one image share: the moments of its colours, its luma and its brightness gradient."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

LUMA = (299, 587, 114)
"""Weights of red, green and blue in thousandths, ITU-R BT.601: the luma has the unit `GREY_LEVEL`."""
GREY_LEVEL = 1000
"""One grey level of 255 in the unit of `Planes.luma`."""
_MIDDLE = 128
# Products of two channels are at most 2^14, so that float32, with 24 bits, adds up this many of them without rounding.
_EXACT_RUN = 1024


class Planes:
    """The planes of one image, each computed when a score first needs it.

    Sums and differences of whole numbers are exact in float32. A pass over a plane costs as much as the arithmetic in
    it, so that the moments of all weighted sums of the channels come from the nine sums of `channels`.

    Attributes:
        pixels: (H, W, 3) uint8 sRGB, of any size.
    """

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels

    @cached_property
    def bytes(self) -> np.ndarray:
        """Red, green and blue, (3, H, W) uint8 and contiguous."""
        return np.ascontiguousarray(np.moveaxis(self.pixels, 2, 0))

    @cached_property
    def channels(self) -> np.ndarray:
        """Red, green and blue minus 128, (3, H, W) float32, whole numbers from -128 to 127."""
        return (self.bytes ^ np.uint8(_MIDDLE)).view(np.int8).astype(np.float32)

    def moments(self, weights: Sequence[int]) -> tuple[float, float]:
        """Return mean and standard deviation of a weighted sum of red, green and blue, 0 to 255 each, over the image.

        The weights are whole numbers, and the sums behind the result are exact.
        """
        sums, products = self._sums
        count = self.bytes[0].size
        total = sum(weight * value for weight, value in zip(weights, sums, strict=True))
        squares = sum(weights[i] * weights[j] * product for (i, j), product in products.items())
        return total / count + _MIDDLE * sum(weights), max(0, count * squares - total**2) ** 0.5 / count

    @cached_property
    def luma(self) -> np.ndarray:
        """Luma of ITU-R BT.601 minus that of middle grey, (H, W) float32, whole thousandths of a grey level."""
        _, height, width = self.channels.shape
        luma: np.ndarray = np.array(LUMA, np.float32) @ self.channels.reshape(3, -1)
        return luma.reshape(height, width)

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

    @cached_property
    def _sums(self) -> tuple[list[int], dict[tuple[int, int], int]]:
        """Sums of the channels, and of the products of each two of them."""
        planes = self.channels.reshape(3, -1)
        if rest := -planes.shape[1] % _EXACT_RUN:
            planes = np.pad(planes, ((0, 0), (0, rest)))
        runs = planes.reshape(3, -1, _EXACT_RUN)
        products = {(i, j): _total(np.einsum("rp,rp->r", runs[i], runs[j])) for i in range(3) for j in range(i, 3)}
        products |= {(j, i): product for (i, j), product in products.items()}
        return [_total(sums) for sums in np.einsum("crp->cr", runs)], products

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
    """Return the mean of a plane. The float32 sums of rows are added in float64."""
    return float(np.einsum("ij->i", plane).sum(dtype=np.float64)) / plane.size


def deviation(plane: np.ndarray) -> float:
    """Return the standard deviation (divided by the number of pixels) of a plane."""
    deviations = plane - np.float32(mean(plane))  # or the squares of a nearly flat plane cancel
    squares = np.einsum("ij,ij->i", deviations, deviations).sum(dtype=np.float64)
    return float(np.sqrt(squares / plane.size))


def _total(sums: np.ndarray) -> int:
    return int(sums.sum(dtype=np.float64))
