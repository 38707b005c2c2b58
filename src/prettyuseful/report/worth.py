"""How many real images a data set is worth: read off the curve of classifiers trained on real images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10
from typing import Any

from prettyuseful.analysis.effective import EffectiveReal
from prettyuseful.analysis.rows import CurvePoint, Row
from prettyuseful.analysis.summary import Summary
from prettyuseful.formatting import percent, share
from prettyuseful.report.cells import cell_title
from prettyuseful.report.drawing import (
    PLOT_AREA,
    Figure,
    around,
    axis,
    bar,
    figure_layout,
    hover_text,
    line,
    marker,
    note,
    points,
    text,
)
from prettyuseful.report.label_positions import text_positions
from prettyuseful.report.series_style import Look, Which


@dataclass(frozen=True)
class Worth:
    """One cell's curve, trained in the steps of `steps_of` images per class, and the data sets of that size."""

    title: str
    steps_of: int
    rows: tuple[Row, ...]
    figure: Figure


def worths(summary: Summary, looks: Mapping[Which, Look]) -> tuple[Worth, ...]:
    """One for each cell and size of data sets that has a curve and a data set to read off it."""
    found = []
    for number, (cell, steps_of) in enumerate(dict.fromkeys((p.cell, p.steps_of) for p in summary.curve)):
        curve = [p for p in summary.curve if (p.cell, p.steps_of) == (cell, steps_of)]
        rows = tuple(
            row
            for row in summary.rows
            if row.worth and row.to_real and (row.cell, row.images_per_class) == (cell, steps_of)
        )
        if rows:
            figure = _figure(f"worth-{number}", curve, rows, looks, summary.study.task.chance)
            found.append(Worth(cell_title(cell), steps_of, rows, figure))
    return tuple(found)


def _figure(
    name: str, curve: Sequence[CurvePoint], rows: Sequence[Row], looks: Mapping[Which, Look], chance: float
) -> Figure:
    sizes = [point.images_per_class for point in curve]
    across = (log10(sizes[0] / 1.5), log10(sizes[-1] * 1.5))
    found = [point.to_real for point in curve] + [row.to_real for row in rows if row.to_real]
    up = around([chance, *(end for interval in found for end in (interval.low, interval.high))])
    places = _label_places(rows, looks, across, up)
    means = [point.to_real.mean for point in curve]
    drawn: dict[str, Any] = {
        **points(sizes, means, {"symbol": "diamond", "size": 9, "color": "@real"}),
        "mode": "lines+markers",
        "line": {"color": "@real", "width": 1.5},
        "error_y": {
            **bar(curve[0].to_real, "real"),
            "array": [point.to_real.high - point.to_real.mean for point in curve],
            "arrayminus": [point.to_real.mean - point.to_real.low for point in curve],
        },
        "hovertext": [hover_text(f"{p.images_per_class} real per class", percent(p.to_real)) for p in curve],
    }
    layout = figure_layout(
        height=420,
        xaxis={
            **axis("real images per class", across),
            "type": "log",
            "tickvals": sizes,
            "ticktext": [str(n) for n in sizes],
        },
        yaxis=axis("accuracy on real test images", up, tickformat=".0%"),
        shapes=[line(x0=0, x1=1, y0=chance, y1=chance, xref="paper", color="@muted", dash="dot")],
        annotations=[note(f"chance {share(chance)}", x=1, y=chance, xref="paper", xanchor="right", yanchor="bottom")],
    )
    told = "; ".join(f"{p.images_per_class}: {percent(p.to_real)}" for p in curve)
    worth = "; ".join(f"{row.dataset} is worth {row.worth.words}" for row in rows if row.worth)
    alt = f"Accuracy on real images by the number of real train images per class: {told}. {worth}."
    shown = (
        _point(row, looks[row.dataset, row.images_per_class], place) for row, place in zip(rows, places, strict=True)
    )
    return Figure(name, alt, [drawn, *shown], layout)


def _label_places(
    rows: Sequence[Row], looks: Mapping[Which, Look], across: tuple[float, float], up: tuple[float, float]
) -> list[str]:
    def share(value: float, ends: tuple[float, float]) -> float:
        return (value - ends[0]) / (ends[1] - ends[0])

    points, bars = [], []
    for row in rows:
        if row.worth and row.to_real:
            left, x, right = (share(log10(n), across) for n in _ends(row.worth))
            points.append((x, share(row.to_real.mean, up)))
            bars.append((left, right, share(row.to_real.low, up), share(row.to_real.high, up)))
    return text_positions(points, [looks[row.dataset, row.images_per_class].short for row in rows], PLOT_AREA, bars)


def _point(row: Row, look: Look, place: str) -> dict[str, Any]:
    """A data set where its accuracy meets the curve; its bar ends where the curve does."""
    assert row.worth is not None
    assert row.to_real is not None
    low, estimate, high = _ends(row.worth)
    across = {**bar(row.to_real, look.color), "array": [high - estimate], "arrayminus": [estimate - low]}
    return {
        **marker(look, [estimate], [row.to_real.mean], size=12),
        **text([look.short], [place]),
        "error_x": across,
        "error_y": bar(row.to_real, look.color),
        "hovertext": [hover_text(look.label, percent(row.to_real), f"real images per class: {row.worth.words}")],
    }


def _ends(worth: EffectiveReal) -> tuple[float, float, float]:
    """Low end, estimate and high end as they are drawn: within the curve."""
    low = worth.smallest if worth.low is None else worth.low
    high = worth.largest if worth.high is None else worth.high
    return min(low, worth.estimate), worth.estimate, max(high, worth.estimate)
