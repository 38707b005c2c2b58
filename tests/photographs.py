"""Eight of the sixteen photographs of `benchmarks/planted/worlds.py`, for tests that need less than all of them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from prettyuseful.diagnosis.images import LabelledImages

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from planted.worlds import Origin, Photos


class SomePhotos(Photos):
    """The last eight photographs."""

    classes = Photos.classes - 8

    def __init__(self, seed: int, per_class: int) -> None:
        super().__init__(seed, per_class)
        self.halves = (_last_eight(self.halves[0]), _last_eight(self.halves[1]))

    def draw(self, origin: Origin, rng: np.random.Generator) -> LabelledImages:
        return _last_eight(super().draw(origin, rng))


def _last_eight(images: LabelledImages) -> LabelledImages:
    chosen = images.take(np.flatnonzero(images.labels >= 8))
    return LabelledImages(chosen.pixels, chosen.labels - 8, chosen.groups)
