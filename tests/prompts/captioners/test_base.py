from __future__ import annotations

import pytest
from PIL import Image

from prettyuseful.prompts.captioners.base import Picture


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
