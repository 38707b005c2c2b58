from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from prettyuseful.analysis.distribution import Measure, jackknife_interval, primary_metrics, summarise_measures
from prettyuseful.errors import DataError
from prettyuseful.metrics import METRICS, Metric
from prettyuseful.records import DatasetRecord, GroupedParts, MeasureResult, MetricRecord, Reencoding, WholeNumber

SQUARES = Reencoding(side=32, quality=90)


def number(value: float, spread: float = 0.01) -> WholeNumber:
    return WholeNumber(value=value, without=[value - spread, value, value + spread, value])


def parts(share: float, groups: int = 10) -> list[GroupedParts]:
    names = [f"g{i}" for i in range(groups)]
    return [GroupedParts(groups=names, sums=[share * 4] * groups, sizes=[4] * groups)] * 2


def result(**fields: Any) -> MeasureResult:
    return MeasureResult(**{"subject": "data-set", "encoder": "one", "images_per_class": [9, 9], **fields})


def measured(*results: MeasureResult) -> tuple[Measure, ...]:
    record = DatasetRecord(
        status="complete", name="a", control=False, images_per_class=9, keys={}, measured=list(results)
    )
    return summarise_measures(record, map(MetricRecord.from_metric, METRICS))


def test_the_jackknife_interval_of_a_mean_is_its_t_interval() -> None:
    values = np.random.default_rng(0).normal(5, 2, 20)
    without = (values.sum() - values) / 19
    found = jackknife_interval(WholeNumber(value=values.mean(), without=without.tolist()), "all")
    low, high = stats.t.interval(0.95, 19, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_intervals_are_clipped_to_the_bounds_of_the_metric() -> None:
    measures = measured(result(numbers={name: number(0.0, 1) for name in ("frechet", "kid", "cmmd")}))
    lows = {measure.metric: measure.value.low for measure in measures}
    assert lows["frechet"] == lows["cmmd"] == 0
    assert lows["kid"] < 0
    [vendi] = measured(result(numbers={"vendi": number(1.0, 1)}))
    assert vendi.value.low == 1


def test_a_metric_without_bounds_may_be_negative() -> None:
    metric = Metric(name="depth", summary="x", function=max, per="real image")
    record = DatasetRecord(
        status="complete",
        name="a",
        control=False,
        images_per_class=9,
        keys={},
        measured=[result(parts={"depth": [GroupedParts(groups=["a", "b", "c"], sums=[-2, 1, 2], sizes=[1] * 3)] * 2})],
    )
    [found] = summarise_measures(record, [MetricRecord.from_metric(metric)])
    assert found.value.low < 0 < found.value.mean
    assert found.value.covers == "the choice of real test images, given this data set"
    with pytest.raises(DataError, match="the metric 'depth', which their study does not list"):
        summarise_measures(record, [])


@pytest.mark.parametrize(
    ("name", "subject", "covers"),
    [
        ("coverage", "data-set", "the choice of real test images, given this data set"),
        ("recall", "real-test", "the choice of real test images"),
        ("density", "data-set", "the choice of measured images, given the real reference"),
        ("nearest", "real-train", "the choice of measured images, given the real reference"),
        ("clip-score", "data-set", "the choice of measured images"),
        ("label-agreement", "data-set", "the choice of measured images"),
        ("kid", "data-set", "the choice of images on both sides, equally many"),
        ("vendi", "data-set", "the choice of measured images, equally many"),
        ("vendi-per-class", "data-set", "the choice of measured images, equally many"),
    ],
)
def test_intervals_name_their_source_of_variation(name: str, subject: str, covers: str) -> None:
    values = {"parts": {name: parts(0.5)}} if METRICS[name].per_image else {"numbers": {name: number(2)}}
    [found] = measured(result(subject=subject, **values))
    assert found.value.covers == covers


@pytest.mark.parametrize(("share", "low", "high"), [(1.0, 0.83, 1.0), (0.0, 0.0, 0.17)])
def test_identical_values_have_a_clopper_pearson_interval(share: float, low: float, high: float) -> None:
    [found] = measured(result(parts={"label-agreement": parts(share)}))
    assert found.value.mean == share
    assert (found.value.low, found.value.high) == pytest.approx((low, high), abs=0.01)


def test_reencoded_values_are_joined_to_original_values_and_disjoint_intervals_are_marked() -> None:
    found = measured(
        result(numbers={"frechet": number(10), "kid": number(1)}),
        result(numbers={"frechet": number(2), "kid": number(1.01)}, reencoded=SQUARES),
    )
    assert [(measure.metric, measure.side, measure.format_may_explain) for measure in found] == [
        ("frechet", 32, True),
        ("kid", 32, False),
    ]
    assert found[0].reencoded is not None
    assert found[0].reencoded.mean == 2


def test_a_value_without_a_reencoded_counterpart() -> None:
    [found] = measured(result(numbers={"kid": number(1)}))
    assert (found.reencoded, found.side, found.format_may_explain) == (None, None, False)
    assert measured(result(numbers={"kid": number(1)}, reencoded=SQUARES)) == ()


def test_primary_metrics_come_from_the_first_encoder_and_never_from_real_train_images() -> None:
    measures = measured(
        result(subject="real-train", numbers={"kid": number(3)}),
        result(subject="real-test", numbers={"kid": number(1)}),
        result(subject="real-test", encoder="two", numbers={"kid": number(2)}, parts={"clip-score": parts(0.5)}),
    )
    means = {name: interval.mean for name, interval in primary_metrics(measures).items()}
    assert means == {
        "kid": 1,
        "clip-score": 0.5,
    }


def test_jackknife_intervals_have_nominal_coverage() -> None:
    """A small part of `benchmarks/set_intervals.py`; docs/concepts/statistics.md has the table."""
    from prettyuseful.metrics.frechet import frechet_distance
    from prettyuseful.metrics.jackknife import leave_out_blocks

    rng, blocks, found = np.random.default_rng(0), np.arange(80) % 20, []
    for _ in range(150):
        sets = rng.normal(size=(80, 4)), rng.normal(size=(80, 4)) + 0.5
        without = leave_out_blocks(frechet_distance, sets, (blocks, blocks))
        found.append(jackknife_interval(WholeNumber(value=frechet_distance(*sets), without=without.tolist()), ""))
    truth = np.mean([interval.mean for interval in found])
    assert 0.89 < np.mean([interval.low < truth < interval.high for interval in found]) < 0.995


def test_metrics_of_a_score_have_intervals_of_each_class() -> None:
    numbers = {"exposure-auc": number(0.7)}
    by_class = {"exposure-auc": [number(0.9, 0.1), WholeNumber(value=0.5, without=[0.5])]}
    record = result(parts={"exposure": parts(0.5)}, numbers=numbers, by_class=by_class, images_per_class=[9, 0, 9])
    of_image, auc = measured(record)
    assert [value is not None for value in of_image.by_class] == [True, False, True]
    assert auc.by_class[1:] == (None, None)  # left out, and one group
    first = auc.by_class[0]
    assert first is not None
    assert first.mean == 0.9
    assert first.low < 0.9 < first.high == 1  # clipped
    [density] = measured(result(parts={"density": parts(0.5)}))
    assert density.by_class == ()
