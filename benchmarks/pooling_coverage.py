"""Measure how often the intervals of pooled studies hold: `python benchmarks/pooling_coverage.py` prints a table.

Studies have normal true values around 0 with standard deviation tau, in units of the mean error of a study. Each knows
its own error only from a chi-square variable with `dof` degrees of freedom, as with few training seeds. Unequal errors
grow from 1 to 4 over the studies of a world. Studies with the same test images have half of their squared error in
common; they are pooled as such, and as if they were independent. Columns, in percent of trials (nominal 95, and 5 for
Q with tau 0):

- mean: its interval contains 0,
- new study: the prediction interval contains the true value of one more study, on the same test images if they are
  shared,
- tau: its interval contains the true one,
- Q: Welch's p-value is at most 0.05; chi-square: that of the usual test is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.special import chdtrc

from prettyuseful.analysis.meta_analysis import MetaAnalyses
from prettyuseful.engine.keys import derive_seed

LEVEL = 0.95
IMAGE_DOF = 50.0
"""Degrees of freedom of what test images add to the squared errors: there are many of them."""


@dataclass(frozen=True)
class World:
    """Studies of one question.

    Attributes:
        studies: their number.
        tau: standard deviation of their true values, in units of the root mean square of their errors.
        dof: degrees of freedom of the errors; infinite where they are known.
        ratio: the largest error divided by the smallest.
        shared: the share of the squared errors that is common to all studies, because they use the same test images.
        as_shared: whether this is known when they are pooled.
    """

    studies: int
    tau: float
    dof: float
    ratio: float = 1.0
    shared: float = 0.0
    as_shared: bool = False

    def draw(self, trials: int) -> tuple[MetaAnalyses, np.ndarray]:
        """Return the pooled studies of each trial, and the value (trials,) that one more study would have."""
        rng = np.random.default_rng(derive_seed("pooling", *map(str, (self.studies, self.tau, self.dof, self.ratio))))
        shape = (trials, self.studies)
        errors = np.geomspace(1, self.ratio, self.studies)
        own = (1 - self.shared) * errors**2 / (errors**2).mean()
        images = self.shared / (1 - self.shared) * own
        truths, new = self.tau * rng.standard_normal(shape), self.tau * rng.standard_normal(trials)
        draw = rng.standard_normal((trials, 1))
        common = images**0.5 * draw
        estimates = truths + common + own**0.5 * rng.standard_normal(shape)
        known = np.full(shape, self.dof)
        own = own * _estimation(rng, known)
        images = images * _estimation(rng, np.full(shape, IMAGE_DOF))
        if self.as_shared:
            fit = MetaAnalyses(estimates, own, known, images, np.full(shape, IMAGE_DOF))
        else:
            fit = MetaAnalyses(estimates, own + images, known)
        return fit, new + common.mean(axis=1)


def _estimation(rng: np.random.Generator, dofs: np.ndarray) -> np.ndarray:
    """Return estimates of a variance of 1 with these degrees of freedom."""
    return np.ones(dofs.shape) if np.isinf(dofs).any() else np.asarray(rng.chisquare(dofs) / dofs)


def measure(world: World, trials: int) -> dict[str, float | None]:
    """Return the columns of the table as shares of trials; None where there is no interval."""
    fit, new = world.draw(trials)
    low, high = fit.interval(LEVEL)
    prediction, tau = fit.prediction(LEVEL), fit.tau_squared
    upper = np.where(np.isnan(tau.high), np.inf, tau.high)
    return {
        "mean": float(((low <= 0) & (high >= 0)).mean()),
        "new study": None if prediction is None else float(((prediction[0] <= new) & (new <= prediction[1])).mean()),
        "tau": float(((tau.low <= world.tau**2) & (world.tau**2 <= upper)).mean()),
        "Q": float((fit.q_p <= 1 - LEVEL).mean()),
        "chi-square": float((chdtrc(world.studies - 1, fit.q) <= 1 - LEVEL).mean()),
    }


def worlds(counts: list[int]) -> Iterator[tuple[str, World]]:
    """Yield each world with the words for its errors."""
    for studies, tau, dof, ratio in product(counts, (0.0, 0.5, 2.0), (4.0, 10.0, np.inf), (1.0, 4.0)):
        yield "equal" if ratio == 1 else f"1 to {ratio:g}", World(studies, tau, dof, ratio)
    for studies, tau in product(counts, (0.0, 0.5, 2.0)):
        world = World(studies, tau, 10.0, shared=0.5)
        yield "same test images", replace(world, as_shared=True)
        yield "same test images, pooled as independent", world


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--studies", type=int, nargs="+", default=[2, 3, 5, 10])
    options = parser.parse_args()
    columns = ("studies", "tau", "dof", "errors", "mean", "new study", "tau", "Q", "chi-square")
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    for errors, world in worlds(options.studies):
        shares = ("" if share is None else f"{100 * share:.1f}" for share in measure(world, options.trials).values())
        print(f"| {world.studies} | {world.tau:g} | {world.dof:g} | {errors} | {' | '.join(shares)} |", flush=True)


if __name__ == "__main__":
    main()
