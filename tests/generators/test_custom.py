from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from prettyuseful.errors import DataError
from prettyuseful.generators.base import Request
from prettyuseful.generators.custom import as_array, open_custom, output_problem

REQUEST = Request("a cat", "cat", 0, (1, 2))
METHODS = "    def generate(self, request): return 1\n    def applied(self): return {}\n"

WriteClass = Callable[[str], str]


@pytest.fixture
def write_class(tmp_path: Path) -> WriteClass:
    """Writes a class `Mine` with the given body and returns its name."""

    def name(body: str) -> str:
        (tmp_path / "mine.py").write_text(f"class Mine:\n{body}")
        return f"{tmp_path / 'mine.py'}:Mine"

    return name


def test_class_is_instantiated_without_arguments(write_class: WriteClass) -> None:
    assert open_custom(write_class(METHODS)).applied() == {}


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
def test_invalid_class_is_a_one_line_error(write_class: WriteClass, body: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        open_custom(write_class(body))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("images", [np.zeros((2, 4, 5, 3), np.uint8), torch.zeros(2, 4, 5, 3, dtype=torch.uint8)])
def test_arrays_and_tensors_are_accepted(images: Any) -> None:
    assert output_problem(images, REQUEST) is None
    assert isinstance(as_array(images), np.ndarray)
    assert as_array(images).shape == (2, 4, 5, 3)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (None, "it returned a NoneType"),
        ([1, 2], "it returned a list"),
        (np.zeros((2, 3, 4, 5), np.uint8), "the shape (2, 3, 4, 5), not (N, height, width, 3)"),
        (np.zeros((4, 5, 3), np.uint8), "the shape (4, 5, 3)"),
        (np.zeros((3, 4, 5, 3), np.uint8), "3 images for 2 seeds"),
        (np.zeros((2, 4, 5, 3)), "float64, not uint8"),
        (torch.zeros(2, 4, 5, 3), "float32, not uint8"),
        (
            np.stack([np.zeros((4, 5, 3)), np.full((4, 5, 3), np.nan)]),
            "float64, not uint8 from 0 to 255, and 1 of 2 hold values that are not finite (NaN or infinite)",
        ),
        (
            torch.full((2, 4, 5, 3), torch.inf, dtype=torch.bfloat16),
            "bfloat16, not uint8 from 0 to 255, and 2 of 2",
        ),
        (np.zeros((2, 4, 5, 3), np.int64), "int64, not uint8 from 0 to 255"),
    ],
)
def test_invalid_output_is_reported(images: Any, expected: str) -> None:
    assert expected in str(output_problem(images, REQUEST))
