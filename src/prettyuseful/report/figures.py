"""Figures as plain Plotly dictionaries: pure functions of what was found. Colours are `@names` of the style sheet's
custom properties, which the page's script fills in for light, dark and print."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor
from typing import Any

from prettyuseful.analysis.statistics import Interval
from prettyuseful.analysis.summary import Row
from prettyuseful.report.labels import text_positions
from prettyuseful.report.look import Look, Which
from prettyuseful.report.published import Published, PublishedTransfer

_ROW = 58
_SQUARE = (430.0, 410.0)
"""The plot area that label places are computed for, in pixels."""


@dataclass(frozen=True)
class Figure:
    """A Plotly figure; `alt` says in words what it shows, for those who do not see it."""

    name: str
    alt: str
    data: list[dict[str, Any]]
    layout: dict[str, Any] = field(default_factory=dict)


def percent(value: float) -> str:
    return f"{value:.1%}"


def with_interval(interval: Interval) -> str:
    return f"{interval.mean:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def around(fractions: Sequence[float], steps: int = 10, spare: float = 0.2) -> tuple[float, float]:
    """The ends of an axis or scale: full tenths (or other `steps`) around some fractions, `spare` of a step beyond."""
    low = max(0, floor(min(fractions, default=0.0) * steps - spare))
    high = min(steps, ceil(max(fractions, default=0.0) * steps + spare))
    return (low / steps, high / steps) if high > low else (max(0, low - 1) / steps, max(1, low) / steps)


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
    layout = _layout(
        height=84 + _ROW * len(shown),
        margin={"l": 4, "r": 12, "t": 34, "b": 44},
        xaxis=_axis("accuracy on real test images", [0, end], tickformat=".0%"),
        yaxis={"range": [-0.5, len(shown) - 0.35], "visible": False, "fixedrange": True},
        shapes=[
            *(shape for row in real for shape in _baseline_shapes(row)),
            _line(x0=chance, x1=chance, y0=0, y1=1, yref="paper", color="@muted", dash="dot"),
            *(_line(x0=0, x1=end, y0=y, y1=y, color="@line") for y in range(len(shown))),
        ],
        annotations=[
            *notes,
            _note(f"chance {percent(chance)}", x=chance, y=1, yref="paper", yanchor="bottom", xanchor="left"),
            *(
                _note("real images", x=row.to_real.mean, y=1, yref="paper", yanchor="bottom", xanchor="right")
                for row in real[-1:]
                if row.to_real and row.to_real.mean > 0.3 * end
            ),
        ],
    )
    told = "; ".join(
        f"{looks[r.dataset, r.images_per_class].label} {with_interval(r.to_real)}" for r in shown if r.to_real
    )
    return Figure(name, f"Accuracy on real test images: {told}; chance {percent(chance)}.", data, layout)


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
            **_marker(look, [x.mean], [y.mean], size=12),
            **_text([look.short], [place]),
            "error_x": _bar(x, look.color),
            "error_y": _bar(y, look.color),
            "hovertext": [_hover(look.label, f"Synth→Real {with_interval(y)}", f"Real→Synth {with_interval(x)}")],
        }
        for (look, x, y), place in zip(points, places, strict=True)
    ]
    told = "; ".join(
        f"{look.label} Real to Synth {with_interval(x)}, Synth to Real {with_interval(y)}" for look, x, y in points
    )
    return Figure(name, f"Both directions of transfer: {told}.", data, _transfer_layout(ends))


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
            **_marker(look, [x.mean], [y.mean], size=14),
            **_text([look.short], [place]),
            "error_x": _bar(x, "muted"),
            "error_y": _bar(y, "muted"),
            "hovertext": [_hover(look.label, f"density {_number(y)}", f"coverage {_number(x)}", *_accuracy_words(row))],
        }
        trace["marker"] |= _filled_by(row, scale)
        data.append(trace)
    told = "; ".join(f"{look.label} density {_number(y)}, coverage {_number(x)}" for _, look, x, y in points)
    layout = _layout(
        height=480,
        xaxis=_axis("coverage: how much of the real variety is there", across),
        yaxis=_axis("density: how typical the images are", up),
    )
    return Figure(name, f"Density against coverage: {told}.", data, layout)


def published_release_figure(published: Published) -> Figure:
    """The paper's trend: accuracy on real images against the models' release."""
    points = [found for found in published.generated if found.release]
    ends = _months(min(p.release or "" for p in points)) - 3, _months(max(p.release or "" for p in points)) + 3
    area = [((_months(p.release or "") - ends[0]) / (ends[1] - ends[0]), p.synth_to_real / 0.8) for p in points]
    places = text_positions(area, [p.model for p in points], (480.0, 330.0))
    data = [
        {
            **_published_marker("class-name", [p.release for p in points], [p.synth_to_real for p in points]),
            **_text([p.model for p in points], places),
            "hovertext": [
                _hover(p.model, f"released {p.release}", f"Synth→Real {p.synth_to_real:.3f}") for p in points
            ],
        }
    ]
    real = published.real.synth_to_real
    layout = _layout(
        height=400,
        xaxis=_axis(
            "release of the model", [_month(ends[0]), _month(ends[1])], type="date", tickformat="%Y", dtick="M12"
        ),
        yaxis=_axis("Synth→Real accuracy", [0, 0.8], tickformat=".0%"),
        shapes=[_line(x0=0, x1=1, y0=real, y1=real, xref="paper", color="@real")],
        annotations=[_note(f"real images {real:.3f}", x=1, y=real, xref="paper", xanchor="right", yanchor="top")],
    )
    told = "; ".join(f"{p.model} ({p.release}) {p.synth_to_real:.3f}" for p in points)
    return Figure(
        "published-release", f"Published accuracy on real images by release: {told}; real {real}.", data, layout
    )


def published_transfer_figure(published: Published) -> Figure:
    """Both directions of transfer in the paper, class names and captions."""
    real = published.real
    across, up = (0.0, 1.15), (0.0, 0.8)
    layout = _transfer_layout(up)
    layout["xaxis"]["range"] = list(across)
    layout["annotations"] = [_note("real images", x=real.real_to_synth, y=real.synth_to_real, yshift=14)]
    data = [
        *_published_pairs(published.generated, _transfer_values, ("Real→Synth", "Synth→Real"), (across[1], up[1])),
        {
            **_marker(Look("real", "real", "diamond"), [real.real_to_synth], [real.synth_to_real], size=12),
            "hovertext": [_hover("real images", f"Real→Real {real.synth_to_real:.3f}")],
        },
    ]
    told = "; ".join(
        f"{p.model} {p.prompts}: Real to Synth {p.real_to_synth:.3f}, Synth to Real {p.synth_to_real:.3f}"
        for p in published.generated
    )
    return Figure("published-transfer", f"Published transfer in both directions: {told}.", data, layout)


def published_distribution_figure(published: Published) -> Figure:
    """Density and coverage in the paper, class names and captions."""
    found = published.distributions
    ends = (0.5, 1.0)
    layout = _layout(height=480, xaxis=_axis("coverage", [0, ends[0]]), yaxis=_axis("density", [0, ends[1]]))
    data = _published_pairs(found, lambda p: (p.coverage, p.density), ("coverage", "density"), ends)
    told = "; ".join(f"{p.model} {p.prompts}: density {p.density}, coverage {p.coverage}" for p in found)
    return Figure("published-distribution", f"Published density against coverage: {told}.", data, layout)


def _accuracy_traces(row: Row, look: Look, y: float) -> list[dict[str, Any]]:
    assert row.to_real is not None
    hover = _hover(look.label, f"accuracy {with_interval(row.to_real)}", f"covers {row.to_real.covers}")
    seeds = {
        "type": "scatter",
        "mode": "markers",
        "x": list(row.seeds),
        "y": [y - 0.2] * len(row.seeds),
        "marker": {"symbol": "line-ns-open", "size": 9, "color": f"@{look.color}", "line": {"width": 1.5}},
        "hoverinfo": "text",
        "hovertext": [_hover(look.label, f"one training seed: {percent(value)}") for value in row.seeds],
    }
    mean = {
        **_marker(look, [row.to_real.mean], [y], size=12),
        "error_x": _bar(row.to_real, look.color, thickness=2.5),
        "hovertext": [hover],
    }
    return [seeds, mean]


def _line_labels(row: Row, look: Look, y: float) -> list[dict[str, Any]]:
    assert row.to_real is not None
    common: dict[str, Any] = {"y": y + 0.08, "xref": "paper", "yanchor": "bottom", "bgcolor": "@veil", "borderpad": 1}
    return [
        _note(f"<b>{escape(look.long)}</b>", x=0, xanchor="left", color="@ink", size=13, **common),
        _note(with_interval(row.to_real), x=1, xanchor="right", **common),
    ]


def _baseline_shapes(row: Row) -> list[dict[str, Any]]:
    assert row.to_real is not None
    low, high, mean = row.to_real.low, row.to_real.high, row.to_real.mean
    band = {"type": "rect", "layer": "below", "line": {"width": 0}, "fillcolor": "@band"}
    return [
        {**band, "x0": low, "x1": high, "y0": 0, "y1": 1, "yref": "paper"},
        _line(x0=mean, x1=mean, y0=0, y1=1, yref="paper", color="@real"),
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
    return [f"{'Real' if row.real else 'Synth'}→Real {with_interval(row.to_real)}"]


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
        _SQUARE,
        bars=[(x[0], x[2], y[0], y[2]) for x, y in spans],
    )


def _transfer_values(found: PublishedTransfer) -> tuple[float, float]:
    return found.real_to_synth, found.synth_to_real


def _published_pairs(
    found: Sequence[Any],
    values: Callable[[Any], tuple[float, float]],
    names: tuple[str, str],
    ends: tuple[float, float],
) -> list[dict[str, Any]]:
    """A trace per prompt strategy, filled for class names and hollow for captions, labelled together."""
    pairs = [values(one) for one in found]
    places = text_positions([(x / ends[0], y / ends[1]) for x, y in pairs], [one.model for one in found], _SQUARE)
    traces = []
    for prompts in ("class-name", "caption"):
        own = [i for i, one in enumerate(found) if one.prompts == prompts]
        hover = [
            _hover(found[i].model, prompts, *(f"{n} {v:.3f}" for n, v in zip(names, pairs[i], strict=True)))
            for i in own
        ]
        traces.append(
            {
                **_published_marker(prompts, [pairs[i][0] for i in own], [pairs[i][1] for i in own]),
                **_text([found[i].model for i in own], [places[i] for i in own]),
                "hovertext": hover,
            }
        )
    return traces


def _published_marker(prompts: str, x: Sequence[Any], y: Sequence[float]) -> dict[str, Any]:
    filled = prompts == "class-name"
    marker = {
        "symbol": "circle" if filled else "square",
        "size": 10,
        "color": "@published" if filled else "@published-surface",
        "line": {"width": 2, "color": "@published"},
    }
    return _points(x, y, marker)


def _marker(look: Look, x: Sequence[float], y: Sequence[float], size: int) -> dict[str, Any]:
    edge = {"width": 1.5, "color": "@surface"}
    return _points(x, y, {"symbol": look.symbol, "size": size, "color": f"@{look.color}", "line": edge})


def _points(x: Sequence[Any], y: Sequence[float], marker: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(x),
        "y": list(y),
        "marker": marker,
        "hoverinfo": "text",
        "cliponaxis": False,
    }


def _text(texts: Sequence[str], places: Sequence[str]) -> dict[str, Any]:
    return {"mode": "markers+text", "text": [escape(text) for text in texts], "textposition": list(places)}


def _bar(interval: Interval, color: str, thickness: float = 1.5) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [interval.high - interval.mean],
        "arrayminus": [interval.mean - interval.low],
        "color": f"@{color}",
        "thickness": thickness,
        "width": 4,
    }


def _hover(title: str, *lines: str) -> str:
    return "<br>".join([f"<b>{escape(title)}</b>", *(escape(line) for line in lines)])


def _number(interval: Interval) -> str:
    return f"{interval.mean:.2f} ({interval.low:.2f} to {interval.high:.2f})"


def _transfer_layout(ends: tuple[float, float]) -> dict[str, Any]:
    return _layout(
        height=500,
        xaxis=_axis("Real→Synth: how well it is recognised", ends, tickformat=".0%"),
        yaxis=_axis("Synth→Real: how well it teaches", ends, tickformat=".0%"),
        shapes=[_line(x0=ends[0], x1=ends[1], y0=ends[0], y1=ends[1], color="@muted", dash="dot")],
    )


def _layout(height: int, **more: Any) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 58, "r": 16, "t": 30, "b": 54},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        **more,
    }


def _axis(title: str, ends: Sequence[Any], **more: Any) -> dict[str, Any]:
    return {
        "title": {"text": title, "standoff": 10},
        "range": list(ends),
        "fixedrange": True,
        "zeroline": False,
        "gridcolor": "@line",
        "linecolor": "@line",
        **more,
    }


def _line(color: str, dash: str = "solid", **where: Any) -> dict[str, Any]:
    return {"type": "line", "layer": "below", "line": {"color": color, "width": 1, "dash": dash}, **where}


def _note(text: str, color: str = "@muted", size: int = 12, **where: Any) -> dict[str, Any]:
    return {"text": text, "showarrow": False, "font": {"color": color, "size": size}, **where}


def _mean_to_real(row: Row) -> float:
    assert row.to_real is not None
    return row.to_real.mean


def _months(release: str) -> int:
    year, month = release.split("-")
    return 12 * int(year) + int(month) - 1


def _month(months: int) -> str:
    return f"{months // 12}-{months % 12 + 1:02d}"
