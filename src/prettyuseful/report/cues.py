"""Cue by cue: what each data set teaches when a probe leaves one cue in training and test images alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prettyuseful.analysis.rows import Cell, Row
from prettyuseful.analysis.summary import Summary
from prettyuseful.formatting import percent, share
from prettyuseful.records import CellGroupRecord
from prettyuseful.report.drawing import Figure, axis, bar, figure_layout, hover_text, line, marker, note
from prettyuseful.report.series_style import Look, Which

_SPREAD = 0.56  # of the room that a probe has across


@dataclass(frozen=True)
class CueLine:
    """A data set with its row for every probe; None where there is none."""

    look: Look
    rows: tuple[Row | None, ...]


@dataclass(frozen=True)
class Cues:
    """One architecture and recipe under several probes. `cells` says what each probe was trained with."""

    title: str
    probes: tuple[str, ...]
    cells: tuple[Cell, ...]
    lines: tuple[CueLine, ...]
    figure: Figure


def cues(summary: Summary, looks: Mapping[Which, Look]) -> tuple[Cues, ...]:
    """One for each architecture and recipe that was tried with more than one probe."""
    found = []
    rows = {(row.cell, (row.dataset, row.images_per_class)): row for row in summary.rows if row.to_real}
    for number, group in enumerate(summary.study.cell_groups):
        cells = tuple(cell for cell in group.cells if any(cell == tried for tried, _ in rows))
        if len(cells) > 1:
            every = (CueLine(look, tuple(rows.get((cell, which)) for cell in cells)) for which, look in looks.items())
            lines = tuple(one for one in every if any(one.rows))
            probes = tuple(_told(cell, group) for cell in cells)
            figure = _figure(f"cues-{number}", probes, lines, summary.study.task.chance)
            found.append(Cues(_title(group), probes, cells, lines, figure))
    return tuple(found)


def _title(group: CellGroupRecord) -> str:
    recipes = {recipe for _, recipe, _ in group.cells}
    return f"{group.architecture}, recipe {recipes.pop() if len(recipes) == 1 else group.recipe}"


def _told(cell: Cell, group: CellGroupRecord) -> str:
    """The probe, and its architecture if that is another than its group's."""
    architecture, _, probe = cell
    return probe if architecture == group.architecture else f"{probe} ({architecture})"


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
        annotations=[note(f"chance {share(chance)}", x=1, y=chance, xref="paper", xanchor="right", yanchor="bottom")],
    )
    told = "; ".join(
        f"{one.look.label}: "
        + ", ".join(
            f"{probe} {percent(row.to_real)}"
            for probe, row in zip(probes, one.rows, strict=True)
            if row and row.to_real
        )
        for one in lines
    )
    return Figure(name, f"Accuracy on real test images by probe: {told}; chance {share(chance)}.", data, layout)


def _traces(one: CueLine, probes: Sequence[str], place: int, count: int) -> Iterator[dict[str, Any]]:
    shift = _SPREAD * (place / max(1, count - 1) - 0.5)
    for at, (probe, row) in enumerate(zip(probes, one.rows, strict=True)):
        if row is not None and row.to_real is not None:
            yield {
                **marker(one.look, [at + shift], [row.to_real.mean], size=10),
                "error_y": bar(row.to_real, one.look.color),
                "hovertext": [hover_text(f"{one.look.label}, {probe}", percent(row.to_real))],
            }
