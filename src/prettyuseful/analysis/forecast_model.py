"""Predict a number of many things from a few examples and many correlated predictors: arrays in, numbers out.

The prediction is a Bayesian average of Gaussian processes. With eight examples and a dozen predictors neither the
predictors that matter nor the strength of their influence can be estimated, so neither is chosen: all are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import stdtr, stdtrit

from prettyuseful.engine.keys import derive_seed

_SIGNALS = (3.0, 10.0, 30.0, 100.0, 300.0)
"""Variance of the predicted part, relative to the variance that is not predicted."""
_LENGTHS = (0.5, 1.0, 2.0)
"""Length scales, relative to the root mean square distance of two things along one predictor."""
_PERMUTATIONS = 999
_BISECTIONS = 20
_NEGLIGIBLE = 1e-3
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Predictions:
    """Predictions (N,) with the ends of their intervals."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class _Posterior:
    """What H processes say about B columns of values of n things.

    `logs`: log probability of the process and the column (H, B), up to a constant. `squares`: the generalised sum of
    squares (H, B). `inverse`: of the covariance (H, n, n); `of_ones`: its row sums (H, n).
    """

    logs: np.ndarray
    squares: np.ndarray
    inverse: np.ndarray
    of_ones: np.ndarray

    @property
    def evidence(self) -> np.ndarray:
        """The log probability of each column (B,)."""
        highest = self.logs.max(axis=0)
        return np.asarray(highest + np.log(np.exp(self.logs - highest).sum(axis=0)))

    @property
    def weights(self) -> np.ndarray:
        """The posterior probability of each process (H, B)."""
        return np.asarray(np.exp(self.logs - self.evidence))


class ForecastModel:
    """Predicts from predictors (N, p) of N things, which are standardised.

    The averaged processes are a linear function of one predictor, a linear function of all, and a smooth function of
    all. Each of these three has the prior probability 1/3, shared equally among its members and among strengths of the
    signal. The mean has a flat prior and the variance Jeffreys' prior, so that every process predicts a Student t
    distribution, and their average a mixture of these (O'Hagan, Journal of the Royal Statistical Society B 40, 1978;
    Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, 2.7). Whether the predictors say anything at
    all is not averaged over but tested, see `p_value`.
    """

    def __init__(self, predictors: np.ndarray) -> None:
        self.predictors = standardised(predictors)

    def predict(self, known: Sequence[int], values: np.ndarray, level: float) -> Predictions:
        """Return predictions (N,) of all things, with intervals that a new value lies in with probability `level`.

        Args:
            known: indices of the n things whose values are known, at least 3.
            values: (n,) finite, not all equal.
            level: between 0 and 1.
        """
        weights, means, scales = self._mixture(known, values[:, None], range(len(self.predictors)))
        mixture, dof, tail = (weights[:, 0], means[:, :, 0], scales[:, :, 0]), len(known) - 1, (1 - level) / 2
        mean = np.einsum("h,hn->n", *mixture[:2])
        return Predictions(mean, _quantile(*mixture, dof, tail), _quantile(*mixture, dof, 1 - tail))

    def leave_one_out(self, known: Sequence[int], values: np.ndarray) -> np.ndarray:
        """Return the prediction (n,) of each known thing from the values (n,) of the others."""
        found = np.empty(len(known))
        for i, thing in enumerate(known):
            others = [other for other in known if other != thing]
            weights, means, _ = self._mixture(others, np.delete(values, i)[:, None], [thing])
            found[i] = weights[:, 0] @ means[:, 0, 0]
        return found

    def p_value(self, known: Sequence[int], values: np.ndarray) -> float:
        """Return the share of permutations of the values (n,) that the processes explain at least as well.

        If the things whose values are known were chosen by predictors alone and these say nothing about the values, all
        orders of the values are equally likely, so that this p-value is exact (Phipson and Smyth 2010). It is drawn
        deterministically. How well values are explained is their marginal likelihood.
        """
        rng = np.random.default_rng(derive_seed("forecast", len(values)))
        columns = np.stack([values, *(rng.permutation(values) for _ in range(_PERMUTATIONS))], axis=1)
        evidence = self._posterior(known, columns).evidence
        return (int((evidence[1:] >= evidence[0] - _ROUNDING).sum()) + 1) / (_PERMUTATIONS + 1)

    @cached_property
    def _processes(self) -> tuple[np.ndarray, np.ndarray]:
        """The log prior probability (H,) and the covariance relative to the noise (H, N, N) of each process."""
        columns = self.predictors.T
        linear = columns[:, :, None] * columns[:, None, :]
        squared = ((self.predictors[:, None] - self.predictors[None]) ** 2).mean(axis=2)
        smooth = np.array([np.exp(-squared / (4 * length**2)) for length in _LENGTHS])
        families = (linear, linear.mean(axis=0, keepdims=True), smooth)
        scaled = [np.concatenate([signal * family for signal in _SIGNALS]) for family in families]
        priors = [np.full(len(members), 1 / (len(families) * len(members))) for members in scaled]
        return np.log(np.concatenate(priors)), np.concatenate(scaled)

    def _posterior(self, known: Sequence[int], values: np.ndarray) -> _Posterior:
        """Return what the processes say about columns of values (n, B)."""
        priors, kernels = self._processes
        rows, count = list(known), len(known)
        inverse = np.linalg.inv(kernels[:, rows][:, :, rows] + np.eye(count))
        of_ones = inverse.sum(axis=2)
        total = of_ones.sum(axis=1)
        projection = inverse - of_ones[:, :, None] * of_ones[:, None, :] / total[:, None, None]
        squares = np.maximum((values * (projection @ values)).sum(axis=1), _ROUNDING)
        determinants = np.linalg.slogdet(inverse)[1] - np.log(total)
        logs = (priors + determinants / 2)[:, None] - (count - 1) / 2 * np.log(squares)
        return _Posterior(logs, squares, inverse, of_ones)

    def _mixture(
        self, known: Sequence[int], values: np.ndarray, wanted: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the probability of each process (H, B), and means and scales (H, M, B) of what it predicts.

        `values`: (n, B), columns of values that are predicted from independently. `wanted`: indices of M things.
        """
        found, kernels = self._posterior(known, values), self._processes[1]
        inverse, of_ones = found.inverse, found.of_ones
        total = of_ones.sum(axis=1)
        cross = kernels[:, list(wanted)][:, :, list(known)]  # (H, M, n)
        centre = of_ones @ values / total[:, None]
        means = centre[:, None] + cross @ (inverse @ (values - centre[:, None]))
        own = kernels[:, list(wanted), list(wanted)]
        reduced = np.einsum("hmk,hkl,hml->hm", cross, inverse, cross, optimize=True)
        of_mean = (1 - np.einsum("hmk,hk->hm", cross, of_ones)) ** 2 / total[:, None]
        spread = np.maximum(1 + own - reduced + of_mean, _ROUNDING)
        scales = np.sqrt(spread[:, :, None] * found.squares[:, None] / (len(known) - 1))
        return found.weights, means, scales


def _quantile(weights: np.ndarray, means: np.ndarray, scales: np.ndarray, dof: int, share: float) -> np.ndarray:
    """Return the number (N,) that a share of a mixture of Student t distributions lies below, for each of N things."""
    kept = weights > _NEGLIGIBLE * weights.max()
    weights, means, scales = weights[kept] / weights[kept].sum(), means[kept], scales[kept]
    ends = means + stdtrit(dof, share) * scales  # the quantile of the mixture lies between those of its members
    low, high = ends.min(axis=0), ends.max(axis=0)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        below = np.einsum("h,hn->n", weights, stdtr(dof, (middle - means) / scales)) < share
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2)


def representatives(predictors: np.ndarray, count: int) -> list[int]:
    """Return `count` of N things that represent all by their predictors (N, p); a larger count continues a smaller one.

    Each lowers the mean distance of all things to the nearest chosen one the most (greedy k-medoids). Distances are
    Euclidean, of standardised predictors. The farthest things (k-centre) are a worse choice: they differ from the
    others also in what the predictors do not explain, and prediction intervals become far too wide.

    >>> representatives(np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]]), 3)
    [2, 4, 0]
    """
    points = standardised(predictors)
    distances = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))
    nearest, chosen = np.full(len(points), np.inf), list[int]()
    while len(chosen) < count:
        means = np.minimum(distances, nearest).mean(axis=1)
        means[chosen] = np.inf
        chosen.append(int(means.argmin()))
        nearest = np.minimum(nearest, distances[chosen[-1]])
    return chosen


def standardised(columns: np.ndarray) -> np.ndarray:
    """Return columns (N, p) with mean 0 and standard deviation 1; constant columns become 0."""
    centred = columns - columns.mean(axis=0)
    deviation = centred.std(axis=0)
    return np.asarray(centred / np.where(deviation > 0, deviation, 1.0))
