from __future__ import annotations

import numpy as np
import pytest

from prettyuseful.checks.labels import permuted_labels, wilson
from prettyuseful.checks.results import Results

CLASSES = ("cat", "dog", "fox", "owl")


def confusion(taken_for: list[int], images: int = 20, correct: float = 0.9) -> np.ndarray:
    """Return the confusion of classes that are taken for these ones, with the given share."""
    table = np.full((len(taken_for), len(taken_for)), images * (1 - correct) / (len(taken_for) - 1))
    table[np.arange(len(taken_for)), taken_for] = images * correct
    return table


REAL = confusion([0, 1, 2, 3])


def test_two_classes_that_change_places_are_named() -> None:
    (hit,) = permuted_labels(Results("made", CLASSES, confusion([1, 0, 2, 3]), REAL))
    assert hit.words.startswith("The labels of 'cat' and 'dog' seem to be permuted in made:")
    assert (hit.set, hit.count, hit.total) == ("made", 40, 80)
    assert hit.examples == ("90% of cat are classified as dog", "90% of dog are classified as cat")


def test_a_permutation_of_all_classes_is_named() -> None:
    (hit,) = permuted_labels(Results("made", CLASSES, confusion([3, 2, 0, 1]), REAL))
    assert "4 classes (cat, dog, fox, owl)" in hit.words
    assert "(guessing reaches 25.0%)" in hit.words


def test_an_accuracy_far_below_chance_is_named_even_without_a_permutation() -> None:
    """Two classes are labelled as one, and the others as anything but themselves."""
    table = np.array([[0, 10, 10, 10], [10, 0, 10, 10], [10, 10, 0, 10], [10, 10, 10, 1]], float)
    (hit,) = permuted_labels(Results("made", CLASSES, table, REAL))
    assert "recognise 0.8% of the images of made, significantly fewer than by chance" in hit.words


@pytest.mark.parametrize(
    ("tested", "real"),
    [
        (REAL, REAL),
        (confusion([0, 1, 2, 3], correct=0.4), REAL),  # hard to recognise, but labelled well
        (np.full((4, 4), 5.0), REAL),  # recognised by chance
        (confusion([1, 1, 2, 3]), REAL),  # cats look like dogs: no permutation
        (confusion([1, 0, 2, 3]), confusion([1, 0, 2, 3])),  # real images are confused in the same way
        (confusion([1, 0, 2, 3]), np.full((4, 4), 5.0)),  # a classifier that recognises nothing
        (confusion([1, 0, 2, 3], images=3), REAL),  # too few images
    ],
)
def test_hard_similar_or_few_images_are_no_permutation(tested: np.ndarray, real: np.ndarray) -> None:
    assert not list(permuted_labels(Results("made", CLASSES, tested, real)))


def test_no_false_alarm_at_chance_in_a_thousand_sets() -> None:
    rng = np.random.default_rng(0)
    sets = (rng.multinomial(15, [0.25] * 4, size=4).astype(float) for _ in range(1000))
    alarms = sum(bool(list(permuted_labels(Results("made", CLASSES, table, REAL)))) for table in sets)
    assert alarms <= 5


def test_the_wilson_interval_agrees_with_a_table() -> None:
    """Newcombe (1998), table I: 81 of 263, 95%."""
    assert wilson(81, 263, 1.959964) == pytest.approx((0.2553, 0.3662), abs=1e-4)
