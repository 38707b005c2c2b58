from __future__ import annotations

import random

import pytest

from prettyuseful.prompts.diversity import diversity_of, grams_of, overlap_of


def test_grams_are_words_in_small_letters() -> None:
    assert grams_of("A red Cat, asleep.") == {("a", "red", "cat"), ("red", "cat", "asleep")}
    assert grams_of("Red cat") == {("red", "cat")}
    assert grams_of("...") == frozenset()


def test_overlap_is_the_jaccard_index() -> None:
    a, b = grams_of("one two three four"), grams_of("one two three five")
    assert overlap_of(a, b) == pytest.approx(1 / 3)
    assert overlap_of(a, a) == 1
    assert overlap_of(frozenset(), frozenset()) == 1


def test_equal_prompts_count_once_and_too_few_give_no_overlap() -> None:
    found = diversity_of([["a red cat", "a red cat"], ["a big dog here"]])
    assert (found.prompts, found.grams, found.different_grams, found.overlap) == (2, 3, 3, None)
    assert found.examples == ("a red cat", "a big dog here")
    assert diversity_of([["a b c d", "a b c e"]]).overlap is None  # one pair says nothing about others


def test_prompts_without_shared_words_do_not_overlap() -> None:
    found = diversity_of([[f"a{i} b{i} c{i}" for i in range(5)]])
    assert found.overlap is not None
    assert (found.overlap.mean, found.overlap.low, found.overlap.high) == (0, 0, 0)


def test_the_interval_covers_the_mean_overlap_of_other_prompts() -> None:
    """Of 60 sets of prompts of four random words each, 51 to 60 intervals hold the mean of all sets."""
    rng = random.Random(0)

    def prompts(count: int) -> list[str]:
        words = ("red", "old", "big", "wet", "sad")
        return [" ".join(f"{rng.choice(words)}{place}" for place in range(4)) for _ in range(count)]

    intervals = [diversity_of([prompts(14), prompts(14)]).overlap for _ in range(60)]
    found = [overlap for overlap in intervals if overlap is not None]
    centre = sum(overlap.mean for overlap in found) / 60
    assert 51 <= sum(overlap.low <= centre <= overlap.high for overlap in found) <= 60
