"""The reference of a diagnosis: real images, unchanged and after every candidate change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate, apply_changes, candidate_changes
from prettyuseful.diagnosis.features import Extractor, RawFeatures
from prettyuseful.diagnosis.half import Half, Halves, ScaledPair, UnitPair
from prettyuseful.diagnosis.images import LabelledImages, parts_per_class, rows_by_unit
from prettyuseful.diagnosis.neighbour_distance import mean_log_neighbour_distance


def extract_after_changes(images: LabelledImages, extractor: Extractor) -> Iterator[RawFeatures]:
    """Yield the features of real images, first unchanged, then after each candidate change.

    This is most of the work of a reference.
    """
    yield RawFeatures.extract(extractor, images.pixels)
    for candidate in candidate_changes(min(images.pixels.shape[1:3])):
        yield RawFeatures.extract(extractor, candidate.apply(images.pixels, images.labels))


@dataclass(frozen=True, eq=False)
class ExtractedHalf:
    """One half of the real training images, and their features by a classifier trained on the other half.

    Attributes:
        images: square images of one size.
        extractor: the classifier.
        features: the result of `extract_after_changes`.
    """

    images: LabelledImages
    extractor: Extractor
    features: Sequence[RawFeatures]


class Reference:
    """Real images in two halves that share no group, unchanged and after every candidate change.

    Attributes:
        classes: number of classes.
        parts: number of units per class.
        halves: the unchanged images.
        change_features: features of both halves after each candidate change.

    Raises:
        DataError: a class has too few images or groups.
    """

    def __init__(self, first: ExtractedHalf, second: ExtractedHalf, classes: int) -> None:
        self.classes, self.parts = classes, parts_per_class(classes)
        self.halves = Halves(self._half(first), self._half(second))
        first_half, second_half = self.halves
        changes = candidate_changes(min(first.images.pixels.shape[1:3]))
        self.change_features: Mapping[Candidate, ScaledPair] = {
            change: (first_half.scale(first_raw), second_half.scale(second_raw))
            for change, first_raw, second_raw in zip(changes, first.features[1:], second.features[1:], strict=True)
        }

    def _half(self, extracted: ExtractedHalf) -> Half:
        units = rows_by_unit(extracted.images, self.classes, self.parts, "half of the real images")
        return Half(extracted.images, units, extracted.extractor, extracted.features[0])

    def apply_changes(self, changes: Sequence[Candidate]) -> UnitPair:
        """Return the features of the real images after several changes, applied in order."""
        if not changes:
            return self.halves.real
        if len(changes) == 1 and changes[0] in self.change_features:
            return self.halves.split(self.change_features[changes[0]])
        return self.halves.split(self.extract_changed(changes))

    def extract_changed(self, changes: Sequence[Candidate]) -> ScaledPair:
        """Return the features of both halves after several changes, applied in order."""
        first, second = (
            half.scale(RawFeatures.extract(half.extractor, apply_changes(changes, images.pixels, images.labels)))
            for half, images in ((half, half.images) for half in self.halves)
        )
        return first, second

    @cached_property
    def neighbour_distance_deviation(self) -> np.ndarray:
        """Root mean square difference (units,) between two parts of real images in `mean_log_neighbour_distance`.

        Values below the mean over units are raised to it.
        """
        squares = np.mean([list(_squared_differences(half)) for half in self.halves], axis=0)
        return np.asarray(np.sqrt(np.maximum(squares, squares.mean())))


def _squared_differences(half: Half) -> Iterator[float]:
    """Yield, for each unit, the mean squared difference in neighbour distance between two parts of the unit."""
    squares: dict[int, list[float]] = {}
    for unit, *parts in half.splits():
        count = min(map(len, parts))
        first, second = (
            mean_log_neighbour_distance(half.real.features.take(rows[:count]), half.real.within[unit]) for rows in parts
        )
        squares.setdefault(unit, []).append((first - second) ** 2)
    mean = float(np.mean([np.mean(values) for values in squares.values()]))
    yield from (float(np.mean(squares.get(unit, [mean]))) for unit in range(len(half.real.units)))
