from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tests.transforms.measures import content_of

from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.numerics import Numerics
from prettyuseful.transforms.custom import Own, open_custom, problem_with


def file_of(own: str) -> Path:
    return Path(own.rpartition(":")[0])


def rewrite(own: str, old: str, new: str) -> None:
    """Another text of the user's file."""
    text = file_of(own).read_text()
    assert old in text
    file_of(own).write_text(text.replace(old, new))


def test_a_class_of_ones_own_is_known_by_its_text(own: str, crops: np.ndarray) -> None:
    source = Own(transform=own)
    assert (source.open(Numerics()).apply(crops) == 255 - crops).all()
    before = content_of(source)
    assert str(file_of(own).parent) not in str(before)
    rewrite(own, "255", "254")
    assert content_of(source) != before


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ("[1, 2]", "returned a list, not a NumPy array"),
        ("images[0]", r"have the shape \(32, 32, 3\)"),
        ("images[:1]", "returned 1 images for 48"),
        ("images / 255", "are float64, not uint8"),
    ],
)
def test_what_is_no_image_is_refused(own: str, crops: np.ndarray, returned: str, words: str) -> None:
    rewrite(own, "255 - images", returned)
    with pytest.raises(DataError, match=rf"negative:Negative: .*{words}.*; try `prettyuseful check probe`"):
        Own(transform=own).open(Numerics()).apply(crops)


def test_a_class_that_is_no_transform_is_one_clear_line(own: str) -> None:
    rewrite(own, "apply", "change")
    with pytest.raises(DataError, match="negative:Negative has no method 'apply'"):
        open_custom(own)
    rewrite(own, "def change", "def apply")
    rewrite(own, "class Negative:", "class Negative:\n    def __init__(self, strength): ...")
    with pytest.raises(DataError, match=r"negative:Negative\(\) failed: TypeError: .*strength"):
        open_custom(own)
    with pytest.raises(UnknownNameError, match="did you mean 'Negative'"):
        open_custom(own.replace("Negative", "Negativ"))


def test_what_a_class_raises_is_one_line_that_names_it(own: str, crops: np.ndarray) -> None:
    rewrite(own, "return 255 - images", "raise ValueError('two\\nlines')")
    with pytest.raises(DataError) as error:
        Own(transform=own).open(Numerics()).apply(crops)
    assert str(error.value) == "negative:Negative: apply failed: ValueError: two lines"


def test_a_class_that_leaves_the_program_does_not_end_the_run(own: str, crops: np.ndarray) -> None:
    rewrite(own, "return 255 - images", "raise SystemExit(3)")
    with pytest.raises(DataError, match="negative:Negative: apply failed: SystemExit: 3"):
        Own(transform=own).open(Numerics()).apply(crops)


def test_the_place_of_the_file_is_not_in_the_key(own: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    copy = tmp_path / "elsewhere" / "negative.py"
    copy.write_text(file_of(own).read_text())
    assert content_of(Own(transform=f"{copy}:Negative")) == content_of(Own(transform=own))


def test_a_name_is_needed() -> None:
    with pytest.raises(ValidationError, match="at least 1 character"):
        Own(transform="")


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (np.zeros((2, 4, 5, 3), np.uint8), None),
        (np.zeros((2, 1, 1, 3), np.uint8), None),
        (np.zeros((2, 0, 5, 3), np.uint8), "(2, 0, 5, 3)"),
        (np.zeros((2, 4, 5, 4), np.uint8), "(2, 4, 5, 4)"),
        (np.zeros((2, 4, 5), np.uint8), "(2, 4, 5)"),
        (np.zeros((3, 4, 5, 3), np.uint8), "3 images for 2"),
        (np.zeros((2, 4, 5, 3), np.int64), "int64"),
        (None, "a NoneType"),
    ],
)
def test_results_are_judged_by_shape_and_type(result: Any, words: str | None) -> None:
    problem = problem_with(result, 2)
    assert problem is None if words is None else words in (problem or "")
