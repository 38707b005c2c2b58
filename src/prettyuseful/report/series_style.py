"""The style of a data set in every plot and table: one label, one colour, one symbol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prettyuseful.analysis.summary import Summary
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.records import DatasetRecord

DatasetKey = tuple[str, ClassCounts]
"""Name and images per class of a data set: there may be several sets of real images that differ only in size."""

_COLORS = 8
_LONG_LABEL, _SHORT_LABEL = 30, 18
_SHAPES = {
    "diamond": "M6 0.5 11.5 6 6 11.5 0.5 6Z",
    "circle": "M6 1a5 5 0 1 0 0 10a5 5 0 1 0 0-10Z",
    "square": "M1.5 1.5h9v9h-9Z",
    "triangle-up": "M6 1 11.2 10.2H0.8Z",
    "pentagon": "M6 0.8 11.2 4.6 9.2 10.8H2.8L0.8 4.6Z",
    "triangle-down": "M6 11 0.8 1.8h10.4Z",
    "cross": "M4 1h4v3h3v4h-3v3h-4v-3h-3v-4h3Z",
    "star": "M6 0.4 7.4 4.3 11.6 4.4 8.3 6.9 9.5 11 6 8.6 2.5 11 3.7 6.9 0.4 4.4 4.6 4.3Z",
}
_SYMBOLS = tuple(shape for shape in _SHAPES if shape != "diamond")


@dataclass(frozen=True)
class SeriesStyle:
    """`color` is a custom property of the style sheet, with one value for light and one for dark pages."""

    label: str
    color: str
    symbol: str

    @property
    def long_label(self) -> str:
        """The label, shortened to fit on its own line."""
        return _shorten(self.label, _LONG_LABEL)

    @property
    def short_label(self) -> str:
        """The label, shortened to fit beside a point."""
        return _shorten(self.label, _SHORT_LABEL)

    @property
    def shape(self) -> str:
        """The symbol as an SVG path in a box of 12 by 12."""
        return _SHAPES[self.symbol]


def series_styles(summary: Summary) -> dict[DatasetKey, SeriesStyle]:
    """Return the style of each data set: neutral for real images, by order in the study for the others."""
    controls = [dataset for dataset in summary.datasets if dataset.control]
    styles: dict[DatasetKey, SeriesStyle] = {}
    generated = 0
    for dataset in summary.datasets:
        key = (dataset.name, dataset.images_per_class)
        if dataset.control:
            label = _control_label(dataset, controls, summary.datasets)
            styles[key] = SeriesStyle(label, "real", "diamond")
        else:
            color, symbol = f"series-{generated % _COLORS}", _SYMBOLS[generated % len(_SYMBOLS)]
            styles[key] = SeriesStyle(dataset.name, color, symbol)
            generated += 1
    return styles


def _control_label(dataset: DatasetRecord, controls: Sequence[DatasetRecord], datasets: Sequence[DatasetRecord]) -> str:
    """Return `real`, with the images per class if there are several sizes, and with whose they are if these agree."""
    if len(controls) == 1:
        return dataset.name
    numbers = str(dataset.images_per_class)
    matched = [d.name for d in datasets if not d.control and d.images_per_class == dataset.images_per_class]
    is_ambiguous = [str(control.images_per_class) for control in controls].count(numbers) > 1
    like = f", as {matched[0]}" if is_ambiguous and matched else ""
    return f"{dataset.name} ({numbers} per class{like})"


def _shorten(label: str, max_length: int) -> str:
    """Cut out the middle: the two ends of a name distinguish it best."""
    half = (max_length - 1) // 2
    return label if len(label) <= max_length else f"{label[:half]}\u2026{label[-half:]}"
