"""Cluster-robust variances: test images of one source vary together, also where a source has images of several classes.

A mean over classes of class means is a regression on the classes. Its variance is estimated from the residuals of whole
sources, which are corrected for their leverage (CR2 of Bell and McCaffrey, Survey Methodology 28, 2002). Bias that
remains where sources differ much in size, and the degrees of freedom, are those of a working model in which the images
of a source share an effect (Pustejovsky and Tipton, Journal of Business & Economic Statistics 36, 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

_PRIOR_SOURCES = 2
"""In unequal classes, the variance between all sources counts as much as this many sources of the class itself."""
_LARGEST_EXACT = 1500
"""In a stratum of more sources, they are taken as independent: what they share is of the order of one source."""


@dataclass(frozen=True)
class Variation:
    """Variances of a mean: `sources` over sources, `shared` of what a seed does with one source and not with another.

    `sources` is that of the mean over seeds, so it contains `shared`. `dof`: degrees of freedom of `sources`, at least
    1.
    """

    sources: float
    shared: float
    dof: float


@dataclass(frozen=True)
class _Moments:
    """What the working model predicts for the strata, as arrays (J, 2) and (J, 2, 2) for its two components.

    The components are a variance of each image, and one of each source, in this order. `truth`: variance of the mean.
    `expected`: expectation of its estimate. `products`: half the covariances of the estimates. `sources` (G, 2):
    expectations of the squared residuals.
    """

    truth: np.ndarray
    expected: np.ndarray
    products: np.ndarray
    sources: np.ndarray


class Clusters:
    """Test images by source and class: `sizes[m]` images of class `classes[m]` come from the source `sources[m]`.

    Classes that share sources, directly or over others, form a stratum. Sources of different strata are compared only
    with those of their own.

    Attributes:
        count: number of sources.
        weights: (M,) weight of an image in the mean over classes of the class means.
        equal_classes: whether all classes have equally many images.
        single: number of classes whose images all come from one source, so that their variation is unknown.
    """

    def __init__(self, sources: np.ndarray, classes: np.ndarray, sizes: np.ndarray) -> None:
        self._classes = np.unique(classes, return_inverse=True)[1]
        self._sources = np.unique(sources, return_inverse=True)[1]
        self.sizes = np.asarray(sizes, float)
        self.totals = np.bincount(self._classes, self.sizes)
        self.count = int(self._sources.max()) + 1
        self.weights = 1 / (len(self.totals) * self.totals[self._classes])
        self.equal_classes = bool((self.totals == self.totals[0]).all())
        leverage = self.sizes / self.totals[self._classes]
        self.single = int((leverage > 1 - 1e-9).sum())
        self._factors = np.where(leverage > 1 - 1e-9, 0.0, np.maximum(1 - leverage, 1e-12) ** -0.5) * self.weights
        self._leverage = leverage
        self._stratum = np.zeros(self.count, int)
        self._stratum[self._sources] = _strata(self._sources, self._classes)[self._classes]

    @property
    def sources_by_class(self) -> np.ndarray:
        """The number of sources of each class (C,)."""
        return np.bincount(self._classes)

    @property
    def spans_classes(self) -> bool:
        """Whether any source has images of several classes."""
        return len(self._sources) > self.count

    def means(self, sums: np.ndarray) -> np.ndarray:
        """Return the means over classes of sums (..., M) of values of images."""
        if self.equal_classes:
            return np.asarray(sums.sum(axis=-1) / self.sizes.sum())  # exact for equal counts
        return np.asarray(sums @ self.weights)

    def residuals(self, sums: np.ndarray) -> np.ndarray:
        """Return the contributions (..., G) of the sources to the error of the mean, corrected for their leverage."""
        by_class = _sum_by(sums, self._classes, len(self.totals)) / self.totals
        deviations = sums - by_class[..., self._classes] * self.sizes
        return _sum_by(deviations * self._factors, self._sources, self.count)

    def variation(self, residuals: np.ndarray) -> Variation:
        """Return the variation of a mean from residuals (S, G) for S training seeds."""
        seeds, mean = len(residuals), residuals.mean(axis=0)
        squares = np.bincount(self._stratum, mean**2)
        interaction = ((residuals - mean) ** 2).sum(axis=0) / (seeds * (seeds - 1)) if seeds > 1 else 0 * mean
        shared = np.bincount(self._stratum, interaction)
        model = self._working_model(mean**2)
        dof = self._dof(model)
        scale = self._bias_correction(model)
        squares, shared = squares * scale, shared * scale
        if not self.equal_classes and dof.sum() > 0:
            unit = self._moments.truth @ model
            usable = unit > 0
            factor = _PRIOR_SOURCES / (dof + _PRIOR_SOURCES)
            pooled = [
                float((dof * values / np.where(usable, unit, 1)).sum() / dof.sum()) * unit
                for values in (squares, shared)
            ]
            squares = squares * (1 - factor) + pooled[0] * factor
            shared = shared * (1 - factor) + pooled[1] * factor
            dof = np.where(usable, np.minimum(dof + _PRIOR_SOURCES, dof.sum()), 0.0)
        return Variation(float(squares.sum()), float(shared.sum()), _welch(squares, dof))

    def covariance(self, residuals: np.ndarray) -> np.ndarray:
        """Return the covariance (K, K) of K means from residuals (K, G)."""
        scale = self._bias_correction(self._working_model((residuals**2).mean(axis=0)))
        return np.asarray((residuals * scale[self._stratum]) @ residuals.T)

    def _working_model(self, squares: np.ndarray) -> np.ndarray:
        """Return the variances (2,) per image and per source that fit the squared residuals (G,) best."""
        rows = self._moments.sources
        total = rows.sum(axis=1)
        used = total > 0
        if not used.any():
            return np.array([1.0, 0.0])
        rows, squares = rows[used] / total[used, None], squares[used] / total[used]
        gram, target = rows.T @ rows, rows.T @ squares
        determinant = float(np.linalg.det(gram))
        if determinant > 1e-9 * float(np.trace(gram)) ** 2:
            both = np.linalg.solve(gram, target)
            if (both >= 0).all() and both.sum() > 0:
                return np.asarray(both)
        single = np.maximum(target / np.diag(gram), 0)
        errors = [float(((squares - rows[:, i] * single[i]) ** 2).sum()) for i in (0, 1)]
        model = np.zeros(2)
        model[int(np.argmin(errors))] = single[int(np.argmin(errors))]
        return model if model.sum() else np.array([1.0, 0.0])

    def _bias_correction(self, model: np.ndarray) -> np.ndarray:
        truth, expected = self._moments.truth @ model, self._moments.expected @ model
        return np.asarray(np.maximum(1.0, np.divide(truth, expected, out=np.ones_like(truth), where=expected > 0)))

    def _dof(self, model: np.ndarray) -> np.ndarray:
        """Return Satterthwaite's degrees of freedom of each stratum, 0 where nothing can vary."""
        expected = self._moments.expected @ model
        products = np.einsum("jab,a,b->j", self._moments.products, model, model)
        return np.asarray(np.divide(expected**2, products, out=np.zeros_like(expected), where=products > 0))

    @cached_property
    def _moments(self) -> _Moments:
        strata = int(self._stratum.max()) + 1
        truth, expected, products = np.zeros((strata, 2)), np.zeros((strata, 2)), np.zeros((strata, 2, 2))
        by_source = np.zeros((self.count, 2))
        order = np.argsort(self._stratum[self._sources], kind="stable")
        bounds = np.searchsorted(self._stratum[self._sources][order], np.arange(strata + 1))
        for j in range(strata):
            rows = order[bounds[j] : bounds[j + 1]]
            moments = self._moments_of_stratum(rows)
            truth[j], expected[j], products[j] = moments.truth, moments.expected, moments.products
            by_source[np.unique(self._sources[rows])] = moments.sources
        return _Moments(truth, expected, products, by_source)

    def _moments_of_stratum(self, rows: np.ndarray) -> _Moments:
        """Return the moments of the stratum that consists of these rows; see `residuals` for the matrices."""
        names, g = np.unique(self._sources[rows], return_inverse=True)
        classes, c = np.unique(self._classes[rows], return_inverse=True)
        count, sizes, weight = len(names), self.sizes[rows], self.weights[rows]
        of_sources = np.bincount(g, sizes * weight)
        truth = np.array([(weight**2 * sizes).sum(), (of_sources**2).sum()])
        shape = (count, len(classes))
        n, factor, leverage = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        n[g, c], factor[g, c], leverage[g, c] = sizes, self._factors[rows], self._leverage[rows]
        own, other = factor * n, factor * leverage
        if count > _LARGEST_EXACT:
            diagonal = np.stack([(factor**2 * n * (1 - leverage)).sum(axis=1), (own.sum(axis=1)) ** 2], axis=1)
            return _Moments(truth, diagonal.sum(axis=0), diagonal.T @ diagonal, diagonal)
        mixed = other @ own.T
        by_image = np.diag((factor**2 * n).sum(axis=1)) - mixed - mixed.T + (other * self.totals[classes]) @ other.T
        shares = np.diag(own.sum(axis=1)) - other @ n.T
        covariances = np.stack([by_image, shares @ shares.T])
        diagonal = np.stack([np.diag(matrix) for matrix in covariances], axis=1)
        return _Moments(truth, diagonal.sum(axis=0), np.einsum("agh,bgh->ab", covariances, covariances), diagonal)


def _sum_by(values: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    """Return the sums (..., count) of values (..., M) with equal indices (M,)."""
    order = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order], np.arange(count))
    return np.asarray(np.add.reduceat(values[..., order], starts, axis=-1))


def _strata(sources: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the number of the stratum of each class (C,): classes with common sources are in one."""
    label = np.arange(int(classes.max()) + 1)
    while True:
        of_source = np.full(int(sources.max()) + 1, len(label))
        np.minimum.at(of_source, sources, label[classes])
        new = label.copy()
        np.minimum.at(new, classes, of_source[sources])
        if (new == label).all():
            return np.asarray(np.unique(label, return_inverse=True)[1])
        label = new


def _welch(variances: np.ndarray, dof: np.ndarray) -> float:
    """Return the degrees of freedom (at least 1) of the sum of (J,) variances with their own ones.

    Satterthwaite's formula is too low where strata have few sources: with two each, intervals are 1.4 times too wide.
    Welch's form (Biometrika 34, 1947) is not. The upper limit is the pooled variance of equally varying strata.
    """
    squares = float((variances**2 / (dof + 2)).sum())
    welch = float(variances.sum()) ** 2 / squares - 2 if squares else 1.0
    return max(1.0, min(welch, float(dof.sum())))
