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


def test_wrong_labels_are_found_even_if_nearly_half_are_wrong() -> None:
    labels, rng = np.repeat(np.arange(4), 60), np.random.default_rng(0)
    features = rng.normal(size=(240, 6)) + 3 * np.eye(4, 6)[labels]
    wrong = rng.random(240) < 0.45
    given = np.where(wrong, (labels + rng.integers(1, 4, 240)) % 4, labels)
    suspect = suspect_labels(features, 5 * np.eye(4)[labels], given)
    assert suspect[wrong].mean() > 0.75
    assert not suspect[~wrong].any()


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
