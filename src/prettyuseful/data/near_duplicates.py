"""Images that are copies of one another but for compression, size, brightness, contrast, a shift or a mirror."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

SIDE = 16
"""Pixels of a look's side: it forgets noise and compression."""
ALIKE = 0.99
"""Correlation of two looks from which images count as near-duplicates."""

_STRICTER = (0.995, 0.998, 0.999)
_WIDE = 0.05  # below the limit, on average: a component that is a chain of look-alikes, not copies of one image
_SHIFTED = range(8, 257)  # pixels of the short side; in larger images a shift of one pixel is no change
_SHIFTS = ((0, 0), *((x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y))
_FAINT = 1.0  # grey levels of contrast (standard deviation) below which there is nothing to compare
_ROWS, _COLUMNS = 64, 2048  # of the similarities in memory at a time


def look(image: Image.Image) -> np.ndarray:
    """(V, 16 * 16) float16: what an image looks like small and grey, of zero mean and length one, or all zeros if it
    has no contrast: the whole of it, and of small images also all but the outermost pixels, as they are (the second of
    V = 10) and with each shift of one pixel.
    """
    grey = image.convert("F")
    boxes = [(0, 0, *grey.size)]
    if min(grey.size) in _SHIFTED:
        boxes += [(1 + x, 1 + y, grey.width - 1 + x, grey.height - 1 + y) for x, y in _SHIFTS]
    small = [grey.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box) for box in boxes]
    flat = np.stack([np.asarray(one).reshape(-1) for one in small])
    flat -= flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.where(length < _FAINT * SIDE, 0, flat / np.maximum(length, 1e-6)).astype(np.float16)


def near_duplicates(looks: Sequence[np.ndarray]) -> np.ndarray:
    """(N,) int: the component of each of N images, in which a chain of near-duplicates leads from any to any other.

    Where one holds more than half of the images though they are not alike on the whole (digits, faces, scans that are
    all taken the same way), the limit is raised until it no longer does.

    Args:
        looks: of `look`, N images of one class. Their order does not matter.
    """
    if not looks:
        return np.empty(0, np.int64)
    views = max(map(len, looks))
    same = np.stack([one if len(one) == views else one[:1].repeat(views, axis=0) for one in looks])
    for limit in (ALIKE, *_STRICTER):
        components = _components(same, limit)
        largest = components == np.bincount(components).argmax()
        if 2 * largest.sum() <= len(looks) or _similarity(same[largest]) >= limit - _WIDE:
            break
    return components


def joined(*partitions: Sequence[object]) -> np.ndarray:
    """(N,) int: the finest partition of N things that keeps together whatever any of the given ones (labels) does."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    things, nodes = len(partitions[0]), dict[tuple[int, object], int]()
    for which, labels in enumerate(partitions):
        nodes.update({(which, label): things + len(nodes) + i for i, label in enumerate(dict.fromkeys(labels))})
    rows = np.tile(np.arange(things), len(partitions))
    columns = np.array([nodes[which, label] for which, labels in enumerate(partitions) for label in labels])
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), (things + len(nodes),) * 2)
    return np.asarray(connected_components(graph, directed=False)[1][:things])


def _components(looks: np.ndarray, limit: float) -> np.ndarray:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = [np.argwhere(tile >= limit) + corner for corner, tile in _tiles(looks)]
    rows, columns = np.concatenate(pairs).T
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), (len(looks),) * 2)
    return np.asarray(connected_components(graph, directed=False)[1])


def _similarity(looks: np.ndarray) -> float:
    """Mean over all pairs."""
    return float(sum(tile.sum(dtype=np.float64) for _, tile in _tiles(looks)) / len(looks) ** 2)


def _tiles(looks: np.ndarray) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """Similarities of all pairs, a rectangle at a time with its place: the best of all views and mirror images."""
    whole, inner = looks[:, :1], looks[:, 1:]
    for row in range(0, len(looks), _ROWS):
        for column in range(0, len(looks), _COLUMNS):
            tile = _best(whole[row : row + _ROWS], whole[column : column + _COLUMNS, 0])
            if inner.size:
                tile = np.maximum(tile, _best(inner[row : row + _ROWS], inner[column : column + _COLUMNS, 0]))
            yield (row, column), tile


def _best(views: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(A, B): the largest correlation of any of (A, V, d) views or its mirror image with (B, d) others."""
    mirrored = views.reshape(*views.shape[:2], SIDE, SIDE)[..., ::-1].reshape(views.shape)
    ways = np.concatenate([views, mirrored], axis=1).astype(np.float32)
    found = ways.reshape(-1, SIDE * SIDE) @ others.astype(np.float32).T
    return np.asarray(found.reshape(*ways.shape[:2], -1).max(axis=1))
