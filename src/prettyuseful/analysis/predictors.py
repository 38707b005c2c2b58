"""The cheap numbers of a data set from which a forecast predicts its accuracy, one row each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from prettyuseful.analysis.rows import Row
from prettyuseful.metrics.rows import METRICS
from prettyuseful.records import MetricRecord
from prettyuseful.registry import Registry

Source = Literal["metric", "images", "real-to-synth", "linear-probe"]
_LEAST_SHARE = 0.005
_LEAST_RATIO = 0.01


@dataclass(frozen=True)
class Predictor:
    """A cheap number of a data set: a metric, or an accuracy that needs no training on the data set.

    Attributes:
        name: of the predictor; that of its metric, if it is one.
        summary: one line for `prettyuseful list predictors`.
        title: for readers.
        source: where the number is found in the results of a data set: `metric` of the same name, number of `images`
            per class, or an accuracy.
        low, high: its bounds, or None. Numbers with both bounds are forecast from on a logit scale, numbers with a
            lower bound on a log scale, because differences near a bound count more.
    """

    name: str
    summary: str
    title: str
    source: Source = "metric"
    low: float | None = None
    high: float | None = None

    @property
    def metric(self) -> str | None:
        """The name of its metric; None for an accuracy."""
        return self.name if self.source == "metric" else None

    def value(self, row: Row) -> float | None:
        """Return the number of a data set; None if it is not measured."""
        match self.source:
            case "images":
                return row.images_per_class.mean
            case "real-to-synth":
                found = row.from_real
            case "linear-probe":
                found = row.linear_probe
            case _:
                found = row.metrics.get(self.name)
        return None if found is None else found.mean

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Return values (N,), of which some may be NaN, on the scale on which they predict."""
        if self.low is None:
            return values
        if self.high is not None:
            shares = np.clip((values - self.low) / (self.high - self.low), _LEAST_SHARE, 1 - _LEAST_SHARE)
            return np.asarray(np.log(shares / (1 - shares)))
        above = values - self.low
        positive = above[above > 0]  # comparisons with NaN are false
        return np.asarray(np.log(np.maximum(above, _LEAST_RATIO * np.median(positive)))) if len(positive) else above


def _of_metric(name: str) -> Predictor:
    metric = METRICS[name]
    return Predictor(name, metric.summary, metric.title, low=metric.low, high=metric.high)


PREDICTORS = Registry(
    "predictor",
    Predictor,
    (
        Predictor(
            name="images",
            summary="number of images per class, where data sets differ in it",
            title="Images per class",
            source="images",
            low=0.0,
        ),
        *map(
            _of_metric,
            (
                "frechet",
                "kid",
                "density",
                "coverage",
                "precision",
                "recall",
                "vendi",
                "vendi-per-class",
                "nearest",
                "prettiness",
                "prettiness-spread",
                "clip-score",
            ),
        ),
        Predictor(
            name="real-to-synth",
            summary="accuracy on the data set of classifiers trained on real images (Real->Synth)",
            title="Real→Synth accuracy",
            source="real-to-synth",
            low=0.0,
            high=1.0,
        ),
        Predictor(
            name="linear-probe",
            summary="accuracy on real training images of a linear probe that is fitted on the data set",
            title="Linear probe on real training images",
            source="linear-probe",
            low=0.0,
            high=1.0,
        ),
    ),
)


def predictors_of(listed: Iterable[str], metrics: Sequence[MetricRecord]) -> tuple[Predictor, ...]:
    """Return the built-in predictors, and one for each further metric that the study lists.

    `listed`: names of the metrics in the study. `metrics`: the measured metrics. So a metric becomes a predictor by
    being listed, a user-defined one, too.
    """
    further = (metric for metric in metrics if metric.name not in PREDICTORS)
    user_defined = {metric.name for metric in metrics if metric.name not in METRICS}
    wanted = user_defined | set(listed)
    return (
        *PREDICTORS,
        *(
            Predictor(metric.name, metric.words, metric.title, low=metric.low, high=metric.high)
            for metric in further
            if metric.name in wanted
        ),
    )
