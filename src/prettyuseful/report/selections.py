"""The table of what selections of images gain or cost, for the study's first grid cell."""

from __future__ import annotations

from dataclasses import dataclass

from prettyuseful.analysis.rows import Row
from prettyuseful.analysis.selections import SelectionEffect
from prettyuseful.analysis.statistics import Interval
from prettyuseful.analysis.summary import Summary


@dataclass(frozen=True)
class SelectionRow:
    """A selection of images. `selected`, `random`: accuracies on real test images; None for a mean over data sets."""

    title: str
    effect: SelectionEffect
    selected: Interval | None
    random: Interval | None


@dataclass(frozen=True)
class SelectionTable:
    """`widest`: the largest absolute end of the intervals (0-1), for the scale."""

    rows: tuple[SelectionRow, ...]
    widest: float


def selection_table(summary: Summary) -> SelectionTable | None:
    """Return the table; None if the study has no selections with a random control, or they have no results."""
    effects = summary.first_selections if summary.rows else ()
    if not effects:
        return None
    by_name = {row.dataset: row for row in summary.rows if row.cell == summary.rows[0].cell and not row.real}
    ends = [abs(end) for effect in effects for end in (effect.difference.low, effect.difference.high)]
    return SelectionTable(tuple(_row(effect, by_name) for effect in effects), max(ends) or 1.0)


def _row(effect: SelectionEffect, by_name: dict[str, Row]) -> SelectionRow:
    title = effect.words[:1].upper() + effect.words[1:]
    if len(effect.of) > 1:
        return SelectionRow(f"{title}: mean of {len(effect.of)} data sets", effect, None, None)
    selected, random = (by_name[names[0]].to_real for names in (effect.selection, effect.control))
    return SelectionRow(title, effect, selected, random)
