"""How data sets are distributed: every metric by every encoder, with an interval, and again with both sides alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np
from scipy import stats

from prettyuseful.analysis.statistics import LEVEL, Interval, grouped_mean
from prettyuseful.records import DatasetRecord, GroupedParts, MeasureResult, Subject, WholeNumber

_OF_REAL = ("coverage", "recall")
_SHARES = ("coverage", "recall", "precision", "label-agreement")
_LEAST = {"kid": -inf, "vendi": 1.0, "vendi-per-class": 1.0}  # 0 for all others


@dataclass(frozen=True)
class Measure:
    """One metric of one subject by one encoder; `subject` and `encoder` as in `records.MeasureResult`.

    `value`: of images as they are. `alike`: with both sides re-encoded alike, as squares of `side` pixels and JPEGs.
    `format_may_explain`: the two intervals are apart, so some of what `value` shows may lie in the files' format.
    """

    metric: str
    encoder: str
    subject: Subject
    value: Interval
    alike: Interval | None = None
    side: int | None = None
    format_may_explain: bool = False


def measures_of(dataset: DatasetRecord) -> tuple[Measure, ...]:
    """All that was measured of a data set, encoder by encoder, in the order of its record."""
    alike = {
        (found.encoder, found.subject, metric): (interval, found.reencoded.side)
        for found in dataset.measured
        if found.reencoded
        for metric, interval in _intervals(found)
    }
    plain = [
        Measure(metric, found.encoder, found.subject, interval)
        for found in dataset.measured
        if not found.reencoded
        for metric, interval in _intervals(found)
    ]
    return tuple(_beside(one, *alike.get((one.encoder, one.subject, one.metric), (None, None))) for one in plain)


def main_numbers(measures: Iterable[Measure]) -> dict[str, Interval]:
    """By metric: of images as they are, by the first encoder that has it; of real images, against their other half."""
    found: dict[str, Interval] = {}
    for measure in measures:
        if measure.subject != "real-train":
            found.setdefault(measure.metric, measure.value)
    return found


def jackknife_interval(found: WholeNumber, covers: str, least: float = 0.0, level: float = LEVEL) -> Interval:
    """By leaving out each of B blocks (Shao and Tu 1995, "The jackknife and bootstrap", section 2.3); t with B - 1.

    Around the number itself, which stays biased where its metric is: it covers what other images, equally many, give.
    """
    without = np.array(found.without)
    blocks = len(without)
    error = float(np.sqrt((blocks - 1) / blocks * ((without - without.mean()) ** 2).sum()))
    half = float(stats.t.ppf((1 + level) / 2, blocks - 1)) * error
    low, high = max(least, found.value - half), found.value + half
    return Interval(found.value, min(low, found.value), high, level, covers, error, blocks - 1)


def _beside(one: Measure, alike: Interval | None, side: int | None) -> Measure:
    apart = alike is not None and (alike.low > one.value.high or alike.high < one.value.low)
    return replace(one, alike=alike, side=side, format_may_explain=apart)


def _intervals(found: MeasureResult) -> Iterator[tuple[str, Interval]]:
    given = ", given this data set" if found.subject == "data-set" else ""
    for metric, classes in found.parts.items():
        if metric in _OF_REAL:
            covers = f"the choice of real test images{given}"
        elif metric in ("clip-score", "label-agreement"):
            covers = "the choice of measured images"
        else:
            covers = "the choice of measured images, given the real reference"
        yield metric, _of_parts(metric, classes, covers)
    for metric, number in found.numbers.items():
        sides = "the choice of measured images" if metric.startswith("vendi") else "the choice of images on both sides"
        yield metric, jackknife_interval(number, f"{sides}, equally many", _LEAST.get(metric, 0.0))


def _of_parts(metric: str, classes: Sequence[GroupedParts], covers: str) -> Interval:
    found = grouped_mean(classes, covers)
    if metric not in _SHARES:
        return found
    if found.freedom is None and round(found.mean, 9) in (0, 1):
        # All images agree: as large a share of others as they allow (Clopper and Pearson) may not.
        other = 1 - ((1 - found.level) / 2) ** (1 / sum(len(part.groups) for part in classes))
        return replace(found, low=found.mean * (1 - other), high=found.mean * (1 - other) + other)
    return replace(found, high=min(1.0, found.high))
