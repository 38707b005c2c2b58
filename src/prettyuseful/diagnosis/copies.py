"""Near-copies of real images, by what small pictures of them look like."""

from __future__ import annotations

import numpy as np

from prettyuseful.diagnosis.distances import distances

SIDE = 16
"""Pixels of a small picture's side: it forgets noise and compression, and still tells a shift of two pixels."""
RARE = 0.02
"""Share of real images that are as near to another one as a near-copy."""
_FAINT = 0.02  # contrast below which there is nothing to compare


def small_pictures(images: np.ndarray) -> np.ndarray:
    """(N, H, W, 3) uint8 to (N, d): means over a grid of 16 x 16 (or the pixels, if they are fewer), each picture less
    its mean colour and divided by its contrast, so that brightness and contrast do not count."""
    rows, columns = (np.linspace(0, side, min(SIDE, side) + 1).astype(int)[:-1] for side in images.shape[1:3])
    summed = np.add.reduceat(np.add.reduceat(images.astype(np.float64), rows, axis=1), columns, axis=2)
    heights, widths = np.diff([*rows, images.shape[1]]), np.diff([*columns, images.shape[2]])
    small = summed / (heights[:, None] * widths)[None, :, :, None] / 255
    small -= small.mean(axis=(1, 2), keepdims=True)
    contrast = np.sqrt((small**2).mean(axis=(1, 2, 3), keepdims=True))
    flat: np.ndarray = (small / (contrast + _FAINT)).reshape(len(images), -1)
    return flat


def near_copies(synthetic: np.ndarray, real: np.ndarray) -> np.ndarray:
    """(N,) bool: nearer to a real image, or to its mirror image, than nearly all real images are to any other real one.

    Args:
        synthetic: (N, H, W, 3) uint8 of one class; real: (M, H, W, 3) of the same class, M at least 2. Real images that
            are near-copies of each other make the limit closer, not the verdict harsher.
    """
    known = small_pictures(real)
    mirrored = small_pictures(real[:, :, ::-1])
    among = np.minimum(distances(known, known), distances(known, mirrored))
    np.fill_diagonal(among, np.inf)
    limit = np.quantile(among.min(axis=1), RARE)
    given = small_pictures(synthetic)
    nearest = np.minimum(distances(given, known), distances(given, mirrored)).min(axis=1)
    return np.asarray(nearest < limit)
