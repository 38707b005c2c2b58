"""The figures of what was measured: pure functions of the summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from prettyuseful.analysis.rows import Row
from prettyuseful.analysis.statistics import Interval
from prettyuseful.formatting import number, percent, share
from prettyuseful.report.drawing import (
    PLOT_AREA,
    Figure,
    axis,
    bar,
    figure_layout,
    hover_text,
    line,
    marker,
    note,
    text,
    transfer_layout,
)
from prettyuseful.report.label_positions import text_positions
from prettyuseful.report.series_style import Look, Which

_ROW = 58


def accuracy_figure(name: str, rows: Sequence[Row], looks: Mapping[Which, Look], chance: float, end: float) -> Figure:
    """A line per data set, best first, with interval, a tick per training seed, the real baseline and chance."""
    real = [row for row in rows if row.real and row.to_real]
    generated = sorted((row for row in rows if not row.real and row.to_real), key=_mean_to_real, reverse=True)
    shown = [*real, *generated]
    data, notes = [], []
    for place, row in enumerate(shown):
        look, y = looks[row.dataset, row.images_per_class], float(len(shown) - 1 - place)
        data += _accuracy_traces(row, look, y)
        notes += _line_labels(row, look, y)
    layout = figure_layout(
        height=84 + _ROW * len(shown),
        margin={"l": 4, "r": 12, "t": 34, "b": 44},
        xaxis=axis("accuracy on real test images", [0, end], tickformat=".0%"),
        yaxis={"range": [-0.5, len(shown) - 0.35], "visible": False, "fixedrange": True},
        shapes=[
            *(shape for row in real for shape in _baseline_shapes(row)),
            line(x0=chance, x1=chance, y0=0, y1=1, yref="paper", color="@muted", dash="dot"),
            *(line(x0=0, x1=end, y0=y, y1=y, color="@line") for y in range(len(shown))),
        ],
        annotations=[
            *notes,
            note(f"chance {share(chance)}", x=chance, y=1, yref="paper", yanchor="bottom", xanchor="left"),
            *(
                note("real images", x=row.to_real.mean, y=1, yref="paper", yanchor="bottom", xanchor="right")
                for row in real[-1:]
                if row.to_real and row.to_real.mean > 0.3 * end
            ),
        ],
    )
    told = "; ".join(f"{looks[r.dataset, r.images_per_class].label} {percent(r.to_real)}" for r in shown if r.to_real)
    return Figure(name, f"Accuracy on real test images: {told}; chance {share(chance)}.", data, layout)


def transfer_figure(name: str, rows: Sequence[Row], looks: Mapping[Which, Look], ends: tuple[float, float]) -> Figure:
    """How much of a data set the real-trained classifier recognises, against how much the data set teaches."""
    points = [
        (looks[row.dataset, row.images_per_class], x, row.to_real)
        for row in rows
        if row.to_real and (x := row.to_real if row.real else row.from_real)
    ]
    places = _places([(look, x, y) for look, x, y in points], ends, ends)
    data = [
        {
            **marker(look, [x.mean], [y.mean], size=12),
            **text([look.short], [place]),
            "error_x": bar(x, look.color),
            "error_y": bar(y, look.color),
            "hovertext": [hover_text(look.label, f"Synth→Real {percent(y)}", f"Real→Synth {percent(x)}")],
        }
        for (look, x, y), place in zip(points, places, strict=True)
    ]
    told = "; ".join(f"{look.label} Real to Synth {percent(x)}, Synth to Real {percent(y)}" for look, x, y in points)
    return Figure(name, f"Both directions of transfer: {told}.", data, transfer_layout(ends))


def distribution_figure(
    name: str, rows: Sequence[Row], looks: Mapping[Which, Look], scale: tuple[float, float]
) -> Figure:
    """Coverage across, density up; filled by accuracy on real images. The real control stands apart as a diamond."""
    points = [
        (row, looks[row.dataset, row.images_per_class], row.metrics["coverage"], row.metrics["density"])
        for row in rows
        if {"coverage", "density"} <= row.metrics.keys()
    ]
    across = (0.0, min(1.05, 1.15 * max([x.high for _, _, x, _ in points], default=1.0)))
    up = (0.0, 1.12 * max([y.high for _, _, _, y in points], default=1.0))
    places = _places([(look, x, y) for _, look, x, y in points], across, up)
    data = []
    for (row, look, x, y), place in zip(points, places, strict=True):
        trace = {
            **marker(look, [x.mean], [y.mean], size=14),
            **text([look.short], [place]),
            "error_x": bar(x, "muted"),
            "error_y": bar(y, "muted"),
            "hovertext": [
                hover_text(look.label, f"density {number(y)}", f"coverage {number(x)}", *_accuracy_words(row))
            ],
        }
        trace["marker"] |= _filled_by(row, scale)
        data.append(trace)
    told = "; ".join(f"{look.label} density {number(y)}, coverage {number(x)}" for _, look, x, y in points)
    layout = figure_layout(
        height=480,
        xaxis=axis("coverage: how much of the real variety is there", across),
        yaxis=axis("density: how typical the images are", up),
    )
    return Figure(name, f"Density against coverage: {told}.", data, layout)


def _accuracy_traces(row: Row, look: Look, y: float) -> list[dict[str, Any]]:
    assert row.to_real is not None
    hover = hover_text(look.label, f"accuracy {percent(row.to_real)}", f"covers {row.to_real.covers}")
    seeds = {
        "type": "scatter",
        "mode": "markers",
        "x": list(row.seeds),
        "y": [y - 0.2] * len(row.seeds),
        "marker": {"symbol": "line-ns-open", "size": 9, "color": f"@{look.color}", "line": {"width": 1.5}},
        "hoverinfo": "text",
        "hovertext": [hover_text(look.label, f"one training seed: {share(value)}") for value in row.seeds],
    }
    mean = {
        **marker(look, [row.to_real.mean], [y], size=12),
        "error_x": bar(row.to_real, look.color, thickness=2.5),
        "hovertext": [hover],
    }
    return [seeds, mean]


def _line_labels(row: Row, look: Look, y: float) -> list[dict[str, Any]]:
    assert row.to_real is not None
    words = f"<b>{escape(look.long)}</b>   {percent(row.to_real)}"
    place: dict[str, Any] = {"x": 0, "y": y + 0.08, "xref": "paper", "xanchor": "left", "yanchor": "bottom"}
    return [note(words, color="@ink", size=13, bgcolor="@veil", borderpad=1, **place)]


def _baseline_shapes(row: Row) -> list[dict[str, Any]]:
    assert row.to_real is not None
    low, high, mean = row.to_real.low, row.to_real.high, row.to_real.mean
    band = {"type": "rect", "layer": "below", "line": {"width": 0}, "fillcolor": "@band"}
    return [
        {**band, "x0": low, "x1": high, "y0": 0, "y1": 1, "yref": "paper"},
        line(x0=mean, x1=mean, y0=0, y1=1, yref="paper", color="@real"),
    ]


def _filled_by(row: Row, ends: tuple[float, float]) -> dict[str, Any]:
    """The fill of a marker: the accuracy on a scale; the control and unknowns stay hollow."""
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


def _accuracy_words(row: Row) -> list[str]:
    if row.to_real is None:
        return []
    return [f"{'Real' if row.real else 'Mixed' if row.holds_real else 'Synth'}→Real {percent(row.to_real)}"]


def _places(
    points: Sequence[tuple[Look, Interval, Interval]], across: tuple[float, float], up: tuple[float, float]
) -> list[str]:
    """Where the labels go, clear of markers and interval bars."""

    def span(interval: Interval, ends: tuple[float, float]) -> tuple[float, float, float]:
        low, mean, high = ((v - ends[0]) / (ends[1] - ends[0]) for v in (interval.low, interval.mean, interval.high))
        return low, mean, high

    spans = [(span(x, across), span(y, up)) for _, x, y in points]
    return text_positions(
        [(x[1], y[1]) for x, y in spans],
        [look.short for look, _, _ in points],
        PLOT_AREA,
        bars=[(x[0], x[2], y[0], y[2]) for x, y in spans],
    )


def _mean_to_real(row: Row) -> float:
    assert row.to_real is not None
    return row.to_real.mean
