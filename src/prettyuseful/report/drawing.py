"""Parts of Plotly figures that all plots share.

Colours are `@names` of custom properties of the style sheet. The script of the page replaces them for light, dark and
printed pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor
from typing import Any

from prettyuseful.analysis.statistics import Interval
from prettyuseful.report.series_style import SeriesStyle

PLOT_AREA = (430.0, 410.0)
"""Width and height of the plot area, in pixels, for which positions of labels are computed."""


@dataclass(frozen=True)
class Figure:
    """A Plotly figure. `alt` describes in words what it shows."""

    name: str
    alt: str
    data: list[dict[str, Any]]
    layout: dict[str, Any] = field(default_factory=dict)


def axis_range(fractions: Sequence[float], steps: int = 10, margin: float = 0.2) -> tuple[float, float]:
    """Return ends of an axis at multiples of 1 / `steps` around the fractions, at least `margin` steps beyond them."""
    low = max(0, floor(min(fractions, default=0.0) * steps - margin))
    high = min(steps, ceil(max(fractions, default=0.0) * steps + margin))
    return (low / steps, high / steps) if high > low else (max(0, low - 1) / steps, max(1, low) / steps)


def figure_layout(height: int, **options: Any) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 58, "r": 16, "t": 30, "b": 54},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        **options,
    }


def transfer_layout(ends: tuple[float, float]) -> dict[str, Any]:
    return figure_layout(
        height=500,
        xaxis=axis("Real→Synth: accuracy on the generated images", ends, tickformat=".0%"),
        yaxis=axis("Synth→Real: accuracy on real test images", ends, tickformat=".0%"),
        shapes=[line_shape(x0=ends[0], x1=ends[1], y0=ends[0], y1=ends[1], color="@muted", dash="dot")],
    )


def axis(title: str, ends: Sequence[Any], **options: Any) -> dict[str, Any]:
    return {
        "title": {"text": title, "standoff": 10},
        "range": list(ends),
        "fixedrange": True,
        "zeroline": False,
        "gridcolor": "@line",
        "linecolor": "@line",
        **options,
    }


def release_axis(title: str, first: int, last: int) -> dict[str, Any]:
    """Return an axis of dates between two months, see `months_of`, with a tick for each year."""
    ends = [f"{months // 12}-{months % 12 + 1:02d}" for months in (first, last)]
    return axis(title, ends, type="date", tickformat="%Y", dtick="M12")


def months_of(release: str) -> int:
    """Return the number of a month such as 2024-02."""
    year, month = release.split("-")[:2]
    return 12 * int(year) + int(month) - 1


def scatter(x: Sequence[Any], y: Sequence[float], marker: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(x),
        "y": list(y),
        "marker": marker,
        "hoverinfo": "text",
        "cliponaxis": False,
    }


def series_marker(style: SeriesStyle, x: Sequence[float], y: Sequence[float], size: int) -> dict[str, Any]:
    edge = {"width": 1.5, "color": "@surface"}
    return scatter(x, y, {"symbol": style.symbol, "size": size, "color": f"@{style.color}", "line": edge})


def point_labels(labels: Sequence[str], positions: Sequence[str]) -> dict[str, Any]:
    return {
        "mode": "markers+text",
        "text": [literal(label) for label in labels],
        "textposition": list(positions),
    }


def error_bar(interval: Interval, color: str, thickness: float = 1.5) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [interval.high - interval.mean],
        "arrayminus": [interval.mean - interval.low],
        "color": f"@{color}",
        "thickness": thickness,
        "width": 4,
    }


def line_shape(color: str, dash: str = "solid", **ends: Any) -> dict[str, Any]:
    return {"type": "line", "layer": "below", "line": {"color": color, "width": 1, "dash": dash}, **ends}


def annotation(text: str, color: str = "@muted", size: int = 12, **position: Any) -> dict[str, Any]:
    return {"text": text, "showarrow": False, "font": {"color": color, "size": size}, **position}


def literal(text: str) -> str:
    """Return text that Plotly shows as it is. Plotly interprets tags, and it does not know `&quot;`."""
    return escape(text, quote=False)


def hover_text(title: str, *lines: str) -> str:
    return "<br>".join([f"<b>{literal(title)}</b>", *(literal(line) for line in lines)])
