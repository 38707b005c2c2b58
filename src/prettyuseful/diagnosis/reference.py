"""Real images as a measure: what sets of synthetic images are diagnosed against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate, families
from prettyuseful.diagnosis.distances import energy, mean_within
from prettyuseful.diagnosis.half import KINDS, Half, Look, Looked, Seen
from prettyuseful.diagnosis.images import Labelled, parts_per_class, units_of
from prettyuseful.diagnosis.spread import log_crowding
from prettyuseful.diagnosis.undoing import Pair, softened


def known_changes(side: int) -> tuple[Candidate, ...]:
    """All that are tried on real images whose short side is `side` pixels, in order."""
    return tuple(family.at(strength) for family in families(side) for strength in family.strengths)


def tried(images: Labelled, look: Look) -> Iterator[Looked]:
    """Real images as they are, and after every known change: what a reference is made of, and dear to make."""
    yield Looked.at(look, images.pixels)
    for candidate in known_changes(min(images.pixels.shape[1:3])):
        yield Looked.at(look, candidate.transform.apply(images.pixels))


class Reference:
    """Real images in two halves, and two classifiers, each trained on one of them.

    Args:
        halves: two halves of the real train images that share no group, squares of one size.
        looks: `looks[i]` is a classifier that has not seen `halves[i]`: it was trained on the other.
        looked: of each half what `tried` says.
        classes: how many there are.

    Raises:
        DataError: too few images, or groups, of a class.
    """

    def __init__(
        self,
        halves: tuple[Labelled, Labelled],
        looks: tuple[Look, Look],
        looked: tuple[Sequence[Looked], Sequence[Looked]],
        classes: int,
    ) -> None:
        self.classes, self.parts = classes, parts_per_class(classes)
        one, two = (
            Half(images, units_of(images, classes, self.parts, "half of the real images"), look, plain)
            for images, look, (plain, *_) in zip(halves, looks, looked, strict=True)
        )
        self.halves = (one, two)
        self.plain = Pair.of(self.halves, (one.seen, two.seen))
        changes = known_changes(min(halves[0].pixels.shape[1:3]))
        self.changed = {
            change: (one.see(after_one), two.see(after_two))
            for change, after_one, after_two in zip(changes, looked[0][1:], looked[1][1:], strict=True)
        }

    def passed(self, changes: Sequence[Candidate]) -> Pair:
        """The real images once they have gone through some changes, in order."""
        if not changes:
            return self.plain
        if len(changes) == 1 and changes[0] in self.changed:
            return Pair.of(self.halves, self.changed[changes[0]])
        one, two = (half.see(Looked.at(half.look, through(changes, half.images.pixels))) for half in self.halves)
        return Pair.of(self.halves, (one, two))

    def beyond_real(self, others: Pair, units: Sequence[np.ndarray]) -> np.ndarray:
        """(units,): how much farther others are from one part of a unit than its other part is (softened)."""
        found = []
        for i, half in enumerate(self.halves):
            away: dict[int, list[float]] = {}
            for u, one, two in half.splits():
                ours = _apart(half, u, one, others.seen[i], units[u], others.within[i][u])
                real = _apart(half, u, one, half.seen, two)
                away.setdefault(u, []).append(float(softened(ours) - softened(real)))
            found.append([float(np.mean(away.get(u, [np.nan]))) for u in range(len(half.units))])
        return np.asarray(np.nan_to_num(np.nanmean(found, axis=0)))

    @cached_property
    def crowding_spread(self) -> np.ndarray:
        """(units,): root mean square difference in crowding of two parts of real images; of no unit less than usual."""
        squares = np.mean([list(_crowding_squares(half)) for half in self.halves], axis=0)
        return np.asarray(np.sqrt(np.maximum(squares, squares.mean())))


def through(changes: Sequence[Candidate], pixels: np.ndarray) -> np.ndarray:
    """(N, H, W, 3) uint8, after one change after the other."""
    for change in changes:
        pixels = change.transform.apply(pixels)
    return pixels


def _apart(
    half: Half, unit: int, rows: np.ndarray, other: Seen, others: np.ndarray, within: np.ndarray | None = None
) -> np.ndarray:
    """Energy distance of some of a unit's images from others, summed over kinds, in the half's noise."""
    total = 0.0
    for k, kind in enumerate(KINDS):
        a, b = half.seen.kinds[kind][rows], other.kinds[kind][others]
        within_b = mean_within(b) if within is None else float(within[k])
        total += energy(a, b, mean_within(a), within_b) / half.within[unit, k] / half.noise[k]
    return np.asarray(total)


def _crowding_squares(half: Half) -> Iterator[float]:
    """For each unit, the mean squared difference in crowding between two parts of it."""
    found: dict[int, list[float]] = {}
    for u, one, two in half.splits():
        count = min(len(one), len(two))
        ends = [crowding(half.seen, rows[:count], half.within[u]) for rows in (one, two)]
        found.setdefault(u, []).append((ends[0] - ends[1]) ** 2)
    usual = float(np.mean([np.mean(values) for values in found.values()]))
    yield from (float(np.mean(found.get(u, [usual]))) for u in range(len(half.units)))


def crowding(seen: Seen, rows: np.ndarray, usual: np.ndarray) -> float:
    """`log_crowding` of some images, mean over kinds; `usual` (kinds,) are distances of the half's unit."""
    found = [log_crowding(seen.kinds[kind][rows], float(usual[k])) for k, kind in enumerate(KINDS)]
    return float(np.mean(found))
