"""The scores of single images, one row per score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from prettyuseful.registry import Registry

ScoreFunction = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class Score:
    """A number per image; the higher, the more of it.

    Attributes:
        name: in study files.
        title: for tables.
        summary: one line.
        words: a sentence for readers of reports.
        source: where it is published.
        low: smallest value; None if unbounded.
        high: largest value; None if unbounded.
        function: pixels (H, W, 3) uint8 to the score, or "module:attribute" of it.
    """

    name: str
    title: str
    summary: str
    words: str
    source: str
    low: float | None
    high: float | None
    function: ScoreFunction | str


def _brightness(pixels: np.ndarray) -> float:
    return float(pixels.mean())


SCORES = Registry(
    "score",
    Score,
    (Score("prettiness", "Prettiness", "skeleton", "skeleton", "none", 0, 255, _brightness),),
)
