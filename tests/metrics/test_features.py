from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prettyuseful.errors import DataError
from prettyuseful.metrics.features import LARGEST, check_features, check_pair, lengths, unit_rows


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "uint8", "bool"])
def test_rows_of_real_numbers_pass(dtype: str) -> None:
    check_features(np.ones((1, 1), dtype), "real")
    check_features(np.ones((3, 2), dtype), "real", fewest=3)


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (np.ones(3), r"real features are an array of shape \(3,\) and type float64"),
        (np.ones((3, 0)), r"shape \(3, 0\)"),
        (np.ones((3, 2, 1)), r"shape \(3, 2, 1\)"),
        (np.ones((3, 2), complex), "type complex128"),
        (np.full((3, 2), "x"), "type <U1"),
        (np.ones((0, 2)), "there are 0 real images, and 2 at least are needed"),
        (np.ones((1, 2)), "there is 1 real image, and 2 at least are needed"),
        (np.array([[1, 2], [3, np.nan]]), "real features hold values that are not finite"),
        (np.array([[1, 2], [3, -np.inf]]), "real features hold values that are not finite"),
        (np.array([[1, 2], [3, -1.1e40]]), "real features go beyond 1e\\+40 in size"),
    ],
)
def test_what_no_metric_can_use_is_one_line_that_says_whose_it_is(features: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words) as error:
        check_features(features, "real", fewest=2)
    assert "\n" not in str(error.value)


def test_the_largest_number_that_passes() -> None:
    check_features(np.array([[LARGEST, -LARGEST]]), "real")


def test_a_pair_must_be_of_one_space() -> None:
    one, other = np.ones((2, 3)), np.ones((5, 3))
    check_pair(one, other, fewest=2)
    with pytest.raises(DataError, match=r"real features have 3 dimensions and synthetic ones 4; .* one encoder"):
        check_pair(one, np.ones((2, 4)))
    with pytest.raises(DataError, match="there are 5 synthetic images, and 6 at least"):
        check_pair(np.ones((6, 3)), other, fewest=6)
    with pytest.raises(DataError, match="there are 5 real images, and 6 at least"):
        check_pair(other, np.ones((6, 3)), fewest=6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8"])
def test_lengths_are_euclidean_in_float64(dtype: str) -> None:
    found = lengths(np.array([[3, 4], [100, 100], [0, -2]], dtype), "real")
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, [5, 100 * 2**0.5, 2])


def test_lengths_of_features_that_are_large_for_float32_are_finite() -> None:
    assert np.isfinite(lengths(np.full((1, 4), 3e38, np.float32), "real")).all()


def test_rows_of_length_one_keep_their_direction() -> None:
    features = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    rows = unit_rows(features, "real")
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(rows * lengths(features, "real")[:, None], features)


@pytest.mark.parametrize("function", [lengths, unit_rows])
def test_a_row_of_zeros_has_no_direction_and_is_named(function: Any) -> None:
    with pytest.raises(DataError, match=r"synthetic features of image 1 \(from 0\) are all zero"):
        function(np.array([[1, 0], [0, 0], [0, 0]]), "synthetic")
