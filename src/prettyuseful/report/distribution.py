"""Distribution metrics: the plot of density against coverage, and a table of all metrics for each encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prettyuseful.analysis.distribution import Measure, metrics_of_different_numbers
from prettyuseful.analysis.rows import Row
from prettyuseful.analysis.statistics import Interval
from prettyuseful.analysis.summary import Summary
from prettyuseful.records import MeasureResult, MetricRecord, Subject
from prettyuseful.report import figures
from prettyuseful.report.cells import rows_of_cell
from prettyuseful.report.drawing import Figure, axis_range
from prettyuseful.report.series_style import DatasetKey, SeriesStyle

_MOST_CLASS_ROWS = 500
"""With more classes and data sets, a table of them would make the page large; `run --json` has them."""


@dataclass(frozen=True)
class MetricRow:
    """A table row: images that were compared with real test images, with one measure for each metric of the table."""

    style: SeriesStyle
    title: str
    control: bool
    measures: tuple[Measure | None, ...]


@dataclass(frozen=True)
class ClassRow:
    """One class of a data set, with one interval for each metric of the table."""

    style: SeriesStyle
    class_name: str
    values: tuple[Interval | None, ...]


@dataclass(frozen=True)
class MetricTable:
    """All metrics by one encoder, or those of one score of single images, which also have values `by_class`."""

    encoder: str
    score: str | None
    description: str
    metrics: tuple[MetricRecord, ...]
    rows: tuple[MetricRow, ...]
    by_class: tuple[ClassRow, ...] = ()

    @property
    def title(self) -> str:
        return f"Score of single images: {self.score}" if self.score else f"Metrics by {self.encoder}"

    @property
    def of_different_numbers(self) -> frozenset[str]:
        """The metrics that depend on the number of images and were measured on different numbers."""
        measures = (measure for row in self.rows for measure in row.measures if measure)
        return metrics_of_different_numbers(measures, self.metrics)

    @property
    def sides(self) -> tuple[int, ...]:
        """Sides of the squares that both sets of images were re-encoded to, in pixels."""
        measures = (measure for row in self.rows for measure in row.measures)
        return tuple(sorted({measure.side for measure in measures if measure and measure.side}))

    @property
    def format_may_explain(self) -> bool:
        """Whether the image format may explain part of any value."""
        return any(measure.format_may_explain for row in self.rows for measure in row.measures if measure)


@dataclass(frozen=True)
class Distribution:
    """The plot of density and coverage by `encoder` (None if one of them is missing) and one table per encoder.

    `scale`: the accuracies at the two ends of the colour scale of the plot.
    """

    figure: Figure | None
    encoder: str
    scale: tuple[float, float]
    tables: tuple[MetricTable, ...]
    metrics: tuple[MetricRecord, ...]


def summarise_distribution(summary: Summary, styles: Mapping[DatasetKey, SeriesStyle]) -> Distribution | None:
    """Return the metrics with the accuracies of the study's first grid cell; None if nothing was measured."""
    rows = rows_of_cell(summary, summary.rows[0].cell, styles)
    measures = [measure for row in rows for measure in row.distribution]
    if not measures:
        return None
    scale = axis_range([row.to_real.mean for row in rows if row.to_real and not row.real], steps=20, margin=0)
    has_plot = any({"density", "coverage"} <= row.metrics.keys() for row in rows)
    figure = figures.distribution_figure("distribution", rows, styles, scale) if has_plot else None
    scores = {metric.name: metric.score for metric in summary.study.metrics}
    encoders = list(dict.fromkeys(measure.encoder for measure in measures))
    kinds = dict.fromkeys((measure.encoder, scores[measure.metric]) for measure in measures)
    tables = tuple(_metric_table(summary, encoder, score, rows, styles) for encoder, score in kinds)
    metrics = tuple(metric for metric in summary.study.metrics if any(metric in table.metrics for table in tables))
    return Distribution(figure, encoders[0], scale, tables, metrics)


def _metric_table(
    summary: Summary,
    encoder: str,
    score: str | None,
    rows: Sequence[Row],
    styles: Mapping[DatasetKey, SeriesStyle],
) -> MetricTable:
    measured = {measure.metric for row in rows for measure in row.distribution if measure.encoder == encoder}
    metrics = tuple(m for m in summary.study.metrics if m.name in measured and m.score == score)
    names = {metric.name for metric in metrics}
    table_rows = []
    for row in rows:
        measures = {(m.subject, m.metric): m for m in row.distribution if m.encoder == encoder and m.metric in names}
        style = styles[row.dataset, row.images_per_class]
        table_rows += [
            MetricRow(
                style,
                _title(style, subject),
                row.real,
                tuple(measures.get((subject, metric.name)) for metric in metrics),
            )
            for subject in dict.fromkeys(subject for subject, _ in measures)
        ]
    by_class = tuple(_class_rows(summary, table_rows)) if score else ()
    return MetricTable(
        encoder,
        score,
        _describe(summary, encoder, metrics),
        metrics,
        tuple(table_rows),
        by_class if len(by_class) <= _MOST_CLASS_ROWS else (),
    )


def _class_rows(summary: Summary, rows: Sequence[MetricRow]) -> Iterator[ClassRow]:
    """Yield the classes of each data set that is no control."""
    for row in (row for row in rows if not row.control):
        for label, name in enumerate(summary.study.task.classes):
            values = tuple(m.by_class[label] if m and label < len(m.by_class) else None for m in row.measures)
            if any(values):
                yield ClassRow(row.style, name, values)


def _title(style: SeriesStyle, subject: Subject) -> str:
    return {
        "data-set": style.label,
        "real-test": f"{style.label}: other half of the test images",
        "real-train": f"{style.label}: train images",
    }[subject]


def _describe(summary: Summary, encoder: str, metrics: Sequence[MetricRecord]) -> str:
    """Describe the features, k, and the number of compared images per class."""
    results = [result for dataset in summary.datasets for result in dataset.measured if result.encoder == encoder]
    words = summary.study.encoders.get(encoder, encoder)
    k = sorted({metric.k for metric in metrics if metric.k})
    neighbours = f"; k = {' or '.join(map(str, k))}" if k else ""
    return f"{words}{neighbours}; {_images_per_class(results)} images per class on both sides"


def _images_per_class(results: Sequence[MeasureResult]) -> str:
    counts = [count for result in results for count in result.images_per_class if count]
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"
