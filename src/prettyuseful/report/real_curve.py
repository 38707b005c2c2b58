"""Effective real images: the curve of accuracy by number of real images, and where each data set meets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10
from typing import Any

from prettyuseful.analysis.effective import EffectiveReal
from prettyuseful.analysis.real_sources import SourceComparison
from prettyuseful.analysis.rows import CurvePoint, Row
from prettyuseful.analysis.summary import Summary
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.formatting import count, percent, share
from prettyuseful.report.cells import cell_title
from prettyuseful.report.drawing import (
    PLOT_AREA,
    Figure,
    annotation,
    axis,
    axis_range,
    error_bar,
    figure_layout,
    hover_text,
    line_shape,
    point_labels,
    scatter,
    series_marker,
)
from prettyuseful.report.label_positions import text_positions
from prettyuseful.report.series_style import DatasetKey, SeriesStyle
from prettyuseful.training.recipes import FROZEN_FEATURES


@dataclass(frozen=True)
class RealCurve:
    """The curve of one grid cell and the data sets that meet it.

    `steps_of`: every point of the curve takes as many training steps as this number of images per class. Linear probes
    take no steps (`is_exact`). `sources`: by data set, the comparison with the few real images that it was made from.
    """

    title: str
    steps_of: ClassCounts
    rows: tuple[Row, ...]
    figure: Figure
    sources: Mapping[str, SourceComparison]
    is_exact: bool = False

    @property
    def compared(self) -> str:
        """What is compared with the curve."""
        return f"{'data sets' if self.is_exact else 'training steps'} of {self.steps_of} images per class"


def real_curves(summary: Summary, styles: Mapping[DatasetKey, SeriesStyle]) -> tuple[RealCurve, ...]:
    """Return a curve for each grid cell and size of data sets with effective real images."""
    curves = []
    for number, (cell, steps_of) in enumerate(dict.fromkeys((p.cell, p.steps_of) for p in summary.curve)):
        points = [p for p in summary.curve if (p.cell, p.steps_of) == (cell, steps_of)]
        rows = tuple(
            row
            for row in summary.rows
            if row.worth and row.to_real and (row.cell, row.images_per_class) == (cell, steps_of)
        )
        if rows:
            figure = _figure(f"real-curve-{number}", points, rows, styles, summary.study.task.chance)
            sources = {one.dataset: one for one in summary.sources if one.cell == cell}
            curves.append(RealCurve(cell_title(cell), steps_of, rows, figure, sources, cell[1] == FROZEN_FEATURES))
    return tuple(curves)


def _figure(
    name: str,
    curve: Sequence[CurvePoint],
    rows: Sequence[Row],
    styles: Mapping[DatasetKey, SeriesStyle],
    chance: float,
) -> Figure:
    sizes = [point.position for point in curve]
    x_range = (log10(sizes[0] / 1.5), log10(sizes[-1] * 1.5))
    intervals = [point.to_real for point in curve] + [row.to_real for row in rows if row.to_real]
    y_range = axis_range([chance, *(end for interval in intervals for end in (interval.low, interval.high))])
    positions = _label_positions(rows, styles, x_range, y_range)
    means = [point.to_real.mean for point in curve]
    curve_trace: dict[str, Any] = {
        **scatter(sizes, means, {"symbol": "diamond", "size": 9, "color": "@real"}),
        "mode": "lines+markers",
        "line": {"color": "@real", "width": 1.5},
        "error_y": {
            **error_bar(curve[0].to_real, "real"),
            "array": [point.to_real.high - point.to_real.mean for point in curve],
            "arrayminus": [point.to_real.mean - point.to_real.low for point in curve],
        },
        "hovertext": [hover_text(f"{p.images_per_class} real images per class", percent(p.to_real)) for p in curve],
    }
    layout = figure_layout(
        height=420,
        xaxis={
            **axis("real images per class", x_range),
            "type": "log",
            "tickvals": sizes,
            "ticktext": [count(n) for n in sizes],
        },
        yaxis=axis("accuracy on real test images", y_range, tickformat=".0%"),
        shapes=[line_shape(x0=0, x1=1, y0=chance, y1=chance, xref="paper", color="@muted", dash="dot")],
        annotations=[
            annotation(f"chance {share(chance)}", x=1, y=chance, xref="paper", xanchor="right", yanchor="bottom")
        ],
    )
    values = "; ".join(f"{p.images_per_class}: {percent(p.to_real)}" for p in curve)
    worths = "; ".join(f"{row.dataset}: {row.worth.text}" for row in rows if row.worth)
    alt = (
        f"Accuracy on real test images by number of real train images per class: {values}. "
        f"Effective real images per class: {worths}."
    )
    traces = (
        _dataset_trace(row, styles[row.dataset, row.images_per_class], position)
        for row, position in zip(rows, positions, strict=True)
    )
    return Figure(name, alt, [curve_trace, *traces], layout)


def _label_positions(
    rows: Sequence[Row],
    styles: Mapping[DatasetKey, SeriesStyle],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> list[str]:
    def relative(value: float, ends: tuple[float, float]) -> float:
        return (value - ends[0]) / (ends[1] - ends[0])

    points, bars = [], []
    for row in rows:
        if row.worth and row.to_real:
            left, x, right = (relative(log10(n), x_range) for n in _drawn_ends(row.worth))
            points.append((x, relative(row.to_real.mean, y_range)))
            bars.append((left, right, relative(row.to_real.low, y_range), relative(row.to_real.high, y_range)))
    labels = [styles[row.dataset, row.images_per_class].short_label for row in rows]
    return text_positions(points, labels, PLOT_AREA, bars)


def _dataset_trace(row: Row, style: SeriesStyle, position: str) -> dict[str, Any]:
    """Draw a data set where its accuracy meets the curve; its bar ends where the curve ends."""
    assert row.worth is not None
    assert row.to_real is not None
    low, estimate, high = _drawn_ends(row.worth)
    bar_of_worth = {**error_bar(row.to_real, style.color), "array": [high - estimate], "arrayminus": [estimate - low]}
    return {
        **series_marker(style, [estimate], [row.to_real.mean], size=12),
        **point_labels([style.short_label], [position]),
        "error_x": bar_of_worth,
        "error_y": error_bar(row.to_real, style.color),
        "hovertext": [
            hover_text(style.label, percent(row.to_real), f"effective real images per class: {row.worth.text}")
        ],
    }


def _drawn_ends(worth: EffectiveReal) -> tuple[float, float, float]:
    """Return low end, estimate and high end, limited to the curve."""
    low = worth.smallest if worth.low is None else worth.low
    high = worth.largest if worth.high is None else worth.high
    return min(low, worth.estimate), worth.estimate, max(high, worth.estimate)
