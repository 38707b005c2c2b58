"""How data sets are distributed: the plot of density and coverage, and a table of every metric for each encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prettyuseful.analysis.distribution import Measure
from prettyuseful.analysis.rows import Row
from prettyuseful.analysis.summary import Summary
from prettyuseful.records import MeasureResult, MetricRecord, Subject
from prettyuseful.report import figures
from prettyuseful.report.cells import rows_of
from prettyuseful.report.drawing import Figure, around
from prettyuseful.report.series_style import Look, Which


@dataclass(frozen=True)
class Line:
    """What was compared with real test images, and its measure for each metric of the table."""

    look: Look
    title: str
    control: bool
    found: tuple[Measure | None, ...]


@dataclass(frozen=True)
class Table:
    """All that one encoder says. `sides`: of the squares that both sides were re-encoded as, in pixels."""

    encoder: str
    about: str
    metrics: tuple[MetricRecord, ...]
    lines: tuple[Line, ...]

    @property
    def sides(self) -> tuple[int, ...]:
        return tuple(sorted({one.side for line in self.lines for one in line.found if one and one.side}))

    @property
    def marked(self) -> bool:
        return any(one.format_may_explain for line in self.lines for one in line.found if one)


@dataclass(frozen=True)
class Distribution:
    """The plot of density and coverage by `encoder` (None without both), and tables; `scale` holds its fill's ends."""

    figure: Figure | None
    encoder: str
    scale: tuple[float, float]
    tables: tuple[Table, ...]
    metrics: tuple[MetricRecord, ...]


def distribution_of(summary: Summary, looks: Mapping[Which, Look]) -> Distribution | None:
    """By the rows of the study's first cell, whose accuracy fills the plot; None if nothing was measured."""
    rows = rows_of(summary, summary.rows[0].cell, looks)
    measures = [measure for row in rows for measure in row.distribution]
    if not measures:
        return None
    scale = around([row.to_real.mean for row in rows if row.to_real and not row.real], steps=20, spare=0)
    drawn = any({"density", "coverage"} <= row.metrics.keys() for row in rows)
    figure = figures.distribution_figure("distribution", rows, looks, scale) if drawn else None
    encoders = list(dict.fromkeys(measure.encoder for measure in measures))
    tables = tuple(_table(summary, name, rows, looks) for name in encoders)
    metrics = tuple(one for one in summary.study.metrics if any(one in table.metrics for table in tables))
    return Distribution(figure, encoders[0], scale, tables, metrics)


def _table(summary: Summary, encoder: str, rows: Sequence[Row], looks: Mapping[Which, Look]) -> Table:
    there = {measure.metric for row in rows for measure in row.distribution if measure.encoder == encoder}
    metrics = tuple(metric for metric in summary.study.metrics if metric.name in there)
    lines = []
    for row in rows:
        found = {(one.subject, one.metric): one for one in row.distribution if one.encoder == encoder}
        look = looks[row.dataset, row.images_per_class]
        lines += [
            Line(look, _title(look, subject), row.real, tuple(found.get((subject, metric.name)) for metric in metrics))
            for subject in dict.fromkeys(subject for subject, _ in found)
        ]
    return Table(encoder, _about(summary, encoder, metrics), metrics, tuple(lines))


def _title(look: Look, subject: Subject) -> str:
    return {
        "data-set": look.label,
        "real-test": f"{look.label}, other test images",
        "real-train": f"{look.label}, train images",
    }[subject]


def _about(summary: Summary, encoder: str, metrics: Sequence[MetricRecord]) -> str:
    """The feature space in words, with k and the images compared per class."""
    found = [one for dataset in summary.datasets for one in dataset.measured if one.encoder == encoder]
    words = summary.study.encoders.get(encoder, encoder)
    k = sorted({metric.k for metric in metrics if metric.k})
    neighbours = f"; k = {' or '.join(map(str, k))}" if k else ""
    return f"{words}{neighbours}; {_span(found)} images per class on either side"


def _span(found: Sequence[MeasureResult]) -> str:
    counts = [count for one in found for count in one.images_per_class]
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"
