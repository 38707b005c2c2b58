"""The real images in two halves, each in the features of a classifier that was trained on the other half."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from prettyuseful.diagnosis.descriptors import describe
from prettyuseful.diagnosis.features import Extractor, RawFeatures, Sample, ScaledFeatures, UnitFeatures
from prettyuseful.diagnosis.images import Labelled, shared_out
from prettyuseful.errors import DataError

ScaledPair = tuple[ScaledFeatures, ScaledFeatures]
"""Images in the scale of the first half and of the second."""
UnitPair = tuple[UnitFeatures, UnitFeatures]
"""The same, cut into units: of real images each half's own images, else one set in both scales."""

_MOST_AXES = 128  # of features; more cost time and show nothing with a few dozen images a class
_LEAST_NOISE = 1e-9  # instead of a noise of zero: images that are all equal
_SPLITS = 8  # of a unit into two, to see how far apart real images are from real images


class Half:
    """Real `images` that the `extractor`'s classifier was not trained on, cut into units: `real`.

    Everything is measured in this half's own spread: features in standard deviations within classes, distances in the
    standard deviation that the distance of real images from real images has over units (`noise`).

    Args:
        units: rows of each unit.
        raw: features of the images as they are.
    """

    def __init__(self, images: Labelled, units: Sequence[np.ndarray], extractor: Extractor, raw: RawFeatures) -> None:
        self.images, self.extractor = images, extractor
        self._axes = _main_axes(raw.features.astype(np.float64))
        self._deviations = {kind: _within_deviation(of, images.labels) for kind, of in self._by_kind(raw).items()}
        self.real = UnitFeatures.of(self.scale(raw), units)

    def scale(self, raw: RawFeatures) -> ScaledFeatures:
        """In this half's standard deviations within classes."""
        kinds = {kind: values / self._deviations[kind] for kind, values in self._by_kind(raw).items()}
        return ScaledFeatures(kinds, raw.logits.astype(np.float64))

    def energy_distances(self, real: UnitFeatures, other: UnitFeatures) -> np.ndarray:
        """(units, kinds): of this half's images (changed or not) from others, unit by unit, in its noise."""
        found = [mine.energy_distances(theirs) for mine, theirs in zip(real.samples, other.samples, strict=True)]
        return np.asarray(np.array(found) / self.real.within / self.noise)

    def energy_distance_of_part(self, unit: int, part: Sample, other: Sample) -> float:
        """The same of some images of one unit, summed over kinds."""
        return float((part.energy_distances(other) / self.real.within[unit] / self.noise).sum())

    @cached_property
    def noise(self) -> np.ndarray:
        """(kinds,): standard deviation of the energy distance between two parts of a unit, relative to its spread."""
        found = [
            self.sample(one).energy_distances(self.sample(two)) / self.real.within[unit]
            for unit, one, two in self.splits()
        ]
        if not found:
            raise DataError(
                "the real images of every class come from one group, so nothing tells how much real images differ "
                "from each other; take images from more sources, or check the groups"
            )
        return np.asarray(np.maximum(np.sqrt(np.mean(np.square(found), axis=0)), _LEAST_NOISE))

    def splits(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Units, each cut several times into two parts that share no group: the unit, and rows of either part."""
        for unit, rows in enumerate(self.real.units):
            for split in range(_SPLITS):
                part = shared_out(self.images.groups[rows], 2, f"split {split}")
                if min((part == 0).sum(), (part == 1).sum()) > 1:
                    yield unit, rows[part == 0], rows[part == 1]

    def sample(self, rows: np.ndarray) -> Sample:
        """Some of this half's images."""
        return Sample.of(self.real.features.take(rows))

    def _by_kind(self, raw: RawFeatures) -> dict[str, np.ndarray]:
        wide = raw.features.astype(np.float64)
        return {"features": wide if self._axes is None else wide @ self._axes, **raw.descriptors}


class Halves:
    """Both halves, which share no group. Distances are means over the two; units count the same in both."""

    def __init__(self, one: Half, two: Half) -> None:
        self._both = (one, two)
        self.real: UnitPair = (one.real, two.real)

    def __iter__(self) -> Iterator[Half]:
        return iter(self._both)

    @cached_property
    def images(self) -> Labelled:
        """All real images."""
        return Labelled.joined([half.images for half in self])

    def scale(self, pixels: np.ndarray) -> ScaledPair:
        """Any images, (N, H, W, 3) uint8, in the scale of either half."""
        descriptors = describe(pixels)
        one, two = (half.scale(RawFeatures(*half.extractor(pixels), descriptors)) for half in self)
        return one, two

    def cut(self, real: ScaledPair) -> UnitPair:
        """The real images, in any state, in their units."""
        one, two = (UnitFeatures.of(of, half.real.units) for of, half in zip(real, self, strict=True))
        return one, two

    def energy_distances(self, real: UnitPair, other: UnitPair) -> list[np.ndarray]:
        """In each half (units, kinds): of real images (changed or not) from others."""
        return [half.energy_distances(*sides) for half, *sides in zip(self, real, other, strict=True)]

    def energy_distance(self, real: UnitPair, other: UnitPair) -> np.ndarray:
        """(units,): of real images (changed or not) from others, summed over kinds, mean of both halves.

        In standard deviations of real against real. Unbiased: about 0 for two draws of the same.
        """
        found = [of_half.sum(axis=1) for of_half in self.energy_distances(real, other)]
        return np.asarray(np.mean(found, axis=0))

    def energy_distance_by_kind(self, real: UnitPair, other: UnitPair) -> np.ndarray:
        """(kinds,): the same by kind, mean over units."""
        return np.asarray(np.mean(self.energy_distances(real, other), axis=(0, 1)))

    def shift(self, real: UnitPair, after: ScaledPair) -> UnitPair:
        """Real images, changed or not, each moved as it moves from what it is to `after`."""
        pairs = zip(real, self, after, strict=True)
        one, two = (of.features.shifted(half.real.features, to) for of, half, to in pairs)
        return self.cut((one, two))


def _within_deviation(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(d,): standard deviation of every dimension within classes. One that is constant keeps its scale."""
    _, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    means = np.zeros((len(counts), values.shape[1]))
    np.add.at(means, index, values)
    deviation = (values - (means / counts[:, None])[index]).std(axis=0)
    largest = deviation.max(initial=0.0)
    return np.asarray(np.where(deviation > 1e-3 * largest, deviation, max(1e-3 * largest, 1e-12)))


def _main_axes(features: np.ndarray) -> np.ndarray | None:
    """(d, 128): the main axes of features (N, d) that are wider than that; None if they are not."""
    if features.shape[1] <= _MOST_AXES:
        return None
    axes: np.ndarray = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)[2][:_MOST_AXES].T
    return axes
