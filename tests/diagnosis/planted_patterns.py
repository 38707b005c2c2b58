"""Patterns that are planted in images of `world`, at the same position of each."""

from __future__ import annotations

import numpy as np

from .world import SIDE

LETTERS = np.zeros((SIDE, SIDE), bool)
LETTERS[11:14, 9:15:2] = True
DISC = np.hypot(*(np.indices((SIDE, SIDE)) - (SIDE - 1) / 2)) < 6


def add_letters(pixels: np.ndarray) -> np.ndarray:
    """Cover 70% of the content with white at the lower right."""
    alpha = 0.7 * LETTERS[:, :, None]
    return np.asarray(np.rint(pixels * (1 - alpha) + 255 * alpha), np.uint8)


def add_wave(pixels: np.ndarray, period: int = 2, diagonal: bool = True) -> np.ndarray:
    """Add a checkerboard, if it is diagonal and its period is 2, or else stripes."""
    rows, columns = np.indices((SIDE, SIDE))
    phase = rows + columns if diagonal else rows
    wave = 14 * np.where(phase % period < period // 2, 1, -1)[:, :, None]
    return np.asarray(np.clip(pixels.astype(int) + wave, 0, 255), np.uint8)


def shade(pixels: np.ndarray) -> np.ndarray:
    """Halve the brightness at the top."""
    return np.asarray(np.rint(pixels * np.linspace(0.5, 1, SIDE)[:, None, None]), np.uint8)


def add_background(pixels: np.ndarray, colours: np.ndarray, shift: int = 0, share: float = 1) -> np.ndarray:
    """Show a share of the images before flat colours (N, 3), in a disc that is moved by up to `shift` pixels."""
    rng, result = np.random.default_rng(3), pixels.copy()
    for row in np.flatnonzero(rng.random(len(pixels)) < share):
        mask = np.roll(DISC, rng.integers(-shift, shift + 1, 2), axis=(0, 1))
        result[row] = np.where(mask[:, :, None], pixels[row], colours[row])
    return result
