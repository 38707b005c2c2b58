"""How data sets are distributed: every metric by every encoder, with an interval, as they are and re-encoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from prettyuseful.analysis.statistics import LEVEL, Interval, grouped_mean
from prettyuseful.errors import DataError
from prettyuseful.records import DatasetRecord, GroupedParts, MeasureResult, MetricRecord, Subject, WholeNumber


@dataclass(frozen=True)
class Measure:
    """One metric of one subject by one encoder; `subject` and `encoder` as in `records.MeasureResult`.

    `value`: of images as they are. `reencoded`: of both sides as squares of `side` pixels and JPEGs of one quality.
    `format_may_explain`: the two intervals are apart, so some of what `value` shows may lie in the files' format.
    """

    metric: str
    encoder: str
    subject: Subject
    value: Interval
    reencoded: Interval | None = None
    side: int | None = None
    format_may_explain: bool = False


def measures_of(dataset: DatasetRecord, metrics: Iterable[MetricRecord]) -> tuple[Measure, ...]:
    """All that was measured of a data set, encoder by encoder, in the order of its record.

    Raises:
        DataError: a metric that is none of the study's `metrics`.
    """
    known = {metric.name: metric for metric in metrics}
    reencoded = {
        (found.encoder, found.subject, metric): (interval, found.reencoded.side)
        for found in dataset.measured
        if found.reencoded
        for metric, interval in _intervals(found, known)
    }
    plain = [
        Measure(metric, found.encoder, found.subject, interval)
        for found in dataset.measured
        if not found.reencoded
        for metric, interval in _intervals(found, known)
    ]
    return tuple(_beside(one, *reencoded.get((one.encoder, one.subject, one.metric), (None, None))) for one in plain)


def main_numbers(measures: Iterable[Measure]) -> dict[str, Interval]:
    """By metric: of images as they are, by the first encoder that has it; of real images, against their other half."""
    found: dict[str, Interval] = {}
    for measure in measures:
        if measure.subject != "real-train":
            found.setdefault(measure.metric, measure.value)
    return found


def jackknife_interval(found: WholeNumber, covers: str, level: float = LEVEL) -> Interval:
    """By leaving out each of B blocks (Shao and Tu 1995, "The jackknife and bootstrap", section 2.3); t with B - 1.

    Around the number itself, which stays biased where its metric is: it covers what other images, equally many, give.
    """
    without = np.array(found.without)
    blocks = len(without)
    error = float(np.sqrt((blocks - 1) / blocks * ((without - without.mean()) ** 2).sum()))
    half = float(stats.t.ppf((1 + level) / 2, blocks - 1)) * error
    return Interval(found.value, found.value - half, found.value + half, level, covers, error, blocks - 1)


def _beside(one: Measure, reencoded: Interval | None, side: int | None) -> Measure:
    apart = reencoded is not None and (reencoded.low > one.value.high or reencoded.high < one.value.low)
    return replace(one, reencoded=reencoded, side=side, format_may_explain=apart)


def _intervals(found: MeasureResult, known: Mapping[str, MetricRecord]) -> Iterator[tuple[str, Interval]]:
    for name in (*found.parts, *found.numbers):
        if name not in known:
            raise DataError(f"the records hold the metric {name!r}, which their study did not ask for; run it again")
    for name, classes in found.parts.items():
        metric = known[name]
        given = ", given this data set" if metric.per == "real image" and found.subject == "data-set" else ""
        yield name, _of_parts(metric, classes, f"{metric.covers}{given}")
    for name, number in found.numbers.items():
        yield name, _within_bounds(known[name], jackknife_interval(number, known[name].covers))


def _of_parts(metric: MetricRecord, classes: Sequence[GroupedParts], covers: str) -> Interval:
    found = grouped_mean(classes, covers)
    if metric.share and found.freedom is None and round(found.mean, 9) in (0, 1):
        # All images agree: as large a share of others as they allow (Clopper and Pearson) may not.
        other = 1 - ((1 - found.level) / 2) ** (1 / sum(len(part.groups) for part in classes))
        return replace(found, low=found.mean * (1 - other), high=found.mean * (1 - other) + other)
    return _within_bounds(metric, found)


def _within_bounds(metric: MetricRecord, found: Interval) -> Interval:
    """Cut to what the metric can be; rounding may have put the estimate itself a little beyond."""
    low = found.low if metric.low is None else max(metric.low, found.low)
    high = found.high if metric.high is None else min(metric.high, found.high)
    return replace(found, low=min(low, found.mean), high=max(high, found.mean))
