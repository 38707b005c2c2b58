"""Distances by a kernel's maximum mean discrepancy (MMD): KID and CMMD. Both are squared MMDs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from prettyuseful.errors import DataError
from prettyuseful.metrics.features import check_pair, unit_rows

Kernel = Callable[[np.ndarray], np.ndarray]
"""From a tile of scalar products to its values; it may write into the tile."""

TILE = 1024
SIGMA, SCALE = 10.0, 1000.0
"""CMMD's own."""


def kid(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Kernel Inception Distance of all (N, d) and (M, d) features: unbiased, so it may be below 0; N and M from 2.

    Squared MMD with the kernel (x.y / d + 1)^3 (Bińkowski et al. 2018, "Demystifying MMD GANs", section 3); the
    unbiased estimate is Gretton et al. 2012, "A kernel two-sample test", eq. 3. All pairs count, where the papers' code
    averages over random subsets: the same expectation with less noise. Float64, O(N d) memory.

    Raises:
        DataError: fewer than two images, features that are not finite, or not of one space.
    """
    check_pair(real, synthetic, fewest=2)
    return _kid(real.astype(np.float64), synthetic.astype(np.float64))


def cmmd(real: np.ndarray, synthetic: np.ndarray, sigma: float = SIGMA, scale: float = SCALE) -> float:
    """CMMD, 0 or more, of (N, d) and (M, d) features, by default at most 40.

    Squared MMD with the kernel exp(-|x - y|^2 / (2 sigma^2)) on rows of length 1, times `scale`; the biased estimate,
    in which an image meets itself (Jayasumana et al. 2024, "Rethinking FID", and its code in google-research's `cmmd`,
    there on CLIP ViT-L/14 embeddings of 336-pixel images). In float64, and summed without the kernel's constant part,
    so that the digits are there which the reference code loses in float32 (some 1e-4 after scaling). O(N d) memory.

    Raises:
        DataError: an empty set, features that are not finite or not of one space, a row of zeros, or a sigma that is
            not above 0.
    """
    check_pair(real, synthetic)
    if not sigma > 0:
        raise DataError(f"a Gaussian kernel of width {sigma} is none; take a sigma above 0 (10 in CMMD)")
    gaussian, a, b = _gaussian(sigma), unit_rows(real, "real"), unit_rows(synthetic, "synthetic")
    within = _total(a, a, gaussian) / len(a) ** 2 + _total(b, b, gaussian) / len(b) ** 2
    # Rounding may leave equal sets a little below zero.
    return max(0.0, scale * (within - 2 * _total(a, b, gaussian) / (len(a) * len(b))))


def kid_without(
    real: np.ndarray, synthetic: np.ndarray, real_blocks: np.ndarray, synthetic_blocks: np.ndarray
) -> np.ndarray:
    """(B,) values of `kid` when block 0..B-1 is left out of both sets: what `without_blocks` gives, in one pass.

    Args:
        real_blocks: (N,) int, the block of each image; synthetic_blocks: (M,); both sets have all blocks.

    Raises:
        DataError: as `kid`.
    """
    check_pair(real, synthetic, fewest=2)
    a, b, cubic = real.astype(np.float64), synthetic.astype(np.float64), _cubic(real.shape[1])
    left = [len(blocks) - np.bincount(blocks) for blocks in (real_blocks, synthetic_blocks)]
    within = np.zeros(len(left[0]))
    for features, blocks, count in zip((a, b), (real_blocks, synthetic_blocks), left, strict=True):
        own = np.bincount(blocks, _of_itself(features, cubic))
        pairs = _without(_block_sums(features, features, cubic, blocks, blocks)) - (own.sum() - own)
        within += pairs / (count * (count - 1))
    across = _without(_block_sums(a, b, cubic, real_blocks, synthetic_blocks))
    return np.asarray(within - 2 * across / (left[0] * left[1]))


def cmmd_without(
    real: np.ndarray,
    synthetic: np.ndarray,
    real_blocks: np.ndarray,
    synthetic_blocks: np.ndarray,
    sigma: float = SIGMA,
    scale: float = SCALE,
) -> np.ndarray:
    """(B,) values of `cmmd` when block 0..B-1 is left out of both sets; see `kid_without`.

    Raises:
        DataError: as `cmmd`.
    """
    check_pair(real, synthetic)
    gaussian, a, b = _gaussian(sigma), unit_rows(real, "real"), unit_rows(synthetic, "synthetic")
    left = [len(blocks) - np.bincount(blocks) for blocks in (real_blocks, synthetic_blocks)]
    within = sum(
        _without(_block_sums(features, features, gaussian, blocks, blocks)) / count**2
        for features, blocks, count in zip((a, b), (real_blocks, synthetic_blocks), left, strict=True)
    )
    across = _without(_block_sums(a, b, gaussian, real_blocks, synthetic_blocks))
    return np.asarray(scale * (within - 2 * across / (left[0] * left[1])))


def _kid(a: np.ndarray, b: np.ndarray) -> float:
    cubic = _cubic(a.shape[1])
    within = sum(
        (_total(features, features, cubic) - float(_of_itself(features, cubic).sum()))
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
        # On unit rows |x - y|^2 = 2 - 2 x.y. Less 1: that cancels between the three means, and would hide the rest.
        products -= 1
        products /= sigma**2
        np.expm1(products, out=products)
        return products

    return gaussian


def _total(a: np.ndarray, b: np.ndarray, kernel: Kernel) -> float:
    """Sum of the kernel over all pairs of rows."""
    total = 0.0
    for _, _, values, again in _tiles(a, b, kernel):
        part = float(values.sum())
        total += 2 * part if again else part
    return total


def _block_sums(a: np.ndarray, b: np.ndarray, kernel: Kernel, a_blocks: np.ndarray, b_blocks: np.ndarray) -> np.ndarray:
    """(B, B) sums of the kernel over the pairs of a row of one block and a row of another."""
    members, others = (np.eye(blocks.max() + 1)[blocks] for blocks in (a_blocks, b_blocks))
    total = np.zeros((members.shape[1], others.shape[1]))
    for rows, columns, values, again in _tiles(a, b, kernel):
        part = members[rows].T @ values @ others[columns]
        total += part + part.T if again else part
    return total


def _tiles(a: np.ndarray, b: np.ndarray, kernel: Kernel) -> Iterator[tuple[slice, slice, np.ndarray, bool]]:
    """The kernel of all pairs of rows by tiles; of a set with itself half of them, those that count twice marked."""
    for i in range(0, len(a), TILE):
        for j in range(i if a is b else 0, len(b), TILE):
            rows, columns = slice(i, i + TILE), slice(j, j + TILE)
            yield rows, columns, kernel(a[rows] @ b[columns].T), a is b and i != j


def _without(sums: np.ndarray) -> np.ndarray:
    """(B,) sums over all pairs when a block is left out of both sides."""
    return np.asarray(sums.sum() - sums.sum(axis=0) - sums.sum(axis=1) + np.diagonal(sums))


def _of_itself(a: np.ndarray, kernel: Kernel) -> np.ndarray:
    """(N,) values of the kernel of each row with itself."""
    return kernel(np.einsum("nd,nd->n", a, a))
