"""What generated images add to real ones, in sentences for somebody who has so many real images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prettyuseful.analysis.mixing import MixGrid, MixResult, MixRow
from prettyuseful.analysis.rows import Cell
from prettyuseful.formatting import absolute_points, count, points


def mixing_sentences(grids: Sequence[MixGrid], cell: Cell) -> Iterator[str]:
    """Yield the sentences for one grid cell: one or two for each row, then what all of them hold under.

    A second sentence of a row is about prices, if the study gives them.
    """
    in_cell = [grid for grid in grids if grid.cell == cell]
    for grid in in_cell:
        for row in grid.rows:
            yield row_sentence(grid, row)
            if cost := _cost_sentence(row):
                yield cost
    if in_cell:
        yield _conditions(in_cell[0])


def headline_sentence(grids: Sequence[MixGrid], cell: Cell) -> str | None:
    """Return the sentence of the row in which generated images help most, or of the first row; None without a grid."""
    rows = [(grid, row) for grid in grids if grid.cell == cell for row in grid.rows]
    if not rows:
        return None

    def gain(pair: tuple[MixGrid, MixRow]) -> float:
        best = pair[1].best_result.gain
        return best.mean if best and pair[1].verdict == "helps" else 0.0

    return row_sentence(*max(rows, key=gain))


def row_sentence(grid: MixGrid, row: MixRow) -> str:
    """Return what to do with so many real images: how many generated ones to add, or none, and why."""
    begin = f"With {row.real:,} real images per class"
    if row.verdict != "helps":
        return f"{begin}, add none of {grid.dataset}: {_reason_for_none(row)}."
    best = row.best_result
    assert best.gain is not None
    sentence = f"{begin}, {best.synthetic:,} of {grid.dataset} add {absolute_points(best.gain)} of accuracy"
    if words := _more_real(row, best):
        sentence += f", {words}"
    low, high = row.best_range
    sentence += "; it is the best number tried" if low == high else f"; the best number lies from {low:,} to {high:,}"
    if row.harms_beyond is not None:
        sentence += f"; beyond {row.harms_beyond:,} they harm"
    if row.worse_beyond is not None and row.worse_beyond != row.harms_beyond:
        sentence += f"; beyond {row.worse_beyond:,} they add less than that"
    return f"{sentence}."


def _reason_for_none(row: MixRow) -> str:
    gains = [(result.gain, result.synthetic) for result in row.gains if result.gain]
    if not gains:
        return "no run with generated images is complete yet"
    highest, amount = max(gains, key=lambda pair: pair[0].mean)
    harm = f"; beyond {row.harms_beyond:,} they harm" if row.harms_beyond else ""
    if row.verdict == "harms":
        return f"every number tried lowers the accuracy, {amount:,} by {absolute_points(highest)}"
    bound = max(gain.high for gain, _ in gains)
    return (
        f"no number tried helps clearly; the best of them, {amount:,}, changes the accuracy by {points(highest)}, and "
        f"none adds more than {max(0.0, 100 * bound):.1f} points{harm}"
    )


def _more_real(row: MixRow, result: MixResult) -> str:
    """Return how many more real images would add as much; empty if the curve of real images cannot tell."""
    same = result.same_as_real
    if same is None or same.estimate <= row.position:
        return ""
    more, most = same.estimate - row.position, same.largest - row.position
    if same.censored != "none":
        end = "" if same.censored == "plateau" else ", the most tried"
        return f"as much as at least {count(more)} more real ones{end}"
    low = 0.0 if same.low is None else same.low - row.position
    high = f"more than {count(most)}" if same.high is None else count(same.high - row.position)
    return f"as much as {count(more)} [{count(max(0.0, low))}, {high}] more real ones"


def _cost_sentence(row: MixRow) -> str | None:
    """Return what a point of accuracy costs with the best number of generated images, and with real ones instead."""
    best = row.best_result
    if row.verdict != "helps" or best.cost_per_point is None or best.cost is None or row.control.cost is None:
        return None
    mean, low, high = (f"{part:,.2f}" for part in best.cost_per_point)
    sentence = (
        f"At the given prices, these {best.synthetic:,} generated images per class cost "
        f"{best.cost - row.control.cost:,.2f}, which is {mean} [{low}, {high}] per point of accuracy"
    )
    same = best.same_as_real
    if same is not None and same.censored == "none" and same.estimate > row.position:
        per_class = row.control.cost / row.position  # all classes together
        sentence += f"; as many more real images as add as much cost {(same.estimate - row.position) * per_class:,.2f}"
    return f"{sentence}."


def _conditions(grid: MixGrid) -> str:
    looks = f" and {grid.looks} looks at the results" if grid.looks > 1 else ""
    family = f"The intervals of gains hold together for all {grid.gains} gains of a data set{looks}"
    if grid.fixed == "epochs":
        return (
            f"{family}; all classifiers are trained for equally many epochs, so added images also add training steps."
        )
    if grid.fixed == "steps":
        return f"{family}; all classifiers are trained for equally many steps, so added images add no training steps."
    return f"{family}."
