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

_SIGNALS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Variance of the predicted part, relative to the variance that is not predicted."""
_LENGTHS = (0.5, 1.0, 2.0)
"""Length scales, relative to the root mean square distance of two things along one predictor."""
_BISECTIONS = 20
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Predictions:
    """Predictions (N,) with the ends of their intervals."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


class ForecastModel:
    """Predicts from standardised predictors (N, p) of N things.

    The averaged processes are: a constant (the predictors say nothing), a linear function of one predictor, a linear
    function of all, and a smooth function of all; each of these four has the prior probability 1/4, shared equally
    among its members and among strengths of the signal. The mean has a flat prior and the variance Jeffreys' prior, so
    that every process predicts a Student t distribution, and their average a mixture of these (O'Hagan, Journal of the
    Royal Statistical Society B 40, 1978; Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, 2.7).
    """

    def __init__(self, predictors: np.ndarray) -> None:
        self.predictors = standardised(predictors)

    @cached_property
    def _processes(self) -> tuple[np.ndarray, np.ndarray]:
        """The log prior probability (H,) and the covariance relative to the noise (H, N, N) of each process."""
        things, count = self.predictors.shape
        linear = self.predictors.T[:, :, None] * self.predictors.T[:, None, :]
        squared = ((self.predictors[:, None] - self.predictors[None]) ** 2).mean(axis=2)
        smooth = np.array([np.exp(-squared / (4 * length**2)) for length in _LENGTHS])
        families = (linear, linear.sum(axis=0, keepdims=True) / count, smooth)
        scaled = [np.concatenate([signal * family for signal in _SIGNALS]) for family in families]
        shares = [np.full(len(members), 1 / len(members)) for members in scaled]
        priors = np.concatenate([[1.0], *shares]) / (1 + len(families))
        return np.log(priors), np.concatenate([np.zeros((1, things, things)), *scaled])

    def predict(self, known: Sequence[int], values: np.ndarray, level: float) -> Predictions:
        """Return predictions (N,) of all things, with intervals that a new value lies in with probability `level`.

        Args:
            known: indices of the n things whose values are known, at least 3.
            values: (n,) finite.
            level: between 0 and 1.
        """
        weights, means, scales = self._mixture(known, values[:, None], range(len(self.predictors)))
        mixture, dof, tail = (weights[:, 0], means[:, :, 0], scales[:, :, 0]), len(known) - 1, (1 - level) / 2
        mean = np.einsum("h,hn->n", *mixture[:2])
        return Predictions(mean, _quantile(*mixture, dof, tail), _quantile(*mixture, dof, 1 - tail))

    def leave_one_out(self, known: Sequence[int], values: np.ndarray) -> np.ndarray:
        """Return the prediction (n, B) of each known thing from the others, for each of B columns of values (n, B)."""
        found = np.empty_like(values)
        for i, thing in enumerate(known):
            others = [other for other in known if other != thing]
            weights, means, _ = self._mixture(others, np.delete(values, i, axis=0), [thing])
            found[i] = np.einsum("hb,hb->b", weights, means[:, 0])
        return found

    def _mixture(
        self, known: Sequence[int], values: np.ndarray, wanted: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the posterior probability of each process (H, B), and means and scales (H, M, B) of what it predicts.

        `values`: (n, B), columns of values that are predicted from independently. `wanted`: indices of M things.
        """
        priors, kernels = self._processes
        count, known, wanted = len(known), list(known), list(wanted)
        inverse = np.linalg.inv(kernels[:, known][:, :, known] + np.eye(count))
        of_ones = inverse.sum(axis=2)  # (H, n)
        total = of_ones.sum(axis=1)
        projection = inverse - of_ones[:, :, None] * of_ones[:, None, :] / total[:, None, None]
        squares = np.maximum((values * (projection @ values)).sum(axis=1), _ROUNDING)  # (H, B)
        determinants = np.linalg.slogdet(inverse)[1] - np.log(total)
        logs = (priors + determinants / 2)[:, None] - (count - 1) / 2 * np.log(squares)
        posterior = np.exp(logs - logs.max(axis=0))

        cross = kernels[:, wanted][:, :, known]  # (H, M, n)
        centre = of_ones @ values / total[:, None]
        means = centre[:, None] + cross @ (inverse @ (values - centre[:, None]))
        own = kernels[:, wanted, wanted]
        reduced = np.einsum("hmk,hkl,hml->hm", cross, inverse, cross, optimize=True)
        of_mean = (1 - np.einsum("hmk,hk->hm", cross, of_ones)) ** 2 / total[:, None]
        spread = np.maximum(1 + own - reduced + of_mean, _ROUNDING)
        scales = np.sqrt(spread[:, :, None] * squares[:, None] / (count - 1))
        return posterior / posterior.sum(axis=0), means, scales


def _quantile(weights: np.ndarray, means: np.ndarray, scales: np.ndarray, dof: int, share: float) -> np.ndarray:
    """Return the number (N,) that a share of a mixture of Student t distributions lies below, for each of N things.

    Members with less than a thousandth of the probability of the likeliest one are left out.
    """
    kept = weights > weights.max() / 1000
    weights, means, scales = weights[kept] / weights[kept].sum(), means[kept], scales[kept]
    ends = means + stdtrit(dof, share) * scales  # the quantile of the mixture lies between those of its members
    low, high = ends.min(axis=0), ends.max(axis=0)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        below = np.einsum("h,hn->n", weights, stdtr(dof, (middle - means) / scales)) < share
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2)


def standardised(columns: np.ndarray) -> np.ndarray:
    """Return columns (N, p) with mean 0 and standard deviation 1; constant columns become 0."""
    centred = columns - columns.mean(axis=0)
    deviation = centred.std(axis=0)
    return np.asarray(centred / np.where(deviation > 0, deviation, 1.0))


def spread_out(predictors: np.ndarray, count: int) -> list[int]:
    """Return `count` of N things that are spread over their predictors (N, p); a larger count continues a smaller one.

    The first is the one nearest to the mean; each next one is the farthest from those before it (the greedy solution of
    the k-centre problem, Gonzalez, Theoretical Computer Science 38, 1985). Distances are Euclidean, of standardised
    predictors.
    """
    points = standardised(predictors)
    chosen = [int(np.argmin((points**2).sum(axis=1)))]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < count:
        nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
        nearest[chosen] = -1.0  # equal things are chosen last
        chosen.append(int(np.argmax(nearest)))
    return chosen
