"""How a data set looks in every plot and table: one label, one colour, one symbol."""

from __future__ import annotations

from dataclasses import dataclass

from prettyuseful.analysis.summary import Summary

Which = tuple[str, int]
"""A data set's name and its images per class: real images may come in several sizes."""

_SERIES = 8
_LONG, _SHORT = 30, 18
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
class Look:
    """`color` names a custom property of the style sheet, which has a value for light and one for dark."""

    label: str
    color: str
    symbol: str

    @property
    def long(self) -> str:
        """The label as it fits on a line of its own."""
        return _shortened(self.label, _LONG)

    @property
    def short(self) -> str:
        """The label as it fits beside a point."""
        return _shortened(self.label, _SHORT)

    @property
    def shape(self) -> str:
        """The symbol as an SVG path in a box of 12 by 12."""
        return _SHAPES[self.symbol]


def looks_of(summary: Summary) -> dict[Which, Look]:
    """A look per data set: real images neutral, the others by their order in the study."""
    controls = [dataset for dataset in summary.datasets if dataset.control]
    looks, generated = {}, 0
    for dataset in summary.datasets:
        which = (dataset.name, dataset.images_per_class)
        if dataset.control:
            label = dataset.name if len(controls) == 1 else f"{dataset.name} ({dataset.images_per_class} per class)"
            looks[which] = Look(label, "real", "diamond")
        else:
            looks[which] = Look(dataset.name, f"series-{generated % _SERIES}", _SYMBOLS[generated % len(_SYMBOLS)])
            generated += 1
    return looks


def _shortened(label: str, longest: int) -> str:
    """The middle is left out: it is their ends that tell names apart."""
    half = (longest - 1) // 2
    return label if len(label) <= longest else f"{label[:half]}\u2026{label[-half:]}"
