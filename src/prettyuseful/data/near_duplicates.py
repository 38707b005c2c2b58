"""Find near-duplicates: images that differ by compression, size, brightness, contrast, a shift or a mirror only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

SIDE = 16
"""Side of a thumbnail in pixels, small enough to remove noise and compression artefacts."""
MIN_CORRELATION = 0.99
"""Smallest correlation between the thumbnails of near-duplicates."""

_HIGHER_THRESHOLDS = (0.995, 0.998, 0.999)
_MEAN_MARGIN = 0.05  # a component is a mere chain if its mean correlation is further below the threshold
_SHIFTED_SIDES = range(8, 257)  # short sides in pixels; in larger images, a shift of one pixel does not matter
_SHIFTS = ((0, 0), *((x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y))
_MIN_CONTRAST = 1.0  # standard deviation in grey levels; images with less contrast are not compared
_ROWS, _COLUMNS = 64, 2048  # size of the part of the correlation matrix that is in memory


def thumbnail_vectors(image: Image.Image) -> np.ndarray:
    """Return small grey versions of an image for comparison, (V, 256) float16.

    Each row is a 16 x 16 thumbnail, shifted and scaled to zero mean and unit length, or all zeros without contrast. The
    first row shows the whole image. For small images (V = 10, else V = 1), the second row shows the image without its
    outermost pixels, and the other rows show the same crop shifted by one pixel in each direction.
    """
    grey = image.convert("F")
    boxes = [(0, 0, *grey.size)]
    if min(grey.size) in _SHIFTED_SIDES:
        boxes += [(1 + x, 1 + y, grey.width - 1 + x, grey.height - 1 + y) for x, y in _SHIFTS]
    small = [grey.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box) for box in boxes]
    flat = np.stack([np.asarray(thumbnail).reshape(-1) for thumbnail in small])
    flat -= flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.where(length < _MIN_CONTRAST * SIDE, 0, flat / np.maximum(length, 1e-6)).astype(np.float16)


def near_duplicates(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """Return the connected component of each image in the graph of near-duplicates, (N,) int.

    If one component has more than half of the images but a low mean correlation (digits, faces or scans that were all
    taken in the same way), the threshold is raised until the component breaks up.

    Args:
        vectors: results of `thumbnail_vectors` for N images of one class, in any order.
    """
    if not vectors:
        return np.empty(0, np.int64)
    views = max(map(len, vectors))
    stacked = np.stack([image if len(image) == views else image[:1].repeat(views, axis=0) for image in vectors])
    for threshold in (MIN_CORRELATION, *_HIGHER_THRESHOLDS):
        components = _components(stacked, threshold)
        largest = components == np.bincount(components).argmax()
        if 2 * largest.sum() <= len(vectors) or _mean_correlation(stacked[largest]) >= threshold - _MEAN_MARGIN:
            break
    return components


def merge_partitions(*partitions: Sequence[object]) -> np.ndarray:
    """Return the finest partition that is coarser than all given partitions of N items, (N,) int.

    Two items that share a label in any of the partitions get the same label in the result.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # A bipartite graph: one node per item, and one node per label of each partition.
    items, nodes = len(partitions[0]), dict[tuple[int, object], int]()
    for k, labels in enumerate(partitions):
        nodes.update({(k, label): items + len(nodes) + i for i, label in enumerate(dict.fromkeys(labels))})
    rows = np.tile(np.arange(items), len(partitions))
    columns = np.array([nodes[k, label] for k, labels in enumerate(partitions) for label in labels])
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), (items + len(nodes),) * 2)
    return np.asarray(connected_components(graph, directed=False)[1][:items])


def _components(vectors: np.ndarray, threshold: float) -> np.ndarray:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = [np.argwhere(tile >= threshold) + corner for corner, tile in _tiles(vectors)]
    rows, columns = np.concatenate(pairs).T
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), (len(vectors),) * 2)
    return np.asarray(connected_components(graph, directed=False)[1])


def _mean_correlation(vectors: np.ndarray) -> float:
    """Return the mean correlation over all pairs."""
    return float(sum(tile.sum(dtype=np.float64) for _, tile in _tiles(vectors)) / len(vectors) ** 2)


def _tiles(vectors: np.ndarray) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """Yield blocks of the correlation matrix with their first row and column.

    The correlation of two images is the largest over all crops and mirror images.
    """
    whole, inner = vectors[:, :1], vectors[:, 1:]
    for row in range(0, len(vectors), _ROWS):
        for column in range(0, len(vectors), _COLUMNS):
            tile = _best_correlations(whole[row : row + _ROWS], whole[column : column + _COLUMNS, 0])
            if inner.size:
                tile = np.maximum(
                    tile, _best_correlations(inner[row : row + _ROWS], inner[column : column + _COLUMNS, 0])
                )
            yield (row, column), tile


def _best_correlations(views: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the largest correlation of (A, V, d) views, or their mirror images, with (B, d) others, (A, B)."""
    mirrored = views.reshape(*views.shape[:2], SIDE, SIDE)[..., ::-1].reshape(views.shape)
    both = np.concatenate([views, mirrored], axis=1).astype(np.float32)
    correlations = both.reshape(-1, SIDE * SIDE) @ others.astype(np.float32).T
    return np.asarray(correlations.reshape(*both.shape[:2], -1).max(axis=1))
