"""What generated images add to real ones: a figure with a line for each number of real images, and its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prettyuseful.analysis.mixing import MixGrid, MixResult, MixRow
from prettyuseful.analysis.mixing_answer import row_sentence
from prettyuseful.analysis.summary import Summary
from prettyuseful.formatting import percent, points
from prettyuseful.report.cells import cell_title
from prettyuseful.report.drawing import (
    Figure,
    annotation,
    axis,
    axis_range,
    error_bar,
    figure_layout,
    hover_text,
    scatter,
)

_COLORS = 8
_SYMBOLS = ("circle", "square", "triangle-up", "pentagon", "triangle-down", "cross", "star")
_DODGE = 0.06
"""Distance between the lines at one number of generated images, so that their intervals can be told apart."""


@dataclass(frozen=True)
class Mixing:
    """The grid of one data set in one grid cell. `sentences`: one for each number of real images."""

    title: str
    grid: MixGrid
    figure: Figure
    sentences: tuple[str, ...]

    @property
    def has_prices(self) -> bool:
        return any(row.control.cost is not None for row in self.grid.rows)


def mixings(summary: Summary) -> tuple[Mixing, ...]:
    """Return the grids of all cells and data sets; empty without a `curve`."""
    return tuple(
        Mixing(
            f"{grid.dataset}, {cell_title(grid.cell)}",
            grid,
            _figure(f"mixing-{number}", grid),
            tuple(row_sentence(grid, row) for row in grid.rows),
        )
        for number, grid in enumerate(summary.mixing)
    )


def _figure(name: str, grid: MixGrid) -> Figure:
    amounts = sorted({result.synthetic for row in grid.rows for result in row.results})
    ends = [end for row in grid.rows for result in row.results for end in (result.to_real.low, result.to_real.high)]
    data, labels = [], []
    for index, row in enumerate(grid.rows):
        color = f"series-{index % _COLORS}"
        shift = _DODGE * (index - (len(grid.rows) - 1) / 2)
        x = [amounts.index(result.synthetic) + shift for result in row.results]
        data.append(_line(row, x, color, _SYMBOLS[index % len(_SYMBOLS)]))
        last = row.results[-1].to_real.mean
        labels.append(
            annotation(f"{row.real:,} real", f"@{color}", x=x[-1], y=last, xanchor="left", yanchor="middle", xshift=9)
        )
    layout = figure_layout(
        height=440,
        xaxis=axis(
            f"images of {grid.dataset} per class, added to the real ones",
            (-0.3, len(amounts) - 0.3),
            tickvals=list(range(len(amounts))),
            ticktext=[f"{amount:,}" for amount in amounts],
        ),
        yaxis=axis("accuracy on real test images", axis_range(ends, steps=20), tickformat=".0%"),
        annotations=labels,
    )
    values = "; ".join(
        f"{row.real} real images per class: "
        + ", ".join(f"{result.synthetic} added {percent(result.to_real)}" for result in row.results)
        for row in grid.rows
    )
    return Figure(
        name, f"Accuracy by number of images of {grid.dataset} that are added to real ones. {values}.", data, layout
    )


def _line(row: MixRow, x: Sequence[float], color: str, symbol: str) -> dict[str, Any]:
    """Draw a row; the number that is recommended has a larger symbol."""
    sizes = [15 if result.synthetic == row.best else 8 for result in row.results]
    intervals = [result.to_real for result in row.results]
    return {
        **scatter(
            x, [interval.mean for interval in intervals], {"symbol": symbol, "size": sizes, "color": f"@{color}"}
        ),
        "mode": "lines+markers",
        "line": {"color": f"@{color}", "width": 1.5},
        "error_y": {
            **error_bar(intervals[0], color),
            "array": [interval.high - interval.mean for interval in intervals],
            "arrayminus": [interval.mean - interval.low for interval in intervals],
        },
        "hovertext": [_hover(row, result) for result in row.results],
    }


def _hover(row: MixRow, result: MixResult) -> str:
    gain = [f"gain {points(result.gain)}"] if result.gain else []
    title = f"{row.real:,} real and {result.synthetic:,} generated images per class"
    return hover_text(title, percent(result.to_real), *gain, f"{result.seeds} training seeds")
