"""KID and CMMD: squared maximum mean discrepancies (MMD) with two kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from prettyuseful.errors import DataError
from prettyuseful.metrics.features import check_pair, unit_rows

Kernel = Callable[[np.ndarray], np.ndarray]
"""Returns the kernel values of a tile of scalar products. It may overwrite the tile."""

TILE = 1024
SIGMA, SCALE = 10.0, 1000.0
"""Width of the kernel and scale factor of CMMD."""


def kid(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return the Kernel Inception Distance (KID). It is unbiased, so it can be negative.

    Squared MMD with the kernel (x.y / d + 1)^3 (Bińkowski et al. 2018, "Demystifying MMD GANs", section 3) by the
    unbiased estimate of Gretton et al. 2012, "A kernel two-sample test", eq. 3. All pairs count, while the papers' code
    averages over random subsets; the expectation is the same and the variance smaller. Float64, O(N d) memory.

    Args:
        real: (N, d) features, N at least 2.
        synthetic: (M, d) features, M at least 2.

    Raises:
        DataError: too few images, features that are not finite, or different numbers of dimensions.

    >>> same = np.zeros((2, 4))
    >>> kid(same, same)
    0.0
    """
    check_pair(real, synthetic, fewest=2)
    return _kid(real.astype(np.float64), synthetic.astype(np.float64))


def cmmd(real: np.ndarray, synthetic: np.ndarray, sigma: float = SIGMA, scale: float = SCALE) -> float:
    """Return the CMMD, between 0 and 40 with the default arguments.

    Squared MMD with the kernel exp(-|x - y|^2 / (2 sigma^2)) on rows of length 1, times `scale`, by the biased
    estimate, which includes pairs of an image with itself (Jayasumana et al. 2024, "Rethinking FID"; their code, `cmmd`
    in google-research, uses CLIP ViT-L/14 embeddings of 336-pixel images). Computed in float64 without the kernel's
    constant part, which avoids the rounding error of the reference code in float32 (about 1e-4). O(N d) memory.

    Args:
        real: (N, d) features.
        synthetic: (M, d) features.
        sigma: width of the kernel, above 0.
        scale: factor of the result.

    Raises:
        DataError: an empty set, features that are not finite, different numbers of dimensions, a row of zeros, or
            sigma not above 0.
    """
    check_pair(real, synthetic)
    if not sigma > 0:
        raise DataError(f"invalid sigma={sigma} of the Gaussian kernel; use a value above 0 (CMMD uses 10)")
    gaussian, a, b = _gaussian(sigma), unit_rows(real, "real"), unit_rows(synthetic, "synthetic")
    within = _total(a, a, gaussian) / len(a) ** 2 + _total(b, b, gaussian) / len(b) ** 2
    # Rounding can make the distance of equal sets slightly negative.
    return max(0.0, scale * (within - 2 * _total(a, b, gaussian) / (len(a) * len(b))))


def kid_leave_out(
    real: np.ndarray, synthetic: np.ndarray, real_blocks: np.ndarray, synthetic_blocks: np.ndarray
) -> np.ndarray:
    """Return the values (B,) of `kid` with block 0..B-1 left out of both sets, as `leave_out_blocks`, in one pass.

    Args:
        real_blocks: (N,) int, the block number of each real image.
        synthetic_blocks: (M,) int, the block number of each synthetic image. Both sets contain every block.

    Raises:
        DataError: as `kid`.
    """
    check_pair(real, synthetic, fewest=2)
    a, b, cubic = real.astype(np.float64), synthetic.astype(np.float64), _cubic(real.shape[1])
    counts = [len(blocks) - np.bincount(blocks) for blocks in (real_blocks, synthetic_blocks)]
    within = np.zeros(len(counts[0]))
    for features, blocks, count in zip((a, b), (real_blocks, synthetic_blocks), counts, strict=True):
        diagonal = np.bincount(blocks, _self_kernel(features, cubic))
        pairs = _leave_out_sums(_block_sums(features, features, cubic, blocks, blocks)) - (diagonal.sum() - diagonal)
        within += pairs / (count * (count - 1))
    across = _leave_out_sums(_block_sums(a, b, cubic, real_blocks, synthetic_blocks))
    return np.asarray(within - 2 * across / (counts[0] * counts[1]))


def cmmd_leave_out(
    real: np.ndarray,
    synthetic: np.ndarray,
    real_blocks: np.ndarray,
    synthetic_blocks: np.ndarray,
    sigma: float = SIGMA,
    scale: float = SCALE,
) -> np.ndarray:
    """Return the values (B,) of `cmmd` with block 0..B-1 left out of both sets; see `kid_leave_out`.

    Raises:
        DataError: as `cmmd`.
    """
    check_pair(real, synthetic)
    gaussian, a, b = _gaussian(sigma), unit_rows(real, "real"), unit_rows(synthetic, "synthetic")
    counts = [len(blocks) - np.bincount(blocks) for blocks in (real_blocks, synthetic_blocks)]
    within = sum(
        _leave_out_sums(_block_sums(features, features, gaussian, blocks, blocks)) / count**2
        for features, blocks, count in zip((a, b), (real_blocks, synthetic_blocks), counts, strict=True)
    )
    across = _leave_out_sums(_block_sums(a, b, gaussian, real_blocks, synthetic_blocks))
    return np.asarray(scale * (within - 2 * across / (counts[0] * counts[1])))


def _kid(a: np.ndarray, b: np.ndarray) -> float:
    cubic = _cubic(a.shape[1])
    within = sum(
        (_total(features, features, cubic) - float(_self_kernel(features, cubic).sum()))
        / (len(features) * (len(features) - 1))
        for features in (a, b)
    )
    return float(within - 2 * _total(a, b, cubic) / (len(a) * len(b)))


def _cubic(width: int) -> Kernel:
    def cubic(products: np.ndarray) -> np.ndarray:
        products /= width
        products += 1
        products *= products * products
        return products

    return cubic


def _gaussian(sigma: float) -> Kernel:
    def gaussian(products: np.ndarray) -> np.ndarray:
        # On unit rows |x - y|^2 = 2 - 2 x.y. Subtracting 1 avoids rounding errors; it cancels in the MMD.
        products -= 1
        products /= sigma**2
        np.expm1(products, out=products)
        return products

    return gaussian


def _total(a: np.ndarray, b: np.ndarray, kernel: Kernel) -> float:
    """Return the sum of the kernel over all pairs of rows."""
    total = 0.0
    for _, _, values, counts_twice in _tiles(a, b, kernel):
        part = float(values.sum())
        total += 2 * part if counts_twice else part
    return total


def _block_sums(a: np.ndarray, b: np.ndarray, kernel: Kernel, a_blocks: np.ndarray, b_blocks: np.ndarray) -> np.ndarray:
    """Return sums (B, B) of the kernel over the pairs of a row of `a` and a row of `b`, by their blocks."""
    a_members, b_members = (np.eye(blocks.max() + 1)[blocks] for blocks in (a_blocks, b_blocks))
    total = np.zeros((a_members.shape[1], b_members.shape[1]))
    for rows, columns, values, counts_twice in _tiles(a, b, kernel):
        part = a_members[rows].T @ values @ b_members[columns]
        total += part + part.T if counts_twice else part
    return total


def _tiles(a: np.ndarray, b: np.ndarray, kernel: Kernel) -> Iterator[tuple[slice, slice, np.ndarray, bool]]:
    """Yield the kernel of all pairs of rows in tiles: rows, columns, values, and whether the tile counts twice.

    If `a` is `b`, only the upper half of the tiles is computed, and those off the diagonal count twice.
    """
    for i in range(0, len(a), TILE):
        for j in range(i if a is b else 0, len(b), TILE):
            rows, columns = slice(i, i + TILE), slice(j, j + TILE)
            yield rows, columns, kernel(a[rows] @ b[columns].T), a is b and i != j


def _leave_out_sums(sums: np.ndarray) -> np.ndarray:
    """Return sums (B,) over all pairs with each block left out of both sides, from the sums (B, B) by blocks."""
    return np.asarray(sums.sum() - sums.sum(axis=0) - sums.sum(axis=1) + np.diagonal(sums))


def _self_kernel(a: np.ndarray, kernel: Kernel) -> np.ndarray:
    """Return the kernel (N,) of each row with itself."""
    return kernel(np.einsum("nd,nd->n", a, a))
