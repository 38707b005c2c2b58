from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prettyuseful.errors import DataError
from prettyuseful.metrics.features import LARGEST, check_features, check_pair, lengths, unit_rows


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "uint8", "bool"])
def test_real_numbers_are_accepted(dtype: str) -> None:
    check_features(np.ones((1, 1), dtype), "real")
    check_features(np.ones((3, 2), dtype), "real", fewest=3)


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (np.ones(3), r"real features have shape \(3,\) and type float64"),
        (np.ones((3, 0)), r"shape \(3, 0\)"),
        (np.ones((3, 2, 1)), r"shape \(3, 2, 1\)"),
        (np.ones((3, 2), complex), "type complex128"),
        (np.full((3, 2), "x"), "type <U1"),
        (np.ones((0, 2)), "there are 0 real images, and at least 2 are needed"),
        (np.ones((1, 2)), "there is 1 real image, and at least 2 are needed"),
        (np.array([[1, 2], [3, np.nan]]), "real features contain values that are not finite"),
        (np.array([[1, 2], [3, -np.inf]]), "real features contain values that are not finite"),
        (np.array([[1, 2], [3, -1.1e40]]), "real features exceed 1e\\+40 in size"),
    ],
)
def test_invalid_features_raise_an_error_that_names_the_set(features: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words) as error:
        check_features(features, "real", fewest=2)
    assert "\n" not in str(error.value)


def test_the_largest_accepted_value() -> None:
    check_features(np.array([[LARGEST, -LARGEST]]), "real")


def test_both_sets_need_the_same_dimensions() -> None:
    real, synthetic = np.ones((2, 3)), np.ones((5, 3))
    check_pair(real, synthetic, fewest=2)
    with pytest.raises(DataError, match=r"real features have 3 dimensions and synthetic features 4; .* same encoder"):
        check_pair(real, np.ones((2, 4)))
    with pytest.raises(DataError, match="there are 5 synthetic images, and at least 6"):
        check_pair(np.ones((6, 3)), synthetic, fewest=6)
    with pytest.raises(DataError, match="there are 5 real images, and at least 6"):
        check_pair(synthetic, np.ones((6, 3)), fewest=6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8"])
def test_lengths_are_euclidean_in_float64(dtype: str) -> None:
    result = lengths(np.array([[3, 4], [100, 100], [0, -2]], dtype), "real")
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, [5, 100 * 2**0.5, 2])


def test_lengths_do_not_overflow_float32() -> None:
    assert np.isfinite(lengths(np.full((1, 4), 3e38, np.float32), "real")).all()


def test_unit_rows_keep_their_direction() -> None:
    features = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    rows = unit_rows(features, "real")
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(rows * lengths(features, "real")[:, None], features)


@pytest.mark.parametrize("function", [lengths, unit_rows])
def test_a_row_of_zeros_raises_an_error_with_its_index(function: Any) -> None:
    with pytest.raises(DataError, match=r"synthetic features of image 1 \(from 0\) are all zero"):
        function(np.array([[1, 0], [0, 0], [0, 0]]), "synthetic")
