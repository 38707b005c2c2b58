"""What all figures are drawn with: parts of Plotly dictionaries. Colours are `@names` of the style sheet's custom
properties, which the page's script fills in for light, dark and print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor
from typing import Any

from prettyuseful.analysis.statistics import Interval
from prettyuseful.report.series_style import Look

PLOT_AREA = (430.0, 410.0)
"""The plot area that label places are computed for, in pixels."""


@dataclass(frozen=True)
class Figure:
    """A Plotly figure; `alt` says in words what it shows, for those who do not see it."""

    name: str
    alt: str
    data: list[dict[str, Any]]
    layout: dict[str, Any] = field(default_factory=dict)


def around(fractions: Sequence[float], steps: int = 10, spare: float = 0.2) -> tuple[float, float]:
    """The ends of an axis or scale: full tenths (or other `steps`) around some fractions, `spare` of a step beyond."""
    low = max(0, floor(min(fractions, default=0.0) * steps - spare))
    high = min(steps, ceil(max(fractions, default=0.0) * steps + spare))
    return (low / steps, high / steps) if high > low else (max(0, low - 1) / steps, max(1, low) / steps)


def figure_layout(height: int, **more: Any) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 58, "r": 16, "t": 30, "b": 54},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        **more,
    }


def transfer_layout(ends: tuple[float, float]) -> dict[str, Any]:
    return figure_layout(
        height=500,
        xaxis=axis("Real→Synth: how well it is recognised", ends, tickformat=".0%"),
        yaxis=axis("Synth→Real: how well it teaches", ends, tickformat=".0%"),
        shapes=[line(x0=ends[0], x1=ends[1], y0=ends[0], y1=ends[1], color="@muted", dash="dot")],
    )


def axis(title: str, ends: Sequence[Any], **more: Any) -> dict[str, Any]:
    return {
        "title": {"text": title, "standoff": 10},
        "range": list(ends),
        "fixedrange": True,
        "zeroline": False,
        "gridcolor": "@line",
        "linecolor": "@line",
        **more,
    }


def points(x: Sequence[Any], y: Sequence[float], marker: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(x),
        "y": list(y),
        "marker": marker,
        "hoverinfo": "text",
        "cliponaxis": False,
    }


def text(texts: Sequence[str], places: Sequence[str]) -> dict[str, Any]:
    return {"mode": "markers+text", "text": [escape(text) for text in texts], "textposition": list(places)}


def bar(interval: Interval, color: str, thickness: float = 1.5) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [interval.high - interval.mean],
        "arrayminus": [interval.mean - interval.low],
        "color": f"@{color}",
        "thickness": thickness,
        "width": 4,
    }


def line(color: str, dash: str = "solid", **where: Any) -> dict[str, Any]:
    return {"type": "line", "layer": "below", "line": {"color": color, "width": 1, "dash": dash}, **where}


def note(text: str, color: str = "@muted", size: int = 12, **where: Any) -> dict[str, Any]:
    return {"text": text, "showarrow": False, "font": {"color": color, "size": size}, **where}


def hover_text(title: str, *lines: str) -> str:
    return "<br>".join([f"<b>{escape(title)}</b>", *(escape(line) for line in lines)])


def marker(look: Look, x: Sequence[float], y: Sequence[float], size: int) -> dict[str, Any]:
    edge = {"width": 1.5, "color": "@surface"}
    return points(x, y, {"symbol": look.symbol, "size": size, "color": f"@{look.color}", "line": edge})
