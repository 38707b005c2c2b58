"""Means and standard deviations of images at each position, and a test of whether the means of two sides differ.

Contents average out over many images. What remains in the mean is a pattern that most images have in common, and a
pattern that covers the content reduces the deviation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter

from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.engine.keys import derive_seed

ALPHA = 0.01
"""Significance level of the test of whether images have a common pattern."""
PERMUTATIONS = 199
"""Number of permutations of the test; the smallest p-value is 1 / 200."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in luma (Rec. 601)."""
_MOST_MOMENT_VALUES = 60_000_000  # values of each side from which moments are taken; further images are left out
_MOST_TEST_VALUES = 8_000_000  # values of both sides that the test reads; further images are left out
_LEAST_ERROR, _LEAST_DEVIATION = 1e-4, 1e-3  # fractions of the range; positions may have the same value in all images
_ADDED_DEVIATION = 0.25  # of 255; positions with hardly any deviation then have no huge standardised differences
_ROUNDING = 1e-6  # relative; statistics that differ by less are equal


@dataclass(frozen=True)
class MeanTest:
    """A difference of means between two sides.

    Attributes:
        p_value: of the hypothesis that both sides have the same distribution in every class.
        energy: sum of squared differences of means, without the part that is due to chance.
    """

    p_value: float
    energy: float

    @property
    def significant(self) -> bool:
        return self.p_value <= ALPHA


class Moments:
    """Means and deviations of real and of synthetic images at each position, within classes, in fractions of the range.

    Attributes:
        real: the real images.
        synthetic: the synthetic images.
        labels: the classes that have images on both sides.
        real_mean: (H, W, 3) mean over classes.
        difference: (H, W, 3) mean of synthetic minus mean of real images, mean over classes.
        error: (H, W, 3) its standard error.
        coverage: (H, W, 1) by how much the deviation within classes is smaller than that of real images, as a share.
        class_means: (classes, H, W, 3) means of synthetic images.
    """

    def __init__(self, real: LabelledImages, synthetic: LabelledImages) -> None:
        self.real, self.synthetic = real, synthetic
        counts = np.minimum(
            np.bincount(real.labels),
            np.bincount(synthetic.labels, minlength=real.labels.max() + 1)[: real.labels.max() + 1],
        )
        self.labels = np.flatnonzero(counts > 1)
        shape = real.pixels.shape[1:]
        most = max(2, _MOST_MOMENT_VALUES // (real.pixels[0].size * max(1, len(self.labels))))
        means, variances, squares = np.zeros((2, *shape)), np.zeros((2, *shape)), np.zeros(shape)
        self.class_means = np.zeros((len(counts), *shape))
        for label in self.labels:
            for side, images in enumerate((real, synthetic)):
                pixels = images.pixels[np.flatnonzero(images.labels == label)[:most]].astype(np.float32)
                mean, variance = pixels.mean(axis=0) / 255, pixels.var(axis=0, ddof=1) / 255**2
                means[side] += mean / len(self.labels)
                variances[side] += variance / len(self.labels)
                squares += variance / len(pixels) / len(self.labels) ** 2
            self.class_means[label] = mean
        self.real_mean, self.difference = means[0], means[1] - means[0]
        self.error = np.sqrt(squares) + _LEAST_ERROR
        deviations = np.sqrt(variances.mean(axis=3, keepdims=True))
        self.coverage = 1 - deviations[1] / np.maximum(deviations[0], _LEAST_DEVIATION)

    def test(self, measure: Callable[[np.ndarray], np.ndarray]) -> MeanTest:
        """Test the hypothesis that both sides have the same distribution in every class.

        The statistic is the largest standardised difference of the means of a measure. Images are permuted between the
        sides within classes (maxT, Westfall and Young 1993).

        Args:
            measure: returns (N, ...) values of luma (N, H, W), 0-255.
        """
        height, width = self.difference.shape[:2]
        most = max(2, _MOST_TEST_VALUES // (height * width * 2 * max(1, len(self.labels))))
        rng = np.random.default_rng(derive_seed("fixed patterns"))
        tables, contrasts = [], []
        for label in self.labels:
            sides = [side.pixels[np.flatnonzero(side.labels == label)[:most]] for side in (self.real, self.synthetic)]
            values = measure(np.concatenate(sides) @ LUMA)
            order = np.argsort(rng.random((PERMUTATIONS + 1, len(values))), axis=1)
            order[0] = np.arange(len(values))
            first, second = map(len, sides)
            contrasts.append(np.where(order < first, -1 / first, 1 / second).astype(np.float32))
            tables.append((values - values.mean(axis=0)).reshape(len(values), -1))
        if not tables:
            return MeanTest(1.0, 0.0)
        table = np.concatenate(tables)
        deviation = np.sqrt(np.einsum("np,np->p", table, table) / len(table)) + _ADDED_DEVIATION
        differences = np.concatenate(contrasts, axis=1) @ table
        statistic = np.abs(differences / deviation).max(axis=1)
        energies = np.einsum("bp,bp->b", differences, differences)
        p_value = float((statistic >= statistic[0] * (1 - _ROUNDING)).mean())
        return MeanTest(p_value, float(energies[0] - energies[1:].mean()))


def remove_low_frequencies(images: np.ndarray) -> np.ndarray:
    """Return (N, H, W) values minus their means over squares of about a quarter of the side."""
    width = min(images.shape[1:]) // 4 | 1
    values = np.asarray(images, np.float32)
    return np.asarray(values - uniform_filter(values, (0, width, width), mode="reflect"))


def coarse_brightness(luma: np.ndarray) -> np.ndarray:
    """Return the means (N, 16) of luma (N, H, W) over the cells of a 4 x 4 grid, minus their mean."""
    values = np.stack([cell.mean(axis=(1, 2)) for cell in grid_cells(luma)], axis=1)
    return np.asarray(values - values.mean(axis=1, keepdims=True))


def grid_cells(values: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the cells of a 4 x 4 grid of (..., H, W) values, row by row."""
    for row in np.array_split(values, 4, axis=-2):
        yield from np.array_split(row, 4, axis=-1)
