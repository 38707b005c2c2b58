from __future__ import annotations

import re

import pytest

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.errors import DataError
from prettyuseful.selection.keep import PATTERN, Keep


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("top 50%", "top 50%"),
        ("  bottom  30 % ", "bottom 30%"),
        ("middle 12.50%", "middle 12.5%"),
        ("random 100", "random 100"),
        ("top 100 per class", "top 100"),
        ("50%", "50%"),
        ("20", "20"),
        ("top 90%", "top 90%"),
    ],
)
def test_texts_have_one_form(text: str, canonical: str) -> None:
    assert Keep.parse(text).text == canonical
    assert Keep.parse(canonical) == Keep.parse(text)
    assert re.match(PATTERN, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("top 0%", "keeps no image"),
        ("top 0", "keeps no image"),
        ("top 100%", "keeps every image"),
        ("bottom 120%", "'bottom 120%' is more than there is; keep less than 100%"),
        ("tpo 50%", "expected one of top, bottom, middle, random, not 'tpo'; did you mean 'top'?"),
        ("top", "'top' is not an amount of images; write top 50%"),
        ("top half", "is not an amount of images"),
        ("top -5%", "is not an amount of images"),
        ("top 2.5", "is not a whole number of images"),
        ("", "is not an amount of images"),
        ("top 9999999999", "is not an amount of images"),
    ],
)
def test_other_texts_are_refused_with_what_to_write(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        Keep.parse(text)
    assert "\n" not in str(error.value)


def test_a_share_is_that_of_each_class_and_half_an_image_counts() -> None:
    counts = Keep.parse("top 50%").counts(ClassCounts([10, 5, 3]), ["a", "b", "c"])
    assert counts == ClassCounts([5, 3, 2])
    assert Keep.parse("top 4").counts(ClassCounts([10, 5]), ["a", "b"]) == ClassCounts(4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("top 1%", "keep: top 1% keeps no image, because the class 'b' has 5 images; keep more"),
        ("top 6", "keep: top 6 is more than there is, because the class 'b' has 5 images; keep fewer"),
        ("top 5", "keep: top 5 keeps every image, because the class 'b' has 5 images; keep fewer"),
        ("top 95%", "keep: top 95% keeps every image, because the class 'b' has 5 images; keep fewer"),
    ],
)
def test_a_class_without_a_choice_is_named(text: str, message: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        Keep.parse(text).counts(ClassCounts([100, 5]), ["a", "b"])


@pytest.mark.parametrize(
    ("text", "by", "words"),
    [
        ("top 50%", "prettiness", "the top half of base by prettiness"),
        ("bottom 30%", "prettiness", "the bottom 30% of base by prettiness"),
        ("top 100", "label confidence", "the top 100 images per class of base by label confidence"),
        ("50%", "k-centre", "half of base by k-centre"),
        ("random 50%", "", "a random half of base"),
        ("random 20", "", "20 random images per class of base"),
    ],
)
def test_what_is_kept_in_words(text: str, by: str, words: str) -> None:
    assert Keep.parse(text).words("base", by) == words


def test_a_random_choice_of_equal_size() -> None:
    assert Keep.parse("middle 40%").at_random == Keep.parse("random 40%")
    assert Keep.parse("top 7").at_random == Keep.parse("random 7")
