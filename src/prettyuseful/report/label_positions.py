"""Where the labels of a scatter plot go so that they do not cover points or each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_LETTER, _LINE, _MARKER, _GAP = 6.6, 15.0, 11.0, 6.0
_SIDES = {  # Plotly's textposition: the shift of the text's centre, in widths and heights beyond the marker
    "middle right": (1, 0),
    "middle left": (-1, 0),
    "top center": (0, -1),
    "bottom center": (0, 1),
    "top right": (1, -1),
    "bottom right": (1, 1),
    "top left": (-1, -1),
    "bottom left": (-1, 1),
}


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: _Box) -> float:
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, wide) * max(0.0, high)

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.bottom - self.top)


def text_positions(
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    size: tuple[float, float],
    bars: Sequence[tuple[float, float, float, float]] = (),
) -> list[str]:
    """A `textposition` per point, chosen one after the other.

    `points` are (x, y) as fractions of the plot area from its lower left corner, `size` is that area in pixels. `bars`
    are interval bars through the points: left, right, lower and upper end.
    """
    width, height = size
    centres = [(x * width, (1 - y) * height) for x, y in points]
    markers = [_Box(x - _MARKER, y - _MARKER, x + _MARKER, y + _MARKER) for x, y in centres]
    taken = [box for bar, centre in zip(bars, centres, strict=False) for box in _bar_boxes(bar, centre, size)]
    area = _Box(0, 0, width, height)
    chosen = []
    for own, ((x, y), text) in enumerate(zip(centres, texts, strict=True)):
        boxes = {side: _text_box(x, y, text, side) for side in _SIDES}
        others = [*taken, *markers[:own], *markers[own + 1 :]]
        best = min(_SIDES, key=lambda side: _cost(boxes[side], others, area))
        taken.append(boxes[best])
        chosen.append(best)
    return chosen


def _cost(box: _Box, taken: Sequence[_Box], area: _Box) -> float:
    return sum(box.overlap(other) for other in taken) + 4 * (box.area - box.overlap(area))


def _bar_boxes(
    bar: tuple[float, float, float, float], centre: tuple[float, float], size: tuple[float, float]
) -> tuple[_Box, _Box]:
    (left, right, lower, upper), (x, y), (width, height) = bar, centre, size
    across = _Box(left * width - 2, y - 3, right * width + 2, y + 3)
    up = _Box(x - 3, (1 - upper) * height - 2, x + 3, (1 - lower) * height + 2)
    return across, up


def _text_box(x: float, y: float, text: str, side: str) -> _Box:
    across, down = _SIDES[side]
    wide, high = _LETTER * len(text) / 2, _LINE / 2
    x += across * (wide + _GAP)
    y += down * (high + (_GAP if not across else _GAP / 2))
    return _Box(x - wide, y - high, x + wide, y + high)
