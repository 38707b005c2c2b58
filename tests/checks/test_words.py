from __future__ import annotations

from tests.checks.pictures import clean, image_set

from prettyuseful.checks.words import count_of, listed, paths_of, verb


def test_counts_have_a_share() -> None:
    images = image_set(clean(0, 6))
    assert count_of(3, images) == "3 of 6 images of photos (50.0%)"
    assert count_of(0, image_set({})) == "0 of 0 images of photos (less than 0.1%)"


def test_verbs_agree_with_the_number() -> None:
    assert [verb(n, "is", "are") for n in (1, 2)] == ["is", "are"]


def test_long_lists_are_cut_and_names_are_safe_to_print() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(["a\x1b[0m", *"bcdef"]) == r"a\x1b[0m, b, c, d and 2 more"
    hostile = image_set({"a/<b>\x07.jpg": clean(0, 1)["a/000.jpg"]})
    assert paths_of(hostile, [0]) == (r"a/<b>\x07.jpg",)
