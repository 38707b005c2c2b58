"""What can be said of an image without a network: its colours, its spectrum, its texture."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

BANDS = 7
"""of the radial spectrum, from one cycle per image to the corners, ever wider."""

_TO_LUMA_AND_CHROMA = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])  # YIQ
_CHUNK = 256  # images that are looked at together
_FAINT = 0.01  # of 0-1: contrast below it is none
_STEP = 0.002  # half a grey level: differences below it are none
_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
_JPEG_BLOCK = 8


def _uniform_patterns() -> np.ndarray:
    """(256,): of the bits of neighbours, how many are brighter; one kind more for what changes more than twice."""
    bits = np.arange(256)[:, None] >> np.arange(len(_NEIGHBOURS)) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    return np.where(changes <= 2, bits.sum(axis=1), len(_NEIGHBOURS) + 1)


_UNIFORM = _uniform_patterns()


def describe(images: np.ndarray) -> dict[str, np.ndarray]:
    """Descriptors of (N, H, W, 3) uint8 images, N at least 1, by what they tell of; (N, d) float64 each.

    `colour`: mean, and logarithm of the standard deviation, of luma and the two chroma channels (YIQ); of the mean
    chroma; the 5th and 95th percentile of luma. `spectrum`: logarithm of the power of luma, and of chroma, in
    radial bands, each less its mean over the bands, so that contrast moves nothing. `texture`: square roots of the
    histogram of uniform local binary patterns (Ojala et al. 2002, "Multiresolution gray-scale and rotation invariant
    texture classification", 8 neighbours at distance 1), how peaked differences of neighbours are (log kurtosis), and
    how much larger they are across the borders of 8-pixel blocks, where JPEG leaves steps.
    """
    parts = [_described(images[start : start + _CHUNK]) for start in range(0, len(images), _CHUNK)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _described(images: np.ndarray) -> dict[str, np.ndarray]:
    channels = (images / 255) @ _TO_LUMA_AND_CHROMA.T
    luma = channels[..., 0]
    return {"colour": _colour(channels), "spectrum": _spectrum(channels), "texture": _texture(luma)}


def _colour(channels: np.ndarray) -> np.ndarray:
    chroma = np.hypot(channels[..., 1], channels[..., 2]).mean(axis=(1, 2))
    ends = np.quantile(channels[..., 0].reshape(len(channels), -1), [0.05, 0.95], axis=1).T
    spread = np.log(channels.std(axis=(1, 2)) + _FAINT)
    return np.column_stack([channels.mean(axis=(1, 2)), spread, np.log(chroma + _FAINT), ends])


def _spectrum(channels: np.ndarray) -> np.ndarray:
    band, weight, window = _radial(*channels.shape[1:3])
    centred = channels - channels.mean(axis=(1, 2), keepdims=True)
    power = np.abs(np.fft.rfft2(centred * window[:, :, None], axes=(1, 2))) ** 2 * weight[:, :, None]
    total = np.stack([power[:, band == k].sum(axis=1) / max(1, weight[band == k].sum()) for k in range(BANDS)], axis=1)
    # White noise of a hundredth of a grey level: flat images have a spectrum too, and it is not minus infinity.
    faint = (window**2).sum() * (_STEP / 50) ** 2
    luma, chroma = np.log(total[..., 0] + faint), np.log(total[..., 1:].sum(axis=-1) + faint)
    return np.concatenate([part - part.mean(axis=1, keepdims=True) for part in (luma, chroma)], axis=1)


@lru_cache(maxsize=8)
def _radial(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Band (-1: none) and weight of every coefficient of `rfft2`, and a window against the jump between borders."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]) * 2  # of Nyquist
    first = 2 / min(height, width)
    edges = np.concatenate([[0.99 * first], np.geomspace(1.25 * first, 1.0, BANDS)])
    band = np.minimum(np.digitize(frequency, edges) - 1, BANDS - 1)
    weight = np.full(frequency.shape, 2.0)  # a coefficient that stands for its mirror image too
    weight[:, 0] = 1
    if width % 2 == 0:
        weight[:, -1] = 1
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    return band, weight, window


def _texture(luma: np.ndarray) -> np.ndarray:
    centre = luma[:, 1:-1, 1:-1]
    height, width = centre.shape[1:]
    limit, code = centre + 1e-6, np.zeros(centre.shape, np.uint8)
    for bit, (y, x) in enumerate(_NEIGHBOURS):
        code |= (luma[:, 1 + y : 1 + y + height, 1 + x : 1 + x + width] > limit).astype(np.uint8) << bit
    kinds = len(_NEIGHBOURS) + 2
    places = _UNIFORM[code].reshape(len(luma), -1) + kinds * np.arange(len(luma))[:, None]
    shares = np.bincount(places.ravel(), minlength=kinds * len(luma)).reshape(-1, kinds) / (height * width)
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
    """Of mean absolute differences (N, places) along one axis."""
    border = np.arange(steps.shape[1]) % _JPEG_BLOCK == _JPEG_BLOCK - 1
    if not border.any():
        return np.zeros(len(steps))
    return np.asarray(np.log((steps[:, border].mean(axis=1) + _STEP) / (steps[:, ~border].mean(axis=1) + _STEP)))
