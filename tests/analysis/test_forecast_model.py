"""Predicting numbers from few examples: known relations, noise, intervals and the choice of examples."""

from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.analysis.forecast_model import ForecastModel, representatives, standardised

THINGS, KNOWN = 40, 8


def world(seed: int, signal: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Twelve correlated predictors of three hidden causes, and values that two of the causes decide."""
    rng = np.random.default_rng(seed)
    causes = rng.normal(size=(THINGS, 3))
    predictors = causes @ rng.normal(size=(3, 12)) + 0.3 * rng.normal(size=(THINGS, 12))
    return predictors, signal * (causes[:, 0] - causes[:, 1]) + 0.2 * rng.normal(size=THINGS)


def test_a_relation_is_learnt_from_eight_examples() -> None:
    errors, guesses, inside = [], [], []
    for seed in range(20):
        predictors, values = world(seed)
        known = representatives(predictors, KNOWN)
        others = np.setdiff1d(range(THINGS), known)
        found = ForecastModel(predictors).predict(known, values[known], 0.9)
        errors.append(np.mean((found.mean - values)[others] ** 2))
        guesses.append(np.mean((values[known].mean() - values[others]) ** 2))
        inside.append(np.mean((found.low <= values)[others] & (values <= found.high)[others]))
    assert np.mean(errors) < 0.2 * np.mean(guesses)
    assert 0.85 <= np.mean(inside) <= 0.97


def test_the_direction_is_learnt_not_assumed() -> None:
    predictors, values = world(0)
    known = representatives(predictors, KNOWN)
    model = ForecastModel(predictors)
    up, down = (model.predict(known, sign * values[known], 0.9) for sign in (1, -1))
    np.testing.assert_allclose(up.mean, -down.mean)
    np.testing.assert_allclose(up.low, -down.high, atol=1e-4)


def test_predictions_do_not_depend_on_units_of_predictors_or_values() -> None:
    predictors, values = world(1)
    known = representatives(predictors, KNOWN)
    first = ForecastModel(predictors).predict(known, values[known], 0.9)
    other = ForecastModel(1000 * predictors - 7).predict(known, 50 * values[known] + 3, 0.9)
    np.testing.assert_allclose(other.mean, 50 * first.mean + 3)
    np.testing.assert_allclose(other.high, 50 * first.high + 3, rtol=1e-4)


def test_intervals_are_wider_at_a_higher_level_and_contain_the_mean() -> None:
    predictors, values = world(2)
    known = representatives(predictors, KNOWN)
    model = ForecastModel(predictors)
    narrow, wide = (model.predict(known, values[known], level) for level in (0.5, 0.95))
    assert (wide.low < narrow.low).all()
    assert (narrow.high < wide.high).all()
    assert ((narrow.low < narrow.mean) & (narrow.mean < narrow.high)).all()


def test_leaving_one_out_does_not_use_its_value() -> None:
    predictors, values = world(3)
    known = representatives(predictors, KNOWN)
    model, changed = ForecastModel(predictors), values[known].copy()
    changed[2] += 100
    before, after = model.leave_one_out(known, values[known]), model.leave_one_out(known, changed)
    assert before[2] == pytest.approx(after[2])
    assert not np.isclose(before[[0, 1, 3]], after[[0, 1, 3]]).any()


def test_p_is_small_for_a_relation_and_uniform_without_one() -> None:
    related, unrelated = [], []
    for seed in range(40):
        predictors, values = world(seed)
        known, model = representatives(predictors, KNOWN), ForecastModel(predictors)
        related.append(model.p_value(known, values[known]))
        unrelated.append(model.p_value(known, np.random.default_rng(seed).normal(size=KNOWN)))
    assert np.mean(np.array(related) <= 0.05) > 0.9
    assert np.mean(np.array(unrelated) <= 0.05) <= 0.15
    assert 0.35 < np.mean(unrelated) < 0.65


def test_representatives_are_nested_and_begin_with_what_is_common() -> None:
    rng = np.random.default_rng(0)
    points = np.vstack([rng.normal(size=(20, 2)), rng.normal(size=(20, 2)) + 6, [[40.0, -40.0]]])
    six = representatives(points, 6)
    assert six[:3] == representatives(points, 3)
    assert len(set(six)) == 6
    assert {index // 20 for index in six[:2]} == {0, 1}


def test_representatives_of_equal_things_are_still_different_things() -> None:
    assert sorted(representatives(np.ones((4, 3)), 4)) == [0, 1, 2, 3]


def test_constant_columns_become_zero() -> None:
    result = standardised(np.array([[1.0, 5.0], [3.0, 5.0]]))
    np.testing.assert_array_equal(result, [[-1.0, 0.0], [1.0, 0.0]])
