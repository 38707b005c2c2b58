"""A metric of your own: one object. Studies name it `04_own_metric.py:SPREAD` in `metrics`."""

import numpy as np

from prettyuseful import parse_study, run_study
from prettyuseful.metrics import Metric


def distance_from_centre(synthetic: np.ndarray) -> np.ndarray:
    """Return the distance of each image's features from their mean, (M,). Called class by class."""
    return np.asarray(np.linalg.norm(synthetic - synthetic.mean(axis=0), axis=1))


SPREAD = Metric(
    name="spread",
    summary="distance from the mean of the class",
    function=distance_from_centre,
    reads="synthetic",
    per="synthetic image",
    low=0.0,
)
STUDY = f"""
version: 1
title: A metric of our own
task: photos
datasets:
  base: {{generator: pocket-base, images_per_class: 24}}
train: {{architectures: [small], recipes: [small], seeds: [0, 1, 2]}}
metrics: [coverage, "{__file__}:SPREAD"]
"""

if __name__ == "__main__":  # worker processes import this file
    result = run_study(parse_study(STUDY), store="prettyuseful-store", out="spread-results")
    for row in result.summary.rows:
        print(row.dataset, row.metrics["spread"])
