"""Names of classes as data sets have them, and what prompts say for them."""

from __future__ import annotations

import pytest

from prettyuseful.errors import DataError
from prettyuseful.prompts.class_words import class_words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        # WordNet ids
        ("n01440764", "tench"),
        ("n02099601", "golden retriever"),
        ("n02085620-Chihuahua", "Chihuahua"),
        ("n01443537_goldfish", "goldfish"),
        # separators
        ("golden_retriever", "golden retriever"),
        ("hot__dog_", "hot dog"),
        ("  polar bear ", "polar bear"),
        ("t-shirt", "t-shirt"),
        # numbers
        ("001.Black_footed_Albatross", "Black footed Albatross"),
        ("1. cat", "cat"),
        ("03_cat", "cat"),
        ("3_wheeler", "3 wheeler"),
        ("7-Eleven", "7-Eleven"),
        ("35mm film", "35mm film"),
        ("Boeing 747", "Boeing 747"),
        ("version 2.0 phone", "version 2.0 phone"),
        # nothing to do
        ("tench", "tench"),
        ("GoldenRetriever", "GoldenRetriever"),
        ("crane (large long-necked wading bird)", "crane (large long-necked wading bird)"),
        ("tench, Tinca tinca", "tench, Tinca tinca"),
        ("柴犬", "柴犬"),
        ("c0", "c0"),
    ],
)
def test_a_class_name_becomes_words(name: str, words: str) -> None:
    found = class_words([name, "other"])
    assert found.words == (words, "other")
    assert found.changed == ({} if name == words else {name: words})


def test_numbers_before_all_names_are_removed() -> None:
    assert class_words(["0_airplane", "1_car", "10_truck"]).words == ("airplane", "car", "truck")
    assert class_words(["1 cat", "dog"]).words == ("1 cat", "dog")


def test_synsets_with_the_same_first_word_get_different_words() -> None:
    assert class_words(["n02012849", "n03126707"]).words == (
        "crane (large long-necked wading bird)",
        "crane (lifts and moves heavy objects)",
    )


@pytest.mark.parametrize("name", ["12", "0", "007", "class_3", "label-4", "Category 5", "n99999999", "--", "٣"])
def test_a_name_without_meaning_is_refused_with_the_remedy(name: str) -> None:
    with pytest.raises(DataError, match="1 of 2 classes have numbers or unknown WordNet ids") as error:
        class_words([name, "cat"])
    assert f"classes: {{{name}: name in words}}" in str(error.value)


def test_equal_words_are_refused() -> None:
    with pytest.raises(DataError, match=r"the classes '001.Crane' and '002.crane' are both 'crane' in prompts"):
        class_words(["001.Crane", "002.crane"])


def test_every_change_is_noted_in_one_sentence() -> None:
    assert class_words(["cat", "dog"]).notes == ()
    assert class_words(["hot_dog", "n01440764", "cat"]).notes == (
        "Class names in prompts: 'hot_dog' is 'hot dog', 'n01440764' is 'tench'.",
    )
    (note,) = class_words([f"a_{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]).notes
    assert note.endswith("'a_t' is 'a t' and 6 more.")
