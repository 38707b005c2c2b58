from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from prettyuseful.analysis.distribution import Measure, jackknife_interval, main_numbers, measures_of
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
    return measures_of(record, map(MetricRecord.of, METRICS))


def test_the_jackknife_of_a_mean_is_its_t_interval() -> None:
    values = np.random.default_rng(0).normal(5, 2, 20)
    without = (values.sum() - values) / 19
    found = jackknife_interval(WholeNumber(value=values.mean(), without=without.tolist()), "all")
    low, high = stats.t.interval(0.95, 19, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.freedom == 19


def test_an_interval_keeps_to_what_the_metric_can_be() -> None:
    measures = measured(result(numbers={name: number(0.0, 1) for name in ("frechet", "kid", "cmmd")}))
    lows = {measure.metric: measure.value.low for measure in measures}
    assert lows["frechet"] == lows["cmmd"] == 0
    assert lows["kid"] < 0
    [vendi] = measured(result(numbers={"vendi": number(1.0, 1)}))
    assert vendi.value.low == 1


def test_a_metric_without_bounds_may_be_negative_and_its_record_says_what_its_interval_covers() -> None:
    metric = Metric(name="depth", summary="x", function=max, per="real image")
    record = DatasetRecord(
        status="complete",
        name="a",
        control=False,
        images_per_class=9,
        keys={},
        measured=[result(parts={"depth": [GroupedParts(groups=["a", "b", "c"], sums=[-2, 1, 2], sizes=[1] * 3)] * 2})],
    )
    [found] = measures_of(record, [MetricRecord.of(metric)])
    assert found.value.low < 0 < found.value.mean
    assert found.value.covers == "the choice of real test images, given this data set"
    with pytest.raises(DataError, match="the metric 'depth', which their study did not ask for"):
        measures_of(record, [])


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
def test_an_interval_says_what_it_covers(name: str, subject: str, covers: str) -> None:
    values = {"parts": {name: parts(0.5)}} if METRICS[name].per_image else {"numbers": {name: number(2)}}
    [found] = measured(result(subject=subject, **values))
    assert found.value.covers == covers


@pytest.mark.parametrize(("share", "low", "high"), [(1.0, 0.83, 1.0), (0.0, 0.0, 0.17)])
def test_images_that_all_agree_do_not_prove_that_all_would(share: float, low: float, high: float) -> None:
    [found] = measured(result(parts={"label-agreement": parts(share)}))
    assert found.value.mean == share
    assert (found.value.low, found.value.high) == pytest.approx((low, high), abs=0.01)


def test_what_is_measured_after_reencoding_stands_beside_the_plain_value_and_is_marked_where_they_are_apart() -> None:
    found = measured(
        result(numbers={"frechet": number(10), "kid": number(1)}),
        result(numbers={"frechet": number(2), "kid": number(1.01)}, reencoded=SQUARES),
    )
    assert [(one.metric, one.side, one.format_may_explain) for one in found] == [
        ("frechet", 32, True),
        ("kid", 32, False),
    ]
    assert found[0].reencoded is not None
    assert found[0].reencoded.mean == 2


def test_a_value_without_its_twin_stands_alone() -> None:
    [found] = measured(result(numbers={"kid": number(1)}))
    assert (found.reencoded, found.side, found.format_may_explain) == (None, None, False)
    assert measured(result(numbers={"kid": number(1)}, reencoded=SQUARES)) == ()


def test_the_main_number_is_the_first_encoders_and_never_that_of_real_train_images() -> None:
    measures = measured(
        result(subject="real-train", numbers={"kid": number(3)}),
        result(subject="real-test", numbers={"kid": number(1)}),
        result(subject="real-test", encoder="two", numbers={"kid": number(2)}, parts={"clip-score": parts(0.5)}),
    )
    assert {name: interval.mean for name, interval in main_numbers(measures).items()} == {"kid": 1, "clip-score": 0.5}


def test_intervals_hold_as_often_as_they_say() -> None:
    """A small part of `benchmarks/set_intervals.py`; docs/statistics.md has the table."""
    from prettyuseful.metrics.frechet import frechet_distance
    from prettyuseful.metrics.jackknife import without_blocks

    rng, blocks, found = np.random.default_rng(0), np.arange(80) % 20, []
    for _ in range(150):
        sets = rng.normal(size=(80, 4)), rng.normal(size=(80, 4)) + 0.5
        without = without_blocks(frechet_distance, sets, (blocks, blocks))
        found.append(jackknife_interval(WholeNumber(value=frechet_distance(*sets), without=without.tolist()), ""))
    truth = np.mean([one.mean for one in found])
    assert 0.89 < np.mean([one.low < truth < one.high for one in found]) < 0.995
