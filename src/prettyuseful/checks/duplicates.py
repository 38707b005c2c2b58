"""Find exact copies by the digest of the bytes, and near-duplicates by thumbnails, among millions of pairs in seconds.

A near-duplicate is the same picture after compression, resizing, a change of brightness, contrast, colour or noise, or
mirrored. A thumbnail is described by its cosine coefficients, without the mean and scaled to unit length. Two images
are near-duplicates if

1. the correlation of their coefficients is at least `MIN_CORRELATION`,
2. the correlation of the finer coefficients alone is at least `MIN_DETAIL`: skies and other smooth images, which differ
   in little but a gradient, are not copies of each other, and
3. they are much closer to each other than usual: their distance is at most `MAX_RATIO` of the distance to images that
   are nearest by chance. In sets of digits, scans or products before one background, many different images correlate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from prettyuseful.checks.image_set import SIDE, ImageTable

MIN_CORRELATION = 0.97
MIN_DETAIL = 0.8
MAX_RATIO = 1 / 3
_KEPT, _COARSE, _HEAD = 16, 4, 8  # coefficients in each direction: all, those without detail, those searched first
_USUAL = 0.02  # share of images that are nearer than those that count as nearest by chance
_MIN_USUAL, _MAX_REFERENCE = 5, 2000  # images
_MIN_CONTRAST = 1.0  # standard deviation of a thumbnail in grey levels; see also `image_set.MIN_CONTRAST`
_ROWS, _COLUMNS = 512, 4096  # size of the part of the correlation matrix that is in memory
_CANDIDATES = 1 << 15  # pairs that are compared in full at once
_MAX_PAIRS = 2_000_000


def _grid() -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[:_KEPT, :_KEPT]
    return rows.reshape(-1), columns.reshape(-1)


_IN_HEAD = (_grid()[0] < _HEAD) & (_grid()[1] < _HEAD)
_IN_DETAIL = (_grid()[0] >= _COARSE) | (_grid()[1] >= _COARSE)
_MIRROR = np.where(_grid()[1] % 2, -1, 1).astype(np.float32)
"""Factors that turn the coefficients of an image into those of its mirror image."""


@dataclass(frozen=True)
class Descriptors:
    """`whole` (N, 256): cosine coefficients of unit length, all zeros without contrast. `detail`: the finer ones alone,
    of unit length."""

    whole: np.ndarray
    detail: np.ndarray

    def __len__(self) -> int:
        return len(self.whole)

    def take(self, rows: np.ndarray) -> Descriptors:
        return Descriptors(self.whole[rows], self.detail[rows])

    @cached_property
    def head(self) -> np.ndarray:
        """Few numbers per image whose product is never below the correlation of the whole, (N, 65).

        These are the lowest coefficients and the length of the rest (Cauchy-Schwarz).
        """
        head = self.whole[:, _IN_HEAD]
        rest = np.sqrt((1 - (head**2).sum(axis=1, keepdims=True)).clip(0))
        rest[~self.whole.any(axis=1)] = 0
        return np.hstack([head, rest]).astype(np.float32)


def describe(thumbnails: np.ndarray) -> Descriptors:
    """Return the descriptors of grey thumbnails, (N, 32, 32)."""
    from scipy.fft import dct

    basis = dct(np.eye(SIDE), axis=0, norm="ortho")[:_KEPT].astype(np.float32)
    flat = np.empty((len(thumbnails), _KEPT**2), np.float32)
    for start in range(0, len(thumbnails), _COLUMNS):
        part = thumbnails[start : start + _COLUMNS].astype(np.float32)
        flat[start : start + _COLUMNS] = (basis @ part @ basis.T).reshape(len(part), -1)
    flat[:, 0] = 0
    detail = flat[:, _IN_DETAIL]
    whole_length = np.linalg.norm(flat, axis=1, keepdims=True)
    detail_length = np.linalg.norm(detail, axis=1, keepdims=True)
    whole = np.where(whole_length < _MIN_CONTRAST * SIDE, 0, flat / np.maximum(whole_length, 1e-6))
    return Descriptors(whole, detail / np.maximum(detail_length, 1e-6))


@dataclass(frozen=True)
class Copies:
    """The images of one set that are copies of images of another set.

    `rows`: images of the first set. `partners`: for each, an image of the other set that it copies, the most similar
    one. `exact`: for each, whether the bytes are equal. `originals`: all images of the other set that have a copy.
    """

    rows: np.ndarray
    partners: np.ndarray
    exact: np.ndarray
    originals: np.ndarray


def copies(images: ImageTable, of: ImageTable) -> Copies:
    """Return the exact copies and near-duplicates in `images` of the images in `of`."""
    first_of = {of.ids[row]: row for row in reversed(np.flatnonzero(of.has_contrast))}
    shown = images.has_contrast
    partner = np.array(
        [first_of.get(content, -1) if shown[row] else -1 for row, content in enumerate(images.ids)], np.int64
    )
    exact = partner >= 0
    near = near_pairs(describe(images.thumbnails), describe(of.thumbnails))
    best = np.full(len(images), -1.0)
    for row, other, correlation in zip(*near, strict=True):
        if not exact[row] and correlation > best[row]:
            best[row], partner[row] = correlation, other
    rows = np.flatnonzero(partner >= 0)
    copied = {images.ids[row] for row in np.flatnonzero(shown)}
    copied_rows = [row for row, content in enumerate(of.ids) if content in copied]
    originals = np.union1d(np.array(copied_rows, np.int64), near[1])
    return Copies(rows, partner[rows], exact[rows], originals)


@dataclass(frozen=True)
class Repeats:
    """The images of a set that repeat each other.

    `component` (N,): equal numbers for images that repeat each other. `exact`: number of images that repeat another
    byte for byte; `near`: number of the others that repeat one.
    """

    component: np.ndarray
    exact: int
    near: int

    @property
    def members(self) -> list[np.ndarray]:
        """The rows of each group of two or more images, the largest group first."""
        order = np.argsort(self.component, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(self.component[order])) + 1)
        return sorted((group for group in groups if len(group) > 1), key=lambda group: (-len(group), group[0]))


@lru_cache(maxsize=4)
def repeats(images: ImageTable) -> Repeats:
    """Return the images of a set that are exact copies or near-duplicates of each other."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    shown = np.flatnonzero(images.has_contrast)
    _, first, same = np.unique([images.ids[row] for row in shown], return_index=True, return_inverse=True)
    rows, columns, _ = near_pairs(describe(images.thumbnails[shown[first]]))
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), (len(first),) * 2)
    count, component = connected_components(graph, directed=False) if len(first) else (0, np.empty(0, np.int64))
    components = np.arange(len(images)) + len(images)
    components[shown] = component[same]
    return Repeats(components, exact=len(shown) - len(first), near=len(first) - count)


def near_pairs(images: Descriptors, others: Descriptors | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, rows of the others, and correlations of all near-duplicates, and at most two million of them.

    Without `others`, pairs within one set are returned, each once.
    """
    within, reference = others is None, images if others is None else others
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    total = 0
    for rows, columns in _candidates(images, reference, within):
        for start in range(0, len(rows), _CANDIDATES):
            i, j = rows[start : start + _CANDIDATES], columns[start : start + _CANDIDATES]
            i, j, correlation = _verified(images, reference, i, j)
            is_closer = _closer_than_usual(images, reference, i, correlation)
            found.append((i[is_closer], j[is_closer], correlation[is_closer]))
            total += int(is_closer.sum())
        if total > _MAX_PAIRS:
            break
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    parts = [np.concatenate(column) for column in zip(*found, strict=True)]
    return parts[0], parts[1], parts[2]


def _candidates(images: Descriptors, others: Descriptors, within: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs whose correlation may be large enough, or that of one with the mirror image of the other."""
    factors = np.append(_MIRROR[_IN_HEAD], 1).astype(np.float32)
    for row in range(0, len(images), _ROWS):
        part = images.head[row : row + _ROWS]
        both = np.concatenate([part, part * factors])
        for column in range(row - row % _COLUMNS if within else 0, len(others), _COLUMNS):
            bound = both @ others.head[column : column + _COLUMNS].T
            rows, columns = np.nonzero(np.maximum(bound[: len(part)], bound[len(part) :]) >= MIN_CORRELATION)
            rows, columns = rows + row, columns + column
            keep = rows < columns if within else slice(None)
            yield rows[keep], columns[keep]


def _verified(
    images: Descriptors, others: Descriptors, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs whose correlations are large enough, with the correlation of the whole."""
    whole, detail = images.whole[rows] * others.whole[columns], images.detail[rows] * others.detail[columns]
    plain, mirrored = whole.sum(axis=1), whole @ _MIRROR
    plain[detail.sum(axis=1) < MIN_DETAIL] = 0
    mirrored[detail @ _MIRROR[_IN_DETAIL] < MIN_DETAIL] = 0
    correlation = np.maximum(plain, mirrored)
    keep = correlation >= MIN_CORRELATION
    return rows[keep], columns[keep], correlation[keep]


def _closer_than_usual(
    images: Descriptors, others: Descriptors, rows: np.ndarray, correlation: np.ndarray
) -> np.ndarray:
    """Return which pairs are much closer than an image of `images` is to its nearest ones in `others` by chance."""
    step = max(1, len(others) // _MAX_REFERENCE)
    reference = others.whole[::step]
    rank = max(_MIN_USUAL, round(_USUAL * len(reference)))
    if len(reference) < 2 * rank or not len(rows):
        return np.ones(len(rows), bool)
    unique, inverse = np.unique(rows, return_inverse=True)
    usual = np.empty(len(unique), np.float32)
    for start in range(0, len(unique), _ROWS):
        part = images.whole[unique[start : start + _ROWS]]
        table = np.maximum(part @ reference.T, (part * _MIRROR) @ reference.T)
        usual[start : start + _ROWS] = np.partition(table, -rank, axis=1)[:, -rank]
    return np.asarray(_distance(correlation) <= MAX_RATIO * _distance(usual[inverse]))


def _distance(correlation: np.ndarray) -> np.ndarray:
    distance: np.ndarray = np.sqrt((2 - 2 * correlation).clip(0))
    return distance
