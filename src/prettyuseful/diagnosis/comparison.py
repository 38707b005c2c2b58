"""Comparison of synthetic images with the real images of a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate
from prettyuseful.diagnosis.features import UnitFeatures
from prettyuseful.diagnosis.fixed_patterns import fit_patterns
from prettyuseful.diagnosis.half import ScaledPair, UnitPair
from prettyuseful.diagnosis.images import LabelledImages, rows_by_unit
from prettyuseful.diagnosis.reference import Reference
from prettyuseful.diagnosis.two_sample import ClassImages, permutation_p
from prettyuseful.engine.keys import derive_seed

_RESAMPLES = 1_000


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
        least = reference.least_images
        self.units = rows_by_unit(synthetic, reference.classes, reference.parts, "the synthetic images", least)
        first, second = (UnitFeatures.split(scaled, self.units) for scaled in reference.halves.scale(synthetic.pixels))
        self.features: UnitPair = (first, second)
        self.initial = self.distance(reference.halves.real)

    def distance(self, real: UnitPair) -> np.ndarray:
        """Return the energy distance (units,) of the synthetic images from real images, changed or unchanged."""
        return self.reference.halves.energy_distance(real, self.features)

    @cached_property
    def change_features(self) -> Mapping[Candidate, ScaledPair]:
        """Features of both halves after each candidate change, those of the reference and those fitted to this set."""
        fitted = fit_patterns(self.reference.halves.images, self.synthetic)
        features = {change: self.reference.extract_changed([change]) for change in fitted}
        return {**self.reference.change_features, **features}

    def apply_changes(self, changes: Sequence[Candidate]) -> UnitPair:
        """Return the features of the real images after several changes, applied in order."""
        if len(changes) == 1 and changes[0] in self.change_features:
            return self.reference.halves.split(self.change_features[changes[0]])
        return self.reference.apply_changes(changes)

    @cached_property
    def p_value(self) -> float:
        """The p-value of the hypothesis that synthetic and real images have the same distribution in every class.

        If each half has features of its own, it has a test of its own. Twice the mean of their p-values is valid
        however they depend on each other (Vovk and Wang 2020, "Combining p-values via averaging").
        """
        if self.reference.pooled is not None:
            real, features = self.reference.halves.images, self.features[0].features
            return permutation_p(
                ClassImages(self.reference.pooled.kinds, real.labels, real.groups),
                ClassImages(features.kinds, self.synthetic.labels, self.synthetic.groups),
            )
        by_half = [
            permutation_p(
                ClassImages(half.real.features.kinds, half.images.labels, half.images.groups),
                ClassImages(other.features.kinds, self.synthetic.labels, self.synthetic.groups),
            )
            for half, other in zip(self.reference.halves, self.features, strict=True)
        ]
        return min(1.0, 2 * float(np.mean(by_half)))

    def relative(self, distances: np.ndarray) -> np.ndarray:
        """Return distances as shares of the mean distance between two classes of real images."""
        return np.asarray(distances / self.reference.halves.between_classes)

    def mean_by_class(self, unit_values: np.ndarray) -> np.ndarray:
        """Return the means (classes,) of one value per unit."""
        return np.asarray(np.asarray(unit_values, float).reshape(self.reference.classes, -1).mean(axis=1))


def unexplained_interval(remaining: np.ndarray, initial: np.ndarray) -> tuple[float, float, float]:
    """Return the share, 0-1, of the `initial` distance (units,) in the `remaining` one, with its 95% interval.

    The interval is the percentile bootstrap over units.
    """
    rng = np.random.default_rng(derive_seed("bootstrap of units"))
    rows = rng.integers(len(initial), size=(_RESAMPLES, len(initial)))
    shares = [1 - explained_share(remaining[row], initial[row]) for row in rows]
    low, high = np.quantile(shares, [0.025, 0.975])
    return 1 - explained_share(remaining, initial), float(low), float(high)


def explained_share(remaining: np.ndarray, initial: np.ndarray) -> float:
    """Return the share, 0-1, of the `initial` distance (units,) that is gone in the `remaining` distance (units,).

    Means are taken over square roots, so that no single unit dominates.
    """
    before, after = (np.sign(distance) * np.sqrt(np.abs(distance)) for distance in (initial, remaining))
    if before.sum() <= 0:
        return 0.0
    return float(np.clip(1 - np.sign(after.sum()) * (after.sum() / before.sum()) ** 2, 0, 1))
