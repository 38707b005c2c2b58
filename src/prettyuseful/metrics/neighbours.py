"""Exact nearest neighbours in O(N) memory: float32 products for all pairs, float64 only where float32 is too imprecise.

All pairs are processed in tiles of one float32 matrix product of centred features. A tile contains *lower bounds* of
squared distances; adding the slack defined below gives upper bounds. Only if these bounds do not decide a comparison,
the squared distance is computed in float64. The result therefore equals that of float64 arithmetic on every device,
with every number of threads, for every summation order of the matrix product.

Error bounds, with u = 2^-24, d dimensions and rows a, b of the centred, rounded features:
- The product a.b, summed in any order, has an error of at most g |a||b|, g = du / (1 - du) (Higham 2002, "Accuracy and
  stability of numerical algorithms", section 3.1), and 2 |a||b| <= |a|^2 + |b|^2.
- Rounding the coordinates and the norms and adding the terms adds an error below 16 u (|a|^2 + |b|^2).
- Underflow in float32 adds less than (d + 16) 2^-120, because features are scaled to at most 1.
So the error of |a|^2 + |b|^2 - 2 a.b is at most slack(a) + slack(b), where slack(x) = e |x|^2 + t with constants e, t.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from prettyuseful.metrics.features import lengths

if TYPE_CHECKING:
    import torch

Distance = Literal["euclidean", "cosine"]

ROWS, COLUMNS = 1024, 2048
"""Size of a tile: 8 MiB of float32."""
POOLED = 1 << 20
"""Number of candidate pairs that are collected before they are reduced to the k nearest."""
CHUNK_BYTES = 1 << 19
"""Bytes of float64 rows that are processed at a time, so that they fit into the cache of a core."""


@dataclass(frozen=True)
class Points:
    """A set of N points, exact in main memory and approximate on the device.

    The approximate points are shuffled, because the first tile of a set sorted by class would give loose bounds.

    Attributes:
        features: (N, d) the features as passed.
        length: (N,) divisors of the rows for exact distances, or None.
        slack: (N,) float64, the error bound of a squared distance, in exact units.
        unit: an approximate squared distance of 1, in exact units.
        order: (N,) the row of each approximate point in `features`.
        approximate: (N, d) float32, centred and scaled, on the device.
        low: (N,) float32, squared lengths of the approximate points minus their slack, on the device.
    """

    features: np.ndarray
    length: np.ndarray | None
    slack: np.ndarray
    unit: float
    order: np.ndarray
    approximate: torch.Tensor
    low: torch.Tensor

    def __len__(self) -> int:
        return len(self.features)

    def exact(self, rows: np.ndarray | slice) -> np.ndarray:
        """Return some rows in float64."""
        return _exact_rows(self.features, self.length, rows)


def make_points(
    sets: Sequence[np.ndarray], names: Sequence[str], distance: Distance = "euclidean", device: str = "cpu"
) -> list[Points]:
    """Convert sets of features (N, d) to points with a common origin, the mean of all rows.

    For the cosine distance, rows are scaled to length 1, so that |a - b|^2 = 2 (1 - cos).

    Raises:
        DataError: the distance is cosine and a row is all zeros.
    """
    import torch

    divisors = [
        lengths(features, name) if distance == "cosine" else None for features, name in zip(sets, names, strict=True)
    ]
    width, count = sets[0].shape[1], sum(len(features) for features in sets)
    total, low, high = np.zeros(width), np.full(width, np.inf), np.full(width, -np.inf)
    for features, length in zip(sets, divisors, strict=True):
        for rows in _slices(len(features), _rows_per_chunk(width)):
            chunk = _exact_rows(features, length, rows)
            total += chunk.sum(axis=0)
            low, high = np.minimum(low, chunk.min(axis=0)), np.maximum(high, chunk.max(axis=0))
    # Rounding can push a mean out of the range of the values; clipping it makes constant features exactly 0.
    centre = np.clip(total / count, low, high)
    # Scaling by a power of two causes no rounding.
    exponent = int(np.clip(np.frexp(max((high - centre).max(), (centre - low).max()))[1], -400, 500))
    points = []
    for features, length in zip(sets, divisors, strict=True):
        order = np.random.default_rng(0).permutation(len(features))
        approximate, squared = np.empty(features.shape, np.float32), np.empty(len(features))
        for rows in _slices(len(features), _rows_per_chunk(width)):
            approximate[rows] = np.ldexp(_exact_rows(features, length, order[rows]) - centre, -exponent)
            squared[rows] = np.einsum("nd,nd->n", approximate[rows], approximate[rows], dtype=np.float64)
        unit_roundoff = (width + 16) * 2.0**-24
        slack = unit_roundoff / (1 - unit_roundoff) * squared + (width + 16) * 2.0**-120
        points.append(
            Points(
                features,
                length,
                np.ldexp(slack, 2 * exponent)[np.argsort(order)],
                float(np.ldexp(1.0, 2 * exponent)),
                order,
                torch.from_numpy(approximate).to(device),
                torch.from_numpy((squared - slack).astype(np.float32)).to(device),
            )
        )
    return points


def kth_nearest(queries: Points, reference: Points | None, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the squared distance (N,) float64 and the index (N,) of the k-th nearest neighbour of every query.

    Among equally close points the lower index comes first, except that at distance 0 it can be any.

    Args:
        reference: the points to search, at least k. None: the queries themselves, each without itself.
        k: rank of the neighbour, at least 1.
    """
    within = reference is None
    others = queries if reference is None else reference
    pool = _Pool(queries, others, k)
    height, width = max(ROWS, k + 1), max(COLUMNS, k + 1)
    space = _allocate_tile(queries, min(height, len(queries)) * min(width, len(others)))
    for rows in _slices(len(queries), height):
        query = queries.order[rows]
        # Within one set, half of the table suffices: a tile serves its rows and, transposed, its columns.
        for columns in _slices(rows.stop if within else len(others), width):
            other = others.order[columns]
            tile = _lower_bounds(queries, rows, others, columns, space)
            if within:
                diagonal = np.arange(max(rows.start, columns.start), min(rows.stop, columns.stop))
                tile[diagonal - rows.start, diagonal - columns.start] = np.inf
            if not columns.start:
                pool.begin(query, other, tile)
            i, j, low = _pairs_below(tile, pool.limit[query, None], queries.unit)
            pool.add(query[i], other[j], low)
            off_diagonal = min(columns.stop, rows.start) - columns.start
            if within and off_diagonal > 0:
                i, j, low = _pairs_below(tile[:, :off_diagonal], pool.limit[None, other[:off_diagonal]], queries.unit)
                pool.add(other[j], query[i], low)
    return pool.kth()


def pairs_within(
    a: Points, b: Points, a_limit: np.ndarray, b_limit: np.ndarray
) -> Iterator[tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]]:
    """Yield pairs of a point of `a` and a point of `b` whose squared distance is strictly below a limit.

    Each item contains two pairs of index arrays (i, j): pairs below `a_limit[i]`, and pairs below `b_limit[j]`. Every
    pair occurs in one item only.
    """
    # A limit of 0 has no pair below it.
    reach_a, reach_b = (np.where(limit > 0, limit, -np.inf) for limit in (a_limit, b_limit))
    space = _allocate_tile(a, min(ROWS, len(a)) * min(COLUMNS, len(b)))
    for rows in _slices(len(a), ROWS):
        a_rows = a.order[rows]
        for columns in _slices(len(b), COLUMNS):
            b_rows = b.order[columns]
            tile = _lower_bounds(a, rows, b, columns, space)
            i, j, low = _pairs_below(tile, reach_a[a_rows, None], a.unit)
            below_a = _strictly_nearer(a, a_rows[i], b, b_rows[j], low, a_limit[a_rows[i]])
            i, j, low = _pairs_below(tile, reach_b[None, b_rows], a.unit)
            below_b = _strictly_nearer(a, a_rows[i], b, b_rows[j], low, b_limit[b_rows[j]])
            yield below_a, below_b


def squared_distances(a: Points, i: np.ndarray, b: Points, j: np.ndarray) -> np.ndarray:
    """Return the exact squared distances (n,) float64 of the pairs (i, j). Each depends only on its two rows."""
    squared = np.empty(len(i))
    for part in _slices(len(i), _rows_per_chunk(a.features.shape[1])):
        difference = a.exact(i[part]) - b.exact(j[part])
        squared[part] = np.einsum("nd,nd->n", difference, difference)
    return squared


class _Pool:
    """Candidate pairs for the k nearest neighbours of every query, from the tiles processed so far."""

    def __init__(self, queries: Points, others: Points, k: int) -> None:
        self.queries, self.others, self.k = queries, others, k
        # Upper bound of the k-th smallest squared distance; -inf if no further candidate is needed.
        self.limit = np.full(len(queries), np.inf)
        self.squared, self.index = np.zeros(len(queries)), np.zeros(len(queries), np.int64)
        # Query, other, lower and upper bound of the squared distance.
        self.pairs: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []

    def begin(self, query: np.ndarray, other: np.ndarray, tile: torch.Tensor) -> None:
        """Set the limits of new queries from their first tile."""
        smallest = tile.topk(self.k, dim=1, largest=False, sorted=False)
        low, nearest = smallest.values.cpu().numpy().astype(np.float64), other[smallest.indices.cpu().numpy()]
        self.limit[query] = self._upper(query[:, None], nearest, low * self.queries.unit).max(axis=1)
        # Many identical images would make all their pairs candidates; k neighbours at distance 0 are enough.
        suspects = np.flatnonzero((low <= 0).all(axis=1))
        if len(suspects):
            rows, copies = np.repeat(query[suspects], self.k), nearest[suspects].ravel()
            squared = squared_distances(self.queries, rows, self.others, copies).reshape(-1, self.k)
            done = ~squared.any(axis=1)
            self.limit[query[suspects[done]]] = -np.inf
            pairs, zeros = np.repeat(done, self.k), np.zeros(self.k * int(done.sum()))
            self.pairs.append((rows[pairs], copies[pairs], zeros, zeros))

    def add(self, query: np.ndarray, other: np.ndarray, low: np.ndarray) -> None:
        self.pairs.append((query, other, low, self._upper(query, other, low)))
        if sum(len(part[0]) for part in self.pairs) > POOLED + self.k * len(self.queries):
            self._keep_k_nearest()

    def kth(self) -> tuple[np.ndarray, np.ndarray]:
        self._keep_k_nearest()
        return self.squared, self.index

    def _upper(self, query: np.ndarray, other: np.ndarray, low: np.ndarray) -> np.ndarray:
        bound: np.ndarray = low + 2 * (self.queries.slack[query] + self.others.slack[other])
        return bound

    def _keep_k_nearest(self) -> None:
        """Keep the k nearest candidates of every query. Compute exact distances where the bounds do not decide."""
        query, other, low, high = (np.concatenate(part) for part in zip(*self.pairs, strict=True))
        order = np.lexsort((low, query))
        query, other, low, high = query[order], other[order], low[order], high[order]
        first, group = _runs(query)
        window = first[:, None] + np.arange(self.k)
        # The k-th smallest distance is at least the k-th lower bound, and at most the largest of these k upper bounds.
        floor, ceiling = low[window[:, -1]][group], high[window].max(axis=1)[group]
        possible = low <= ceiling
        query, other, low, high, floor = (part[possible] for part in (query, other, low, high, floor))
        nearer = high < floor
        unclear = ~nearer & (low < high)
        low[unclear] = high[unclear] = squared_distances(self.queries, query[unclear], self.others, other[unclear])
        order = np.lexsort((other, np.where(nearer, -np.inf, low), query))
        first, _ = _runs(query)
        chosen = order[first[:, None] + np.arange(self.k)]
        last = chosen[:, -1]
        self.squared[query[last]], self.index[query[last]] = low[last], other[last]
        self.limit[query[last]] = np.where(low[last] > 0, low[last], -np.inf)
        kept = chosen.ravel()
        self.pairs = [(query[kept], other[kept], low[kept], high[kept])]


def _allocate_tile(points: Points, size: int) -> torch.Tensor:
    """Allocate memory that all tiles share. Allocating each tile would fragment the heap."""
    import torch

    return torch.empty(size, dtype=torch.float32, device=points.approximate.device)


def _lower_bounds(a: Points, rows: slice, b: Points, columns: slice, space: torch.Tensor) -> torch.Tensor:
    """Return lower bounds (rows, columns) float32 of squared distances in approximate units, stored in `space`."""
    import torch

    a_rows, b_rows = a.approximate[rows], b.approximate[columns]
    tile = space[: len(a_rows) * len(b_rows)].view(len(a_rows), len(b_rows))
    with _true_float32(space.device.type):
        torch.addmm(b.low[columns], a_rows, b_rows.T, alpha=-2, out=tile)
    return tile.add_(a.low[rows, None])


def _pairs_below(tile: torch.Tensor, limit: np.ndarray, unit: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row, column and lower bound (in exact units) of the entries of a tile that are at most `limit`.

    `limit` broadcasts to the shape of the tile.
    """
    import torch

    # Rounding is monotonic, so no entry is lost by rounding the limit.
    bound = torch.from_numpy((limit / unit).astype(np.float32))
    mask = (tile <= bound.to(tile.device)).flatten()
    # On a CPU, NumPy finds the True entries several times faster than torch.
    flat = torch.from_numpy(np.flatnonzero(mask.numpy())) if mask.device.type == "cpu" else mask.nonzero()[:, 0]
    i, j = np.divmod(flat.cpu().numpy(), tile.shape[1])
    return i, j, tile.flatten()[flat].cpu().numpy().astype(np.float64) * unit


def _strictly_nearer(
    a: Points, i: np.ndarray, b: Points, j: np.ndarray, low: np.ndarray, limit: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs that are strictly below their limit. Compute exact distances where the bounds do not decide."""
    below = low + 2 * (a.slack[i] + b.slack[j]) < limit
    unclear = np.flatnonzero(~below)
    below[unclear] = squared_distances(a, i[unclear], b, j[unclear]) < limit[unclear]
    return i[below], j[below]


def _exact_rows(features: np.ndarray, length: np.ndarray | None, rows: np.ndarray | slice) -> np.ndarray:
    chosen = features[rows].astype(np.float64)
    return chosen if length is None else chosen / length[rows, None]


def _runs(sorted_values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the start of each run of equal values, and the number of the run of each value."""
    starts = np.diff(sorted_values, prepend=-1) != 0
    return np.flatnonzero(starts), np.cumsum(starts) - 1


def _slices(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def _rows_per_chunk(width: int) -> int:
    return max(1, CHUNK_BYTES // (8 * width))


@contextmanager
def _true_float32(device_type: str) -> Iterator[None]:
    """Compute matrix products in true float32. TF32, bfloat16 and autocast would violate the error bounds."""
    import torch

    with torch.autocast(device_type, enabled=False):
        if hasattr(torch.backends.cuda.matmul, "fp32_precision"):
            mkldnn: Any = torch.backends.mkldnn  # its members are not declared
            backends: tuple[Any, ...] = torch.backends.cuda.matmul, mkldnn.matmul
            before = [backend.fp32_precision for backend in backends]
            try:
                for backend in backends:
                    backend.fp32_precision = "ieee"
                yield
            finally:
                for backend, precision in zip(backends, before, strict=True):
                    backend.fp32_precision = precision
        else:  # before torch 2.9
            legacy = torch.get_float32_matmul_precision()
            try:
                torch.set_float32_matmul_precision("highest")
                yield
            finally:
                torch.set_float32_matmul_precision(legacy)
