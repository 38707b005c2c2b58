"""Find generated images that show nothing: black images of a safety checker or an overflow, and other colours."""

from __future__ import annotations

import numpy as np

MIN_CONTRAST = 1.0
"""Standard deviation in grey levels; an image with less in every colour channel is without contrast."""
_SIDE = 256  # pixels that are compared in each direction


def has_contrast(pixels: np.ndarray) -> bool:
    """Return whether an image shows anything. `pixels`: (H, W, 3) uint8."""
    rows, columns = (-(-side // _SIDE) for side in pixels.shape[:2])
    return bool(pixels[::rows, ::columns].std(axis=(0, 1)).max() >= MIN_CONTRAST)
