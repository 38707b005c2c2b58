from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from prettyuseful.errors import DataError
from prettyuseful.selection.choice import (
    Content,
    choose_at_random,
    choose_by_value,
    choose_spread,
    facility_location,
    k_centre,
)

LABELS = np.array([0, 1] * 10)
CONTENTS = [Content.of(bytes([i]), f"{i}.png") for i in range(20)]


def numbers_chosen(mask: np.ndarray, labels: np.ndarray) -> list[int]:
    return [int(mask[labels == label].sum()) for label in (0, 1)]


@pytest.mark.parametrize(
    ("part", "chosen"), [("top", [3, 4]), ("bottom", [0, 1]), ("middle", [1, 2])], ids=["top", "bottom", "middle"]
)
def test_the_ends_and_the_middle_of_each_class(part: str, chosen: list[int]) -> None:
    values = np.array([0.0, 100, 1, 101, 2, 102, 3, 103, 4, 104])
    labels, contents = np.array([0, 1] * 5), CONTENTS[:10]
    mask = choose_by_value(values, labels, contents, part, [2, 2])  # type: ignore[arg-type]
    assert values[mask & (labels == 0)].tolist() == chosen
    assert values[mask & (labels == 1)].tolist() == [100 + value for value in chosen]


Choose = Callable[[np.ndarray, np.ndarray, list[Content]], np.ndarray]
CHOICES: dict[str, Choose] = {
    "value": lambda features, labels, contents: choose_by_value(features[:, 0], labels, contents, "top", [4, 3]),
    "random": lambda _, labels, contents: choose_at_random(labels, contents, [4, 3], seed=0, draw=0),
    "k-centre": lambda features, labels, contents: choose_spread(features, labels, contents, k_centre, [4, 3]),
    "facility location": lambda features, labels, contents: choose_spread(
        features, labels, contents, facility_location, [4, 3]
    ),
}


@pytest.mark.parametrize("choose", CHOICES.values(), ids=CHOICES)
def test_what_is_chosen_does_not_depend_on_the_order_of_the_images(choose: Choose) -> None:
    rng = np.random.default_rng(0)
    features = rng.integers(0, 2, size=(20, 3)).astype(float)  # with many equal numbers
    mask = choose(features, LABELS, CONTENTS)
    assert numbers_chosen(mask, LABELS) == [4, 3]
    for _ in range(5):
        order = rng.permutation(20)
        shuffled = choose(features[order], LABELS[order], [CONTENTS[i] for i in order])
        assert set(order[shuffled]) == set(np.flatnonzero(mask))


def test_random_choices_of_other_seeds_and_draws_differ_and_each_image_is_chosen_in_some() -> None:
    chosen = {
        (seed, draw): frozenset(np.flatnonzero(choose_at_random(LABELS, CONTENTS, [5, 5], seed, draw)))
        for seed in range(4)
        for draw in range(5)
    }
    assert len(set(chosen.values())) == 20
    assert frozenset.union(*chosen.values()) == set(range(20))


def test_equal_images_are_told_apart_by_their_paths() -> None:
    contents = [Content.of(b"equal", f"{i}.png") for i in range(6)]
    labels = np.zeros(6, np.int64)
    first = choose_by_value(np.zeros(6), labels, contents, "top", [2])
    assert [contents[i].path for i in np.flatnonzero(first)] == ["4.png", "5.png"]
    back = choose_by_value(np.zeros(6), labels, contents[::-1], "top", [2])
    assert [contents[::-1][i].path for i in np.flatnonzero(back)] == ["5.png", "4.png"]


def test_a_score_that_is_not_finite_is_reported_with_its_image() -> None:
    with pytest.raises(DataError, match=r"^the score of the image 3\.png is not a finite number; remove the image$"):
        choose_by_value(np.where(np.arange(20) == 3, np.nan, 0), LABELS, CONTENTS, "top", [1, 1])


def test_greedy_k_centre_is_within_twice_the_best_radius() -> None:
    points = np.random.default_rng(1).normal(size=(11, 2))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)

    def radius(rows: tuple[int, ...]) -> float:
        return float(distances[:, list(rows)].min(axis=1).max())

    chosen = k_centre(points, 4)
    assert len(set(chosen)) == 4
    assert radius(tuple(chosen)) <= 2 * min(map(radius, combinations(range(11), 4)))
    assert distances[chosen[0]].sum() > 0
    assert chosen[0] == np.linalg.norm(points - points.mean(axis=0), axis=1).argmin()
    for number in range(1, 4):  # the next one is the farthest
        nearest = distances[:, chosen[:number]].min(axis=1)
        assert chosen[number] == nearest.argmax()


def test_equal_images_are_all_chosen_in_the_end() -> None:
    assert sorted(k_centre(np.ones((5, 2)), 5)) == [0, 1, 2, 3, 4]
    assert sorted(facility_location(np.zeros((4, 2)), 4)) == [0, 1, 2, 3]


def test_facility_location_adds_what_represents_most_images() -> None:
    points = np.random.default_rng(2).normal(size=(9, 3))
    unit = points / np.linalg.norm(points, axis=1)[:, None]
    similarity = 1 + unit @ unit.T

    def value(rows: list[int]) -> float:
        return float(similarity[rows].max(axis=0).sum())

    chosen = facility_location(points, 4).tolist()
    for number in range(1, 5):
        others = [row for row in range(9) if row not in chosen[: number - 1]]
        best = max(value([*chosen[: number - 1], row]) for row in others)
        assert value(chosen[:number]) == pytest.approx(best)
    assert value(chosen) >= 0.63 * max(value(list(rows)) for rows in combinations(range(9), 4))


def test_a_class_with_too_few_images_is_reported() -> None:
    with pytest.raises(DataError, match=r"class 1 \(from 0\) has 10 images, but 11 are to be kept"):
        choose_at_random(LABELS, CONTENTS, [2, 11], 0, 0)
