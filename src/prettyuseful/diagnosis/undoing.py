"""Which change of real images explains a difference: undoing, by doing the same to real images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate
from prettyuseful.diagnosis.half import Half, Seen

SeenChanged = Mapping[Candidate, tuple[Seen, Seen]]
"""Both halves after every candidate."""


_SHARES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Pair:
    """Something as each of the two halves sees it, and the mean distances within its units, (units, kinds) each."""

    seen: tuple[Seen, Seen]
    within: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, halves: tuple[Half, Half], seen: tuple[Seen, Seen], units: Sequence[np.ndarray] | None = None) -> Pair:
        """`units`: rows of what is seen; those of each half if it is that half's own images."""
        one, two = (
            half.means_within(found, half.units if units is None else units)
            for half, found in zip(halves, seen, strict=True)
        )
        return cls(seen, (one, two))


def apart(halves: tuple[Half, Half], mine: Pair, other: Pair, units: Sequence[np.ndarray]) -> np.ndarray:
    """(units,): distance of real images (changed or not) from others, over all kinds, mean of both halves.

    In standard deviations of real against real. Unbiased: about 0 for two draws of the same.
    """
    found = [
        half.apart(mine.seen[i], mine.within[i], other.seen[i], other.within[i], units).sum(axis=1)
        for i, half in enumerate(halves)
    ]
    return np.asarray(np.mean(found, axis=0))


def softened(distance: np.ndarray) -> np.ndarray:
    """Linear near 0, logarithmic far out: a class that reacts a thousand times as much counts a few times as much."""
    return np.asarray(np.arcsinh(distance))


def explained(rest: np.ndarray, whole: np.ndarray) -> float:
    """Share, 0-1, of a difference (units,) that is gone when `rest` is left; by mean roots, so that no unit rules."""
    before, after = (np.sign(d) * np.sqrt(np.abs(d)) for d in (whole, rest))
    if before.sum() <= 0:
        return 0.0
    return float(np.clip(1 - np.sign(after.sum()) * (after.sum() / before.sum()) ** 2, 0, 1))


@dataclass(frozen=True)
class Fit:
    """A candidate, and the distance (units,) that is left once real images have passed it."""

    candidate: Candidate
    rest: np.ndarray


def fits(
    halves: tuple[Half, Half], base: Pair, changed: SeenChanged, other: Pair, units: Sequence[np.ndarray]
) -> list[Fit]:
    """A fit per candidate, after what `base` has already passed.

    A candidate on top of others is not computed anew: an image is moved by as much as the candidate moves it alone.
    """
    return [Fit(c, _rest(halves, base, after, other, units)) for c, after in changed.items()]


def between(
    halves: tuple[Half, Half],
    base: Pair,
    changed: SeenChanged,
    best: Candidate,
    other: Pair,
    units: Sequence[np.ndarray],
) -> Candidate:
    """The strength about the best one, between its neighbours, that leaves the least distance.

    What lies between two strengths is not computed: images are taken to move in a straight line from one to the next.
    """
    row = [candidate for candidate in changed if candidate.family is best.family]
    place = row.index(best)
    found = [(softened(_rest(halves, base, changed[best], other, units)).mean(), best)]
    for one, two in zip(row[max(0, place - 1) : place + 1], row[max(1, place) : place + 2], strict=False):
        for share in _SHARES:
            ends = zip(changed[one], changed[two], strict=True)
            first, second = (a.towards(b, share) for a, b in ends)
            rest = softened(_rest(halves, base, (first, second), other, units)).mean()
            found.append((rest, best.family.at((1 - share) * one.strength + share * two.strength)))
    return min(found, key=lambda pair: pair[0])[1]


def _rest(
    halves: tuple[Half, Half], base: Pair, after: tuple[Seen, Seen], other: Pair, units: Sequence[np.ndarray]
) -> np.ndarray:
    """(units,): the distance that is left when images of `base` move as real ones do to `after`."""
    one, two = (base.seen[i].moved(half.seen, after[i]) for i, half in enumerate(halves))
    return apart(halves, Pair.of(halves, (one, two)), other, units)
