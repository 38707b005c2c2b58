"""Detection of near-duplicates of real images by normalised thumbnails."""

from __future__ import annotations

import numpy as np

from prettyuseful.diagnosis.distances import distances

SIDE = 16
"""Side of a thumbnail in pixels. It suppresses noise and compression and still reacts to a shift of two pixels."""
RARE = 0.02
"""Share of real images whose nearest real image is closer than the threshold for a near-duplicate."""
_FAINT = 0.02  # added to the contrast, so that nearly constant images are not divided by zero


def normalised_thumbnails(images: np.ndarray) -> np.ndarray:
    """Return (N, d) features of (N, H, W, 3) uint8 images: means over a grid of 16 x 16 cells, or the pixels if fewer.

    Each thumbnail has zero mean colour and unit contrast, so that brightness and contrast do not matter.
    """
    rows, columns = (np.linspace(0, side, min(SIDE, side) + 1).astype(int)[:-1] for side in images.shape[1:3])
    sums = np.add.reduceat(np.add.reduceat(images.astype(np.float64), rows, axis=1), columns, axis=2)
    heights, widths = np.diff([*rows, images.shape[1]]), np.diff([*columns, images.shape[2]])
    means = sums / (heights[:, None] * widths)[None, :, :, None] / 255
    means -= means.mean(axis=(1, 2), keepdims=True)
    contrast = np.sqrt((means**2).mean(axis=(1, 2, 3), keepdims=True))
    flat: np.ndarray = (means / (contrast + _FAINT)).reshape(len(images), -1)
    return flat


def near_duplicate_mask(synthetic: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Return a mask (N,) of synthetic images that are near-duplicates of a real image or of its mirror image.

    A near-duplicate is closer to a real image than 98% of the real images are to any other real image. Real images that
    duplicate each other lower this threshold, so they cause no false positives.

    Args:
        synthetic: (N, H, W, 3) uint8 images of one class.
        real: (M, H, W, 3) uint8 images of the same class, M at least 2.
    """
    return nearest_real(synthetic, real)[1] > 0


def nearest_real(synthetic: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the row of the nearest real image of each synthetic image, (N,), and how near it is, (N,).

    This score is 1 for identical images and above 0 for near-duplicates, see `near_duplicate_mask`. It is 1 minus the
    distance, in multiples of the threshold for near-duplicates.
    """
    threshold = np.quantile(_real_distances(real).min(axis=1), RARE)
    originals, mirrored = normalised_thumbnails(real), normalised_thumbnails(real[:, :, ::-1])
    thumbnails = normalised_thumbnails(synthetic)
    table = np.minimum(distances(thumbnails, originals), distances(thumbnails, mirrored))
    nearest = table.min(axis=1)
    score = np.where(
        nearest < threshold, 1 - nearest / max(float(threshold), 1e-12), np.minimum(0, threshold - nearest)
    )
    return table.argmin(axis=1), score


def chance_duplicate_rate(real: np.ndarray) -> float:
    """Return the share of new real images that `near_duplicate_mask` is expected to mark by chance.

    It is the share of real images of one class, (M, H, W, 3) with M at least 3, that are near-duplicates of the others.
    With many images it is `RARE`. With a dozen images it is larger, about one in six, because the smallest of few
    distances sets the threshold.
    """
    table = _real_distances(real)
    nearest = table.min(axis=1)
    partner = table.argmin(axis=1)
    second = np.partition(table, 1, axis=1)[:, 1]
    count = len(real)
    # Row i: the nearest distance of every other image when image i is left out.
    left_out = np.where(partner[None] == np.arange(count)[:, None], second[None], nearest[None])
    others = left_out[~np.eye(count, dtype=bool)].reshape(count, count - 1)
    return float((nearest < np.quantile(others, RARE, axis=1)).mean())


def _real_distances(real: np.ndarray) -> np.ndarray:
    """Return the distances (M, M) between real images, mirrored or not. The diagonal is infinite."""
    originals, mirrored = normalised_thumbnails(real), normalised_thumbnails(real[:, :, ::-1])
    table: np.ndarray = np.minimum(distances(originals, originals), distances(originals, mirrored))
    np.fill_diagonal(table, np.inf)
    return table
