"""The diagnosis of each data set: one finding per reported cause, with evidence, example images and remedies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from prettyuseful.analysis.remedies import Remedy, not_judged_sentence
from prettyuseful.analysis.rows import Row
from prettyuseful.analysis.statistics import Interval
from prettyuseful.analysis.summary import Summary
from prettyuseful.diagnosis.findings import CauseFinding, ChangeResult, Diagnosis
from prettyuseful.diagnosis.listed import LISTED, ListKind
from prettyuseful.formatting import Estimate, share
from prettyuseful.records import DatasetRecord
from prettyuseful.report.drawing import (
    Figure,
    annotation,
    axis,
    figure_layout,
    hover_text,
    line_shape,
    literal,
    scatter,
)
from prettyuseful.report.series_style import DatasetKey, SeriesStyle
from prettyuseful.report.thumbnails import SMALL_PIXELS, Sheet, SheetFormat, choose_format, encode_sheet, png_width

_WORST_CLASSES = 3
_MAX_CLASSES = 16  # in the plot by class
_ROW_HEIGHT = 42  # pixels
_LONGEST_NAME = 18
_EXAMPLE_BYTES = 2_500_000  # of all example images in a page, as base64
_LIST_BYTES = 1_500_000  # of all images of lists
_EXAMPLE_FORMATS = (
    SheetFormat(1, SMALL_PIXELS, None),
    SheetFormat(1, 96, 85),
    SheetFormat(1, 76, 65),
    SheetFormat(1, 52, 50),
)


@dataclass(frozen=True)
class ExampleRow:
    """A row of example images with a caption; `images`: each with a title, which may be empty."""

    caption: str
    images: tuple[tuple[Sheet, str], ...]


@dataclass(frozen=True)
class ReportedCause:
    """A reported cause with its evidence. `costs` and `remedy` are None where the study did not measure them.

    `worst`: the classes with the strongest effect, each with its effect. `few`: its classes, if it affects only a few.
    """

    finding: CauseFinding
    worst: tuple[tuple[str, str], ...]
    few: tuple[str, ...]
    costs: Interval | None
    remedy: Remedy | None
    figure: Figure
    examples: tuple[ExampleRow, ...]


@dataclass(frozen=True)
class ReportedList:
    """A list of images. `images`: how many it has. `expected`: how many real images it would have, or None."""

    kind: ListKind
    images: int
    expected: float | None
    examples: ExampleRow


@dataclass(frozen=True)
class DatasetDiagnosis:
    """The diagnosis of one data set. `row`: its results in the study's first grid cell.

    `lists`: its lists of images; `list_file`: address of their CSV file, relative to the report, or empty.
    """

    style: SeriesStyle
    row: Row | None
    diagnosis: Diagnosis
    causes: tuple[ReportedCause, ...]
    changes: Figure
    small: bool
    lists: tuple[ReportedList, ...]
    list_file: str

    @property
    def not_judged(self) -> str:
        """The causes that could not be judged, in a sentence; or nothing."""
        return not_judged_sentence(self.style.label, self.diagnosis)

    def found_from(self, cause: CauseFinding) -> str:
        """Return the smallest change of a cause that would have been found, or nothing if this was not estimated."""
        by_name = {entry.row.name: entry.like or "no strength that was tried" for entry in self.diagnosis.detectable}
        return by_name.get(cause.row.name, "")

    @property
    def distance(self) -> Estimate:
        """The distance from real images, with its interval."""
        return Estimate(self.diagnosis.difference, self.diagnosis.low, self.diagnosis.high)

    @property
    def figures(self) -> tuple[Figure, ...]:
        return self.changes, *(cause.figure for cause in self.causes)


def dataset_diagnoses(
    summary: Summary, styles: Mapping[DatasetKey, SeriesStyle], list_files: Mapping[str, str]
) -> tuple[DatasetDiagnosis, ...]:
    """Return one entry for each diagnosed data set, in the order of the study.

    `list_files`: addresses of the lists of images, relative to the report, by name of the data set.
    """
    datasets = {(dataset.name, dataset.images_per_class): dataset for dataset in summary.datasets}
    diagnosed = [(style, datasets[key]) for key, style in styles.items() if datasets[key].diagnosis]
    images = [[image] for _, dataset in diagnosed for image in _example_images(dataset)]
    image_format = choose_format(images, _EXAMPLE_BYTES, _EXAMPLE_FORMATS)
    listed = [[image] for _, dataset in diagnosed for image in _listed_images(dataset)]
    list_format = choose_format(listed, _LIST_BYTES, _EXAMPLE_FORMATS)
    return tuple(
        replace(
            _dataset_diagnosis(summary, style, dataset, number, image_format),
            lists=tuple(_reported_lists(dataset, list_format)),
            list_file=list_files.get(dataset.name, ""),
        )
        for number, (style, dataset) in enumerate(diagnosed)
    )


def _dataset_diagnosis(
    summary: Summary, style: SeriesStyle, dataset: DatasetRecord, number: int, image_format: SheetFormat
) -> DatasetDiagnosis:
    assert dataset.diagnosis is not None
    diagnosis = dataset.diagnosis
    first_cell = summary.rows[0].cell if summary.rows else None
    row = next((row for row in summary.rows if row.dataset == dataset.name and row.cell == first_cell), None)
    return DatasetDiagnosis(
        style=style,
        row=row,
        diagnosis=diagnosis,
        causes=tuple(
            _reported_cause(summary, dataset, cause, f"{number}-{i}", image_format)
            for i, cause in enumerate(diagnosis.named)
        ),
        changes=_changes_figure(f"changes-{number}", dataset.name, diagnosis),
        small=max(map(png_width, [*_example_images(dataset), *_listed_images(dataset)]), default=0) <= SMALL_PIXELS,
        lists=(),
        list_file="",
    )


def _example_images(dataset: DatasetRecord) -> list[str]:
    causes = dataset.diagnosis.named if dataset.diagnosis else ()
    return [image for cause in causes for example in cause.examples for image in example.images]


def _listed_images(dataset: DatasetRecord) -> list[str]:
    lists = dataset.diagnosis.lists if dataset.diagnosis else ()
    return [image for entry in lists for image in entry.examples.images]


def _reported_lists(dataset: DatasetRecord, image_format: SheetFormat) -> Iterator[ReportedList]:
    diagnosis = dataset.diagnosis
    for entry in diagnosis.lists if diagnosis else ():
        shown = zip(entry.examples.images, entry.examples.titles, strict=False)
        images = tuple((encode_sheet([image], image_format), title) for image, title in shown)
        expected = None if entry.real_share is None or diagnosis is None else entry.real_share * diagnosis.images
        yield ReportedList(LISTED[entry.finding], entry.images, expected, ExampleRow(entry.examples.words, images))


def _reported_cause(
    summary: Summary, dataset: DatasetRecord, cause: CauseFinding, number: str, image_format: SheetFormat
) -> ReportedCause:
    classes = dataset.diagnosed_classes(summary.study.task)
    examples = (
        ExampleRow(
            example.words,
            tuple(
                (encode_sheet([image], image_format), example.titles[i] if example.titles else "")
                for i, image in enumerate(example.images)
            ),
        )
        for example in cause.examples
    )
    return ReportedCause(
        finding=cause,
        worst=tuple((classes[i], cause.class_words(i)) for i in cause.worst_classes[:_WORST_CLASSES]),
        few=tuple(classes[i] for i in cause.few_classes),
        costs=summary.intervention_effects.accuracy_cost(cause),
        remedy=summary.intervention_effects.remedy(dataset.name, cause),
        figure=_class_figure(f"by-class-{number}", cause, classes),
        examples=tuple(examples),
    )


def _class_figure(name: str, cause: CauseFinding, classes: Sequence[str]) -> Figure:
    """Draw the effect in each class, or in the worst 16, with the worst class on top."""
    order, unit = cause.worst_classes[:_MAX_CLASSES][::-1], cause.row.unit
    values = [cause.per_class[i] for i in order]
    hovers = [hover_text(classes[i], cause.class_words(i)) for i in order]
    dots = {
        **scatter(values, list(range(len(values))), {"symbol": "circle", "size": 9, "color": "@accent"}),
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
            "ticktext": [literal(_shorten(classes[i])) for i in order],
        },
        shapes=[line_shape(x0=0, x1=0, y0=0, y1=1, yref="paper", color="@muted")],
    )
    words = "; ".join(f"{classes[i]} {cause.class_words(i)}" for i in order[::-1])
    return Figure(name, f"{cause.row.title}, by class: {words}.", [dots], layout)


def _shorten(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}\u2026"


def _changes_figure(name: str, dataset: str, diagnosis: Diagnosis) -> Figure:
    """Draw a line for each cause and direction and a dot for each strength: the share of the difference explained."""
    tried, reported = diagnosis.tried, {(cause.id, cause.direction) for cause in diagnosis.named}
    families = list(dict.fromkeys((change.cause, change.direction) for change in tried))[::-1]
    data: list[dict[str, Any]] = []
    labels = []
    for y, family in enumerate(families):
        changes = [change for change in tried if (change.cause, change.direction) == family]
        best = max(changes, key=lambda change: change.explained)
        color = "@accent" if family in reported else "@muted"
        faint = {"symbol": "circle", "size": 6, "color": color, "opacity": 0.45}
        large = {"symbol": "circle", "size": 11, "color": color}
        explained = [change.explained for change in changes]
        data += [
            {**scatter(explained, [float(y)] * len(changes), faint), "hovertext": _hovers(changes)},
            {**scatter([best.explained], [float(y)], large), "hovertext": _hovers([best])},
        ]
        text = f"<b>{family[0]}, {family[1]}</b>" + (f"   {literal(best.like)}" if best.explained > 0 else "")
        position: dict[str, Any] = {"x": 0, "y": y + 0.16, "xref": "paper", "xanchor": "left", "yanchor": "bottom"}
        labels.append(annotation(text, color="@ink", bgcolor="@veil", borderpad=1, **position))
    layout = figure_layout(
        height=84 + _ROW_HEIGHT * len(families),
        margin={"l": 12, "r": 12, "t": 8, "b": 48},
        xaxis=axis("share of the difference that the change explains", [-0.02, 1.02], tickformat=".0%"),
        yaxis={"range": [-0.5, len(families) - 0.2], "visible": False, "fixedrange": True},
        shapes=[line_shape(x0=0, x1=1, y0=y, y1=y, color="@line") for y in range(len(families))],
        annotations=labels,
    )
    top = sorted(tried, key=lambda change: -change.explained)[:3]
    words = "; ".join(f"{change.like} {share(change.explained, 0)}" for change in top)
    alt = f"Share of the difference between {dataset} and real images that each change explains: {words}."
    return Figure(name, alt, data, layout)


def _hovers(changes: Sequence[ChangeResult]) -> list[str]:
    return [hover_text(change.like, f"explains {share(change.explained, 0)} of the difference") for change in changes]
