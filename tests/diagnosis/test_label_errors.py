import numpy as np
import pytest

from prettyuseful.diagnosis.label_errors import confused_classes, suspect_labels


@pytest.fixture
def clear() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Four classes far from each other, and a confident classifier."""
    labels = np.repeat(np.arange(4), 30)
    features = np.random.default_rng(0).normal(size=(120, 6)) + 8 * np.eye(4, 6)[labels]
    return features, 5 * np.eye(4)[labels], labels


def test_correct_labels_are_not_suspect(clear: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    assert not suspect_labels(*clear).any()


def test_only_wrong_labels_are_suspect(clear: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    features, logits, labels = clear
    changed = labels.copy()
    changed[[3, 40, 77]] = [2, 0, 1]
    assert np.flatnonzero(suspect_labels(features, logits, changed)).tolist() == [3, 40, 77]


def test_an_unconfident_classifier_marks_no_label(clear: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    features, logits, labels = clear
    changed = labels.copy()
    changed[3] = 2
    assert not suspect_labels(features, logits / 20, changed).any()


def test_classes_with_exchanged_images_are_confused(clear: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    _, logits, labels = clear
    changed = np.where(labels == 1, 2, np.where(labels == 2, 1, labels))
    confused = confused_classes(logits, changed)
    assert {label: other for label, (other, _) in confused.items()} == {1: 2, 2: 1}
    assert np.array_equal(confused[1][1], np.flatnonzero(changed == 1))


def test_correct_classes_are_not_confused(clear: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    assert confused_classes(*clear[1:]) == {}
