"""A letter on each data set, as a doctor writes it: the finding, the evidence, and what to try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from prettyuseful.analysis.diagnosis import Remedy, accuracy_cost, effect_words, of_class_words, remedy
from prettyuseful.analysis.statistics import Interval
from prettyuseful.analysis.summary import Row, Summary
from prettyuseful.diagnosis.causes import CauseId, Direction
from prettyuseful.records import CauseResult, DatasetRecord, DiagnosisResult, ExampleResult, TriedResult
from prettyuseful.report.drawing import Figure, axis, figure_layout, hover_text, line, note, percent, points
from prettyuseful.report.look import Look, Which
from prettyuseful.report.views import SMALL_PIXELS, png_width

_WORST = 3  # classes that are named
_ROW = 42  # pixels


@dataclass(frozen=True)
class Finding:
    """A cause in one direction: its name, what it means for an image, and what to try against it."""

    title: str
    meaning: str
    advice: tuple[str, ...]


FINDINGS: Mapping[tuple[CauseId, Direction], Finding] = {
    ("labels", "lost"): Finding(
        "Labels are wrong",
        "Two classifiers that have not learnt these labels agree, confidently, on another class.",
        (
            "Write clearer prompts: class names have several meanings (prompt strategy definition).",
            "Leave out what a real-trained classifier takes for another class.",
        ),
    ),
    ("copies", "added"): Finding(
        "Images are near-copies of real ones",
        "They lie nearer to a real train image, or its mirror image, than real images lie to each other.",
        ("Leave them out: they teach nothing that the real images do not.", "Check licences and privacy."),
    ),
    ("coverage", "lost"): Finding(
        "Images of a class are too much alike",
        "Within a class they lie nearer to each other than real images do that have gone through the same changes.",
        (
            "Prompt with captions of real images, or with several templates.",
            "Lower the guidance scale; draw with other seeds; mix several generators.",
        ),
    ),
    ("colour-contrast", "lost"): Finding(
        "Colour or contrast is lost",
        "Colours are paler, darker or flatter than in real images.",
        ("Match colours to real images.", "Raise the guidance scale, or check how the files were converted."),
    ),
    ("colour-contrast", "added"): Finding(
        "Colour or contrast is exaggerated or shifted",
        "Colours are stronger, brighter or others than in real images.",
        ("Match colours to real images.", "Lower the guidance scale, or check how the files were converted."),
    ),
    ("scale-position", "added"): Finding(
        "Things are shown too large",
        "Objects fill more of the image than in real ones.",
        ("Prompts that say how far away things are.", "Train with stronger random crops, or crop real images alike."),
    ),
    ("scale-position", "lost"): Finding(
        "Things are shown too small",
        "Objects fill less of the image than in real ones.",
        ("Prompts that ask for close-ups.", "Cut the images around their objects."),
    ),
    ("structure", "lost"): Finding(
        "Structure is lost",
        "Parts do not stand in their places.",
        ("Another model, or more sampling steps: no processing of images brings structure back.",),
    ),
    ("high-frequencies", "lost"): Finding(
        "Fine detail is lost",
        "High frequencies are weaker than in real images, as after a blur, a smaller resolution or a VAE.",
        (
            "A better VAE or decoder, or larger images that are shrunk.",
            "More sampling steps.",
            "Do not enlarge images.",
        ),
    ),
    ("high-frequencies", "added"): Finding(
        "Noise or sharpness is added",
        "High frequencies are stronger than in real images.",
        ("More sampling steps.", "Switch sharpening off.", "Shrink larger images with anti-aliasing."),
    ),
    ("texture", "lost"): Finding(
        "Texture is smoothed away",
        "Faint detail is gone while edges are sharp, as in waxy pictures.",
        ("Lower the guidance scale; fewer distilled or few-step models.", "Leave out upscalers and face restoration."),
    ),
    ("texture", "added"): Finding(
        "Compression leaves its traces",
        "Images have the blocks and ringing of JPEG.",
        ("Better files: PNG, or JPEG of quality 95.",),
    ),
}


@dataclass(frozen=True)
class Named:
    """A named cause with its evidence. `costs` and `remedy` are None where nobody measured them."""

    finding: Finding
    cause: CauseResult
    effect: str
    worst: tuple[str, ...]
    few: tuple[str, ...]
    ties: tuple[str, ...]
    examples: tuple[ExampleResult, ...]
    costs: Interval | None
    remedy: Remedy | None
    figure: Figure


@dataclass(frozen=True)
class Check:
    """A line of the list of all that was looked for."""

    title: str
    cause: CauseResult
    effect: str


@dataclass(frozen=True)
class Letter:
    """What is said of one data set. `row`: what it teaches, in the study's first cell."""

    look: Look
    row: Row | None
    diagnosis: DiagnosisResult
    named: tuple[Named, ...]
    checks: tuple[Check, ...]
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
    named = [cause for cause in found.causes if cause.named]
    return Letter(
        look=look,
        row=row,
        diagnosis=found,
        named=tuple(_named(summary, dataset.name, cause, f"{number}-{at}") for at, cause in enumerate(named)),
        checks=tuple(Check(FINDINGS[one.id, one.direction].title, one, effect_words(one)) for one in found.causes),
        tried=_tried_figure(f"tried-{number}", dataset.name, found.tried, named),
        small=_are_small(found),
    )


def _are_small(found: DiagnosisResult) -> bool:
    """Whether example images are so small that they are shown with their pixels."""
    images = [image for cause in found.causes for example in cause.examples for image in example.images[:1]]
    return max((png_width(image) for image in images), default=0) <= SMALL_PIXELS


def _named(summary: Summary, dataset: str, cause: CauseResult, number: str) -> Named:
    classes = summary.study.task.get("classes", [])
    order = _worst_first(cause)
    return Named(
        finding=FINDINGS[cause.id, cause.direction],
        cause=cause,
        effect=effect_words(cause),
        worst=tuple(f"{classes[i]} ({of_class_words(cause, cause.per_class[i])})" for i in order[:_WORST]),
        few=tuple(classes[i] for i in cause.few_classes),
        ties=tuple(cause.equivalent_to),
        examples=tuple(cause.examples),
        costs=accuracy_cost(summary, cause),
        remedy=remedy(summary, dataset, cause),
        figure=_class_figure(f"by-class-{number}", cause, classes),
    )


def _worst_first(cause: CauseResult) -> list[int]:
    """Labels from the one where the cause is strongest."""
    sign = 1 if cause.id == "coverage" else -1
    return sorted(range(len(cause.per_class)), key=lambda i: sign * cause.per_class[i])


_MOST_CLASSES = 16


def _class_figure(name: str, cause: CauseResult, classes: Sequence[str]) -> Figure:
    """The effect in each class, the worst on top; of many classes, the worst."""
    order = _worst_first(cause)[:_MOST_CLASSES][::-1]
    values = [cause.per_class[i] for i in order]
    names = [classes[i] for i in order]
    share = cause.id in ("labels", "copies")
    title = {
        "labels": "share of labels beyond real images'",
        "copies": "share of images beyond real images'",
        "coverage": "log distance of neighbours, real images at 0",
    }.get(cause.id, "standard deviations that real images come nearer")
    dots = {
        **points(values, list(range(len(values))), {"symbol": "circle", "size": 9, "color": "@accent"}),
        "hovertext": [
            hover_text(name, of_class_words(cause, value)) for name, value in zip(names, values, strict=True)
        ],
    }
    reach = max((abs(value) for value in values), default=1.0) * 1.12 or 1.0
    ends = [min(-0.04 * reach, min(values, default=0.0) * 1.12), max(0.04 * reach, max(values, default=0.0) * 1.12)]
    layout = figure_layout(
        height=90 + 24 * len(values),
        margin={"l": 130, "r": 16, "t": 8, "b": 50},
        xaxis=axis(title, ends, tickformat=".0%" if share else "~r"),
        yaxis={
            **axis("", [-0.6, len(values) - 0.4]),
            "tickvals": list(range(len(values))),
            "ticktext": [_short(name) for name in names],
        },
        shapes=[line(x0=0, x1=0, y0=0, y1=1, yref="paper", color="@muted")],
    )
    told = "; ".join(f"{n} {of_class_words(cause, v)}" for n, v in zip(names[::-1], values[::-1], strict=True))
    return Figure(name, f"{cause.id} {cause.direction} by class: {told}.", [dots], layout)


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}\u2026"


def _tried_figure(name: str, dataset: str, tried: Sequence[TriedResult], named: Sequence[CauseResult]) -> Figure:
    """A line for each cause and direction, a dot for each strength: the share of the difference that it explains."""
    kept = {(cause.id, cause.direction) for cause in named}
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
    told = "; ".join(f"{one.like} {percent(one.explained)}" for one in foremost)
    return Figure(
        name, f"How much of {dataset}'s difference each change of real images explains: {told}.", data, layout
    )


def _hovers(tried: Sequence[TriedResult]) -> list[str]:
    return [hover_text(one.like, f"explains {percent(one.explained)} of the difference") for one in tried]
