"""What the template shows, cut from the summary: cells, classes, images, and how everything was made."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import yaml

from prettyuseful.analysis.rows import Cell, Comparison, Row
from prettyuseful.analysis.statistics import LEVEL
from prettyuseful.analysis.summary import Summary
from prettyuseful.generators.pocket import is_pocket
from prettyuseful.records import DatasetRecord
from prettyuseful.report import figures
from prettyuseful.report.drawing import Figure, around
from prettyuseful.report.series_style import Look, Which

_SAMPLES = 6
SMALL_PIXELS = 64
_UNFOLDED = 2  # cells that are shown whole


@dataclass(frozen=True)
class ClassLine:
    """A class and its accuracy (or None) for each column of the table."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class CellView:
    """One cell: its rows, plots and tables. `reach` is the widest end of the paired differences, for their drawing.

    `folded`: shown when asked for; of many cells, all but the first are.
    """

    name: str
    title: str
    rows: tuple[Row, ...]
    accuracy: Figure | None
    transfer: Figure | None
    comparisons: tuple[Comparison, ...]
    columns: tuple[Look, ...]
    classes: tuple[ClassLine, ...]
    folded: bool

    @property
    def finished(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.to_real)

    @property
    def unfinished(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if not row.to_real)

    @property
    def certainty(self) -> tuple[tuple[Row, tuple[tuple[float, float, float] | None, ...]], ...]:
        """Top-5 accuracy, calibration error, Brier score and log-likelihood: mean, lowest, highest over seeds."""
        return tuple((row, tuple(_over_seeds(row, name) for name in _CERTAINTY)) for row in self.finished)

    @property
    def reach(self) -> float:
        ends = [abs(end) for pair in self.comparisons for end in (pair.to_real.low, pair.to_real.high)]
        return max([*ends, 0.01])

    @property
    def simultaneous_level(self) -> float:
        return max([pair.to_real.level for pair in self.comparisons], default=LEVEL)

    @property
    def best(self) -> Row | None:
        generated = [row for row in self.finished if not row.holds_real and row.of is None]
        return max(generated, key=lambda row: row.to_real.mean if row.to_real else 0.0, default=None)

    @property
    def real(self) -> Row | None:
        return next((row for row in reversed(self.finished) if row.real), None)


_CERTAINTY = ("top5", "ece", "brier", "nll")


def _over_seeds(row: Row, name: str) -> tuple[float, float, float] | None:
    values = row.certainty.get(name)
    return (sum(values) / len(values), min(values), max(values)) if values else None


def _clearest_first(pair: Comparison) -> tuple[bool, bool, float]:
    """Planned comparisons, then clear ones, then the others, the largest first."""
    return not pair.planned, not pair.to_real.excludes_zero, -abs(pair.to_real.mean)


@dataclass(frozen=True)
class Samples:
    """A grid of images: `lines` holds, per class, the images of each column as data addresses."""

    columns: tuple[Look, ...]
    lines: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]
    small: bool


@dataclass(frozen=True)
class Seconds:
    """Wall time by kind of work, added up over what the records hold."""

    kind: str
    steps: int
    seconds: float


def cell_views(summary: Summary, looks: Mapping[Which, Look]) -> tuple[CellView, ...]:
    """A view per cell, in the order of the study; all share the ends of their axes, so that plots compare."""
    cells = list(dict.fromkeys(row.cell for row in summary.rows))
    to_real = [row.to_real.high for row in summary.rows if row.to_real]
    seeds = [value for row in summary.rows for value in row.seeds]
    chance = summary.study.task.chance
    end = around([*to_real, *seeds, chance])[1]
    intervals = [i for row in summary.rows for i in (row.to_real, row.from_real) if i]
    ends = around([bound for i in intervals for bound in (i.low, i.high)])
    views = (_cell_view(summary, cell, number, looks, end, ends) for number, cell in enumerate(cells, 1))
    return tuple(replace(view, folded=len(cells) > _UNFOLDED and number > 0) for number, view in enumerate(views))


def _cell_view(
    summary: Summary,
    cell: Cell,
    number: int,
    looks: Mapping[Which, Look],
    end: float,
    ends: tuple[float, float],
) -> CellView:
    rows = rows_of(summary, cell, looks)
    finished = [row for row in rows if row.to_real]
    chance = summary.study.task.chance
    recognised = [row for row in finished if row.from_real]
    return CellView(
        name=f"cell-{number}",
        title=cell_title(cell),
        rows=rows,
        accuracy=figures.accuracy_figure(f"accuracy-{number}", rows, looks, chance, end) if finished else None,
        transfer=figures.transfer_figure(f"transfer-{number}", rows, looks, ends) if recognised else None,
        comparisons=tuple(sorted((p for p in summary.comparisons if p.cell == cell), key=_clearest_first)),
        columns=tuple(looks[row.dataset, row.images_per_class] for row in finished),
        classes=_classes(summary, finished),
        folded=False,
    )


def rows_of(summary: Summary, cell: Cell, looks: Mapping[Which, Look]) -> tuple[Row, ...]:
    """A cell's rows in the order of the looks, which is that of the study."""
    places = {which: place for place, which in enumerate(looks)}
    rows = (row for row in summary.rows if row.cell == cell)
    return tuple(sorted(rows, key=lambda row: places[row.dataset, row.images_per_class]))


def cell_title(cell: Cell) -> str:
    architecture, recipe, probe = cell
    return f"{architecture}, recipe {recipe}, probe {probe}"


def _classes(summary: Summary, rows: Sequence[Row]) -> tuple[ClassLine, ...]:
    names = summary.study.task.classes
    return tuple(
        ClassLine(name, tuple(row.per_class[i] if i < len(row.per_class) else None for row in rows))
        for i, name in enumerate(names)
    )


def samples(summary: Summary, looks: Mapping[Which, Look]) -> Samples | None:
    """Some images of each class, side by side; of the real images the largest set only. None if no record has any."""
    ordered = summary.datasets
    real = [dataset for dataset in ordered if dataset.control and dataset.samples]
    shown = [*real[-1:], *(d for d in ordered if not d.control and d.samples)]
    if not shown:
        return None
    lines = tuple(
        (name, tuple(_addresses(dataset, i) for dataset in shown)) for i, name in enumerate(summary.study.task.classes)
    )
    widths = [png_width(image) for dataset in shown for images in dataset.samples[:1] for image in images[:1]]
    columns = tuple(looks[dataset.name, dataset.images_per_class] for dataset in shown)
    return Samples(columns, lines, small=max(widths, default=0) <= SMALL_PIXELS)


def _addresses(dataset: DatasetRecord, label: int) -> tuple[str, ...]:
    images = dataset.samples[label] if label < len(dataset.samples) else []
    return tuple(f"data:image/png;base64,{image}" for image in images[:_SAMPLES])


def png_width(image: str) -> int:
    """The width that a PNG's header states; 0 if it is none."""
    try:
        header = base64.b64decode(image[:32], validate=True)
    except (binascii.Error, ValueError):
        return 0
    return int.from_bytes(header[16:20], "big")


def seconds_by_kind(summary: Summary) -> tuple[Seconds, ...]:
    """Wall seconds of generating, training and testing."""
    generated = [d.generation_seconds for d in summary.datasets if d.generation_seconds is not None]
    found: dict[str, list[float]] = {"generating images": generated, "training": [], "testing": []}
    for run in summary.runs:
        for step, seconds in run.seconds.items():
            found["training" if step == "train" else "testing"].append(seconds)
    return tuple(Seconds(kind, len(values), sum(values)) for kind, values in found.items() if values)


def study_as_yaml(summary: Summary) -> str:
    return yaml.safe_dump(summary.study.file.as_written(), sort_keys=False, allow_unicode=True, width=88)


def setting_words(settings: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Settings as pairs of words: nothing is left out, and what is not set says so."""
    names = {
        "size": "image size",
        "cfg": "guidance (cfg)",
        "negative": "negative prompt",
        "dtype": "number format",
        "max_sequence_length": "longest prompt",
    }
    return tuple((names.get(key, key.replace("_", " ")), _word(value)) for key, value in settings.items())


def _word(value: object) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_word(one)}" for key, one in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_word(one) for one in value) or "none"
    return str(value)


def uses_pocket_models(summary: Summary) -> bool:
    return any(d.generator is not None and is_pocket(d.generator.id) for d in summary.datasets)


def finite(value: Any) -> Any:
    """The same JSON value with what is not a finite number as None: JSON has no word for it."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return value
