"""Image descriptors that need no network: colour, power spectrum and texture."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import fft

BANDS = 7
"""Bands of the radial power spectrum, geometrically spaced from one cycle per image up to the corners."""

_TO_LUMA_AND_CHROMA = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])  # YIQ
_CHUNK = 64  # images that are processed together
_FAINT = 0.01  # added to contrasts (range 0-1) before the logarithm
_STEP = 0.002  # half a grey level; smaller differences count as none
_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
_JPEG_BLOCK = 8


def _uniform_patterns() -> np.ndarray:
    """Return the class (256,) of each 8-bit pattern: its number of ones, or 9 if it has over two transitions."""
    bits = np.arange(256)[:, None] >> np.arange(len(_NEIGHBOURS)) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    return np.where(changes <= 2, bits.sum(axis=1), len(_NEIGHBOURS) + 1)


_UNIFORM = _uniform_patterns()


def describe(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return descriptors (N, d) float64, by kind, of (N, H, W, 3) uint8 images, N at least 1.

    - `colour`: mean and log standard deviation of luma and of the two chroma channels (YIQ), log of the mean chroma,
      and the 5th and 95th percentile of luma.
    - `spectrum`: log power of luma and of chroma in radial bands, each minus its mean over the bands, so that contrast
      has no influence.
    - `texture`: square roots of the histogram of uniform local binary patterns (Ojala et al. 2002, "Multiresolution
      gray-scale and rotation invariant texture classification", 8 neighbours at distance 1), log kurtosis of the
      differences between neighbouring pixels, and the log ratio of these differences at and off the borders of 8-pixel
      blocks, where JPEG leaves steps.
    """
    parts = [_describe_chunk(images[start : start + _CHUNK]) for start in range(0, len(images), _CHUNK)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _describe_chunk(images: np.ndarray) -> dict[str, np.ndarray]:
    # Single precision: half the memory traffic, and errors far below the differences between images.
    pixels = np.ascontiguousarray(np.moveaxis(images, 3, 0), np.float32) / np.float32(255)
    channels = np.tensordot(_TO_LUMA_AND_CHROMA.astype(np.float32), pixels, axes=1)
    by_kind = {"colour": _colour(channels), "spectrum": _spectrum(channels), "texture": _texture(channels[0])}
    return {kind: values.astype(np.float64) for kind, values in by_kind.items()}


def _colour(channels: np.ndarray) -> np.ndarray:
    """Return the descriptors of (3, N, H, W) channels."""
    luma, *chroma_channels = channels
    chroma = np.sqrt(chroma_channels[0] ** 2 + chroma_channels[1] ** 2).mean(axis=(1, 2))
    percentiles = np.quantile(luma.reshape(len(luma), -1), [0.05, 0.95], axis=1).T
    log_deviation = np.log(channels.std(axis=(2, 3)).T + _FAINT)
    return np.column_stack([channels.mean(axis=(2, 3)).T, log_deviation, np.log(chroma + _FAINT), percentiles])


def _spectrum(channels: np.ndarray) -> np.ndarray:
    """Return the descriptors of (3, N, H, W) channels."""
    mean_of_band, window = _radial(*channels.shape[2:])
    centred = (channels - channels.mean(axis=(2, 3), keepdims=True)) * window
    waves = fft.rfft2(centred, axes=(2, 3), overwrite_x=True)
    power = waves.real**2 + waves.imag**2
    total = power.reshape(*power.shape[:2], -1) @ mean_of_band
    # White noise of a hundredth of a grey level keeps the logarithm finite for constant images.
    floor = (window**2).sum() * (_STEP / 50) ** 2
    luma, chroma = np.log(total[0] + floor), np.log(total[1:].sum(axis=0) + floor)
    return np.concatenate([part - part.mean(axis=1, keepdims=True) for part in (luma, chroma)], axis=1)


@lru_cache(maxsize=8)
def _radial(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights (coefficients, bands) of every `rfft2` coefficient in the mean of its band, and a Hann window
    against edge effects, (height, width).
    """
    frequency = (
        np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]) * 2
    )  # relative to the Nyquist frequency
    first = 2 / min(height, width)
    edges = np.concatenate([[0.99 * first], np.geomspace(1.25 * first, 1.0, BANDS)])
    band = np.minimum(np.digitize(frequency, edges) - 1, BANDS - 1)
    weight = np.full(frequency.shape, 2.0)  # with the conjugates, which rfft2 omits except in the columns below
    weight[:, 0] = 1
    if width % 2 == 0:
        weight[:, -1] = 1
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    of_band = (band.reshape(-1, 1) == np.arange(BANDS)) * weight.reshape(-1, 1)
    mean_of_band = of_band / np.maximum(1, of_band.sum(axis=0))
    return mean_of_band.astype(np.float32), window.astype(np.float32)


def _texture(luma: np.ndarray) -> np.ndarray:
    centre = luma[:, 1:-1, 1:-1]
    height, width = centre.shape[1:]
    limit, code = centre + 1e-6, np.zeros(centre.shape, np.uint8)
    for bit, (y, x) in enumerate(_NEIGHBOURS):
        code |= (luma[:, 1 + y : 1 + y + height, 1 + x : 1 + x + width] > limit).astype(np.uint8) << bit
    classes = len(_NEIGHBOURS) + 2
    bins = _UNIFORM[code].reshape(len(luma), -1) + classes * np.arange(len(luma))[:, None]
    shares = np.bincount(bins.ravel(), minlength=classes * len(luma)).reshape(-1, classes) / (height * width)
    across, down = np.diff(luma, axis=2), np.diff(luma, axis=1)
    peaks = [_log_kurtosis(values) for values in (across, down, np.diff(across, axis=1))]
    steps = [_log_blockiness(np.abs(across).mean(axis=1)), _log_blockiness(np.abs(down).mean(axis=2))]
    return np.column_stack([np.sqrt(shares), *peaks, *steps])


def _log_kurtosis(values: np.ndarray) -> np.ndarray:
    flat = values.reshape(len(values), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    squares = flat * flat
    power = squares.mean(axis=1) + _STEP**2 / 4
    return np.asarray(np.log((squares * squares).mean(axis=1) / power**2 + 0.1))


def _log_blockiness(steps: np.ndarray) -> np.ndarray:
    """Return the log ratio (N,) of mean absolute differences (N, positions) at and off the borders of JPEG blocks."""
    border = np.arange(steps.shape[1]) % _JPEG_BLOCK == _JPEG_BLOCK - 1
    if not border.any():
        return np.zeros(len(steps))
    return np.asarray(np.log((steps[:, border].mean(axis=1) + _STEP) / (steps[:, ~border].mean(axis=1) + _STEP)))
