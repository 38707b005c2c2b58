"""The power spectrum of a pattern: how few frequencies it has, and how long its period is."""

from __future__ import annotations

import numpy as np

_MOST_ENERGY = 0.8  # share of the energy that the strongest frequencies, which are counted, have together
_STRONG = 0.3  # smallest power of a peak, relative to the highest one
_INTERPOLATION = 4  # factor of the sides by which zeros around the values interpolate the spectrum


class Spectrum:
    """The power spectrum of (H, W) values, with a Hann window.

    Attributes:
        peaked_share: share of the frequencies that have 80% of the energy.
        period: of the lowest strong frequency, in pixels along the side in which it is shorter.
    """

    def __init__(self, values: np.ndarray) -> None:
        height, width = values.shape
        windowed = values * np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
        power = np.sort((np.abs(np.fft.fft2(windowed)) ** 2).ravel())[::-1]
        self.peaked_share = (int(np.searchsorted(np.cumsum(power), _MOST_ENERGY * power.sum())) + 1) / power.size
        shape = (_INTERPOLATION * height, _INTERPOLATION * width)
        fine = np.abs(np.fft.fft2(windowed, shape)) ** 2
        frequency = np.maximum(np.abs(np.fft.fftfreq(shape[0]))[:, None], np.abs(np.fft.fftfreq(shape[1]))[None])
        peaks = (fine >= _STRONG * fine.max()) & (fine >= _neighbours_maximum(fine)) & (frequency > 0)
        self.period = float(1 / frequency[peaks].min()) if peaks.any() else float(max(height, width))


def _neighbours_maximum(values: np.ndarray) -> np.ndarray:
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]
    return np.asarray(np.max([np.roll(values, shift, axis=(0, 1)) for shift in shifts], axis=0))
