"""Measure how often intervals of rank correlations hold: `python benchmarks/rank_correlation.py` prints a table.

Pairs of normal values with a known correlation are measured with errors. For each number of data sets, correlation and
standard error of measurement (in units of the standard deviation of the true values), the table has the percentage of
trials in which the 95% interval contains the true rank correlation, the percentage in which it excludes zero, and its
median width.
"""

from __future__ import annotations

import argparse
from itertools import product
from math import asin, pi

import numpy as np

from prettyuseful.analysis.rank_correlation import rank_correlation
from prettyuseful.engine.keys import derive_seed

SETS, CORRELATIONS, ERRORS = (5, 8, 12, 20), (0.0, -0.6, -0.9), (0.0, 0.7)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=400)
    trials = parser.parse_args().trials
    print("| data sets | true rank correlation | error | contains it | excludes 0 | median width |")
    print("| --- | --- | --- | --- | --- | --- |")
    for n, r, error in product(SETS, CORRELATIONS, ERRORS):
        truth, contains, excludes, width = measure(n, r, error, trials)
        print(f"| {n} | {truth:.2f} | {error} | {contains:.1%} | {excludes:.1%} | {width:.2f} |", flush=True)


def measure(n: int, r: float, error: float, trials: int) -> tuple[float, float, float, float]:
    """Return the true rank correlation, the shares of intervals that contain it and exclude 0, and their width."""
    rng = np.random.default_rng(derive_seed("rank correlation", n, r, error))
    truth, results = 6 / pi * asin(r / 2), []
    for _ in range(trials):
        x, independent, x_error, y_error = rng.normal(size=(4, n))
        y = r * x + (1 - r**2) ** 0.5 * independent + error * y_error
        results.append(rank_correlation((x + error * x_error).tolist(), y.tolist(), error, error))
    contains = [result.low <= truth <= result.high for result in results]
    widths = [result.high - result.low for result in results]
    return truth, float(np.mean(contains)), float(np.mean([r.excludes_zero for r in results])), float(np.median(widths))


if __name__ == "__main__":
    main()
