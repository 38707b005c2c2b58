import numpy as np
import pytest

from prettyuseful.diagnosis.label_errors import suspects, taken_for


@pytest.fixture
def clear() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Four classes far from each other, and a classifier that is sure."""
    labels = np.repeat(np.arange(4), 30)
    features = np.random.default_rng(0).normal(size=(120, 6)) + 8 * np.eye(4, 6)[labels]
    return features, 5 * np.eye(4)[labels], labels


def test_right_labels_are_not_suspect(clear: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    assert not suspects(*clear).any()


def test_wrong_labels_are_found_and_no_others(clear: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    features, logits, labels = clear
    given = labels.copy()
    given[[3, 40, 77]] = [2, 0, 1]
    assert np.flatnonzero(suspects(features, logits, given)).tolist() == [3, 40, 77]


def test_a_classifier_that_is_not_sure_suspects_nothing(clear: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    features, logits, labels = clear
    given = labels.copy()
    given[3] = 2
    assert not suspects(features, logits / 20, given).any()


def test_a_class_that_shows_another_is_told(clear: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    _, logits, labels = clear
    given = np.where(labels == 1, 2, np.where(labels == 2, 1, labels))
    found = taken_for(logits, given)
    assert {label: other for label, (other, _) in found.items()} == {1: 2, 2: 1}
    assert np.array_equal(found[1][1], np.flatnonzero(given == 1))


def test_right_classes_are_taken_for_no_other(clear: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    assert taken_for(*clear[1:]) == {}
