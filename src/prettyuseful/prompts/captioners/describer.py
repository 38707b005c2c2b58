"""A deterministic captioner without a model: describes simple statistics of an image in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prettyuseful.prompts.captioners.base import Picture

_BRIGHTNESS = ((0.12, "very dark"), (0.32, "dark"), (0.52, "medium"), (0.72, "bright"), (2.0, "very bright"))
_CONTRAST = ((0.04, "flat"), (0.11, "soft"), (0.2, "clear"), (2.0, "stark"))
_HUES = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
# Upper limit of each hue; above the last one is red again.
_HUE_EDGES = np.array([15, 45, 70, 160, 200, 260, 290, 345]) / 360
_GREY_SATURATION = 0.05
_DETAIL = ((0.012, "smooth"), (0.035, "gentle"), (0.08, "detailed"), (2.0, "busy"))
_ORIENTATIONS = ("vertical lines", "lines rising to the right", "horizontal lines", "lines falling to the right")
_ORIENTED = 0.35


class Describer:
    """The bundled captioner, which needs no weights and no network."""

    def applied(self) -> dict[str, object]:
        return {"model": "describer"}

    def captions(self, pictures: Sequence[Picture]) -> list[str]:
        return [describe(np.asarray(picture.image), picture.position) for picture in pictures]


def describe(pixels: np.ndarray, position: str | None = None) -> str:
    """Describe brightness, contrast, hue, detail, orientation and, if given, the position in the photograph.

    Args:
        pixels: (H, W, 3) uint8.
        position: such as "upper left".
    """
    rgb = pixels.astype(np.float64) / 255
    luma = rgb @ np.array([0.299, 0.587, 0.114])
    text = f"a {_level(_BRIGHTNESS, luma.mean())} {_level(_CONTRAST, luma.std())} picture, {_hue(rgb)} tones"
    dy, dx = np.gradient(luma)
    text += f", {_level(_DETAIL, np.hypot(dx, dy).mean())}, {_orientation(dx, dy)}"
    return text if position is None else f"{text}, {position}"


def _level(scale: tuple[tuple[float, str], ...], value: float) -> str:
    return next(word for limit, word in scale if value < limit)


def _hue(rgb: np.ndarray) -> str:
    red, green, blue = rgb.reshape(-1, 3).mean(axis=0)
    # The hue of the mean colour, so that single saturated pixels do not dominate.
    x, y = red - (green + blue) / 2, np.sqrt(3) / 2 * (green - blue)
    if np.hypot(x, y) < _GREY_SATURATION:
        return "grey"
    turn = (np.arctan2(y, x) / (2 * np.pi)) % 1.0
    return _HUES[int(np.searchsorted(_HUE_EDGES, turn)) % len(_HUES)]


def _orientation(dx: np.ndarray, dy: np.ndarray) -> str:
    """Return the dominant orientation of lines, from the doubled angle of the structure tensor."""
    xx, yy, xy = (dx * dx).mean(), (dy * dy).mean(), (dx * dy).mean()
    coherence = np.hypot(xx - yy, 2 * xy) / (xx + yy + 1e-9)
    if coherence < _ORIENTED:
        return "no main direction"
    gradient = np.degrees(np.arctan2(2 * xy, xx - yy)) / 2 % 180  # direction across the lines, y pointing down
    return _ORIENTATIONS[round(gradient / 45) % 4]
