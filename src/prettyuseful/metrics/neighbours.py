"""Exact nearest neighbours in O(N) memory: float32 products for all pairs, float64 for the few that they leave open.

All pairs go through tiles of one float32 matrix product of centred features. A tile holds *lower bounds* of squared
distances; with the slack below they enclose the true one. Only where the two bounds do not settle a comparison, the
difference of the two rows is squared and summed in float64. So the answer is that of float64 arithmetic on every
device, with every number of threads, whatever order a matrix product adds in.

The bounds. With u = 2^-24, d dimensions and rows a, b of the centred, rounded features:
- the product a.b, summed in any order, is off by at most g |a||b|, g = du / (1 - du) (Higham 2002, "Accuracy and
  stability of numerical algorithms", section 3.1), and 2 |a||b| <= |a|^2 + |b|^2;
- rounding the coordinates and the norms and adding the terms costs less than 16 u (|a|^2 + |b|^2) more;
- what vanishes below the smallest float32 is less than (d + 16) 2^-120, as features are scaled to at most 1.
So |a|^2 + |b|^2 - 2 a.b is off by at most slack(a) + slack(b), where slack(x) = e |x|^2 + t; e and t are constants.
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
"""Size of a tile; 8 MiB of float32."""
POOLED = 1 << 20
"""Pairs that may wait to be sorted out."""
CHUNK_BYTES = 1 << 19
"""Float64 rows that are handled at a time: what stays in a core's cache."""


@dataclass(frozen=True)
class Points:
    """A set of N images as points: exactly, and roughly on the device.

    `features` (N, d) as given and `length` (N,) to divide by (None: nothing), which is all that exact distances need;
    `slack` (N,) float64 in exact units; `unit`: a squared rough distance of 1 in exact units. `rough` (N, d) float32,
    centred and scaled, and `low` (N,) float32, squared lengths of those less their slack, are in another `order` (N,):
    shuffled, since in a set that is sorted by class the first tile would say little of what is near.
    """

    features: np.ndarray
    length: np.ndarray | None
    slack: np.ndarray
    unit: float
    order: np.ndarray
    rough: torch.Tensor
    low: torch.Tensor

    def __len__(self) -> int:
        return len(self.features)

    def exact(self, rows: np.ndarray | slice) -> np.ndarray:
        """These rows in float64."""
        return _exact(self.features, self.length, rows)


def place(
    sets: Sequence[np.ndarray], names: Sequence[str], distance: Distance = "euclidean", device: str = "cpu"
) -> list[Points]:
    """Sets of (N, d) features as points of one space, whose origin is the mean of them all.

    Squared cosine distances are those of rows of length 1: |a - b|^2 = 2 (1 - cos).

    Raises:
        DataError: a row of zeros, if the distance is cosine.
    """
    import torch

    divisors = [
        lengths(features, name) if distance == "cosine" else None for features, name in zip(sets, names, strict=True)
    ]
    width, count = sets[0].shape[1], sum(len(features) for features in sets)
    total, low, high = np.zeros(width), np.full(width, np.inf), np.full(width, -np.inf)
    for features, length in zip(sets, divisors, strict=True):
        for rows in _blocks(len(features), _chunk(width)):
            chunk = _exact(features, length, rows)
            total += chunk.sum(axis=0)
            low, high = np.minimum(low, chunk.min(axis=0)), np.maximum(high, chunk.max(axis=0))
    # Rounding may push a mean out of the values' range; within it, constant features become zeros.
    centre = np.clip(total / count, low, high)
    # A power of two, so that scaling rounds nothing.
    exponent = int(np.clip(np.frexp(max((high - centre).max(), (centre - low).max()))[1], -400, 500))
    placed = []
    for features, length in zip(sets, divisors, strict=True):
        order = np.random.default_rng(0).permutation(len(features))
        rough, squared = np.empty(features.shape, np.float32), np.empty(len(features))
        for rows in _blocks(len(features), _chunk(width)):
            rough[rows] = np.ldexp(_exact(features, length, order[rows]) - centre, -exponent)
            squared[rows] = np.einsum("nd,nd->n", rough[rows], rough[rows], dtype=np.float64)
        unit_roundoff = (width + 16) * 2.0**-24
        slack = unit_roundoff / (1 - unit_roundoff) * squared + (width + 16) * 2.0**-120
        placed.append(
            Points(
                features,
                length,
                np.ldexp(slack, 2 * exponent)[np.argsort(order)],
                float(np.ldexp(1.0, 2 * exponent)),
                order,
                torch.from_numpy(rough).to(device),
                torch.from_numpy((squared - slack).astype(np.float32)).to(device),
            )
        )
    return placed


def kth_nearest(queries: Points, reference: Points | None, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Squared distance (N,) float64 and index (N,) of every query's k-th nearest point of `reference`, k from 1.

    Without a reference: among the queries themselves, each leaving itself out. Of equally near points the lower index
    comes first, except that at distance 0 any may be given. There must be k others.
    """
    alone = reference is None
    others = queries if reference is None else reference
    pool = _Pool(queries, others, k)
    height, width = max(ROWS, k + 1), max(COLUMNS, k + 1)
    space = _space(queries, min(height, len(queries)) * min(width, len(others)))
    for rows in _blocks(len(queries), height):
        query = queries.order[rows]
        # Among themselves, half of the table is enough: a tile serves its rows and, turned, its columns.
        for columns in _blocks(rows.stop if alone else len(others), width):
            other = others.order[columns]
            tile = _lower_bounds(queries, rows, others, columns, space)
            if alone:
                own = np.arange(max(rows.start, columns.start), min(rows.stop, columns.stop))
                tile[own - rows.start, own - columns.start] = np.inf
            if not columns.start:
                pool.begin(query, other, tile)
            i, j, low = _below(tile, pool.limit[query, None], queries.unit)
            pool.add(query[i], other[j], low)
            before = min(columns.stop, rows.start) - columns.start
            if alone and before > 0:
                i, j, low = _below(tile[:, :before], pool.limit[None, other[:before]], queries.unit)
                pool.add(other[j], query[i], low)
    return pool.kth()


def pairs_within(
    a: Points, b: Points, a_limit: np.ndarray, b_limit: np.ndarray
) -> Iterator[tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]]:
    """Indices (i, j) of pairs of a point of `a` and one of `b` whose squared distance is below (strictly) a limit.

    In parts, each once: those below `a_limit[i]`, and those below `b_limit[j]`. A limit of 0 has none below it.
    """
    reach_a, reach_b = (np.where(limit > 0, limit, -np.inf) for limit in (a_limit, b_limit))
    space = _space(a, min(ROWS, len(a)) * min(COLUMNS, len(b)))
    for rows in _blocks(len(a), ROWS):
        one = a.order[rows]
        for columns in _blocks(len(b), COLUMNS):
            other = b.order[columns]
            tile = _lower_bounds(a, rows, b, columns, space)
            i, j, low = _below(tile, reach_a[one, None], a.unit)
            near_a = _strictly(a, one[i], b, other[j], low, a_limit[one[i]])
            i, j, low = _below(tile, reach_b[None, other], a.unit)
            near_b = _strictly(a, one[i], b, other[j], low, b_limit[other[j]])
            yield near_a, near_b


def squared_distances(a: Points, i: np.ndarray, b: Points, j: np.ndarray) -> np.ndarray:
    """Exact ones of the pairs (i, j), (n,) float64. A pair's value depends on nothing but the two rows."""
    found = np.empty(len(i))
    for part in _blocks(len(i), _chunk(a.features.shape[1])):
        difference = a.exact(i[part]) - b.exact(j[part])
        found[part] = np.einsum("nd,nd->n", difference, difference)
    return found


class _Pool:
    """Candidates for the k nearest of every query: all pairs met so far that may be among them."""

    def __init__(self, queries: Points, others: Points, k: int) -> None:
        self.queries, self.others, self.k = queries, others, k
        # No candidate is farther; -inf where nothing can be nearer.
        self.limit = np.full(len(queries), np.inf)
        self.squared, self.index = np.zeros(len(queries)), np.zeros(len(queries), np.int64)
        # Query, other, lower and upper bound of the squared distance.
        self.pairs: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []

    def begin(self, query: np.ndarray, other: np.ndarray, tile: torch.Tensor) -> None:
        """Takes limits for new queries from their first tile."""
        found = tile.topk(self.k, dim=1, largest=False, sorted=False)
        low, nearest = found.values.cpu().numpy().astype(np.float64), other[found.indices.cpu().numpy()]
        self.limit[query] = self._upper(query[:, None], nearest, low * self.queries.unit).max(axis=1)
        # A heap of equal images would make all its pairs candidates: k copies found are as near as it gets.
        heaped = np.flatnonzero((low <= 0).all(axis=1))
        if len(heaped):
            copy, copied = np.repeat(query[heaped], self.k), nearest[heaped].ravel()
            squared = squared_distances(self.queries, copy, self.others, copied).reshape(-1, self.k)
            done = ~squared.any(axis=1)
            self.limit[query[heaped[done]]] = -np.inf
            pairs, zeros = np.repeat(done, self.k), np.zeros(self.k * int(done.sum()))
            self.pairs.append((copy[pairs], copied[pairs], zeros, zeros))

    def add(self, query: np.ndarray, other: np.ndarray, low: np.ndarray) -> None:
        self.pairs.append((query, other, low, self._upper(query, other, low)))
        if sum(len(part[0]) for part in self.pairs) > POOLED + self.k * len(self.queries):
            self._settle()

    def kth(self) -> tuple[np.ndarray, np.ndarray]:
        self._settle()
        return self.squared, self.index

    def _upper(self, query: np.ndarray, other: np.ndarray, low: np.ndarray) -> np.ndarray:
        bound: np.ndarray = low + 2 * (self.queries.slack[query] + self.others.slack[other])
        return bound

    def _settle(self) -> None:
        """Leaves the k nearest of every query, and exact distances wherever the bounds leave open which they are."""
        query, other, low, high = (np.concatenate(part) for part in zip(*self.pairs, strict=True))
        order = np.lexsort((low, query))
        query, other, low, high = query[order], other[order], low[order], high[order]
        first, group = _groups(query)
        window = first[:, None] + np.arange(self.k)
        # The k-th nearest is no nearer than the k-th lower bound, and no farther than the upper bounds of those k.
        floor, ceiling = low[window[:, -1]][group], high[window].max(axis=1)[group]
        possible = low <= ceiling
        query, other, low, high, floor = (part[possible] for part in (query, other, low, high, floor))
        nearer = high < floor
        rough = ~nearer & (low < high)
        low[rough] = high[rough] = squared_distances(self.queries, query[rough], self.others, other[rough])
        order = np.lexsort((other, np.where(nearer, -np.inf, low), query))
        first, _ = _groups(query)
        chosen = order[first[:, None] + np.arange(self.k)]
        last = chosen[:, -1]
        self.squared[query[last]], self.index[query[last]] = low[last], other[last]
        self.limit[query[last]] = np.where(low[last] > 0, low[last], -np.inf)
        kept = chosen.ravel()
        self.pairs = [(query[kept], other[kept], low[kept], high[kept])]


def _space(points: Points, size: int) -> torch.Tensor:
    """Memory for one tile after the other: asking anew for each would leave the heap full of holes."""
    import torch

    return torch.empty(size, dtype=torch.float32, device=points.rough.device)


def _lower_bounds(a: Points, rows: slice, b: Points, columns: slice, space: torch.Tensor) -> torch.Tensor:
    """(rows, columns) float32, in `space`: no squared distance, in rough units, is below it."""
    import torch

    one, other = a.rough[rows], b.rough[columns]
    tile = space[: len(one) * len(other)].view(len(one), len(other))
    with _true_float32(space.device.type):
        torch.addmm(b.low[columns], one, other.T, alpha=-2, out=tile)
    return tile.add_(a.low[rows, None])


def _below(tile: torch.Tensor, limit: np.ndarray, unit: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and lower bound (in exact units) of what may be at most `limit`, which fits the tile's shape."""
    import torch

    # Rounding keeps order: what is at most the limit is at most the rounded limit.
    bound = torch.from_numpy((limit / unit).astype(np.float32))
    mask = (tile <= bound.to(tile.device)).flatten()
    # numpy looks for True several times faster than torch does on a CPU.
    flat = torch.from_numpy(np.flatnonzero(mask.numpy())) if mask.device.type == "cpu" else mask.nonzero()[:, 0]
    i, j = np.divmod(flat.cpu().numpy(), tile.shape[1])
    return i, j, tile.flatten()[flat].cpu().numpy().astype(np.float64) * unit


def _strictly(
    a: Points, i: np.ndarray, b: Points, j: np.ndarray, low: np.ndarray, limit: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Those of the pairs that are nearer than their limit, by bounds or else exactly."""
    near = low + 2 * (a.slack[i] + b.slack[j]) < limit
    rough = np.flatnonzero(~near)
    near[rough] = squared_distances(a, i[rough], b, j[rough]) < limit[rough]
    return i[near], j[near]


def _exact(features: np.ndarray, length: np.ndarray | None, rows: np.ndarray | slice) -> np.ndarray:
    chosen = features[rows].astype(np.float64)
    return chosen if length is None else chosen / length[rows, None]


def _groups(sorted_values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each run of equal values starts, and the number of the run that each value is in."""
    starts = np.diff(sorted_values, prepend=-1) != 0
    return np.flatnonzero(starts), np.cumsum(starts) - 1


def _blocks(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def _chunk(width: int) -> int:
    return max(1, CHUNK_BYTES // (8 * width))


@contextmanager
def _true_float32(device_type: str) -> Iterator[None]:
    """Products in true float32: TF32, bfloat16 or autocast, which a process may have chosen, would break the bounds."""
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
