"""Search for the changes of real images that explain a difference.

Every candidate change is applied to the real images. The one that brings them closest to the synthetic images is kept,
and further changes are tried on top of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prettyuseful.diagnosis.candidates import Candidate
from prettyuseful.diagnosis.comparison import Comparison, explained_share
from prettyuseful.diagnosis.distances import damp
from prettyuseful.diagnosis.half import ScaledPair, UnitPair
from prettyuseful.diagnosis.signflip import adjusted_p, sign_p

ALPHA = 0.05
MIN_EXPLAINED = 0.2
"""Smallest share of the difference that a reported change explains."""
MIN_GAIN = 0.02
"""Smallest reduction of the distance by a reported change, as a share of the distance between classes."""
_MAX_CHANGES = 3
_SHARES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, eq=False)
class CandidateFit:
    """A candidate change and, per unit, the distance that remains once it is applied to the real images."""

    candidate: Candidate
    remaining: np.ndarray

    @property
    def loss(self) -> float:
        """Mean damped remaining distance. Fits are ranked by it, the smallest first."""
        return float(damp(self.remaining).mean())


@dataclass(frozen=True, eq=False)
class SearchRound:
    """The fits of all candidates in one round of the search, the best first.

    `initial` (units,): the distance before this round. `between_classes`: the distance between two classes.
    """

    initial: np.ndarray
    between_classes: float
    fits: Sequence[CandidateFit]

    @property
    def best(self) -> CandidateFit:
        return self.fits[0]

    @cached_property
    def p_value(self) -> float:
        """The p-value of the best fit, adjusted for the number of candidates."""
        gains = np.array([damp(self.initial) - damp(fit.remaining) for fit in self.fits])
        return float(adjusted_p(gains)[0])

    @property
    def significant(self) -> bool:
        """Whether the best fit is significant and explains enough of the difference to be reported."""
        gain = float((self.initial - self.best.remaining).mean()) / self.between_classes
        enough = explained_share(self.best.remaining, self.initial) > MIN_EXPLAINED and gain > MIN_GAIN
        return enough and self.p_value < ALPHA

    @cached_property
    def rivals(self) -> dict[str, float]:
        """By the ids of the other causes, the p-value of the best fit being better than the best fit of that cause.

        The cause with the next best fit comes first.
        """
        best_by_cause: dict[str, CandidateFit] = {}
        for fit in self.fits:
            if fit.candidate.cause.id != self.best.candidate.cause.id:
                best_by_cause.setdefault(fit.candidate.cause.id, fit)
        least = damp(self.best.remaining)
        return {cause: sign_p(damp(fit.remaining) - least) for cause, fit in best_by_cause.items()}

    def equivalent_causes(self) -> tuple[str, ...]:
        """Return the ids of other causes whose best fit is not significantly worse than the best of all."""
        return tuple(cause for cause, p_value in self.rivals.items() if p_value >= ALPHA)


@dataclass(frozen=True, eq=False)
class SelectedChange:
    """The best fit of a round, with its strength refined."""

    round: SearchRound
    fit: CandidateFit


@dataclass(frozen=True, eq=False)
class ChangeSearch:
    """The result of a search.

    Attributes:
        first: the first round, in which every candidate is tried alone.
        selected: the changes that explain the difference, in the order of the rounds.
        real: the real images after all selected changes.
    """

    first: SearchRound
    selected: tuple[SelectedChange, ...]
    real: UnitPair

    @property
    def changes(self) -> tuple[Candidate, ...]:
        """The selected changes."""
        return tuple(change.fit.candidate for change in self.selected)


def search_changes(comparison: Comparison) -> ChangeSearch:
    """Select changes of real images round by round, each on top of those before, until none is significant."""
    reference = comparison.reference
    base, remaining = reference.halves.real, comparison.initial
    first: SearchRound | None = None
    selected: list[SelectedChange] = []
    while True:
        used = {change.fit.candidate.cause.id for change in selected}
        unused = (candidate for candidate in comparison.change_features if candidate.cause.id not in used)
        fits = fit_candidates(comparison, base, unused)
        ranked = sorted(fits, key=lambda fit: fit.loss)
        current = SearchRound(remaining, reference.halves.between_classes, ranked)
        first = first or current
        if not current.significant or len(selected) == _MAX_CHANGES:
            return ChangeSearch(first, tuple(selected), base)
        options = []
        for candidate in dict.fromkeys((current.best.candidate, refine_strength(comparison, base, current.best))):
            after = comparison.apply_changes([*(change.fit.candidate for change in selected), candidate])
            options.append((after, CandidateFit(candidate, comparison.distance(after))))
        base, fit = min(options, key=lambda option: option[1].loss)
        selected.append(SelectedChange(current, fit))
        remaining = fit.remaining


def fit_candidates(comparison: Comparison, base: UnitPair, candidates: Iterable[Candidate]) -> list[CandidateFit]:
    """Return a fit per candidate, applied on top of the changes already in `base`.

    An approximation saves computing features anew: a candidate is taken to move the features of a changed image by as
    much as it moves those of the unchanged image.
    """
    features = comparison.change_features
    return [CandidateFit(candidate, _remaining(comparison, base, features[candidate])) for candidate in candidates]


def refine_strength(comparison: Comparison, base: UnitPair, best: CandidateFit) -> Candidate:
    """Return the candidate with the smallest loss among strengths between the best one and its neighbours.

    Features between two strengths are interpolated linearly, not computed.
    """
    features, family = comparison.change_features, best.candidate.family
    row = [candidate for candidate in features if candidate.family is family]
    index = row.index(best.candidate)
    fits = [best]
    for weaker, stronger in zip(row[max(0, index - 1) : index + 1], row[max(1, index) : index + 2], strict=False):
        for share in _SHARES:
            ends = zip(features[weaker], features[stronger], strict=True)
            first, second = (start.interpolate(end, share) for start, end in ends)
            candidate = family.with_strength((1 - share) * weaker.strength + share * stronger.strength)
            fits.append(CandidateFit(candidate, _remaining(comparison, base, (first, second))))
    return min(fits, key=lambda fit: fit.loss).candidate


def _remaining(comparison: Comparison, base: UnitPair, after: ScaledPair) -> np.ndarray:
    """Return the distance (units,) after the images of `base` are moved as real images move to `after`."""
    return comparison.distance(comparison.reference.halves.shift(base, after))
