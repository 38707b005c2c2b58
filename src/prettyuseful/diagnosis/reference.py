"""Real images as a measure: what sets of synthetic images are diagnosed against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate, apply_changes, known_changes
from prettyuseful.diagnosis.distances import damped
from prettyuseful.diagnosis.features import Extractor, RawFeatures
from prettyuseful.diagnosis.half import Half, Halves, ScaledPair, UnitPair
from prettyuseful.diagnosis.images import Labelled, parts_per_class, units_of
from prettyuseful.diagnosis.spread import crowding


def extract_after_changes(images: Labelled, extractor: Extractor) -> Iterator[RawFeatures]:
    """Features of real images as they are, and after every known change: most of the work of a reference."""
    yield RawFeatures.of(extractor, images.pixels)
    for candidate in known_changes(min(images.pixels.shape[1:3])):
        yield RawFeatures.of(extractor, candidate.transform.apply(images.pixels))


@dataclass(frozen=True, eq=False)
class ExtractedHalf:
    """Half of the real train images, squares of one size, a classifier trained on the other half, and its features.

    `features`: what `extract_after_changes` gives.
    """

    images: Labelled
    extractor: Extractor
    features: Sequence[RawFeatures]


class Reference:
    """Real images in two halves that share no group, as they are and after every known change.

    Args:
        classes: how many there are.

    Raises:
        DataError: too few images, or groups, of a class.
    """

    def __init__(self, one: ExtractedHalf, two: ExtractedHalf, classes: int) -> None:
        self.classes, self.parts = classes, parts_per_class(classes)
        self.halves = Halves(self._half(one), self._half(two))
        first, second = self.halves
        changes = known_changes(min(one.images.pixels.shape[1:3]))
        self.changed: Mapping[Candidate, ScaledPair] = {
            change: (first.scale(raw_one), second.scale(raw_two))
            for change, raw_one, raw_two in zip(changes, one.features[1:], two.features[1:], strict=True)
        }

    def _half(self, of: ExtractedHalf) -> Half:
        units = units_of(of.images, self.classes, self.parts, "half of the real images")
        return Half(of.images, units, of.extractor, of.features[0])

    def apply_changes(self, changes: Sequence[Candidate]) -> UnitPair:
        """The real images after some changes, one on the other."""
        if not changes:
            return self.halves.real
        if len(changes) == 1 and changes[0] in self.changed:
            return self.halves.cut(self.changed[changes[0]])
        one, two = (
            half.scale(RawFeatures.of(half.extractor, apply_changes(changes, half.images.pixels)))
            for half in self.halves
        )
        return self.halves.cut((one, two))

    def excess_distance(self, other: UnitPair) -> np.ndarray:
        """(units,): how much farther others are from one part of a unit than its other part is (damped)."""
        found = []
        for half, theirs in zip(self.halves, other, strict=True):
            excess: dict[int, list[float]] = {}
            for unit, one, two in half.splits():
                part = half.sample(one)
                ours = half.energy_distance_of_part(unit, part, theirs.samples[unit])
                real = half.energy_distance_of_part(unit, part, half.sample(two))
                excess.setdefault(unit, []).append(float(damped(ours) - damped(real)))
            found.append([float(np.mean(excess.get(unit, [np.nan]))) for unit in range(len(half.real.units))])
        return np.asarray(np.nan_to_num(np.nanmean(found, axis=0)))

    @cached_property
    def crowding_spread(self) -> np.ndarray:
        """(units,): root mean square difference in crowding of two parts of real images; of no unit less than usual."""
        squares = np.mean([list(_crowding_squares(half)) for half in self.halves], axis=0)
        return np.asarray(np.sqrt(np.maximum(squares, squares.mean())))


def _crowding_squares(half: Half) -> Iterator[float]:
    """For each unit, the mean squared difference in crowding between two parts of it."""
    found: dict[int, list[float]] = {}
    for unit, one, two in half.splits():
        count = min(len(one), len(two))
        parts = (half.real.features.take(rows[:count]) for rows in (one, two))
        first, second = (crowding(part, half.real.within[unit]) for part in parts)
        found.setdefault(unit, []).append((first - second) ** 2)
    usual = float(np.mean([np.mean(values) for values in found.values()]))
    yield from (float(np.mean(found.get(unit, [usual]))) for unit in range(len(half.real.units)))
