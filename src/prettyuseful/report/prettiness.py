"""The first figure of a report: usefulness against prettiness, and both against the release of the generator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prettyuseful.analysis.prettiness import PrettyPoint, PrettyUseful
from prettyuseful.analysis.statistics import Interval
from prettyuseful.analysis.summary import Summary
from prettyuseful.formatting import number, percent, points
from prettyuseful.report.drawing import (
    Figure,
    annotation,
    axis,
    axis_range,
    error_bar,
    figure_layout,
    hover_text,
    line_shape,
    months_of,
    point_labels,
    release_axis,
    series_marker,
)
from prettyuseful.report.label_positions import text_positions
from prettyuseful.report.series_style import DatasetKey, SeriesStyle

_AREA = (470.0, 302.0)  # pixels of the plot area, for the positions of labels
_RELEASE_AREA = (280.0, 138.0)
_MANY_LABELS = 14
_MARGIN = 0.12
_ACCURACY = "accuracy on real test images"


@dataclass(frozen=True)
class PrettyFigures:
    """`release`: None unless the generators of two data sets have known and different dates of release."""

    result: PrettyUseful
    main: Figure
    release: Figure | None


def pretty_figures(summary: Summary, styles: Mapping[DatasetKey, SeriesStyle]) -> PrettyFigures | None:
    """Return the figures of the study's first grid cell; None if it has no usefulness against prettiness."""
    result = summary.pretty_useful
    if result is None:
        return None
    dates = {point.released for point in result.sets if point.released}
    release = _release_figure(result, styles) if len(dates) > 1 else None
    return PrettyFigures(result, _main_figure(result, styles), release)


def _main_figure(result: PrettyUseful, styles: Mapping[DatasetKey, SeriesStyle]) -> Figure:
    """Draw accuracy against the score with both intervals, real images as reference, and arrows from controls."""
    ends = _ends([point.pretty for point in result.points]), _accuracy_ends(result)
    positions = dict(zip(_labelled(result), _label_positions(result, styles, ends), strict=True))
    data = []
    for point in result.points:
        style = _style(point, styles)
        trace = {
            **series_marker(style, [point.pretty.mean], [point.useful.mean], size=15 if point.real else 12),
            "error_x": error_bar(point.pretty, style.color),
            "error_y": error_bar(point.useful, style.color),
            "hovertext": [hover_text(style.label, *_values(result, point))],
        }
        if point in positions:
            trace |= point_labels([_label(point, style)], [positions[point]])
        if point.real:
            trace["marker"] |= {"color": "@surface", "line": {"width": 2.5, "color": "@real"}}
        data.append(trace)
    layout = figure_layout(
        height=364,
        margin={"l": 58, "r": 14, "t": 12, "b": 50},
        xaxis=axis(f"{result.axis_words}  \N{RIGHTWARDS ARROW}", ends[0]),
        yaxis=axis(f"{_ACCURACY}  \N{RIGHTWARDS ARROW}", ends[1], tickformat=".0%"),
        shapes=_reference_lines(result.real) if result.real else [],
        annotations=_arrows(result),
    )
    values = "; ".join(f"{_style(point, styles).label} {', '.join(_values(result, point))}" for point in result.points)
    arrows = "".join(
        f"; from {arrow.control} to {arrow.treated} {result.axis_words} {number(arrow.pretty)}, accuracy "
        f"{points(arrow.useful)}"
        for arrow in result.arrows
    )
    return Figure("pretty-useful", f"Usefulness against {result.axis_words}: {values}{arrows}.", data, layout)


def _release_figure(result: PrettyUseful, styles: Mapping[DatasetKey, SeriesStyle]) -> Figure:
    """Draw the score (above) and accuracy (below) against the release of the generator."""
    dated = [point for point in result.sets if point.released]
    first, last = (f(months_of(point.released or "") for point in dated) for f in (min, max))
    limits = _ends([point.pretty for point in result.points]), _accuracy_ends(result)
    panels = (("y2", limits[0], [p.pretty for p in dated]), ("y", limits[1], [p.useful for p in dated]))
    data = []
    for panel, (low, high), intervals in panels:
        spots = [
            ((months_of(point.released or "") - first + 2) / (last - first + 4), (value.mean - low) / (high - low))
            for point, value in zip(dated, intervals, strict=True)
        ]
        labels = [_style(point, styles).short_label for point in dated]
        positions = text_positions(spots, labels, _RELEASE_AREA)
        for point, value, position in zip(dated, intervals, positions, strict=True):
            style = _style(point, styles)
            trace = {
                **series_marker(style, [], [value.mean], size=9),
                "x": [point.released],
                "yaxis": panel,
                "error_y": error_bar(value, style.color),
                "hovertext": [hover_text(style.label, f"released {point.released}", *_values(result, point))],
            }
            if panel == "y" and len(dated) <= _MANY_LABELS // 2:
                trace |= point_labels([style.short_label], [position])
            data.append(trace)
    lines = [(result.real.pretty.mean, "y2"), (result.real.useful.mean, "y")] if result.real else []
    layout = figure_layout(
        height=364,
        margin={"l": 54, "r": 12, "t": 12, "b": 50},
        xaxis=release_axis("release of the generator", first - 2, last + 2),
        yaxis={**axis("accuracy", limits[1], tickformat=".0%", nticks=4), "domain": [0, 0.47]},
        yaxis2={**axis(result.axis_words, limits[0], nticks=4), "domain": [0.53, 1], "anchor": "x"},
        shapes=[
            line_shape(x0=0, x1=1, y0=value, y1=value, xref="paper", yref=panel, color="@real")
            for value, panel in lines
        ],
    )
    values = "; ".join(
        f"{_style(point, styles).label} ({point.released}) {', '.join(_values(result, point))}" for point in dated
    )
    alt = f"{result.title} and accuracy by release of the generator: {values}."
    return Figure("pretty-release", alt, data, layout)


def _reference_lines(real: PrettyPoint) -> list[dict[str, Any]]:
    x, y = real.pretty.mean, real.useful.mean
    dashes = {"color": "@real", "dash": "dash", "layer": "between"}  # above the grid, below the symbols
    return [
        line_shape(x0=0, x1=1, y0=y, y1=y, xref="paper", **dashes),
        line_shape(x0=x, x1=x, y0=0, y1=1, yref="paper", **dashes),
    ]


def _arrows(result: PrettyUseful) -> list[dict[str, Any]]:
    """Return an arrow for each pre-registered comparison, from its control to the treated data set."""
    by_name = {point.dataset: point for point in result.sets}
    arrows = []
    for arrow in result.arrows:
        start, end = by_name[arrow.control], by_name[arrow.treated]
        ends = {"x": end.pretty.mean, "y": end.useful.mean, "ax": start.pretty.mean, "ay": start.useful.mean}
        head = {"axref": "x", "ayref": "y", "showarrow": True, "arrowhead": 2, "arrowwidth": 1.5, "arrowcolor": "@ink"}
        arrows.append({**annotation(""), **ends, **head, "standoff": 9, "startstandoff": 9, "opacity": 0.75})
    return arrows


def _labelled(result: PrettyUseful) -> list[PrettyPoint]:
    """Return the points with a label beside them: all, or the independent ones where there are many."""
    few = len(result.points) <= _MANY_LABELS
    labelled = [point for point in result.points if few or point.real or point.independent]
    return labelled if len(labelled) <= 2 * _MANY_LABELS else [point for point in labelled if point.real]


def _label_positions(
    result: PrettyUseful,
    styles: Mapping[DatasetKey, SeriesStyle],
    ends: tuple[tuple[float, float], tuple[float, float]],
) -> list[str]:
    labelled = _labelled(result)
    others = [point for point in result.points if point not in labelled]
    spans = [[_relative(v, e) for v, e in zip((p.pretty, p.useful), ends, strict=True)] for p in [*labelled, *others]]
    labels = [_label(point, _style(point, styles)) for point in labelled]
    positions = text_positions(
        [(x[1], y[1]) for x, y in spans],
        [*labels, *("" for _ in others)],
        _AREA,
        bars=[(x[0], x[2], y[0], y[2]) for x, y in spans],
    )
    return positions[: len(labelled)]


def _relative(interval: Interval, ends: tuple[float, float]) -> tuple[float, float, float]:
    low, mean, high = ((v - ends[0]) / (ends[1] - ends[0]) for v in (interval.low, interval.mean, interval.high))
    return low, mean, high


def _ends(intervals: Sequence[Interval]) -> tuple[float, float]:
    low, high = min(interval.low for interval in intervals), max(interval.high for interval in intervals)
    margin = _MARGIN * (high - low) or 1.0
    return low - margin, high + margin


def _accuracy_ends(result: PrettyUseful) -> tuple[float, float]:
    return axis_range([end for point in result.points for end in (point.useful.low, point.useful.high)], steps=20)


def _style(point: PrettyPoint, styles: Mapping[DatasetKey, SeriesStyle]) -> SeriesStyle:
    return styles[point.dataset, point.images_per_class]


def _label(point: PrettyPoint, style: SeriesStyle) -> str:
    return "real images" if point.real else style.short_label


def _values(result: PrettyUseful, point: PrettyPoint) -> list[str]:
    return [f"{result.axis_words} {number(point.pretty)}", f"accuracy {percent(point.useful)}"]
