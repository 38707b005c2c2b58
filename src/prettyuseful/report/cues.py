"""Cue by cue: what each data set teaches when a probe leaves one cue in training and test images alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prettyuseful.analysis.summary import Row, Summary
from prettyuseful.report.drawing import (
    Figure,
    axis,
    bar,
    figure_layout,
    hover_text,
    line,
    marker,
    note,
    percent,
    with_interval,
)
from prettyuseful.report.look import Look, Which

_SPREAD = 0.56  # of the room that a probe has across


@dataclass(frozen=True)
class CueLine:
    """A data set with its row for every probe; None where there is none."""

    look: Look
    rows: tuple[Row | None, ...]


@dataclass(frozen=True)
class Cues:
    """One architecture and recipe under several probes."""

    title: str
    probes: tuple[str, ...]
    lines: tuple[CueLine, ...]
    figure: Figure


def cues(summary: Summary, looks: Mapping[Which, Look]) -> tuple[Cues, ...]:
    """One for each architecture and recipe that was tried with more than one probe."""
    found = []
    trained = dict.fromkeys(row.cell[:2] for row in summary.rows)
    for number, (architecture, recipe) in enumerate(trained):
        rows = {
            (row.cell[2], row.dataset, row.images_per_class): row
            for row in summary.rows
            if row.cell[:2] == (architecture, recipe) and row.to_real
        }
        probes = tuple(dict.fromkeys(probe for probe, *_ in rows))
        if len(probes) > 1:
            lines = tuple(
                CueLine(look, tuple(rows.get((probe, *which)) for probe in probes)) for which, look in looks.items()
            )
            lines = tuple(one for one in lines if any(one.rows))
            title = f"{architecture}, recipe {recipe}"
            figure = _figure(f"cues-{number}", probes, lines, summary.study.task.get("chance", 0.0))
            found.append(Cues(title, probes, lines, figure))
    return tuple(found)


def _figure(name: str, probes: Sequence[str], lines: Sequence[CueLine], chance: float) -> Figure:
    """Accuracy on real images, a column per probe, data sets side by side in it."""
    data = [trace for place, one in enumerate(lines) for trace in _traces(one, probes, place, len(lines))]
    layout = figure_layout(
        height=420,
        xaxis={
            **axis("probe", [-0.5, len(probes) - 0.5]),
            "tickvals": list(range(len(probes))),
            "ticktext": list(probes),
            "showgrid": False,
        },
        yaxis=axis("accuracy on real test images, probed too", [0, 1], tickformat=".0%"),
        shapes=[
            line(x0=0, x1=1, y0=chance, y1=chance, xref="paper", color="@muted", dash="dot"),
            *(line(x0=i + 0.5, x1=i + 0.5, y0=0, y1=1, color="@line") for i in range(len(probes) - 1)),
        ],
        annotations=[note(f"chance {percent(chance)}", x=1, y=chance, xref="paper", xanchor="right", yanchor="bottom")],
    )
    told = "; ".join(
        f"{one.look.label}: "
        + ", ".join(
            f"{probe} {with_interval(row.to_real)}"
            for probe, row in zip(probes, one.rows, strict=True)
            if row and row.to_real
        )
        for one in lines
    )
    return Figure(name, f"Accuracy on real test images by probe: {told}; chance {percent(chance)}.", data, layout)


def _traces(one: CueLine, probes: Sequence[str], place: int, count: int) -> Iterator[dict[str, Any]]:
    shift = _SPREAD * (place / max(1, count - 1) - 0.5)
    for at, (probe, row) in enumerate(zip(probes, one.rows, strict=True)):
        if row is not None and row.to_real is not None:
            yield {
                **marker(one.look, [at + shift], [row.to_real.mean], size=10),
                "error_y": bar(row.to_real, one.look.color),
                "hovertext": [hover_text(f"{one.look.label}, {probe}", with_interval(row.to_real))],
            }
