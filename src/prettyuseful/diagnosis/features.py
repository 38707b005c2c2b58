"""Features of images: as they are extracted, in the scale of real images, and of a set that is cut into units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prettyuseful.diagnosis.descriptors import describe
from prettyuseful.diagnosis.distances import energy_distance, mean_within

Extractor = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""A classifier: penultimate features (N, d) and logits (N, classes) of (N, H, W, 3) uint8 images."""

KINDS = ("features", "colour", "spectrum", "texture")
"""What images are compared by."""


@dataclass(frozen=True, eq=False)
class RawFeatures:
    """`features` (N, d) and `logits` (N, classes) of a classifier, and by kind what `describe` gives of the images."""

    features: np.ndarray
    logits: np.ndarray
    descriptors: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, extractor: Extractor, pixels: np.ndarray) -> RawFeatures:
        """(N, H, W, 3) uint8 images."""
        return cls(*extractor(pixels), describe(pixels))


@dataclass(frozen=True, eq=False)
class ScaledFeatures:
    """Images in the scale of a half: by kind, (N, d) in within-class standard deviations; `logits` (N, classes)."""

    kinds: Mapping[str, np.ndarray]
    logits: np.ndarray

    def take(self, rows: np.ndarray) -> ScaledFeatures:
        """Some of the images, by index or mask."""
        return ScaledFeatures({kind: values[rows] for kind, values in self.kinds.items()}, self.logits[rows])

    def interpolated(self, other: ScaledFeatures, share: float) -> ScaledFeatures:
        """These images, each moved by a share, 0-1, of its way to the other."""
        kinds = {kind: (1 - share) * self.kinds[kind] + share * other.kinds[kind] for kind in KINDS}
        return ScaledFeatures(kinds, (1 - share) * self.logits + share * other.logits)

    def shifted(self, before: ScaledFeatures, after: ScaledFeatures) -> ScaledFeatures:
        """These images, each moved as another one moved: two changes, one on the other, as far as they add up."""
        kinds = {kind: self.kinds[kind] + after.kinds[kind] - before.kinds[kind] for kind in KINDS}
        return ScaledFeatures(kinds, self.logits + after.logits - before.logits)


@dataclass(frozen=True, eq=False)
class Sample:
    """Images, at least 2, with the mean distance between two of them by kind, `within` (kinds,)."""

    features: ScaledFeatures
    within: np.ndarray

    @classmethod
    def of(cls, features: ScaledFeatures) -> Sample:
        return cls(features, np.array([mean_within(features.kinds[kind]) for kind in KINDS]))

    def energy_distances(self, other: Sample) -> np.ndarray:
        """(kinds,): unbiased, so that they may be below 0."""
        pairs = ((self.features.kinds[kind], other.features.kinds[kind]) for kind in KINDS)
        ends = zip(pairs, self.within, other.within, strict=True)
        return np.array([energy_distance(a, b, within_a, within_b) for (a, b), within_a, within_b in ends])


@dataclass(frozen=True, eq=False)
class UnitFeatures:
    """A set of images in the scale of a half, cut into `units`, the rows of each; `samples`: the images of each."""

    features: ScaledFeatures
    units: Sequence[np.ndarray]
    samples: tuple[Sample, ...]

    @classmethod
    def of(cls, features: ScaledFeatures, units: Sequence[np.ndarray]) -> UnitFeatures:
        return cls(features, units, tuple(_unit_sample(features.take(rows)) for rows in units))

    @cached_property
    def within(self) -> np.ndarray:
        """(units, kinds): mean distance between two images of a unit."""
        return np.array([sample.within for sample in self.samples])


_LEAST_WITHIN = 1e-9  # instead of a distance of zero: images that are all equal


def _unit_sample(features: ScaledFeatures) -> Sample:
    sample = Sample.of(features)
    return Sample(features, np.maximum(sample.within, _LEAST_WITHIN))
