"""Validation of the output of user-defined encoders."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.custom import CheckedEncoder
from prettyuseful.encoders.source import EncoderSource, open_encoder
from prettyuseful.errors import DataError
from prettyuseful.numerics import Numerics

NAME = "odd.py:ODD"


class Returns:
    """An encoder that returns a given value."""

    def __init__(self, value: object) -> None:
        self.value = value

    def features(self, pixels: Pixels) -> np.ndarray:  # noqa: ARG002
        return self.value  # type: ignore[return-value]

    def text_features(self, texts: object) -> np.ndarray:  # noqa: ARG002
        return self.value  # type: ignore[return-value]


def images(count: int = 2) -> Pixels:
    return Pixels.from_array(np.zeros((count, 4, 4, 3), np.uint8), np.zeros(count, np.int64), np.array(["a"] * count))


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        ("np.zeros((2, 0))", "its features of 2 images are an array of shape (2, 0)"),
        ("np.zeros(2)", "are an array of shape (2,); return an array (N, d)"),
        ("[[1], [2]]", "are a list"),
        ("np.full((2, 3), np.nan)", "its features of images are not all finite"),
        ("1 / 0", "encoder odd:ODD: ZeroDivisionError: division by zero"),
    ],
)
def test_invalid_features_are_a_one_line_error(tmp_path: Path, returns: str, expected: str) -> None:
    (tmp_path / "odd.py").write_text(
        "import numpy as np\nfrom prettyuseful.encoders.table import EncoderRow\nclass Odd:\n"
        f"    def features(self, pixels): return {returns}\n"
        "ODD = EncoderRow('odd', 'odd', lambda weights, numerics: Odd())\n"
    )
    encoder = open_encoder(EncoderSource(name=f"{tmp_path}/odd.py:ODD").pin(), Numerics())
    with pytest.raises(DataError, match=re.escape(expected)):
        encoder.features(images())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.uint8])
def test_real_numbers_are_converted_to_float32(dtype: type) -> None:
    features = CheckedEncoder(Returns(np.arange(6).reshape(2, 3).astype(dtype)), NAME).features(images())
    assert features.dtype == np.float32
    assert features.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("features", [np.zeros((2, 3), bool), np.zeros((2, 3), complex), np.full((2, 3), "x")])
def test_values_that_are_not_real_numbers_are_an_error(features: np.ndarray) -> None:
    with pytest.raises(DataError, match="encoder odd:ODD: its features of images are not all finite"):
        CheckedEncoder(Returns(features), NAME).features(images())


def test_text_features_have_one_row_per_text() -> None:
    encoder = CheckedEncoder(Returns(np.ones((2, 3))), NAME)
    assert encoder.text_features(["a cat", "a dog"]).shape == (2, 3)
    with pytest.raises(DataError, match=r"its features of 1 texts are an array of shape \(2, 3\)"):
        encoder.text_features(["a cat"])


def test_encoder_without_text_features_is_an_error() -> None:
    class Images:
        def features(self, pixels: Pixels) -> np.ndarray:
            return np.ones((len(pixels), 1))

    with pytest.raises(DataError, match=r"encoder odd:ODD: AttributeError: .*text_features"):
        CheckedEncoder(Images(), NAME).text_features(["a cat"])
