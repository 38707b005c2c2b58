"""The rows of predictors: where their numbers come from, and on which scale they predict."""

from __future__ import annotations

import numpy as np
import pytest
from tests.made_up import made_up_summary

from prettyuseful.analysis.predictors import PREDICTORS, Predictor, predictors_of
from prettyuseful.metrics import METRICS
from prettyuseful.records import MetricRecord


def test_every_metric_of_a_predictor_exists_and_gives_its_bounds() -> None:
    rows = [row for row in PREDICTORS if row.metric]
    assert {"frechet", "kid", "density", "coverage", "vendi", "nearest", "prettiness", "clip-score"} <= {
        row.name for row in rows
    }
    for row in rows:
        metric = METRICS[row.name]
        assert (row.low, row.high, row.title) == (metric.low, metric.high, metric.title)


def test_values_are_those_of_the_row_of_results() -> None:
    row = made_up_summary().rows[1]
    assert PREDICTORS["coverage"].value(row) == row.metrics["coverage"].mean
    assert row.from_real is not None
    assert PREDICTORS["real-to-synth"].value(row) == row.from_real.mean
    assert PREDICTORS["images"].value(row) == 10
    assert PREDICTORS["linear-probe"].value(row) is None
    assert PREDICTORS["frechet"].value(row) is None


def test_scales_follow_from_bounds() -> None:
    values = np.array([0.0, 0.25, 0.5, 1.0, np.nan])
    share = Predictor("a", "", "", low=0.0, high=1.0).scaled(values)
    assert share[2] == 0
    assert share[0] == pytest.approx(-share[3])  # finite at both ends
    ratio = Predictor("a", "", "", low=0.0).scaled(values)
    assert ratio[2] - ratio[1] == pytest.approx(np.log(2))
    assert np.isfinite(ratio[0])
    assert np.isnan(share[4])
    assert np.isnan(ratio[4])
    np.testing.assert_array_equal(Predictor("a", "", "").scaled(values), values)


def test_a_listed_or_user_defined_metric_becomes_a_predictor() -> None:
    listed = MetricRecord.from_metric(METRICS["cmmd"])
    unlisted = MetricRecord.from_metric(METRICS["prettiness-auc"])
    own = listed.model_copy(update={"name": "mine", "title": "Mine", "low": None, "high": None})
    rows = predictors_of(["cmmd"], [listed, unlisted, own])
    assert [row.name for row in rows[len(list(PREDICTORS)) :]] == ["cmmd", "mine"]
    assert rows[-1].title == "Mine"
