from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tests.transforms.measures import content_of

from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.numerics import Numerics
from prettyuseful.transforms.custom import CustomTransform, load_custom_transform, output_problem


def file_of(own: str) -> Path:
    return Path(own.rpartition(":")[0])


def rewrite(own: str, old: str, new: str) -> None:
    """Change the text of the user's file."""
    text = file_of(own).read_text()
    assert old in text
    file_of(own).write_text(text.replace(old, new))


def test_content_of_a_custom_transform_is_its_file(own: str, crops: np.ndarray) -> None:
    source = CustomTransform(transform=own)
    assert (source.open(Numerics()).apply(crops) == 255 - crops).all()
    before = content_of(source)
    assert str(file_of(own).parent) not in str(before)
    rewrite(own, "255", "254")
    assert content_of(source) != before


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("[1, 2]", "returned a list, not a NumPy array"),
        ("images[0]", r"have the shape \(32, 32, 3\)"),
        ("images[:1]", "returned 1 images for 48"),
        ("images / 255", "are float64, not uint8"),
    ],
)
def test_invalid_results_are_refused(own: str, crops: np.ndarray, returned: str, message: str) -> None:
    rewrite(own, "255 - images", returned)
    with pytest.raises(DataError, match=rf"negative:Negative: .*{message}.*; run `prettyuseful check probe`"):
        CustomTransform(transform=own).open(Numerics()).apply(crops)


def test_class_without_apply_is_a_one_line_error(own: str) -> None:
    rewrite(own, "apply", "change")
    with pytest.raises(DataError, match="negative:Negative has no method 'apply'"):
        load_custom_transform(own)
    rewrite(own, "def change", "def apply")
    rewrite(own, "class Negative:", "class Negative:\n    def __init__(self, strength): ...")
    with pytest.raises(DataError, match=r"negative:Negative\(\) failed: TypeError: .*strength"):
        load_custom_transform(own)
    with pytest.raises(UnknownNameError, match="did you mean 'Negative'"):
        load_custom_transform(own.replace("Negative", "Negativ"))


def test_exception_of_a_custom_transform_is_one_line_with_its_name(own: str, crops: np.ndarray) -> None:
    rewrite(own, "return 255 - images", "raise ValueError('two\\nlines')")
    with pytest.raises(DataError) as error:
        CustomTransform(transform=own).open(Numerics()).apply(crops)
    assert str(error.value) == "negative:Negative: apply failed: ValueError: two lines"


def test_sys_exit_in_a_custom_transform_is_an_error(own: str, crops: np.ndarray) -> None:
    rewrite(own, "return 255 - images", "raise SystemExit(3)")
    with pytest.raises(DataError, match="negative:Negative: apply failed: SystemExit: 3"):
        CustomTransform(transform=own).open(Numerics()).apply(crops)


def test_key_does_not_contain_the_path(own: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    copy = tmp_path / "elsewhere" / "negative.py"
    copy.write_text(file_of(own).read_text())
    assert content_of(CustomTransform(transform=f"{copy}:Negative")) == content_of(CustomTransform(transform=own))


def test_a_name_is_needed() -> None:
    with pytest.raises(ValidationError, match="at least 1 character"):
        CustomTransform(transform="")


@pytest.mark.parametrize(
    ("result", "message"),
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
def test_output_problem_checks_shape_and_type(result: Any, message: str | None) -> None:
    problem = output_problem(result, 2)
    assert problem is None if message is None else message in (problem or "")
