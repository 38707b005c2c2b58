"""The figures of measured values: accuracy, transfer in both directions, and distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prettyuseful.analysis.rows import Row
from prettyuseful.analysis.statistics import Interval
from prettyuseful.formatting import number, percent, share
from prettyuseful.report.drawing import (
    PLOT_AREA,
    Figure,
    annotation,
    axis,
    error_bar,
    figure_layout,
    hover_text,
    line_shape,
    literal,
    point_labels,
    series_marker,
    transfer_layout,
)
from prettyuseful.report.label_positions import text_positions
from prettyuseful.report.series_style import DatasetKey, SeriesStyle

_ROW_HEIGHT = 58


def accuracy_figure(
    name: str, rows: Sequence[Row], styles: Mapping[DatasetKey, SeriesStyle], chance: float, end: float
) -> Figure:
    """Draw a line per data set, best first, with interval, training seeds, the baseline of real images and chance."""
    real = [row for row in rows if row.real and row.to_real]
    generated = sorted((row for row in rows if not row.real and row.to_real), key=_mean_accuracy, reverse=True)
    ordered = [*real, *generated]
    data, labels = [], []
    for i, row in enumerate(ordered):
        style, y = styles[row.dataset, row.images_per_class], float(len(ordered) - 1 - i)
        data += _accuracy_traces(row, style, y)
        labels += _row_labels(row, style, y)
    above: dict[str, Any] = {"y": 1, "yref": "paper", "yanchor": "bottom"}
    layout = figure_layout(
        height=84 + _ROW_HEIGHT * len(ordered),
        margin={"l": 4, "r": 12, "t": 34, "b": 44},
        xaxis=axis("accuracy on real test images", [0, end], tickformat=".0%"),
        yaxis={"range": [-0.5, len(ordered) - 0.35], "visible": False, "fixedrange": True},
        shapes=[
            *(shape for row in real for shape in _baseline_shapes(row)),
            line_shape(x0=chance, x1=chance, y0=0, y1=1, yref="paper", color="@muted", dash="dot"),
            *(line_shape(x0=0, x1=end, y0=y, y1=y, color="@line") for y in range(len(ordered))),
        ],
        annotations=[
            *labels,
            annotation(f"chance {share(chance)}", x=chance, xanchor="left", **above),
            *(
                annotation("real images", x=row.to_real.mean, xanchor="right", **above)
                for row in real[-1:]
                if row.to_real and row.to_real.mean > 0.3 * end
            ),
        ],
    )
    values = "; ".join(
        f"{styles[row.dataset, row.images_per_class].label} {percent(row.to_real)}" for row in ordered if row.to_real
    )
    return Figure(name, f"Accuracy on real test images: {values}; chance {share(chance)}.", data, layout)


def transfer_figure(
    name: str, rows: Sequence[Row], styles: Mapping[DatasetKey, SeriesStyle], ends: tuple[float, float]
) -> Figure:
    """Draw Synth->Real against Real->Synth."""
    pairs = [
        (styles[row.dataset, row.images_per_class], x, row.to_real)
        for row in rows
        if row.to_real and (x := row.to_real if row.real else row.from_real)
    ]
    positions = _label_positions(pairs, ends, ends)
    data = [
        {
            **series_marker(style, [x.mean], [y.mean], size=12),
            **point_labels([style.short_label], [position]),
            "error_x": error_bar(x, style.color),
            "error_y": error_bar(y, style.color),
            "hovertext": [hover_text(style.label, f"Synth→Real {percent(y)}", f"Real→Synth {percent(x)}")],
        }
        for (style, x, y), position in zip(pairs, positions, strict=True)
    ]
    values = "; ".join(f"{style.label} Real→Synth {percent(x)}, Synth→Real {percent(y)}" for style, x, y in pairs)
    return Figure(name, f"Synth→Real against Real→Synth: {values}.", data, transfer_layout(ends))


def distribution_figure(
    name: str, rows: Sequence[Row], styles: Mapping[DatasetKey, SeriesStyle], scale: tuple[float, float]
) -> Figure:
    """Draw density against coverage, filled by accuracy on real images; the real control is a hollow diamond."""
    measured = [
        (row, styles[row.dataset, row.images_per_class], row.metrics["coverage"], row.metrics["density"])
        for row in rows
        if {"coverage", "density"} <= row.metrics.keys()
    ]
    x_range = (0.0, min(1.05, 1.15 * max([x.high for _, _, x, _ in measured], default=1.0)))
    y_range = (0.0, 1.12 * max([y.high for _, _, _, y in measured], default=1.0))
    positions = _label_positions([(style, x, y) for _, style, x, y in measured], x_range, y_range)
    data = []
    for (row, style, x, y), position in zip(measured, positions, strict=True):
        lines = [f"density {number(y)}", f"coverage {number(x)}", *_accuracy_line(row)]
        trace = {
            **series_marker(style, [x.mean], [y.mean], size=14),
            **point_labels([style.short_label], [position]),
            "error_x": error_bar(x, "muted"),
            "error_y": error_bar(y, "muted"),
            "hovertext": [hover_text(style.label, *lines)],
        }
        trace["marker"] |= _accuracy_fill(row, scale)
        data.append(trace)
    values = "; ".join(f"{style.label} density {number(y)}, coverage {number(x)}" for _, style, x, y in measured)
    layout = figure_layout(
        height=480,
        xaxis=axis("coverage: share of real images with a generated image nearby", x_range),
        yaxis=axis("density: how typical the generated images are", y_range),
    )
    return Figure(name, f"Density against coverage: {values}.", data, layout)


def _accuracy_traces(row: Row, style: SeriesStyle, y: float) -> list[dict[str, Any]]:
    assert row.to_real is not None
    hover = hover_text(style.label, f"accuracy {percent(row.to_real)}", f"the interval covers {row.to_real.covers}")
    seeds = {
        "type": "scatter",
        "mode": "markers",
        "x": list(row.seeds),
        "y": [y - 0.2] * len(row.seeds),
        "marker": {"symbol": "line-ns-open", "size": 9, "color": f"@{style.color}", "line": {"width": 1.5}},
        "hoverinfo": "text",
        "hovertext": [hover_text(style.label, f"one training seed: {share(value)}") for value in row.seeds],
    }
    mean = {
        **series_marker(style, [row.to_real.mean], [y], size=12),
        "error_x": error_bar(row.to_real, style.color, thickness=2.5),
        "hovertext": [hover],
    }
    return [seeds, mean]


def _row_labels(row: Row, style: SeriesStyle, y: float) -> list[dict[str, Any]]:
    assert row.to_real is not None
    text = f"<b>{literal(style.long_label)}</b>   {percent(row.to_real)}"
    position: dict[str, Any] = {"x": 0, "y": y + 0.08, "xref": "paper", "xanchor": "left", "yanchor": "bottom"}
    return [annotation(text, color="@ink", size=13, bgcolor="@veil", borderpad=1, **position)]


def _baseline_shapes(row: Row) -> list[dict[str, Any]]:
    assert row.to_real is not None
    low, high, mean = row.to_real.low, row.to_real.high, row.to_real.mean
    band = {"type": "rect", "layer": "below", "line": {"width": 0}, "fillcolor": "@band"}
    return [
        {**band, "x0": low, "x1": high, "y0": 0, "y1": 1, "yref": "paper"},
        line_shape(x0=mean, x1=mean, y0=0, y1=1, yref="paper", color="@real"),
    ]


def _accuracy_fill(row: Row, ends: tuple[float, float]) -> dict[str, Any]:
    """Return marker fields that show the accuracy on a colour scale; the control and unknown values stay hollow."""
    outline = {"width": 1.5, "color": "@ink"}
    if row.real or row.to_real is None:
        return {"color": "@surface", "line": outline | {"width": 2.5}}
    scale = {
        "colorscale": [[0, "@scale-low"], [1, "@scale-high"]],
        "cmin": ends[0],
        "cmax": ends[1],
        "showscale": False,
    }
    return {"color": [row.to_real.mean], "line": outline, **scale}


def _accuracy_line(row: Row) -> list[str]:
    if row.to_real is None:
        return []
    return [f"{'Real' if row.real else 'Mixed' if row.holds_real else 'Synth'}→Real {percent(row.to_real)}"]


def _label_positions(
    points: Sequence[tuple[SeriesStyle, Interval, Interval]],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> list[str]:
    """Return positions of labels that avoid markers and interval bars."""

    def relative(interval: Interval, ends: tuple[float, float]) -> tuple[float, float, float]:
        low, mean, high = ((v - ends[0]) / (ends[1] - ends[0]) for v in (interval.low, interval.mean, interval.high))
        return low, mean, high

    spans = [(relative(x, x_range), relative(y, y_range)) for _, x, y in points]
    return text_positions(
        [(x[1], y[1]) for x, y in spans],
        [style.short_label for style, _, _ in points],
        PLOT_AREA,
        bars=[(x[0], x[2], y[0], y[2]) for x, y in spans],
    )


def _mean_accuracy(row: Row) -> float:
    assert row.to_real is not None
    return row.to_real.mean
