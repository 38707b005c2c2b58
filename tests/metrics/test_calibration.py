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


def test_by_hand() -> None:
    found = calibration(logits_of([0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5]), np.array([0, 2, 2]))
    assert np.allclose(found.confidence, [0.7, 0.8, 0.5])
    assert found.correct.tolist() == [1, 0, 1]
    assert np.allclose(found.brier_parts, [0.09 + 0.04 + 0.01, 0.01 + 0.64 + 0.81, 2 * 0.0625 + 0.25])
    assert np.allclose(found.nll_parts, -np.log([0.7, 0.1, 0.5]))
    # Three bins of one image each.
    assert np.isclose(found.ece, (0.3 + 0.8 + 0.5) / 3)
    assert found.as_json() == {
        "ece": found.ece,
        "ece_equal_mass": found.ece_equal_mass,
        "brier": pytest.approx(found.brier_parts.mean()),
        "nll": pytest.approx(found.nll_parts.mean()),
    }


def test_a_bin_weighs_its_images_and_compares_their_means() -> None:
    confidence, correct = np.array([0.91, 0.93, 0.95, 0.41]), np.array([1.0, 1.0, 0.0, 1.0])
    # Of ten bins, one holds three images, of mean confidence 0.93 and accuracy 2/3.
    assert np.isclose(expected_calibration_error(confidence, correct, bins=10), 0.75 * (0.93 - 2 / 3) + 0.25 * 0.59)
    # Two bins of two: (0.41, 0.91), both right, and (0.93, 0.95), one right.
    mass = expected_calibration_error(confidence, correct, bins=2, equal_mass=True)
    assert np.isclose(mass, 0.5 * (1 - 0.66) + 0.5 * (0.94 - 0.5))


def test_an_edge_belongs_to_the_bin_below_it() -> None:
    confidence, correct = np.array([0.5, 0.5 + 1e-9]), np.array([0.0, 1.0])
    assert np.isclose(expected_calibration_error(confidence, correct, bins=2), 0.5)
    assert np.isclose(expected_calibration_error(confidence, correct, bins=1), 0)
    confidence = np.array([0.4, 0.5])
    assert np.isclose(expected_calibration_error(confidence, correct, bins=2), 0.05)


def test_loss_and_brier_score_are_scikit_learns() -> None:
    logits, labels = some()
    found = calibration(logits, labels)
    probability = np.exp(logits.astype(np.float64))
    probability /= probability.sum(axis=1, keepdims=True)
    assert np.isclose(found.nll, log_loss(labels, probability, labels=range(7)), rtol=1e-12)
    one_hot = np.eye(7)[labels]
    assert np.isclose(found.brier, brier_score_loss(one_hot, probability, scale_by_half=False), rtol=1e-12)


def test_the_error_is_the_textbooks() -> None:
    """Guo et al.'s equation, bin by bin, on both kinds of bins."""
    found = calibration(*some())
    order = np.argsort(found.confidence)
    wide, heavy = 0.0, 0.0
    for b in range(15):
        inside = (found.confidence > b / 15) & (found.confidence <= (b + 1) / 15)
        if inside.any():
            wide += inside.mean() * abs(found.correct[inside].mean() - found.confidence[inside].mean())
    for chunk in np.array_split(order, 15):
        heavy += len(chunk) / 400 * abs(found.correct[chunk].mean() - found.confidence[chunk].mean())
    assert np.isclose(found.ece, wide, rtol=1e-12)
    assert np.isclose(found.ece_equal_mass, heavy, rtol=1e-12)
    assert 0.01 < wide != pytest.approx(heavy, abs=1e-6)


def test_who_is_as_often_right_as_he_says_is_calibrated_and_a_braggart_is_not() -> None:
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
        # Few values, so that confidences tie.
        arrays(np.float32, (count, 3), elements=st.sampled_from([-2.0, 0.0, 0.5, 4.0, 1e4])),
        arrays(np.int64, count, elements=st.integers(0, 2)),
        st.permutations(range(count)),
    )
)


@given(SETS)
def test_bounds_and_the_order_of_images_and_a_shift_of_the_logits(
    case: tuple[np.ndarray, np.ndarray, list[int]],
) -> None:
    logits, labels, order = case
    found = calibration(logits, labels).as_json()
    assert 0 <= found["ece"] <= 1
    assert 0 <= found["ece_equal_mass"] <= 1
    assert 0 <= found["brier"] <= 2
    assert 0 <= found["nll"] < np.inf
    again = calibration(logits[order], labels[order]).as_json()
    assert all(np.isclose(again[name], value, rtol=1e-12, atol=1e-12) for name, value in found.items())
    higher = calibration(logits + np.float32(64), labels).as_json()
    assert all(np.isclose(higher[name], value, rtol=1e-12, atol=1e-12) for name, value in found.items())


def test_large_logits_neither_overflow_nor_vanish() -> None:
    found = calibration(np.array([[3e38, 0], [-3e38, 3e38]], np.float32), np.array([0, 0]))
    assert found.nll_parts[0] == 0
    assert np.isclose(found.nll_parts[1], 6e38)
    assert found.brier_parts.tolist() == [0, 2]
    assert found.ece == 0.5


def test_what_cannot_be_measured_is_said() -> None:
    logits, labels = some(4, 3)
    with pytest.raises(DataError, match="no images"):
        calibration(logits[:0], labels[:0])
    with pytest.raises(DataError, match="not finite"):
        calibration(np.where(logits == logits.max(), np.nan, logits), labels)
    for wrong in (-1, 3):
        with pytest.raises(DataError, match="has 3 classes"):
            calibration(logits, np.array([0, 1, 2, wrong]))
