"""The reference of a diagnosis: real images, unchanged and after every candidate change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate, apply_changes, candidate_changes
from prettyuseful.diagnosis.features import Extractor, RawFeatures
from prettyuseful.diagnosis.half import Half, Halves, ScaledPair, UnitPair
from prettyuseful.diagnosis.images import (
    FEWEST_IMAGES,
    MIN_IMAGES,
    LabelledImages,
    parts_per_class,
    rows_by_unit,
)
from prettyuseful.diagnosis.neighbour_distance import log_neighbour_distances


def extract_after_changes(images: LabelledImages, extractor: Extractor, coarse: bool = False) -> Iterator[RawFeatures]:
    """Yield the features of real images, first unchanged, then after each candidate change.

    This is most of the work of a reference. `coarse`: see `candidate_changes`.
    """
    yield RawFeatures.extract(extractor, images.pixels)
    for candidate in candidate_changes(min(images.pixels.shape[1:3]), coarse):
        yield RawFeatures.extract(extractor, candidate.apply(images.pixels, images.labels))


@dataclass(frozen=True, eq=False)
class ExtractedHalf:
    """One half of the real training images, and their features.

    Attributes:
        images: square images of one size.
        extractor: the classifier that was trained on the other half, or a frozen encoder with a linear probe that was.
        features: the result of `extract_after_changes`, or its first element alone if no changes are searched.
        frozen: the features of both halves come from one frozen encoder.
        coarse: the candidates are coarse.
    """

    images: LabelledImages
    extractor: Extractor
    features: Sequence[RawFeatures]
    frozen: bool = False
    coarse: bool = False

    def with_pixels(self, pixels: np.ndarray) -> ExtractedHalf:
        """Return the half with its images in another version, such as after another compression.

        Features are extracted once. Candidate changes are taken to move the features of the new version by as much as
        they move those of the old one.
        """
        before, after = self.features[0], RawFeatures.extract(self.extractor, pixels)
        images = LabelledImages(pixels, self.images.labels, self.images.groups)
        moved = (changed.shift_by(before, after) for changed in self.features[1:])
        return replace(self, images=images, features=[after, *moved])


class Reference:
    """Real images in two halves that share no group, unchanged and after every candidate change.

    Attributes:
        classes: number of classes.
        parts: number of units per class.
        halves: the unchanged images.
        pooled: the unchanged images of both halves in the scale of the first, if they have the same features, or None.
        change_features: features of both halves after each candidate change.

    Raises:
        DataError: a class has too few images or groups.
    """

    def __init__(self, first: ExtractedHalf, second: ExtractedHalf, classes: int) -> None:
        self.classes, self.parts = classes, parts_per_class(classes)
        self.halves = Halves(self._half(first), self._half(second))
        first_half, second_half = self.halves
        self.pooled = first_half.real.features.join(first_half.scale(second.features[0])) if first.frozen else None
        searched = len(first.features) > 1
        changes = candidate_changes(min(first.images.pixels.shape[1:3]), first.coarse) if searched else []
        self.change_features: Mapping[Candidate, ScaledPair] = {
            change: (first_half.scale(first_raw), second_half.scale(second_raw))
            for change, first_raw, second_raw in zip(changes, first.features[1:], second.features[1:], strict=True)
        }

    def _half(self, extracted: ExtractedHalf) -> Half:
        name, least = "half of the real images", FEWEST_IMAGES if extracted.frozen else MIN_IMAGES
        units = rows_by_unit(extracted.images, self.classes, self.parts, name, least)
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

    @property
    def least_images(self) -> int:
        """The smallest number of images of a unit."""
        return FEWEST_IMAGES if self.pooled is not None else MIN_IMAGES

    @cached_property
    def neighbour_distance_deviation(self) -> np.ndarray:
        """Root mean square difference (units,) between two parts of real images in their mean log neighbour distance.

        It is the mean of `log_neighbour_distances` over kinds. Values below the mean over units are raised to it.
        """
        squares = np.mean([list(_squared_differences(half)) for half in self.halves], axis=0)
        return np.asarray(np.sqrt(np.maximum(squares, squares.mean())))


def _squared_differences(half: Half) -> Iterator[float]:
    """Yield, for each unit, the mean squared difference in neighbour distance between two parts of the unit."""
    squares: dict[int, list[float]] = {}
    for unit, *parts in half.splits():
        count = min(map(len, parts))
        first, second = (
            log_neighbour_distances(half.real.features.take(rows[:count]), half.real.within[unit]).mean()
            for rows in parts
        )
        squares.setdefault(unit, []).append((first - second) ** 2)
    mean = float(np.mean([np.mean(values) for values in squares.values()]))
    yield from (float(np.mean(squares.get(unit, [mean]))) for unit in range(len(half.real.units)))
