from __future__ import annotations

import numpy as np

from prettyuseful.diagnosis.fitted_changes import Pattern, fitted_candidate


def test_a_pattern_can_depend_on_the_class() -> None:
    pattern = Pattern(np.ones((4, 4, 1)), np.stack([np.zeros((4, 4, 3)), np.ones((4, 4, 3))]))
    result = pattern.apply(np.full((2, 4, 4, 3), 128, np.uint8), np.array([1, 0]))
    assert (result[0] == 255).all()
    assert (result[1] == 0).all()


def test_a_fitted_candidate_has_a_family_of_one_change() -> None:
    pattern = Pattern(np.zeros((4, 4, 1)), np.zeros((4, 4, 3)))
    candidate = fitted_candidate("overlay added", pattern, "an overlay")
    assert (candidate.cause.name, candidate.words) == ("overlay added", "an overlay")
    assert candidate.family.with_strength(1).transform is candidate.transform is pattern
