"""Accuracy by probe: a probe removes all but one cue from the train images and from the real test images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prettyuseful.analysis.rows import Cell, Row
from prettyuseful.analysis.summary import Summary
from prettyuseful.formatting import percent, share
from prettyuseful.records import CellGroupRecord
from prettyuseful.report.drawing import (
    Figure,
    annotation,
    axis,
    error_bar,
    figure_layout,
    hover_text,
    line_shape,
    series_marker,
)
from prettyuseful.report.series_style import DatasetKey, SeriesStyle

_COLUMN_SHARE = 0.56  # of the width of a probe's column, taken by the data sets in it


@dataclass(frozen=True)
class ProbeRow:
    """A data set with one row of results for every probe, or None where a run is missing."""

    style: SeriesStyle
    rows: tuple[Row | None, ...]


@dataclass(frozen=True)
class ProbeComparison:
    """One architecture and recipe under several probes. `cells`: the grid cell of each probe."""

    title: str
    probes: tuple[str, ...]
    cells: tuple[Cell, ...]
    lines: tuple[ProbeRow, ...]
    figure: Figure


def compare_probes(summary: Summary, styles: Mapping[DatasetKey, SeriesStyle]) -> tuple[ProbeComparison, ...]:
    """Return a comparison for each architecture and recipe that has more than one probe."""
    comparisons = []
    rows = {(row.cell, (row.dataset, row.images_per_class)): row for row in summary.rows if row.to_real}
    finished_cells = {cell for cell, _ in rows}
    for number, group in enumerate(summary.study.cell_groups):
        cells = tuple(cell for cell in group.cells if cell in finished_cells)
        if len(cells) > 1:
            all_lines = [
                ProbeRow(style, tuple(rows.get((cell, key)) for cell in cells)) for key, style in styles.items()
            ]
            lines = tuple(line for line in all_lines if any(line.rows))
            probes = tuple(_probe_title(cell, group) for cell in cells)
            figure = _figure(f"probes-{number}", probes, lines, summary.study.task.chance)
            comparisons.append(ProbeComparison(_group_title(group), probes, cells, lines, figure))
    return tuple(comparisons)


def _group_title(group: CellGroupRecord) -> str:
    recipes = {recipe for _, recipe, _ in group.cells}
    return f"{group.architecture}, recipe {recipes.pop() if len(recipes) == 1 else group.recipe}"


def _probe_title(cell: Cell, group: CellGroupRecord) -> str:
    """Return the probe, with its architecture if that differs from the group's."""
    architecture, _, probe = cell
    return probe if architecture == group.architecture else f"{probe} ({architecture})"


def _figure(name: str, probes: Sequence[str], lines: Sequence[ProbeRow], chance: float) -> Figure:
    """Draw accuracy on real images: one column per probe, with the data sets side by side."""
    data = [trace for i, line in enumerate(lines) for trace in _traces(line, probes, i, len(lines))]
    layout = figure_layout(
        height=420,
        xaxis={
            **axis("probe", [-0.5, len(probes) - 0.5]),
            "tickvals": list(range(len(probes))),
            "ticktext": list(probes),
            "showgrid": False,
        },
        yaxis=axis("accuracy on probed real test images", [0, 1], tickformat=".0%"),
        shapes=[
            line_shape(x0=0, x1=1, y0=chance, y1=chance, xref="paper", color="@muted", dash="dot"),
            *(line_shape(x0=i + 0.5, x1=i + 0.5, y0=0, y1=1, color="@line") for i in range(len(probes) - 1)),
        ],
        annotations=[
            annotation(f"chance {share(chance)}", x=1, y=chance, xref="paper", xanchor="right", yanchor="bottom")
        ],
    )
    values = "; ".join(
        f"{line.style.label}: "
        + ", ".join(
            f"{probe} {percent(row.to_real)}"
            for probe, row in zip(probes, line.rows, strict=True)
            if row and row.to_real
        )
        for line in lines
    )
    return Figure(name, f"Accuracy on real test images by probe: {values}; chance {share(chance)}.", data, layout)


def _traces(line: ProbeRow, probes: Sequence[str], index: int, count: int) -> Iterator[dict[str, Any]]:
    shift = _COLUMN_SHARE * (index / max(1, count - 1) - 0.5)
    for column, (probe, row) in enumerate(zip(probes, line.rows, strict=True)):
        if row is not None and row.to_real is not None:
            yield {
                **series_marker(line.style, [column + shift], [row.to_real.mean], size=10),
                "error_y": error_bar(row.to_real, line.style.color),
                "hovertext": [hover_text(f"{line.style.label}, {probe}", percent(row.to_real))],
            }
