"""What tests measure on images: likeness, and energy by frequency."""

from __future__ import annotations

from typing import Any

import numpy as np

from prettyuseful.transforms.base import TransformSource


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's correlation of two images, pixel by pixel."""
    return float(np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1])


def correlations(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.array([correlation(one, other) for one, other in zip(images, others, strict=True)])


def energy(images: np.ndarray, low: float, high: float) -> float:
    """Energy of (N, H, W, 3) values in low <= |f| < high, |f| the larger frequency in fractions of Nyquist."""
    height, width = images.shape[1:3]
    frequency = np.maximum(np.abs(np.fft.fftfreq(height))[:, None] * 2, np.abs(np.fft.fftfreq(width))[None] * 2)
    within = (frequency >= low) & (frequency < high)
    spectrum = np.fft.fft2(images.astype(float), axes=(1, 2))
    return float((np.abs(spectrum[:, within]) ** 2).sum() / (height * width))


def difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.asarray(one.astype(float) - other)


def faint(images: np.ndarray) -> np.ndarray:
    """The images with a third of their contrast, so that added patterns are not clipped."""
    return np.asarray(images / 3 + 85, np.uint8)


def content_of(source: TransformSource) -> Any:
    """The content of a transform that enters keys."""
    return source.pin().content
