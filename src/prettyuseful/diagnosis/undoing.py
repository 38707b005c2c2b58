"""Which changes of real images explain a difference: each is done to real images, the best is kept, others follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate
from prettyuseful.diagnosis.comparison import Comparison, explained_share
from prettyuseful.diagnosis.distances import damped
from prettyuseful.diagnosis.half import ScaledPair, UnitPair
from prettyuseful.diagnosis.signflip import adjusted_p, sign_p

ALPHA = 0.05
LEAST_EXPLAINED = 0.2
"""A change of real images that explains less of the difference is not named."""
LEAST_GAIN = 1.0
"""Nor one that brings real images nearer by less, in standard deviations of real against real."""
_MOST_CHANGES = 3
_SHARES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, eq=False)
class Fit:
    """A candidate, and the distance (units,) that is left once it is done to real images."""

    candidate: Candidate
    rest: np.ndarray

    @property
    def badness(self) -> float:
        """Mean distance that is left (damped): fits are ranked by it."""
        return float(damped(self.rest).mean())


@dataclass(frozen=True, eq=False)
class Round:
    """All candidates tried on what is left of the difference, (units,) `whole`; the best fit first."""

    whole: np.ndarray
    fits: Sequence[Fit]

    @property
    def best(self) -> Fit:
        return self.fits[0]

    @cached_property
    def p_value(self) -> float:
        """Of the best, adjusted for all that were tried."""
        gains = np.array([damped(self.whole) - damped(fit.rest) for fit in self.fits])
        return float(adjusted_p(gains)[0])

    @property
    def significant(self) -> bool:
        """The best one explains something, by its p-value, and enough to be named."""
        gain = float((self.whole - self.best.rest).mean())
        enough = explained_share(self.best.rest, self.whole) > LEAST_EXPLAINED and gain > LEAST_GAIN
        return enough and self.p_value < ALPHA

    def ties(self) -> tuple[str, ...]:
        """Ids of causes whose best fit leaves no clearly larger distance than the best of all."""
        others: dict[str, Fit] = {}
        for fit in self.fits:
            if fit.candidate.cause.id != self.best.candidate.cause.id:
                others.setdefault(fit.candidate.cause.id, fit)
        least = damped(self.best.rest)
        return tuple(cause for cause, fit in others.items() if sign_p(damped(fit.rest) - least) >= ALPHA)


@dataclass(frozen=True, eq=False)
class KeptChange:
    """The best of a round, its strength refined."""

    round: Round
    fit: Fit


@dataclass(frozen=True, eq=False)
class Undoing:
    """The `first` round, the changes that were `kept`, the first first, and the `real` images after all of them."""

    first: Round
    kept: tuple[KeptChange, ...]
    real: UnitPair

    @property
    def changes(self) -> tuple[Candidate, ...]:
        """What the synthetic images have gone through, as far as it is significant."""
        return tuple(one.fit.candidate for one in self.kept)


def undo_changes(comparison: Comparison) -> Undoing:
    """Tries changes of real images, keeps the best and tries others on top, until none is significant."""
    reference = comparison.reference
    base, rest = reference.halves.real, comparison.whole
    first: Round | None = None
    kept: list[KeptChange] = []
    while True:
        used = {one.fit.candidate.cause.id for one in kept}
        found = fits(comparison, base, (change for change in reference.changed if change.cause.id not in used))
        current = Round(rest, sorted(found, key=lambda fit: fit.badness))
        first = first or current
        if not current.significant or len(kept) == _MOST_CHANGES:
            return Undoing(first, tuple(kept), base)
        options = []
        for candidate in dict.fromkeys((current.best.candidate, refine_strength(comparison, base, current.best))):
            after = reference.apply_changes([*(one.fit.candidate for one in kept), candidate])
            options.append((after, Fit(candidate, comparison.distance(after))))
        base, fit = min(options, key=lambda option: option[1].badness)
        kept.append(KeptChange(current, fit))
        rest = fit.rest


def fits(comparison: Comparison, base: UnitPair, changes: Iterable[Candidate]) -> list[Fit]:
    """A fit per candidate, on top of what `base` has already gone through.

    A candidate on top of others is not computed anew: an image is moved by as much as the candidate moves it alone.
    """
    changed = comparison.reference.changed
    return [Fit(change, _rest(comparison, base, changed[change])) for change in changes]


def refine_strength(comparison: Comparison, base: UnitPair, best: Fit) -> Candidate:
    """The strength about the best one, between its neighbours, that leaves the least distance.

    What lies between two strengths is not computed: images are taken to move in a straight line from one to the next.
    """
    changed, family = comparison.reference.changed, best.candidate.family
    row = [candidate for candidate in changed if candidate.family is family]
    at = row.index(best.candidate)
    found = [best]
    for weaker, stronger in zip(row[max(0, at - 1) : at + 1], row[max(1, at) : at + 2], strict=False):
        for share in _SHARES:
            ends = zip(changed[weaker], changed[stronger], strict=True)
            one, two = (start.interpolated(end, share) for start, end in ends)
            candidate = family.at((1 - share) * weaker.strength + share * stronger.strength)
            found.append(Fit(candidate, _rest(comparison, base, (one, two))))
    return min(found, key=lambda fit: fit.badness).candidate


def _rest(comparison: Comparison, base: UnitPair, after: ScaledPair) -> np.ndarray:
    """(units,): the distance that is left when images of `base` move as real ones do to `after`."""
    return comparison.distance(comparison.reference.halves.shift(base, after))
