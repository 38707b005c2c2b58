from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.diagnosis.comparison import Comparison
from prettyuseful.diagnosis.images import Labelled
from prettyuseful.diagnosis.reference import Reference
from prettyuseful.diagnosis.undoing import Fit, Round, fits, refine_strength, undo_changes
from prettyuseful.transforms.colour import ColourShift
from prettyuseful.transforms.degradation import Blur

from .world import SIDE, changed


@pytest.fixture(scope="module")
def blurred(tiny: Reference, unseen: Labelled) -> Comparison:
    return Comparison(tiny, changed(unseen, Blur(width=0.95 / SIDE).apply))


def test_undamaged_images_have_gone_through_no_change(tiny: Reference, unseen: Labelled) -> None:
    found = undo_changes(Comparison(tiny, unseen))
    assert found.kept == ()
    assert found.real is tiny.halves.real
    assert len(found.first.fits) == len(tiny.changed)


def test_the_change_that_was_made_is_kept_and_leaves_little(blurred: Comparison) -> None:
    found = undo_changes(blurred)
    assert [change.cause.name for change in found.changes] == ["high-frequencies lost"]
    assert found.kept[0].fit.rest.mean() < 0.1 * blurred.whole.mean()
    assert blurred.distance(found.real) == pytest.approx(found.kept[0].fit.rest)
    best = found.first.fits[0]
    assert found.first.best is best
    assert all(best.badness <= fit.badness for fit in found.first.fits)


def test_two_changes_are_found_one_on_the_other(tiny: Reference, unseen: Labelled) -> None:
    both = changed(changed(unseen, Blur(width=1 / SIDE).apply), ColourShift(contrast=0.5).apply)
    found = undo_changes(Comparison(tiny, both))
    assert {change.cause.name for change in found.changes} == {"high-frequencies lost", "colour-contrast lost"}
    first, second = found.kept
    assert np.array_equal(second.round.whole, first.fit.rest)
    tried_again = {fit.candidate.cause.id for fit in second.round.fits}
    assert first.fit.candidate.cause.id not in tried_again


def test_a_fit_alone_is_the_distance_from_real_images_after_it(tiny: Reference, blurred: Comparison) -> None:
    candidate = next(iter(tiny.changed))
    [fit] = fits(blurred, tiny.halves.real, [candidate])
    assert fit.rest == pytest.approx(blurred.distance(tiny.apply_changes([candidate])))


def test_strength_is_refined_between_its_neighbours(tiny: Reference, blurred: Comparison) -> None:
    family = next(change.family for change in tiny.changed if change.words.startswith("blur"))
    row = [change for change in tiny.changed if change.family is family]
    best = min(fits(blurred, tiny.halves.real, row), key=lambda fit: fit.badness)
    refined = refine_strength(blurred, tiny.halves.real, best)
    assert best.candidate.strength in (0.8, 1.1)
    assert refined.family is family
    assert 0.8 < refined.strength < 1.1


def test_the_strongest_is_refined_towards_weaker_ones_only(tiny: Reference, blurred: Comparison) -> None:
    family = next(change.family for change in tiny.changed if change.words.startswith("blur"))
    strongest = [change for change in tiny.changed if change.family is family][-1]
    [fit] = fits(blurred, tiny.halves.real, [strongest])
    refined = refine_strength(blurred, tiny.halves.real, fit)
    assert family.strengths[-2] < refined.strength <= family.strengths[-1]


def rounds(tiny: Reference, *left: float, whole: float = 20.0) -> Round:
    """Of 16 units, with one candidate of each of some causes and so much that each leaves."""
    causes = {change.cause.id: change for change in tiny.changed}
    noise = np.random.default_rng(0).normal(0, 0.3, (len(left), 16))
    found = [Fit(change, rest + noise[i]) for i, (change, rest) in enumerate(zip(causes.values(), left, strict=False))]
    return Round(np.full(16, whole), found)


def test_a_round_is_significant_if_its_best_explains_enough(tiny: Reference) -> None:
    assert rounds(tiny, 5.0, 19.0).significant
    assert not rounds(tiny, 19.0, 19.5).significant  # 5 % of the difference
    assert not rounds(tiny, 0.5, 1.0, whole=1.2).significant  # less than a standard deviation nearer
    assert rounds(tiny, 5.0, 19.0).p_value < 0.001


def test_causes_that_explain_as_much_are_ties(tiny: Reference) -> None:
    found = rounds(tiny, 5.0, 5.0, 9.0)
    assert found.ties() == (found.fits[1].candidate.cause.id,)
