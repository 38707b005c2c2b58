"""A deterministic captioner without a model: says in words what simple statistics of an image say in numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prettyuseful.prompts.captioners.base import Picture

_BRIGHTNESS = ((0.12, "very dark"), (0.32, "dark"), (0.52, "medium"), (0.72, "bright"), (2.0, "very bright"))
_CONTRAST = ((0.04, "flat"), (0.11, "soft"), (0.2, "clear"), (2.0, "stark"))
_HUES = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
_HUE_EDGES = np.array([15, 45, 70, 160, 200, 260, 290, 345]) / 360  # upper end of each hue; above the last is red again
_GREY_SATURATION = 0.05
_DETAIL = ((0.012, "smooth"), (0.035, "gentle"), (0.08, "detailed"), (2.0, "busy"))
_ORIENTATIONS = ("vertical lines", "lines rising to the right", "horizontal lines", "lines falling to the right")
_ORIENTED = 0.35


class Describer:
    """The captioner that is always there: no weights, no network."""

    def applied(self) -> dict[str, object]:
        return {"model": "describer"}

    def captions(self, pictures: Sequence[Picture]) -> list[str]:
        return [describe(np.asarray(picture.image), picture.place) for picture in pictures]


def describe(pixels: np.ndarray, place: str | None = None) -> str:
    """One sentence on brightness, contrast, hue, detail, orientation and, if given, the place in the photograph.

    Args:
        pixels: (H, W, 3) uint8.
        place: such as "upper left".
    """
    rgb = pixels.astype(np.float64) / 255
    luma = rgb @ np.array([0.299, 0.587, 0.114])
    words = f"a {_word(_BRIGHTNESS, luma.mean())} {_word(_CONTRAST, luma.std())} picture, {_hue(rgb)} tones"
    dy, dx = np.gradient(luma)
    words += f", {_word(_DETAIL, np.hypot(dx, dy).mean())}, {_orientation(dx, dy)}"
    return words if place is None else f"{words}, {place}"


def _word(scale: tuple[tuple[float, str], ...], value: float) -> str:
    return next(word for limit, word in scale if value < limit)


def _hue(rgb: np.ndarray) -> str:
    red, green, blue = rgb.reshape(-1, 3).mean(axis=0)
    # The angle of the mean colour: hue of the whole picture, not of its loudest pixel.
    x, y = red - (green + blue) / 2, np.sqrt(3) / 2 * (green - blue)
    if np.hypot(x, y) < _GREY_SATURATION:
        return "grey"
    turn = (np.arctan2(y, x) / (2 * np.pi)) % 1.0
    return _HUES[int(np.searchsorted(_HUE_EDGES, turn)) % len(_HUES)]


def _orientation(dx: np.ndarray, dy: np.ndarray) -> str:
    """The dominant direction of edges, from the structure tensor's doubled angle."""
    xx, yy, xy = (dx * dx).mean(), (dy * dy).mean(), (dx * dy).mean()
    coherence = np.hypot(xx - yy, 2 * xy) / (xx + yy + 1e-9)
    if coherence < _ORIENTED:
        return "no main direction"
    gradient = np.degrees(np.arctan2(2 * xy, xx - yy)) / 2 % 180  # direction across the lines, y pointing down
    return _ORIENTATIONS[round(gradient / 45) % 4]
