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
    limit = np.quantile(_among(real).min(axis=1), RARE)
    known, mirrored = small_pictures(real), small_pictures(real[:, :, ::-1])
    given = small_pictures(synthetic)
    nearest = np.minimum(distances(given, known), distances(given, mirrored)).min(axis=1)
    return np.asarray(nearest < limit)


def near_by_chance(real: np.ndarray) -> float:
    """The share of real images of one class, (M, H, W, 3) with M from 3, that are near-copies of the others.

    So many there are among any new images: `RARE` of many, but of a dozen the nearest two are nearer than the rest by
    chance, and one in six new ones is near enough.
    """
    among = _among(real)
    nearest = among.min(axis=1)
    partner = among.argmin(axis=1)
    second = np.partition(among, 1, axis=1)[:, 1]
    count = len(real)
    # Row i: what the others' nearest are once i is away.
    without = np.where(partner[None] == np.arange(count)[:, None], second[None], nearest[None])
    others = without[~np.eye(count, dtype=bool)].reshape(count, count - 1)
    return float((nearest < np.quantile(others, RARE, axis=1)).mean())


def _among(real: np.ndarray) -> np.ndarray:
    """(M, M): distances of real images from each other, mirrored or not; none is near itself."""
    known, mirrored = small_pictures(real), small_pictures(real[:, :, ::-1])
    among: np.ndarray = np.minimum(distances(known, known), distances(known, mirrored))
    np.fill_diagonal(among, np.inf)
    return among
