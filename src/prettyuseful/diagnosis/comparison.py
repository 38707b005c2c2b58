"""A synthetic set beside the real images of a reference."""

from __future__ import annotations

import numpy as np

from prettyuseful.diagnosis.features import UnitFeatures
from prettyuseful.diagnosis.half import UnitPair
from prettyuseful.diagnosis.images import Labelled, units_of
from prettyuseful.diagnosis.reference import Reference


class Comparison:
    """The `synthetic` images, their `features` in the scale of either half, and their distances from real images.

    `units`: the rows of each unit, in the order of the reference's. `whole` (units,): the distance from real images as
    they are.

    Args:
        synthetic: squares of the size that the reference has, labels as there.

    Raises:
        DataError: too few images of a class.
    """

    def __init__(self, reference: Reference, synthetic: Labelled) -> None:
        self.reference, self.synthetic = reference, synthetic
        self.units = units_of(synthetic, reference.classes, reference.parts, "the synthetic images")
        one, two = (UnitFeatures.of(of, self.units) for of in reference.halves.scale(synthetic.pixels))
        self.features: UnitPair = (one, two)
        self.whole = self.distance(reference.halves.real)

    def distance(self, real: UnitPair) -> np.ndarray:
        """(units,): energy distance of the set from real images, changed or not, as `Halves.energy_distance` has it."""
        return self.reference.halves.energy_distance(real, self.features)

    def by_class(self, of_units: np.ndarray) -> np.ndarray:
        """(classes,): means of a number of each unit."""
        return np.asarray(np.asarray(of_units, float).reshape(self.reference.classes, -1).mean(axis=1))


def explained_share(rest: np.ndarray, whole: np.ndarray) -> float:
    """Share, 0-1, of a difference (units,) that is gone when `rest` is left; by mean roots, so that no unit rules."""
    before, after = (np.sign(d) * np.sqrt(np.abs(d)) for d in (whole, rest))
    if before.sum() <= 0:
        return 0.0
    return float(np.clip(1 - np.sign(after.sum()) * (after.sum() / before.sum()) ** 2, 0, 1))
