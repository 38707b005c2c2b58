"""Comparison of synthetic images with the real images of a reference."""

from __future__ import annotations

import numpy as np

from prettyuseful.diagnosis.features import UnitFeatures
from prettyuseful.diagnosis.half import UnitPair
from prettyuseful.diagnosis.images import LabelledImages, rows_by_unit
from prettyuseful.diagnosis.reference import Reference


class Comparison:
    """Synthetic images and their distances from real images.

    Attributes:
        features: features of the synthetic images, once in the scale of each half of the real images.
        units: rows of the synthetic images in each unit, in the order of the reference's units.
        initial: (units,) distance from unchanged real images.

    Args:
        synthetic: square images of the reference's size, with the reference's labels.

    Raises:
        DataError: a class has too few images.
    """

    def __init__(self, reference: Reference, synthetic: LabelledImages) -> None:
        self.reference, self.synthetic = reference, synthetic
        self.units = rows_by_unit(synthetic, reference.classes, reference.parts, "the synthetic images")
        first, second = (UnitFeatures.split(scaled, self.units) for scaled in reference.halves.scale(synthetic.pixels))
        self.features: UnitPair = (first, second)
        self.initial = self.distance(reference.halves.real)

    def distance(self, real: UnitPair) -> np.ndarray:
        """Return the energy distance (units,) of the synthetic images from real images, changed or unchanged."""
        return self.reference.halves.energy_distance(real, self.features)

    def mean_by_class(self, unit_values: np.ndarray) -> np.ndarray:
        """Return the means (classes,) of one value per unit."""
        return np.asarray(np.asarray(unit_values, float).reshape(self.reference.classes, -1).mean(axis=1))


def explained_share(remaining: np.ndarray, initial: np.ndarray) -> float:
    """Return the share, 0-1, of the `initial` distance (units,) that is gone in the `remaining` distance (units,).

    Means are taken over square roots, so that no single unit dominates.
    """
    before, after = (np.sign(distance) * np.sqrt(np.abs(distance)) for distance in (initial, remaining))
    if before.sum() <= 0:
        return 0.0
    return float(np.clip(1 - np.sign(after.sum()) * (after.sum() / before.sum()) ** 2, 0, 1))
