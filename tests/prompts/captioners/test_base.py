from __future__ import annotations

import pytest
from PIL import Image

from prettyuseful.prompts.captioners.base import Picture, clean_caption, join_names


def picture(width: int, height: int) -> Picture:
    return Picture(Image.new("RGB", (width, height)), "cat", "train/cat/1.jpg")


@pytest.mark.parametrize(
    ("size", "expected"),
    [((400, 800), (100, 200)), ((800, 400), (200, 100)), ((100, 300), (100, 300)), ((30, 20), (30, 20))],
)
def test_images_are_downscaled_by_their_short_side_and_never_enlarged(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert picture(*size).downscale(100).size == expected


def test_class_placeholder_is_replaced_in_the_question() -> None:
    assert picture(1, 1).question("What does this {class} do? {x}") == "What does this cat do? {x}"


@pytest.mark.parametrize(
    ("answer", "caption"),
    [
        ("  A cat.\n\nIt sleeps.\t", "A cat. It sleeps."),
        ('"A cat."', "A cat."),
        ('"Cat" is what the sign says', '"Cat" is what the sign says'),
        ("<think>a dog?\nno</think>\nA cat.", "A cat."),
        ("red\x1b[31m\ud800 and\u2028blue", "red [31m and blue"),
        ("Sorry cats sit here.", "Sorry cats sit here."),
    ],
)
def test_caption_is_one_clean_line(answer: str, caption: str) -> None:
    assert clean_caption(answer) == caption


@pytest.mark.parametrize("answer", ["", " \n", '""', "<think>so many thoughts that no token was left"])
def test_empty_answer_is_an_error(answer: str) -> None:
    with pytest.raises(ValueError, match="the answer is empty"):
        clean_caption(answer)


@pytest.mark.parametrize(
    "answer", ["I'm sorry, I can't help.", "I\u2019m unable to see.", "I cannot describe people.", "As an AI, I ..."]
)
def test_refusal_is_an_error(answer: str) -> None:
    with pytest.raises(ValueError, match="the model refused"):
        clean_caption(answer)


def test_long_lists_of_names_are_shortened() -> None:
    assert join_names(["a", "b"], 3) == "a, b"
    assert join_names(["a", "b", "c", "d", "e"], 2) == "a, b and 3 more"
