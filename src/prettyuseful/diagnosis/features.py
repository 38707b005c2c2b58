"""Features of images: raw, scaled by the spread of real images, and split into units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prettyuseful.diagnosis.descriptors import describe
from prettyuseful.diagnosis.distances import energy_distance, mean_within

Extractor = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Returns penultimate features (N, d) and logits (N, classes) of a classifier for (N, H, W, 3) uint8 images."""

KINDS = ("features", "colour", "spectrum", "texture")
"""Kinds of features: of the classifier, and three kinds of image descriptors."""


@dataclass(frozen=True, eq=False)
class RawFeatures:
    """Unscaled features of N images.

    Attributes:
        features: (N, d) penultimate features of a classifier.
        logits: (N, classes) logits of the classifier.
        descriptors: the result of `describe`, by kind.
    """

    features: np.ndarray
    logits: np.ndarray
    descriptors: Mapping[str, np.ndarray]

    @classmethod
    def extract(cls, extractor: Extractor, pixels: np.ndarray) -> RawFeatures:
        """Extract the features of (N, H, W, 3) uint8 images."""
        return cls(*extractor(pixels), describe(pixels))

    def shift_by(self, before: RawFeatures, after: RawFeatures) -> RawFeatures:
        """Return these features plus the difference `after - before`, which approximates one change after another."""
        return RawFeatures(
            self.features + after.features - before.features,
            self.logits + after.logits - before.logits,
            {k: values + after.descriptors[k] - before.descriptors[k] for k, values in self.descriptors.items()},
        )


@dataclass(frozen=True, eq=False)
class ScaledFeatures:
    """Features of N images in the scale of one half of the real images.

    Attributes:
        kinds: by kind, (N, d) features in standard deviations within classes.
        logits: (N, classes) logits of the classifier.
    """

    kinds: Mapping[str, np.ndarray]
    logits: np.ndarray

    def take(self, rows: np.ndarray) -> ScaledFeatures:
        """Return the features of some images, by index or mask."""
        return ScaledFeatures({kind: values[rows] for kind, values in self.kinds.items()}, self.logits[rows])

    def join(self, other: ScaledFeatures) -> ScaledFeatures:
        """Return the features of these images and of others, in this order."""
        kinds = {kind: np.concatenate([values, other.kinds[kind]]) for kind, values in self.kinds.items()}
        return ScaledFeatures(kinds, np.concatenate([self.logits, other.logits]))

    def interpolate(self, other: ScaledFeatures, share: float) -> ScaledFeatures:
        """Return features interpolated linearly between these (share 0) and `other` (share 1)."""
        kinds = {kind: (1 - share) * self.kinds[kind] + share * other.kinds[kind] for kind in KINDS}
        return ScaledFeatures(kinds, (1 - share) * self.logits + share * other.logits)

    def shift_by(self, before: ScaledFeatures, after: ScaledFeatures) -> ScaledFeatures:
        """Return these features plus the difference `after - before`, which approximates one change after another."""
        kinds = {kind: self.kinds[kind] + after.kinds[kind] - before.kinds[kind] for kind in KINDS}
        return ScaledFeatures(kinds, self.logits + after.logits - before.logits)


@dataclass(frozen=True, eq=False)
class Sample:
    """At least 2 images, with `within` (kinds,): the mean distance between two of them, by kind."""

    features: ScaledFeatures
    within: np.ndarray

    @classmethod
    def from_features(cls, features: ScaledFeatures) -> Sample:
        return cls(features, np.array([mean_within(features.kinds[kind]) for kind in KINDS]))

    def energy_distances(self, other: Sample) -> np.ndarray:
        """Return the energy distance from another sample by kind, (kinds,). It is unbiased, so it can be negative."""
        pairs = ((self.features.kinds[kind], other.features.kinds[kind]) for kind in KINDS)
        ends = zip(pairs, self.within, other.within, strict=True)
        return np.array([energy_distance(a, b, within_a, within_b) for (a, b), within_a, within_b in ends])


@dataclass(frozen=True, eq=False)
class UnitFeatures:
    """Features of a set of images, split into units.

    Attributes:
        features: features of all images.
        units: rows of the images in each unit.
        samples: one sample per unit.
    """

    features: ScaledFeatures
    units: Sequence[np.ndarray]
    samples: tuple[Sample, ...]

    @classmethod
    def split(cls, features: ScaledFeatures, units: Sequence[np.ndarray]) -> UnitFeatures:
        return cls(features, units, tuple(_unit_sample(features.take(rows)) for rows in units))

    @cached_property
    def within(self) -> np.ndarray:
        """Mean distance between two images of a unit, (units, kinds)."""
        return np.array([sample.within for sample in self.samples])


_MIN_WITHIN = 1e-9  # replaces a mean distance of 0, which identical images have


def _unit_sample(features: ScaledFeatures) -> Sample:
    sample = Sample.from_features(features)
    return Sample(features, np.maximum(sample.within, _MIN_WITHIN))
