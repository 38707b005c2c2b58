"""Distribution metrics of data sets, with intervals: by metric and encoder, on original and re-encoded images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from prettyuseful import student
from prettyuseful.analysis.statistics import LEVEL, Interval, grouped_mean, share_interval, share_of_others
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.errors import DataError
from prettyuseful.metrics.base import Per
from prettyuseful.records import DatasetRecord, GroupedParts, MeasureResult, MetricRecord, Subject, WholeNumber

_NEIGHBOUR_DEPENDENCE = 1.5
"""Chosen by simulation (`benchmarks/metric_intervals.py`): the variance is 1 to 2.3 times that of separate values."""


@dataclass(frozen=True)
class Measure:
    """The value of one metric of one subject by one encoder; `subject` and `encoder` as in `records.MeasureResult`.

    `images_per_class`: on either side. `value`: on the original images. `reencoded`: on re-encoded images, where both
    sides are resized to squares of `side` pixels and JPEG-compressed with the same quality. `format_may_explain`: the
    two intervals do not overlap, so the image format may explain part of `value`. `by_class`: for metrics of a score of
    single images, the value of each class on the original images, by label; None for classes that are left out or whose
    images are all from one group. These intervals are not corrected for the number of classes.
    """

    metric: str
    encoder: str
    subject: Subject
    images_per_class: ClassCounts
    value: Interval
    reencoded: Interval | None = None
    side: int | None = None
    format_may_explain: bool = False
    by_class: tuple[Interval | None, ...] = ()


def summarise_measures(dataset: DatasetRecord, metrics: Iterable[MetricRecord]) -> tuple[Measure, ...]:
    """Return all measurements of a data set with intervals, in the order of its record.

    Raises:
        DataError: the record holds a metric that is not in `metrics`.
    """
    rows = {metric.name: metric for metric in metrics}
    reencoded = {
        (result.encoder, result.subject, metric): (interval, result.reencoded.side)
        for result in dataset.measured
        if result.reencoded
        for metric, interval in _intervals(result, rows)
    }
    originals = [
        Measure(
            metric,
            result.encoder,
            result.subject,
            _images_per_class(result),
            interval,
            by_class=_class_intervals(result, rows[metric]) if rows[metric].score else (),
        )
        for result in dataset.measured
        if not result.reencoded
        for metric, interval in _intervals(result, rows)
    ]
    return tuple(
        _with_reencoded(measure, *reencoded.get((measure.encoder, measure.subject, measure.metric), (None, None)))
        for measure in originals
    )


def primary_metrics(measures: Iterable[Measure]) -> dict[str, Interval]:
    """Return one interval per metric: on original images, by the first encoder that has the metric.

    For the real images these compare the two halves of the real test images.
    """
    return {name: measure.value for name, measure in primary_measures(measures).items()}


def primary_measures(measures: Iterable[Measure]) -> dict[str, Measure]:
    """Return the measures whose values `primary_metrics` returns."""
    primary: dict[str, Measure] = {}
    for measure in measures:
        if measure.subject != "real-train":
            primary.setdefault(measure.metric, measure)
    return primary


def metrics_of_different_numbers(measures: Iterable[Measure], metrics: Iterable[MetricRecord]) -> frozenset[str]:
    """Return the metrics that depend on the number of images and were measured on different numbers."""
    numbers: dict[str, set[ClassCounts]] = {}
    for measure in measures:
        numbers.setdefault(measure.metric, set()).add(measure.images_per_class)
    return frozenset(
        metric.name for metric in metrics if metric.depends_on_number and len(numbers.get(metric.name, ())) > 1
    )


def dependence(per: Per) -> float:
    """Return the factor of the variance of a metric's mean.

    Whether a real image is covered depends on the distance of its real neighbours, which are drawn with it.
    """
    return _NEIGHBOUR_DEPENDENCE if per == "real image" else 1.0


def jackknife_interval(number: WholeNumber, covers: str, level: float = LEVEL) -> Interval:
    """Return the delete-a-group jackknife interval with B - 1 degrees of freedom (Shao and Tu 1995, section 2.3).

    It is centred on the estimate itself, so a biased metric stays biased: the interval covers the estimate with other
    images of the same number, not the true value.
    """
    estimates = np.array(number.without)
    blocks = len(estimates)
    error = float(np.sqrt((blocks - 1) / blocks * ((estimates - estimates.mean()) ** 2).sum()))
    half = student.quantile(level, blocks - 1) * error
    return Interval(number.value, number.value - half, number.value + half, level, covers, error)


def _images_per_class(result: MeasureResult) -> ClassCounts:
    """Return the images of each class on either side, without the classes that are left out."""
    return ClassCounts(tuple(count for count in result.images_per_class if count))


def _with_reencoded(measure: Measure, reencoded: Interval | None, side: int | None) -> Measure:
    disjoint = reencoded is not None and (reencoded.low > measure.value.high or reencoded.high < measure.value.low)
    return replace(measure, reencoded=reencoded, side=side, format_may_explain=disjoint)


def _intervals(result: MeasureResult, rows: Mapping[str, MetricRecord]) -> Iterator[tuple[str, Interval]]:
    for name in (*result.parts, *result.numbers):
        if name not in rows:
            raise DataError(f"the records hold the metric {name!r}, which their study does not list; run it again")
    for name, classes in result.parts.items():
        metric = rows[name]
        condition = ", given this data set" if metric.per == "real image" and result.subject == "data-set" else ""
        yield name, _grouped_interval(metric, classes, f"{metric.covers}{condition}")
    for name, number in result.numbers.items():
        yield name, _clip_to_bounds(rows[name], jackknife_interval(number, rows[name].covers))


def _class_intervals(result: MeasureResult, metric: MetricRecord) -> tuple[Interval | None, ...]:
    """Return the interval of each class, by label; None for a class without one."""
    found: list[Interval | None]
    if metric.name in result.parts:
        found = [_grouped_interval(metric, [part], metric.covers) for part in result.parts[metric.name]]
    else:
        found = [
            _clip_to_bounds(metric, jackknife_interval(number, metric.covers)) if len(number.without) > 1 else None
            for number in result.by_class.get(metric.name, ())
        ]
    used = iter(found)
    return tuple(next(used, None) if count else None for count in result.images_per_class)


def _grouped_interval(metric: MetricRecord, classes: Sequence[GroupedParts], covers: str) -> Interval:
    interval = grouped_mean(classes, covers, dependence=dependence(metric.per))
    if metric.share and interval.components:
        return share_interval(interval)
    if metric.share and not interval.components and round(interval.mean, 9) in (0, 1):
        # All images agree, so the variance is 0: use the Clopper-Pearson bound on the share of other images.
        groups = [len(part.groups) for part in classes]
        equal_classes = len({sum(part.sizes) for part in classes}) == 1
        other = share_of_others([sum(groups)] if equal_classes else groups, interval.level)
        return replace(interval, low=interval.mean * (1 - other), high=interval.mean * (1 - other) + other)
    return _clip_to_bounds(metric, interval)


def _clip_to_bounds(metric: MetricRecord, interval: Interval) -> Interval:
    """Clip an interval to the metric's bounds, but never past the mean, which rounding may put slightly beyond."""
    low = interval.low if metric.low is None else max(metric.low, interval.low)
    high = interval.high if metric.high is None else min(metric.high, interval.high)
    return replace(interval, low=min(low, interval.mean), high=max(high, interval.mean))
