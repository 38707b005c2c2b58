"""A letter on each data set, as a doctor writes it: the finding, the evidence, and what to try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from prettyuseful.analysis.remedies import Remedy
from prettyuseful.analysis.rows import Row
from prettyuseful.analysis.statistics import Interval
from prettyuseful.analysis.summary import Summary
from prettyuseful.diagnosis.findings import Diagnosis, FoundCause, TriedChange
from prettyuseful.formatting import share
from prettyuseful.records import DatasetRecord
from prettyuseful.report.cells import SMALL_PIXELS, png_width
from prettyuseful.report.drawing import Figure, axis, figure_layout, hover_text, line, note, points
from prettyuseful.report.series_style import Look, Which

_WORST = 3  # classes that are named
_ROW = 42  # pixels


@dataclass(frozen=True)
class Named:
    """A named cause with its evidence. `costs` and `remedy` are None where they were not measured."""

    found: FoundCause
    worst: tuple[str, ...]
    few: tuple[str, ...]
    costs: Interval | None
    remedy: Remedy | None
    figure: Figure


@dataclass(frozen=True)
class Letter:
    """What is said of one data set. `row`: its accuracies, in the study's first cell."""

    look: Look
    row: Row | None
    diagnosis: Diagnosis
    named: tuple[Named, ...]
    tried: Figure
    small: bool

    @property
    def figures(self) -> tuple[Figure, ...]:
        return self.tried, *(named.figure for named in self.named)


def letters(summary: Summary, looks: Mapping[Which, Look]) -> tuple[Letter, ...]:
    """One for each data set that was diagnosed, in the order of the study."""
    by_look = {(dataset.name, dataset.images_per_class): dataset for dataset in summary.datasets}
    diagnosed = [(look, by_look[which]) for which, look in looks.items() if by_look[which].diagnosis]
    return tuple(_letter(summary, look, dataset, number) for number, (look, dataset) in enumerate(diagnosed))


def _letter(summary: Summary, look: Look, dataset: DatasetRecord, number: int) -> Letter:
    assert dataset.diagnosis is not None
    found = dataset.diagnosis
    first = summary.rows[0].cell if summary.rows else None
    row = next((row for row in summary.rows if row.dataset == dataset.name and row.cell == first), None)
    return Letter(
        look=look,
        row=row,
        diagnosis=found,
        named=tuple(_named(summary, dataset.name, cause, f"{number}-{at}") for at, cause in enumerate(found.named)),
        tried=_tried_figure(f"tried-{number}", dataset.name, found),
        small=_are_small(found),
    )


def _are_small(found: Diagnosis) -> bool:
    """Whether example images are so small that they are shown with their pixels."""
    images = [image for cause in found.causes for example in cause.examples for image in example.images[:1]]
    return max((png_width(image) for image in images), default=0) <= SMALL_PIXELS


def _named(summary: Summary, dataset: str, cause: FoundCause, number: str) -> Named:
    classes = summary.study.task.classes
    return Named(
        found=cause,
        worst=tuple(f"{classes[i]} ({cause.class_words(i)})" for i in cause.worst_classes[:_WORST]),
        few=tuple(classes[i] for i in cause.few_classes),
        costs=summary.intervention_effects.accuracy_cost(cause),
        remedy=summary.intervention_effects.remedy(dataset, cause),
        figure=_class_figure(f"by-class-{number}", cause, classes),
    )


_MOST_CLASSES = 16


def _class_figure(name: str, cause: FoundCause, classes: Sequence[str]) -> Figure:
    """The effect in each class, the worst on top; of many classes, the worst."""
    order, unit = cause.worst_classes[:_MOST_CLASSES][::-1], cause.row.unit
    values = [cause.per_class[i] for i in order]
    hovers = [hover_text(classes[i], cause.class_words(i)) for i in order]
    dots = {
        **points(values, list(range(len(values))), {"symbol": "circle", "size": 9, "color": "@accent"}),
        "hovertext": hovers,
    }
    reach = max((abs(value) for value in values), default=1.0) * 1.12 or 1.0
    ends = [min(-0.04 * reach, min(values, default=0.0) * 1.12), max(0.04 * reach, max(values, default=0.0) * 1.12)]
    layout = figure_layout(
        height=90 + 24 * len(values),
        margin={"l": 130, "r": 16, "t": 8, "b": 50},
        xaxis=axis(unit.axis_title, ends, tickformat=unit.tick_format),
        yaxis={
            **axis("", [-0.6, len(values) - 0.4]),
            "tickvals": list(range(len(values))),
            "ticktext": [_short(classes[i]) for i in order],
        },
        shapes=[line(x0=0, x1=0, y0=0, y1=1, yref="paper", color="@muted")],
    )
    words = "; ".join(f"{classes[i]} {cause.class_words(i)}" for i in order[::-1])
    return Figure(name, f"{cause.row.name} by class: {words}.", [dots], layout)


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}\u2026"


def _tried_figure(name: str, dataset: str, found: Diagnosis) -> Figure:
    """A line for each cause and direction, a dot for each strength: the share of the difference that it explains."""
    tried, kept = found.tried, {(cause.id, cause.direction) for cause in found.named}
    rows = list(dict.fromkeys((one.cause, one.direction) for one in tried))[::-1]
    data: list[dict[str, Any]] = []
    notes = []
    for y, which in enumerate(rows):
        mine = [one for one in tried if (one.cause, one.direction) == which]
        best = max(mine, key=lambda one: one.explained)
        colour = "@accent" if which in kept else "@muted"
        faint = {"symbol": "circle", "size": 6, "color": colour, "opacity": 0.45}
        large = {"symbol": "circle", "size": 11, "color": colour}
        data += [
            {**points([one.explained for one in mine], [float(y)] * len(mine), faint), "hovertext": _hovers(mine)},
            {**points([best.explained], [float(y)], large), "hovertext": _hovers([best])},
        ]
        words = f"<b>{which[0]}, {which[1]}</b>" + (f"   {escape(best.like)}" if best.explained > 0 else "")
        place: dict[str, Any] = {"x": 0, "y": y + 0.16, "xref": "paper", "xanchor": "left", "yanchor": "bottom"}
        notes.append(note(words, color="@ink", bgcolor="@veil", borderpad=1, **place))
    title = "share of the difference that is gone once real images have gone through it"
    layout = figure_layout(
        height=84 + _ROW * len(rows),
        margin={"l": 12, "r": 12, "t": 8, "b": 48},
        xaxis=axis(title, [-0.02, 1.02], tickformat=".0%"),
        yaxis={"range": [-0.5, len(rows) - 0.2], "visible": False, "fixedrange": True},
        shapes=[line(x0=0, x1=1, y0=y, y1=y, color="@line") for y in range(len(rows))],
        annotations=notes,
    )
    foremost = sorted(tried, key=lambda one: -one.explained)[:3]
    words = "; ".join(f"{one.like} {share(one.explained)}" for one in foremost)
    title = f"How much of {dataset}'s difference each change of real images explains: {words}."
    return Figure(name, title, data, layout)


def _hovers(tried: Sequence[TriedChange]) -> list[str]:
    return [hover_text(one.like, f"explains {share(one.explained)} of the difference") for one in tried]
