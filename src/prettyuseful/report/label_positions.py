"""Positions of the labels of a scatter plot that avoid points, bars and other labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_CHARACTER_WIDTH, _LINE_HEIGHT, _MARKER, _GAP = 6.6, 15.0, 11.0, 6.0  # pixels
_SIDES = {  # by Plotly's textposition: horizontal and vertical shift of the text's centre
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
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.bottom - self.top)


def text_positions(
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    size: tuple[float, float],
    bars: Sequence[tuple[float, float, float, float]] = (),
) -> list[str]:
    """Choose a `textposition` for each point, one after the other.

    `points`: (x, y) as fractions of the plot area from its lower left corner. `size`: width and height of that area in
    pixels. `bars`: interval bars through the points as (left, right, lower end, upper end), also fractions.
    """
    width, height = size
    centres = [(x * width, (1 - y) * height) for x, y in points]
    markers = [_Box(x - _MARKER, y - _MARKER, x + _MARKER, y + _MARKER) for x, y in centres]
    occupied = [box for ends, centre in zip(bars, centres, strict=False) for box in _bar_boxes(ends, centre, size)]
    area = _Box(0, 0, width, height)
    positions = []
    for i, ((x, y), text) in enumerate(zip(centres, texts, strict=True)):
        boxes = {side: _text_box(x, y, text, side) for side in _SIDES}
        obstacles = [*occupied, *markers[:i], *markers[i + 1 :]]
        best = min(_SIDES, key=lambda side: _cost(boxes[side], obstacles, area))
        occupied.append(boxes[best])
        positions.append(best)
    return positions


def _cost(box: _Box, obstacles: Sequence[_Box], area: _Box) -> float:
    return sum(box.overlap(obstacle) for obstacle in obstacles) + 4 * (box.area - box.overlap(area))


def _bar_boxes(
    ends: tuple[float, float, float, float], centre: tuple[float, float], size: tuple[float, float]
) -> tuple[_Box, _Box]:
    (left, right, lower, upper), (x, y), (width, height) = ends, centre, size
    horizontal = _Box(left * width - 2, y - 3, right * width + 2, y + 3)
    vertical = _Box(x - 3, (1 - upper) * height - 2, x + 3, (1 - lower) * height + 2)
    return horizontal, vertical


def _text_box(x: float, y: float, text: str, side: str) -> _Box:
    right, down = _SIDES[side]
    half_width, half_height = _CHARACTER_WIDTH * len(text) / 2, _LINE_HEIGHT / 2
    x += right * (half_width + _GAP)
    y += down * (half_height + (_GAP if not right else _GAP / 2))
    return _Box(x - half_width, y - half_height, x + half_width, y + half_height)
