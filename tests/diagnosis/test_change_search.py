from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prettyuseful.diagnosis.change_search import (
    CandidateFit,
    SearchRound,
    fit_candidates,
    refine_strength,
    search_changes,
)
from prettyuseful.diagnosis.comparison import Comparison
from prettyuseful.diagnosis.images import LabelledImages
from prettyuseful.diagnosis.reference import Reference
from prettyuseful.transforms.colour import ColourShift
from prettyuseful.transforms.degradation import Blur

from .world import SIDE, changed


@pytest.fixture(scope="module")
def blurred(tiny: Reference, unseen: LabelledImages) -> Comparison:
    return Comparison(tiny, changed(unseen, Blur(width=0.95 / SIDE).apply))


def test_images_without_defect_need_no_change(tiny: Reference, unseen: LabelledImages) -> None:
    result = search_changes(Comparison(tiny, unseen))
    assert result.selected == ()
    assert result.real is tiny.halves.real
    assert len(result.first.fits) == len(tiny.change_features)


def test_the_planted_change_is_selected_and_explains_most_of_the_difference(blurred: Comparison) -> None:
    result = search_changes(blurred)
    assert [change.cause.name for change in result.changes] == ["high-frequencies lost"]
    assert result.selected[0].fit.remaining.mean() < 0.1 * blurred.initial.mean()
    assert blurred.distance(result.real) == pytest.approx(result.selected[0].fit.remaining)
    best = result.first.fits[0]
    assert result.first.best is best
    assert all(best.loss <= fit.loss for fit in result.first.fits)


def test_two_planted_changes_are_both_selected(tiny: Reference, unseen: LabelledImages) -> None:
    both = changed(changed(unseen, Blur(width=1 / SIDE).apply), ColourShift(contrast=0.5).apply)
    result = search_changes(Comparison(tiny, both))
    assert {change.cause.name for change in result.changes} == {"high-frequencies lost", "colour-contrast lost"}
    first, second = result.selected
    assert np.array_equal(second.round.initial, first.fit.remaining)
    tried_again = {fit.candidate.cause.id for fit in second.round.fits}
    assert first.fit.candidate.cause.id not in tried_again


def test_a_single_fit_is_the_distance_from_changed_real_images(tiny: Reference, blurred: Comparison) -> None:
    candidate = next(iter(tiny.change_features))
    [fit] = fit_candidates(blurred, tiny.halves.real, [candidate])
    assert fit.remaining == pytest.approx(blurred.distance(tiny.apply_changes([candidate])))


def test_the_strength_is_refined_between_its_neighbours(tiny: Reference, blurred: Comparison) -> None:
    family = next(change.family for change in tiny.change_features if change.words.startswith("blur"))
    row = [change for change in tiny.change_features if change.family is family]
    best = min(fit_candidates(blurred, tiny.halves.real, row), key=lambda fit: fit.loss)
    refined = refine_strength(blurred, tiny.halves.real, best)
    assert best.candidate.strength in (0.8, 1.1)
    assert refined.family is family
    assert 0.8 < refined.strength < 1.1


def test_the_strongest_candidate_is_refined_towards_weaker_strengths(tiny: Reference, blurred: Comparison) -> None:
    family = next(change.family for change in tiny.change_features if change.words.startswith("blur"))
    strongest = [change for change in tiny.change_features if change.family is family][-1]
    [fit] = fit_candidates(blurred, tiny.halves.real, [strongest])
    refined = refine_strength(blurred, tiny.halves.real, fit)
    assert family.strengths[-2] < refined.strength <= family.strengths[-1]


def make_round(tiny: Reference, *remaining: float, initial: float = 20.0) -> SearchRound:
    """A round of 16 units with one candidate per cause, given the distance that remains after each."""
    causes = {change.cause.id: change for change in tiny.change_features}
    noise = np.random.default_rng(0).normal(0, 0.3, (len(remaining), 16))
    result = [
        CandidateFit(change, rest + noise[i])
        for i, (change, rest) in enumerate(zip(causes.values(), remaining, strict=False))
    ]
    return SearchRound(np.full(16, initial), between_classes=10.0, fits=result)


def test_a_round_is_significant_if_its_best_fit_explains_enough(tiny: Reference) -> None:
    assert make_round(tiny, 5.0, 19.0).significant
    assert not make_round(tiny, 19.0, 19.5).significant  # 5 % of the difference
    small = make_round(tiny, 5.0, 19.0)
    assert not replace(small, between_classes=1000.0).significant  # a gain of 1.5 % of the distance between classes
    assert make_round(tiny, 5.0, 19.0).p_value < 0.001


def test_equivalent_causes_explain_as_much_as_the_best(tiny: Reference) -> None:
    result = make_round(tiny, 5.0, 5.0, 9.0)
    assert result.equivalent_causes() == (result.fits[1].candidate.cause.id,)
    same, worse = result.rivals.items()
    assert (same[0], worse[0]) == tuple(fit.candidate.cause.id for fit in result.fits[1:])
    assert same[1] > 0.1
    assert worse[1] < 0.001
