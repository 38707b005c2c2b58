"""The real images in two halves.

Each half is described by features of a classifier trained on the other half, so that no image is described by a
classifier that was trained on it. Synthetic images are compared with both halves, and the results are averaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import combinations

import numpy as np

from prettyuseful.diagnosis.descriptors import describe
from prettyuseful.diagnosis.features import Extractor, RawFeatures, Sample, ScaledFeatures, UnitFeatures
from prettyuseful.diagnosis.images import LabelledImages, NotDiagnosableError, split_groups
from prettyuseful.engine.keys import derive_seed

ScaledPair = tuple[ScaledFeatures, ScaledFeatures]
"""Images in the scale of the first half and in the scale of the second."""
UnitPair = tuple[UnitFeatures, UnitFeatures]
"""The same, split into units. For real images: the images of each half. Otherwise: one set in both scales."""

_MAX_DIMENSIONS = 128  # more cost time and do not help with a few dozen images per class
_MIN_NOISE = 1e-9  # replaces a noise of 0, which identical images have
_SPLITS = 8  # random splits of a unit into two parts, to estimate the distance of real images from real images
_CLASS_PAIRS = 200  # pairs of classes whose distance is measured


class Half:
    """One half of the real images. The classifier of its extractor was trained on the other half.

    Features are scaled by their standard deviation within the classes of this half, and distances by the standard
    deviation (over units) of the distance between two samples of real images, `noise`.

    Attributes:
        real: features of the unchanged images, split into units.

    Args:
        units: rows of the images in each unit.
        raw: features of the unchanged images.
    """

    def __init__(
        self, images: LabelledImages, units: Sequence[np.ndarray], extractor: Extractor, raw: RawFeatures
    ) -> None:
        self.images, self.extractor = images, extractor
        self._projection = _projection(raw.features.shape[1])
        self._deviations = {
            kind: _within_deviation(values, images.labels) for kind, values in self._by_kind(raw).items()
        }
        self.real = UnitFeatures.split(self.scale(raw), units)

    def scale(self, raw: RawFeatures) -> ScaledFeatures:
        """Return features in standard deviations within the classes of this half."""
        kinds = {kind: values / self._deviations[kind] for kind, values in self._by_kind(raw).items()}
        return ScaledFeatures(kinds, raw.logits.astype(np.float64))

    def energy_distances(self, real: UnitFeatures, other: UnitFeatures) -> np.ndarray:
        """Return energy distances (units, kinds) between real images, changed or not, and others, in units of noise."""
        table = [sample.energy_distances(match) for sample, match in zip(real.samples, other.samples, strict=True)]
        return np.asarray(np.array(table) / self.real.within / self.noise)

    def unit_distance(self, unit: int, first: Sample, second: Sample) -> float:
        """Return the energy distance between two samples of a unit, in units of noise, summed over kinds."""
        return float((first.energy_distances(second) / self.real.within[unit] / self.noise).sum())

    def rescale(self, features: ScaledFeatures, other: Half) -> ScaledFeatures:
        """Return features in the scale of another half in the scale of this one; both halves have one encoder."""
        if other is self:
            return features
        kinds = {k: v * (other._deviations[k] / self._deviations[k]) for k, v in features.kinds.items()}
        return ScaledFeatures(kinds, features.logits)

    @cached_property
    def noise(self) -> np.ndarray:
        """Standard deviation (kinds,) of the energy distance between two parts of a unit, relative to its spread."""
        distances = [
            self.sample(first).energy_distances(self.sample(second)) / self.real.within[unit]
            for unit, first, second in self.splits()
        ]
        if not distances:
            distances = self._pooled_distances()
        return np.asarray(np.maximum(np.sqrt(np.mean(np.square(distances), axis=0)), _MIN_NOISE))

    def _pooled_distances(self) -> list[np.ndarray]:
        """Return distances between two parts of all images, from which the means of their classes are subtracted.

        They are scaled to the size of a unit, since a distance of two samples is inversely proportional to their size.
        """
        features, labels, groups = self.real.features, self.images.labels, self.images.groups
        if len(set(zip(labels.tolist(), groups.tolist(), strict=True))) == len(set(labels.tolist())):
            raise NotDiagnosableError(
                "the real images of every class come from one group, so the variation between real images cannot be "
                "estimated"
            )
        centred = {kind: _centre(values, labels) for kind, values in features.kinds.items()}
        everything = ScaledFeatures(centred, features.logits)
        within = Sample.from_features(everything).within
        scale = len(labels) / np.mean([len(rows) for rows in self.real.units])
        distances = []
        for split in range(_SPLITS):
            part = split_groups(groups, 2, f"split {split}")
            first, second = (Sample.from_features(everything.take(part == side)) for side in (0, 1))
            distances.append(first.energy_distances(second) / within * scale)
        return distances

    @cached_property
    def between_classes(self) -> float:
        """Mean energy distance between the images of two classes, summed over kinds, in units of noise."""
        labels = np.unique(self.images.labels)
        samples = [self.sample(np.flatnonzero(self.images.labels == label)) for label in labels]
        pairs = list(combinations(samples, 2))
        chosen = np.random.default_rng(derive_seed("pairs of classes")).permutation(len(pairs))[:_CLASS_PAIRS]
        distances = [pairs[i][0].energy_distances(pairs[i][1]) for i in chosen]
        return float((np.mean(distances, axis=0) / self.real.within.mean(axis=0) / self.noise).sum())

    def splits(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield several splits of each unit into two parts that share no group: the unit, and the rows of each part."""
        for unit, rows in enumerate(self.real.units):
            for split in range(_SPLITS):
                part = split_groups(self.images.groups[rows], 2, f"split {split}")
                if min((part == 0).sum(), (part == 1).sum()) > 1:
                    yield unit, rows[part == 0], rows[part == 1]

    def sample(self, rows: np.ndarray) -> Sample:
        """Return some images of this half as a sample."""
        return Sample.from_features(self.real.features.take(rows))

    def _by_kind(self, raw: RawFeatures) -> dict[str, np.ndarray]:
        features = raw.features.astype(np.float64)
        return {"features": features if self._projection is None else features @ self._projection, **raw.descriptors}


class Halves:
    """Both halves of the real images. They share no group and have the same units. Distances are means over both."""

    def __init__(self, first: Half, second: Half) -> None:
        self._halves = (first, second)
        self.real: UnitPair = (first.real, second.real)

    def __iter__(self) -> Iterator[Half]:
        return iter(self._halves)

    @cached_property
    def images(self) -> LabelledImages:
        """The real images of both halves."""
        return LabelledImages.concatenate([half.images for half in self])

    def scale(self, pixels: np.ndarray) -> ScaledPair:
        """Return the features of (N, H, W, 3) uint8 images in the scale of each half."""
        descriptors = describe(pixels)
        first, second = (half.scale(RawFeatures(*half.extractor(pixels), descriptors)) for half in self)
        return first, second

    @cached_property
    def between_classes(self) -> float:
        """The distance between the real images of two classes, mean over pairs of classes and halves.

        It is the unit of reported distances, because it does not depend on the number of images.
        """
        return max(_MIN_NOISE, float(np.mean([half.between_classes for half in self])))

    def split(self, real: ScaledPair) -> UnitPair:
        """Split features of the real images, changed or not, into units."""
        first, second = (
            UnitFeatures.split(features, half.real.units) for features, half in zip(real, self, strict=True)
        )
        return first, second

    def energy_distances(self, real: UnitPair, other: UnitPair) -> list[np.ndarray]:
        """Return, for each half, energy distances (units, kinds) between real images, changed or not, and others."""
        return [half.energy_distances(*pair) for half, *pair in zip(self, real, other, strict=True)]

    def energy_distance(self, real: UnitPair, other: UnitPair) -> np.ndarray:
        """Return energy distances (units,) between real images, changed or not, and others.

        They are summed over kinds and averaged over both halves, in standard deviations of real against real. They are
        unbiased: about 0 for two samples of one distribution.
        """
        sums = [table.sum(axis=1) for table in self.energy_distances(real, other)]
        return np.asarray(np.mean(sums, axis=0))

    def energy_distance_by_kind(self, real: UnitPair, other: UnitPair) -> np.ndarray:
        """Return the same energy distances by kind, (kinds,), mean over units and halves."""
        return np.asarray(np.mean(self.energy_distances(real, other), axis=(0, 1)))

    def shift(self, real: UnitPair, after: ScaledPair) -> UnitPair:
        """Return `real` plus the difference between `after` and the unchanged real images."""
        pairs = zip(real, self, after, strict=True)
        first, second = (unit.features.shift_by(half.real.features, target) for unit, half, target in pairs)
        return self.split((first, second))


def _centre(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return values (N, d) minus the means of their classes, spread out again by what the subtraction took away."""
    _, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    means = np.zeros((len(counts), values.shape[1]))
    np.add.at(means, index, values)
    spread = np.sqrt(counts / np.maximum(counts - 1, 1))[index][:, None]
    return np.asarray((values - (means / counts[:, None])[index]) * spread)


def _within_deviation(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the standard deviation (d,) of each dimension within classes, with a lower bound for constant ones."""
    deviation = _centre(values, labels).std(axis=0)
    largest = deviation.max(initial=0.0)
    return np.asarray(np.where(deviation > 1e-3 * largest, deviation, max(1e-3 * largest, 1e-12)))


def _projection(dimensions: int) -> np.ndarray | None:
    """Return a random projection (d, 128) to orthonormal axes, or None if d is at most 128.

    It does not depend on the images. Principal axes of the real images would, and would describe them better than other
    images of the same distribution.
    """
    if dimensions <= _MAX_DIMENSIONS:
        return None
    rng = np.random.default_rng(derive_seed("projection of features"))
    axes: np.ndarray = np.linalg.qr(rng.normal(size=(dimensions, _MAX_DIMENSIONS)))[0]
    return axes
