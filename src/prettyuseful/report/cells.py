"""The results of each grid cell, sample images, and how everything was made, as the template shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import yaml

from prettyuseful.analysis.rows import Cell, Comparison, Row
from prettyuseful.analysis.statistics import LEVEL
from prettyuseful.analysis.summary import Summary
from prettyuseful.formatting import percent
from prettyuseful.generators.pocket import is_pocket
from prettyuseful.prompts.diversity import GRAM, PromptDiversity
from prettyuseful.records import DatasetRecord
from prettyuseful.report import figures
from prettyuseful.report.drawing import Figure, axis_range
from prettyuseful.report.series_style import DatasetKey, SeriesStyle
from prettyuseful.report.thumbnails import SMALL_PIXELS, Sheet, choose_format, encode_sheet, png_width

_SAMPLE_BYTES = 9_000_000  # of all sample images in a page, as base64
_CALIBRATION = ("top5", "ece", "brier", "nll")
_LEAD_ROWS = 9
_SHOWN_PIXELS, _FEW_COLUMNS = (56, 46), 4  # side of a sample image on the page with few columns, with many


@dataclass(frozen=True)
class ClassAccuracies:
    """A class and its accuracy (or None) for each column of the table."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class CellResults:
    """The rows, plots and tables of one grid cell: an architecture with a recipe and a probe."""

    name: str
    title: str
    rows: tuple[Row, ...]
    accuracy: Figure | None
    transfer: Figure | None
    comparisons: tuple[Comparison, ...]
    columns: tuple[SeriesStyle, ...]
    classes: tuple[ClassAccuracies, ...]

    @property
    def finished(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.to_real)

    @property
    def unfinished(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if not row.to_real)

    @property
    def several_draws(self) -> tuple[Row, ...]:
        """The rows of data sets with results of more than one draw of the generator."""
        return tuple(row for row in self.rows if len(row.draws) > 1)

    @property
    def calibration(self) -> tuple[tuple[Row, tuple[tuple[float, float, float] | None, ...]], ...]:
        """Top-5 accuracy, calibration error, Brier score and log-likelihood: mean, lowest and highest training seed."""
        return tuple((row, tuple(_seed_range(row, name) for name in _CALIBRATION)) for row in self.finished)

    @property
    def widest_difference(self) -> float:
        """The largest absolute end of a paired difference: the scale of the column that draws them."""
        ends = [abs(end) for pair in self.comparisons for end in (pair.to_real.low, pair.to_real.high)]
        return max([*ends, 0.01])

    @property
    def levels(self) -> str:
        """The levels of the intervals of the comparisons, such as `95%` or `95% to 99.5%`."""
        levels = sorted({pair.to_real.level for pair in self.comparisons}) or [LEVEL]
        lowest, highest = (f"{100 * level:.1f}".removesuffix(".0") + "%" for level in (levels[0], levels[-1]))
        return lowest if lowest == highest else f"{lowest} to {highest}"


@dataclass(frozen=True)
class SampleImages:
    """A grid of sample images: for each class, one sheet of images per column, in the size in which it is shown."""

    columns: tuple[SeriesStyle, ...]
    lines: tuple[tuple[str, tuple[Sheet, ...]], ...]
    images: int
    small: bool
    compressed: bool


@dataclass(frozen=True)
class StepTimes:
    """Wall time of one kind of work, summed over all records."""

    kind: str
    steps: int
    seconds: float


def cell_results(summary: Summary, styles: Mapping[DatasetKey, SeriesStyle]) -> tuple[CellResults, ...]:
    """Return the results of each grid cell in the order of the study. The axes of all cells have equal ends."""
    cells = list(dict.fromkeys(row.cell for row in summary.rows))
    to_real = [row.to_real.high for row in summary.rows if row.to_real]
    seeds = [value for row in summary.rows for value in row.seeds]
    end = axis_range([*to_real, *seeds, summary.study.task.chance])[1]
    intervals = [i for row in summary.rows for i in (row.to_real, row.from_real) if i]
    ends = axis_range([bound for i in intervals for bound in (i.low, i.high)])
    return tuple(_cell_results(summary, cell, number, styles, end, ends) for number, cell in enumerate(cells, 1))


def _cell_results(
    summary: Summary,
    cell: Cell,
    number: int,
    styles: Mapping[DatasetKey, SeriesStyle],
    end: float,
    ends: tuple[float, float],
) -> CellResults:
    rows = rows_of_cell(summary, cell, styles)
    finished = [row for row in rows if row.to_real]
    chance = summary.study.task.chance
    recognised = [row for row in finished if row.from_real]
    return CellResults(
        name=f"cell-{number}",
        title=cell_title(cell),
        rows=rows,
        accuracy=figures.accuracy_figure(f"accuracy-{number}", rows, styles, chance, end) if finished else None,
        transfer=figures.transfer_figure(f"transfer-{number}", rows, styles, ends) if recognised else None,
        comparisons=tuple(sorted((p for p in summary.comparisons if p.cell == cell), key=_order_of_pair)),
        columns=tuple(styles[row.dataset, row.images_per_class] for row in finished),
        classes=_class_accuracies(summary, finished),
    )


def lead_rows(cells: Sequence[CellResults]) -> tuple[Row, ...]:
    """Return the rows of the figure on the first screen: real images, then data sets in descending order of accuracy.

    Only data sets that are not derived from another one are shown, and at most nine rows.
    """
    finished = cells[0].finished if cells else ()
    real = [row for row in finished if row.real][-1:]
    generated = [(row.to_real.mean, row) for row in finished if not row.real and row.of is None and row.to_real]
    generated.sort(key=lambda pair: -pair[0])
    return (*real, *(row for _, row in generated))[:_LEAD_ROWS]


def rows_of_cell(summary: Summary, cell: Cell, styles: Mapping[DatasetKey, SeriesStyle]) -> tuple[Row, ...]:
    """Return the rows of a grid cell in the order of `styles`, which is that of the study."""
    order = {key: i for i, key in enumerate(styles)}
    rows = (row for row in summary.rows if row.cell == cell)
    return tuple(sorted(rows, key=lambda row: order[row.dataset, row.images_per_class]))


def cell_title(cell: Cell) -> str:
    architecture, recipe, probe = cell
    return f"{architecture}, recipe {recipe}, probe {probe}"


def _seed_range(row: Row, name: str) -> tuple[float, float, float] | None:
    values = row.calibration.get(name)
    return (sum(values) / len(values), min(values), max(values)) if values else None


def _order_of_pair(pair: Comparison) -> tuple[bool, bool, float]:
    """Pre-registered comparisons first, then significant ones, then the others; each from the largest difference."""
    return not pair.planned, not pair.to_real.excludes_zero, -abs(pair.to_real.mean)


def _class_accuracies(summary: Summary, rows: Sequence[Row]) -> tuple[ClassAccuracies, ...]:
    names = summary.study.task.classes
    return tuple(
        ClassAccuracies(name, tuple(row.per_class[i] if i < len(row.per_class) else None for row in rows))
        for i, name in enumerate(names)
    )


def sample_images(summary: Summary, styles: Mapping[DatasetKey, SeriesStyle]) -> SampleImages | None:
    """Return sample images of each class, from the largest set of real images and all other data sets.

    With many classes and data sets, fewer and smaller images are embedded, so that the page stays small. None if no
    record has sample images.
    """
    real = [dataset for dataset in summary.datasets if dataset.control and dataset.samples]
    datasets = [*real[-1:], *(d for d in summary.datasets if not d.control and d.samples)]
    if not datasets:
        return None
    classes = summary.study.task.classes
    images = [[_images_of_class(dataset, label) for dataset in datasets] for label, _ in enumerate(classes)]
    sheet_format = choose_format([sheet for line in images for sheet in line], _SAMPLE_BYTES)
    width = max((png_width(sheet[0]) for line in images for sheet in line if sheet), default=0)
    shown_pixels = _SHOWN_PIXELS[len(datasets) > _FEW_COLUMNS]

    def encode_line(line: Sequence[Sequence[str]]) -> tuple[Sheet, ...]:
        return tuple(_scale(encode_sheet(sheet, sheet_format), shown_pixels) for sheet in line)

    with ThreadPoolExecutor() as threads:  # Pillow decodes, resizes and encodes outside of the interpreter lock
        lines = tuple(zip(classes, threads.map(encode_line, images), strict=True))
    return SampleImages(
        columns=tuple(styles[dataset.name, dataset.images_per_class] for dataset in datasets),
        lines=lines,
        images=min(sheet_format.images, max((len(sheet) for line in images for sheet in line), default=0)),
        small=width <= SMALL_PIXELS,
        compressed=sheet_format.quality is not None,
    )


def _scale(sheet: Sheet, shown_pixels: int) -> Sheet:
    """Return the sheet with the size at which the longest side of its thumbnails is `shown_pixels`."""
    scale = shown_pixels / max(1, sheet.side)
    return replace(sheet, width=round(sheet.width * scale), height=round(sheet.height * scale))


def _images_of_class(dataset: DatasetRecord, label: int) -> Sequence[str]:
    return dataset.samples[label] if label < len(dataset.samples) else ()


def step_times(summary: Summary) -> tuple[StepTimes, ...]:
    """Return the wall time of generating, training and testing."""
    generated = [d.generation_seconds for d in summary.datasets if d.generation_seconds is not None]
    seconds_of: dict[str, list[float]] = {"generating images": generated, "training": [], "testing": []}
    for run in summary.runs:
        for step, seconds in run.seconds.items():
            seconds_of["training" if step == "train" else "testing"].append(seconds)
    return tuple(StepTimes(kind, len(values), sum(values)) for kind, values in seconds_of.items() if values)


def study_as_yaml(summary: Summary) -> str:
    return yaml.safe_dump(summary.study.file.as_written(), sort_keys=False, allow_unicode=True, width=88)


def settings_as_text(settings: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return all settings as pairs of a name and a value in words; empty values read `none`."""
    names = {
        "size": "image size",
        "cfg": "guidance (cfg)",
        "negative": "negative prompt",
        "dtype": "number format",
        "max_sequence_length": "longest prompt",
    }
    return tuple((names.get(key, key.replace("_", " ")), _as_text(value)) for key, value in settings.items())


def diversity_as_text(diversity: PromptDiversity) -> str:
    """Return the number of different prompts, and how much those of a class differ, in words."""
    grams = f"{diversity.different_grams:,} of {diversity.grams:,} word {GRAM}-grams differ within a class"
    if diversity.overlap is None:
        return f"{diversity.prompts:,}; {grams}"
    return f"{diversity.prompts:,}; {grams}; two prompts of a class share {percent(diversity.overlap)} of theirs"


def _as_text(value: object) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_as_text(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_as_text(item) for item in value) or "none"
    return str(value)


def uses_pocket_models(summary: Summary) -> bool:
    return any(d.generator is not None and is_pocket(d.generator.id) for d in summary.datasets)
