"""Random-effects meta-analysis: one estimate from the estimates of a few studies, and how much the studies differ.

Study i measures its own true value, which is normal around the mean of all studies with standard deviation tau, with
the standard error s_i. Methods:

- tau: Paule and Mandel (Journal of Research of the National Bureau of Standards 87, 1982), which Veroniki et al.
  (Research Synthesis Methods 7, 2016) recommend; its interval by the Q-profile (Viechtbauer, Statistics in Medicine 26,
  2007) with Welch's distribution of Q, see below.
- the mean: weights 1 / (s_i^2 + tau^2); an interval with Student's t and k - 1 degrees of freedom (Hartung and Knapp,
  Statistics in Medicine 20, 2001; Sidik and Jonkman, Statistics in Medicine 21, 2002), never narrower than the weights
  allow (Roever, Knapp and Friede, BMC Medical Research Methodology 15, 2015).
- a new study: Higgins, Thompson and Spiegelhalter (Journal of the Royal Statistical Society A 172, 2009).
- studies with the same test images: what the choice of these images adds to the squared error is common to all
  studies. It is left out of s_i and added to the variance of the mean once, with its own quantile
  (`student.half_width`); tau, Q, I^2 and the new study are then about these images.
- heterogeneity: Cochran's Q, and I^2 (Higgins and Thompson, Statistics in Medicine 21, 2002). The s_i come from few
  training seeds, and Q would then find differences that are not there: at 4 degrees of freedom in 31% of cases with 10
  equal studies. So its p-value is Welch's (Biometrika 38, 1951), which is that of chi-square for known s_i.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc, chdtri, fdtrc, nctdtrinc, stdtrit

from prettyuseful.formatting import Estimate
from prettyuseful.student import p_value, quantile

LEAST_FOR_PREDICTION = 3
"""A prediction interval has k - 2 degrees of freedom, so it needs this many studies."""
_LEVEL, _POWER = 0.95, 0.8
_HALVINGS, _KNOWN_DOF = 100, 1e6
_COLUMNS = ("mean", "variance", "dof", "common", "common_dof")
Values = np.ndarray
"""One value for each meta-analysis, (N,)."""


@dataclass(frozen=True)
class RandomEffects:
    """The result of a meta-analysis of k studies.

    `mean`, `low`, `high`: estimate with its interval at `level`; `error`: its standard error; `p`: two-sided p-value of
    zero. `detectable`: the smallest true value that is found, at this level, in 80% of repetitions with this standard
    error. `weights`: share of each study in the mean. `tau`: standard deviation of the true values of studies, with its
    95% interval, whose upper end is NaN where studies agree better than their errors let expect in 97.5% of cases. `q`,
    `q_p`: Cochran's Q, and Welch's p-value of equal true values. `i_squared`: share of the variance between studies'
    estimates that their errors do not explain, with its 95% interval. `prediction`: `mean` with the 95% prediction
    interval of the true value of a new study; None with two studies.
    """

    mean: float
    low: float
    high: float
    level: float
    error: float
    p: float
    detectable: float
    weights: tuple[float, ...]
    tau: Estimate
    q: float
    q_p: float
    i_squared: Estimate
    prediction: Estimate | None

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class StudyEstimate:
    """The estimate of one study.

    `variance`: its squared standard error, above 0, with `dof` degrees of freedom, infinite where it is known.
    `common`: what the test images add to the squared error, if all studies have the same ones, with `common_dof`; it
    is not part of `variance`.
    """

    mean: float
    variance: float
    dof: float = inf
    common: float = 0.0
    common_dof: float = inf


def random_effects(studies: Sequence[StudyEstimate], level: float = _LEVEL) -> RandomEffects:
    """Return the meta-analysis of k studies, with the interval of the mean at `level`.

    Raises:
        ValueError: there are fewer than two studies, or a variance is not above 0.
    """
    fit = MetaAnalyses(*(np.array([[getattr(study, name) for study in studies]], float) for name in _COLUMNS))
    mean, parts = float(fit.means[0]), [(float(variance[0]), float(dof[0])) for variance, dof in fit.parts]
    low, high = (float(end[0]) for end in fit.interval(level))
    prediction = fit.prediction(_LEVEL)
    # The non-central t value of which a share of 80% lies beyond the quantile, for each part.
    detectable = [(float(nctdtrinc(dof, 1 - _POWER, quantile(level, dof))), variance) for variance, dof in parts]
    return RandomEffects(
        mean=mean,
        low=low,
        high=high,
        level=level,
        error=sum(variance for variance, _ in parts) ** 0.5,
        p=p_value(mean, parts),
        detectable=sum(shift**2 * variance for shift, variance in detectable) ** 0.5,
        weights=tuple(fit.weights[0].tolist()),
        tau=Estimate(*(float(value[0]) ** 0.5 for value in fit.tau_squared)),
        q=float(fit.q[0]),
        q_p=float(fit.q_p[0]),
        i_squared=Estimate(*(float(value[0]) for value in fit.i_squared)),
        prediction=None if prediction is None else Estimate(mean, *(float(end[0]) for end in prediction)),
    )


class Profile(NamedTuple):
    """An estimate and the ends of its 95% interval, each (N,)."""

    estimate: Values
    low: Values
    high: Values


class MetaAnalyses:
    """N meta-analyses of k studies each; simulations need many. See `random_effects`.

    Args:
        estimates, variances, dofs, common, common_dofs: (N, k), as in `StudyEstimate`.

    Raises:
        ValueError: there are fewer than two studies, or a variance is not above 0.
    """

    def __init__(
        self,
        estimates: np.ndarray,
        variances: np.ndarray,
        dofs: np.ndarray,
        common: np.ndarray | None = None,
        common_dofs: np.ndarray | None = None,
    ) -> None:
        self.studies = estimates.shape[1]
        if self.studies < 2 or not (variances > 0).all():
            raise ValueError("a meta-analysis needs at least two studies with variances above 0")
        self.estimates, self.variances, self.dofs = estimates, variances, dofs
        self.common = np.zeros_like(estimates) if common is None else common
        self.common_dofs = np.full_like(estimates, np.inf) if common_dofs is None else common_dofs

    @cached_property
    def tau_squared(self) -> Profile:
        """The variance between studies, with its interval; the upper end may be NaN, see `RandomEffects`."""
        # At these bounds, Q is below every value that is searched for.
        spread = ((self.estimates - self.estimates.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        bound = 2 * spread / chdtri(self.studies - 1, (1 + _LEVEL) / 2)
        low_tail, high_tail = (1 - _LEVEL) / 2, (1 + _LEVEL) / 2
        high = _root(lambda tau_squared: high_tail - self._upper_tail(tau_squared), bound)
        return Profile(
            _root(lambda tau_squared: self._q(tau_squared) - (self.studies - 1), bound),
            _root(lambda tau_squared: low_tail - self._upper_tail(tau_squared), bound),
            np.where(high > 0, high, np.nan),  # no value of tau makes such a small Q likely
        )

    @cached_property
    def i_squared(self) -> Profile:
        """The share of the variance that lies between studies: tau^2 / (tau^2 + a typical squared error)."""
        weights = 1 / self.variances
        total = weights.sum(axis=1)
        typical = (self.studies - 1) * total / (total**2 - (weights**2).sum(axis=1))
        return Profile(*(value / (value + typical) for value in self.tau_squared))

    @property
    def q(self) -> Values:
        """Cochran's Q."""
        return self._q(np.zeros(len(self.estimates)))

    @property
    def q_p(self) -> Values:
        """The p-value of equal true values."""
        return self._upper_tail(np.zeros(len(self.estimates)))

    @cached_property
    def weights(self) -> np.ndarray:
        """The share of each study in the mean, (N, k)."""
        return self._shares(self.tau_squared.estimate)

    @cached_property
    def means(self) -> Values:
        return np.asarray((self.weights * self.estimates).sum(axis=1))

    @cached_property
    def parts(self) -> tuple[tuple[Values, Values], ...]:
        """The parts of the variance of the means, each with its degrees of freedom: studies, and common test images.

        Hartung and Knapp multiply the first one by Q(tau^2) / (k - 1). That is 1 for Paule and Mandel's tau above 0; at
        0 it would be at most 1, and intervals would be narrower than the errors of the studies allow.
        """
        studies = 1 / (1 / (self.variances + self.tau_squared.estimate[:, None])).sum(axis=1)
        parts: tuple[tuple[Values, Values], ...] = ((studies, np.full(len(studies), self.studies - 1.0)),)
        if self.common.any():
            images = (self.weights * self.common**0.5).sum(axis=1) ** 2
            parts += ((images, self.common_dofs.min(axis=1)),)
        return parts

    def interval(self, level: float) -> tuple[Values, Values]:
        """Return the ends of the intervals of the means."""
        squares = [_quantiles(level, dofs) ** 2 * variances for variances, dofs in self.parts]
        half = np.sqrt(sum(squares, start=np.zeros(len(self.means))))
        return self.means - half, self.means + half

    def prediction(self, level: float) -> tuple[Values, Values] | None:
        """Return the ends of the intervals of the true value of a new study; None with too few studies."""
        if self.studies < LEAST_FOR_PREDICTION:
            return None
        half = quantile(level, self.studies - 2) * np.sqrt(self.tau_squared.estimate + self.parts[0][0])
        return self.means - half, self.means + half

    def _shares(self, tau_squared: Values) -> np.ndarray:
        weights = 1 / (self.variances + tau_squared[:, None])
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def _q(self, tau_squared: Values) -> Values:
        """Return the weighted squared deviations of the studies from their mean; they decrease with tau."""
        shares = self._shares(tau_squared)
        deviations = self.estimates - (shares * self.estimates).sum(axis=1, keepdims=True)
        return np.asarray((deviations**2 / (self.variances + tau_squared[:, None])).sum(axis=1))

    def _upper_tail(self, tau_squared: Values) -> Values:
        """Return Welch's probability of a larger Q, if tau is the true one."""
        k, variances = self.studies, self.variances + tau_squared[:, None]
        # The degrees of freedom of a variance of which only the part s_i^2 is estimated.
        dofs = self.dofs * (variances / self.variances) ** 2
        unequal = ((1 - self._shares(tau_squared)) ** 2 / dofs).sum(axis=1) / (k**2 - 1)
        q = self._q(tau_squared) / (1 + 2 * (k - 2) * unequal)
        dof = 1 / np.maximum(3 * unequal, 1 / _KNOWN_DOF)
        return np.asarray(np.where(dof < _KNOWN_DOF, fdtrc(k - 1, dof, q / (k - 1)), chdtrc(k - 1, q)))


def _quantiles(level: float, dofs: Values) -> Values:
    return np.asarray(-stdtrit(dofs, (1 - level) / 2))


def _root(function: Callable[[Values], Values], high: Values) -> Values:
    """Return where a decreasing function, which is below 0 at `high`, is 0; 0 where it is below 0 there already."""
    low = np.zeros(len(high))
    starts_below = function(low) <= 0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = function(middle) > 0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(starts_below, 0.0, (low + high) / 2)
