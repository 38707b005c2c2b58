from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from prettyuseful.errors import DataError
from prettyuseful.generators.base import Request
from prettyuseful.generators.custom import as_array, open_custom, problem_with

REQUEST = Request("a cat", "cat", 0, (1, 2))
METHODS = "    def generate(self, request): return 1\n    def applied(self): return {}\n"

Written = Callable[[str], str]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """The name of a class `Mine` with the body given."""

    def name(body: str) -> str:
        (tmp_path / "mine.py").write_text(f"class Mine:\n{body}")
        return f"{tmp_path / 'mine.py'}:Mine"

    return name


def test_a_class_is_made_without_arguments(written: Written) -> None:
    assert open_custom(written(METHODS)).applied() == {}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            f"    def __init__(self): raise OSError('no\\nweights')\n{METHODS}",
            r"mine:Mine\(\) failed: OSError: no weights",
        ),
        (f"    def __init__(self, size): pass\n{METHODS}", r"mine:Mine\(\) failed: TypeError: .*'size'"),
        ("    def generate(self, request): return 1\n", r"mine:Mine has no method 'applied'; see `prettyuseful check"),
        ("    applied = generate = 1\n", "has no method 'generate'"),
    ],
)
def test_a_class_that_is_no_generator_is_one_clear_line(written: Written, body: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        open_custom(written(body))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("images", [np.zeros((2, 4, 5, 3), np.uint8), torch.zeros(2, 4, 5, 3, dtype=torch.uint8)])
def test_arrays_and_tensors_are_fine(images: Any) -> None:
    assert problem_with(images, REQUEST) is None
    assert isinstance(as_array(images), np.ndarray)
    assert as_array(images).shape == (2, 4, 5, 3)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (None, "it returned a NoneType"),
        ([1, 2], "it returned a list"),
        (np.zeros((2, 3, 4, 5), np.uint8), "the shape (2, 3, 4, 5), not (N, height, width, 3)"),
        (np.zeros((4, 5, 3), np.uint8), "the shape (4, 5, 3)"),
        (np.zeros((3, 4, 5, 3), np.uint8), "3 images for 2 seeds"),
        (np.zeros((2, 4, 5, 3)), "float64, not uint8"),
        (torch.zeros(2, 4, 5, 3), "float32, not uint8"),
    ],
)
def test_anything_else_is_said(images: Any, words: str) -> None:
    assert words in str(problem_with(images, REQUEST))
