from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import brier_score_loss, log_loss

from prettyuseful.errors import DataError
from prettyuseful.metrics.calibration import calibration, expected_calibration_error


def logits_of(*probabilities: list[float]) -> np.ndarray:
    return np.log(np.array(probabilities, np.float32))


def some(count: int = 400, classes: int = 7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (count, classes)).astype(np.float32)
    return logits, (logits + rng.normal(0, 1.5, logits.shape)).argmax(axis=1)


def test_calibration_of_simple_logits() -> None:
    result = calibration(logits_of([0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5]), np.array([0, 2, 2]))
    assert np.allclose(result.confidence, [0.7, 0.8, 0.5])
    assert result.correct.tolist() == [1, 0, 1]
    assert np.allclose(result.brier_parts, [0.09 + 0.04 + 0.01, 0.01 + 0.64 + 0.81, 2 * 0.0625 + 0.25])
    assert np.allclose(result.nll_parts, -np.log([0.7, 0.1, 0.5]))
    # Three bins of one image each.
    assert np.isclose(result.ece, (0.3 + 0.8 + 0.5) / 3)
    assert result.as_json() == {
        "ece": result.ece,
        "ece_equal_mass": result.ece_equal_mass,
        "brier": pytest.approx(result.brier_parts.mean()),
        "nll": pytest.approx(result.nll_parts.mean()),
    }


def test_bins_are_weighted_by_their_images() -> None:
    confidence, correct = np.array([0.91, 0.93, 0.95, 0.41]), np.array([1.0, 1.0, 0.0, 1.0])
    # One of ten bins contains three images, with mean confidence 0.93 and accuracy 2/3.
    assert np.isclose(expected_calibration_error(confidence, correct, bins=10), 0.75 * (0.93 - 2 / 3) + 0.25 * 0.59)
    # Two bins of two images: (0.41, 0.91), both correct, and (0.93, 0.95), one correct.
    mass = expected_calibration_error(confidence, correct, bins=2, equal_mass=True)
    assert np.isclose(mass, 0.5 * (1 - 0.66) + 0.5 * (0.94 - 0.5))


def test_bins_are_closed_above() -> None:
    confidence, correct = np.array([0.5, 0.5 + 1e-9]), np.array([0.0, 1.0])
    assert np.isclose(expected_calibration_error(confidence, correct, bins=2), 0.5)
    assert np.isclose(expected_calibration_error(confidence, correct, bins=1), 0)
    confidence = np.array([0.4, 0.5])
    assert np.isclose(expected_calibration_error(confidence, correct, bins=2), 0.05)


def test_nll_and_brier_score_agree_with_scikit_learn() -> None:
    logits, labels = some()
    result = calibration(logits, labels)
    probability = np.exp(logits.astype(np.float64))
    probability /= probability.sum(axis=1, keepdims=True)
    assert np.isclose(result.nll, log_loss(labels, probability, labels=range(7)), rtol=1e-12)
    one_hot = np.eye(7)[labels]
    assert np.isclose(result.brier, brier_score_loss(one_hot, probability, scale_by_half=False), rtol=1e-12)


def test_calibration_error_agrees_with_the_definition() -> None:
    """Compare with the equation of Guo et al., bin by bin, for both kinds of bins."""
    result = calibration(*some())
    order = np.argsort(result.confidence)
    wide, heavy = 0.0, 0.0
    for b in range(15):
        inside = (result.confidence > b / 15) & (result.confidence <= (b + 1) / 15)
        if inside.any():
            wide += inside.mean() * abs(result.correct[inside].mean() - result.confidence[inside].mean())
    for chunk in np.array_split(order, 15):
        heavy += len(chunk) / 400 * abs(result.correct[chunk].mean() - result.confidence[chunk].mean())
    assert np.isclose(result.ece, wide, rtol=1e-12)
    assert np.isclose(result.ece_equal_mass, heavy, rtol=1e-12)
    assert 0.01 < wide != pytest.approx(heavy, abs=1e-6)


def test_calibrated_predictions_have_a_smaller_error_than_overconfident_ones() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (40_000, 5)).astype(np.float32)
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (probability.cumsum(axis=1) > rng.random((40_000, 1))).argmax(axis=1)
    honest, boaster = calibration(logits, labels), calibration(3 * logits, labels)
    assert honest.ece < 0.01
    assert honest.ece_equal_mass < 0.01
    assert boaster.ece > 0.1
    assert boaster.ece_equal_mass > 0.1
    assert boaster.nll > honest.nll
    assert boaster.brier > honest.brier


SETS = st.integers(1, 40).flatmap(
    lambda count: st.tuples(
        # Few distinct values, so that confidences have ties.
        arrays(np.float32, (count, 3), elements=st.sampled_from([-2.0, 0.0, 0.5, 4.0, 1e4])),
        arrays(np.int64, count, elements=st.integers(0, 2)),
        st.permutations(range(count)),
    )
)


@given(SETS)
def test_values_are_bounded_and_invariant_to_order_and_logit_shift(
    case: tuple[np.ndarray, np.ndarray, list[int]],
) -> None:
    logits, labels, order = case
    result = calibration(logits, labels).as_json()
    assert 0 <= result["ece"] <= 1
    assert 0 <= result["ece_equal_mass"] <= 1
    assert 0 <= result["brier"] <= 2
    assert 0 <= result["nll"] < np.inf
    again = calibration(logits[order], labels[order]).as_json()
    assert all(np.isclose(again[name], value, rtol=1e-12, atol=1e-12) for name, value in result.items())
    higher = calibration(logits + np.float32(64), labels).as_json()
    assert all(np.isclose(higher[name], value, rtol=1e-12, atol=1e-12) for name, value in result.items())


def test_large_logits_do_not_overflow() -> None:
    result = calibration(np.array([[3e38, 0], [-3e38, 3e38]], np.float32), np.array([0, 0]))
    assert result.nll_parts[0] == 0
    assert np.isclose(result.nll_parts[1], 6e38)
    assert result.brier_parts.tolist() == [0, 2]
    assert result.ece == 0.5


def test_invalid_inputs_raise_an_error() -> None:
    logits, labels = some(4, 3)
    with pytest.raises(DataError, match="no images"):
        calibration(logits[:0], labels[:0])
    with pytest.raises(DataError, match="not finite"):
        calibration(np.where(logits == logits.max(), np.nan, logits), labels)
    for wrong in (-1, 3):
        with pytest.raises(DataError, match="has 3 classes"):
            calibration(logits, np.array([0, 1, 2, wrong]))
