"""Usefulness against prettiness: accuracy on real images and a score of single images, for all data sets of a study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import hypot
from statistics import NormalDist, fmean

from prettyuseful.analysis.rank_correlation import FEWEST, RankCorrelation, rank_correlation
from prettyuseful.analysis.rows import Comparison, Row
from prettyuseful.analysis.statistics import LEVEL, Interval
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.formatting import number, p_value
from prettyuseful.records import DatasetRecord, MetricRecord

PRETTINESS = "prettiness"
_ENOUGH = 5
"""With fewer data sets, no order of them is significant."""
_NORMAL = NormalDist().inv_cdf((1 + LEVEL) / 2)


@dataclass(frozen=True)
class PrettyPoint:
    """A data set in the first grid cell of a study.

    `pretty`: mean score of its images. `useful`: accuracy on real test images (0-1). `independent`: the rank
    correlation rests on it: it is generated, contains no real images and is not derived from another data set.
    `released`: year and month of its generator, such as 2024-02, where known.
    """

    dataset: str
    images_per_class: ClassCounts
    pretty: Interval
    useful: Interval
    real: bool
    independent: bool
    released: str | None = None


@dataclass(frozen=True)
class Arrow:
    """A pre-registered comparison: `treated` minus `control`, in prettiness and in accuracy on real test images.

    The interval of `pretty` takes the two data sets as independent; that of `useful` is paired, see `Comparison`.
    """

    control: str
    treated: str
    pretty: Interval
    useful: Interval


@dataclass(frozen=True)
class PrettyUseful:
    """What a study says about usefulness against prettiness.

    `score`: the metric on the axis of prettiness. `points`: the real images first, if they have both measurements.
    `arrows`: one for each pre-registered comparison. `correlation`: over the independent points; None with fewer than
    four of them, or if all of them have one value.
    """

    score: str
    title: str
    points: tuple[PrettyPoint, ...]
    arrows: tuple[Arrow, ...]
    correlation: RankCorrelation | None

    @property
    def real(self) -> PrettyPoint | None:
        """The real images."""
        return self.points[0] if self.points[0].real else None

    @property
    def sets(self) -> tuple[PrettyPoint, ...]:
        """All data sets but the real images."""
        return tuple(point for point in self.points if not point.real)

    @property
    def independent(self) -> tuple[PrettyPoint, ...]:
        """The data sets on which the rank correlation rests."""
        return tuple(point for point in self.points if point.independent)

    @property
    def axis_words(self) -> str:
        """The score as a noun within a sentence, such as `prettiness`."""
        return self.title if self.title[1:2].isupper() else self.title[:1].lower() + self.title[1:]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the figure shows: the rank correlation or why there is none, then the pre-registered comparisons."""
        return (self._correlation_sentence, *self._arrow_sentences())

    @property
    def is_testable(self) -> bool:
        """Whether there are enough data sets for a significant rank correlation."""
        return self.correlation is not None and self.correlation.testable

    @property
    def _prettier(self) -> str:
        return "prettier sets" if self.score == PRETTINESS else f"sets of higher {self.axis_words}"

    @property
    def _correlation_sentence(self) -> str:
        n = len(self.independent)
        if self.correlation is None or not self.is_testable:
            sets = "independently generated data set" + ("s" if n != 1 else "")
            why = f"with fewer than {_ENOUGH}, no rank correlation is significant"
            if n >= _ENOUGH:
                why = "too many of their values are equal for a significant rank correlation"
            return f"{n} {sets} cannot show whether {self._prettier} are less useful as training data: {why}."
        rho = self.correlation
        test = f"p {p_value(rho.p) if rho.p < 0.001 else f'= {p_value(rho.p)}'}, "
        test += "exact permutation test" if rho.exact else "permutation test"
        words = (
            f"the rank correlation of {self.axis_words} and accuracy on real test images is {number(rho)} over {n} "
            f"generated data sets ({test})"
        )
        if not rho.excludes_zero:
            return f"These results do not show whether {self._prettier} are less useful as training data: {words}."
        verdict = "less" if rho.high < 0 else "more"
        return f"{self._prettier[:1].upper()}{self._prettier[1:]} are {verdict} useful as training data: {words}."

    def _arrow_sentences(self) -> Iterator[str]:
        """Say how often the prettier side of a pre-registered comparison is less useful, where prettiness differs."""
        differing = [arrow for arrow in self.arrows if arrow.pretty.excludes_zero]
        if not differing:
            return
        toward_prettier = [arrow.useful if arrow.pretty.mean > 0 else -arrow.useful for arrow in differing]
        less = sum(useful.high < 0 for useful in toward_prettier)
        more = sum(useful.low > 0 for useful in toward_prettier)
        side = "prettier one" if self.score == PRETTINESS else "one with the higher score"
        yield (
            f"In {less} of {len(differing)} pre-registered comparisons of sets that differ significantly in "
            f"{self.axis_words}, the {side} is significantly less useful; in {more}, it is significantly more useful."
        )


def prettiness_of(
    metrics: Sequence[MetricRecord],
    datasets: Sequence[DatasetRecord],
    rows: Sequence[Row],
    comparisons: Sequence[Comparison],
) -> PrettyUseful | None:
    """Return usefulness against prettiness in the first grid cell of a study.

    The score is prettiness or, where it is not measured, the first score of single images that the study measured. None
    unless two data sets beside the real images have this score and an accuracy.
    """
    if not rows:
        return None
    in_cell = [row for row in rows if row.cell == rows[0].cell and row.to_real]
    metric = _axis(metrics, in_cell)
    if metric is None:
        return None
    released = {dataset.name: dataset.generator.released for dataset in datasets if dataset.generator}
    points = [
        PrettyPoint(
            dataset=row.dataset,
            images_per_class=row.images_per_class,
            pretty=row.metrics[metric.name],
            useful=row.to_real,
            real=row.real,
            independent=not row.holds_real and row.of is None,
            released=released.get(row.dataset),
        )
        for row in in_cell
        if row.to_real and metric.name in row.metrics
    ]
    sets = [point for point in points if not point.real]
    pairs = [pair for pair in comparisons if pair.cell == rows[0].cell]
    by_name = {point.dataset: point for point in sets}
    arrows = tuple(
        Arrow(pair.b, pair.a, _difference(by_name[pair.a].pretty, by_name[pair.b].pretty), pair.to_real)
        for pair in pairs
        if pair.planned and pair.a in by_name and pair.b in by_name
    )
    # There may be real images of several numbers: the largest set is the reference, as in the figures.
    real = [point for point in points if point.real][-1:]
    correlation = _correlation([point for point in sets if point.independent], pairs)
    return PrettyUseful(metric.name, metric.title, (*real, *sets), arrows, correlation)


def _axis(metrics: Sequence[MetricRecord], rows: Sequence[Row]) -> MetricRecord | None:
    """Return the mean of a score that two data sets have; a score's other metrics have other names than the score."""
    scores = [metric for metric in metrics if metric.score == metric.name]
    for metric in sorted(scores, key=lambda metric: metric.name != PRETTINESS):  # otherwise in the study's order
        if sum(metric.name in row.metrics and not row.real for row in rows) > 1:
            return metric
    return None


def _correlation(points: Sequence[PrettyPoint], pairs: Sequence[Comparison]) -> RankCorrelation | None:
    x, y = [point.pretty.mean for point in points], [point.useful.mean for point in points]
    if len(points) < FEWEST or len(set(x)) == 1 or len(set(y)) == 1:
        return None
    x_error = float(fmean(_error(point.pretty) ** 2 for point in points) ** 0.5)
    return rank_correlation(x, y, x_error, _paired_error(points, pairs))


def _paired_error(points: Sequence[PrettyPoint], pairs: Sequence[Comparison]) -> float:
    """Return the standard error of accuracies as far as it changes their differences.

    All data sets are tested on the same images: what these add to every accuracy does not change a rank.
    """
    names = {point.dataset for point in points}
    paired = [_error(pair.to_real) ** 2 / 2 for pair in pairs if {pair.a, pair.b} <= names]
    return float(fmean(paired or [_error(point.useful) ** 2 for point in points]) ** 0.5)


def _difference(a: Interval, b: Interval) -> Interval:
    error = hypot(_error(a), _error(b))
    half, mean = _NORMAL * error, a.mean - b.mean
    return Interval(mean, mean - half, mean + half, LEVEL, a.covers, error)


def _error(interval: Interval) -> float:
    """Return the standard error; from the ends where the interval was not made from one."""
    return interval.error or (interval.high - interval.low) / (2 * _NORMAL)
