from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prettyuseful.errors import DataError
from prettyuseful.metrics import Metric
from prettyuseful.metrics.jackknife import without_blocks


def lengths(synthetic: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(synthetic, axis=1))


def made(**fields: Any) -> Metric:
    return Metric(**{"name": "length", "summary": "how long", "function": lengths, "per": "synthetic image", **fields})


def test_a_row_needs_a_name_a_summary_a_function_and_what_has_a_value() -> None:
    metric = made()
    assert (metric.title, metric.words, metric.family) == ("length", "how long", "length")
    assert (metric.low, metric.high) == (None, None)
    share = made(share=True)
    assert (share.low, share.high) == (0, 1)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "my metric"}, "a name may hold letters, digits"),
        ({"per": "image"}, "per is 'image'; known: synthetic image, real image, set, class"),
        ({"reads": "features"}, "reads is 'features'; known: both, synthetic, texts, logits"),
        ({"per": "real image", "reads": "synthetic"}, 'so it reads "both"'),
        ({"per": "set", "share": True}, "a share is a mean over images"),
        ({"without": without_blocks}, 'without goes with per="set"'),
        ({"k": 5}, "fewest above k"),
        ({"k": 0}, "k from 1"),
    ],
)
def test_fields_that_do_not_fit_together_are_one_clear_line(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as error:
        made(**fields)
    assert words in str(error.value)
    assert str(error.value).startswith(f"metric {fields.get('name', 'length')!r}: ")


def test_what_a_function_returns_is_checked() -> None:
    features = np.ones((4, 2))
    metric = made()
    np.testing.assert_allclose(metric.values(metric.call(features), 4), 2**0.5)
    for returned in (np.ones(3), np.ones((4, 1)), np.full(4, np.nan), 1.0):
        with pytest.raises(DataError, match=r"'length' returned an array of shape .* for 4 images; return one finite"):
            metric.values(returned, 4)
    assert made(per="set", function=np.mean).number(features) == 1
    for wrong in (np.nan, [1.0, 2.0]):
        with pytest.raises(DataError, match="return one finite number for each set"):
            made(per="set", function=lambda _, wrong=wrong: wrong).number(features)


def test_the_neighbours_are_given_to_the_function_and_a_part_is_taken_of_what_it_returns() -> None:
    metric = made(per="set", k=2, part="real", function=lambda features, k: complex(k * len(features), 7))
    assert metric.number(np.ones((4, 2))) == 8


def test_numbers_without_blocks_are_those_of_the_rest_or_of_the_faster_way() -> None:
    arrays, blocks = [np.arange(6.0), np.arange(4.0)], [np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 2, 2])]

    def apart(a: np.ndarray, b: np.ndarray) -> float:
        return float(a.sum() - b.sum())

    def faster(a: np.ndarray, b: np.ndarray, *of_sides: np.ndarray) -> np.ndarray:
        return np.array([apart(a[of_sides[0] != block], b[of_sides[1] != block]) for block in range(3)])

    assert made(per="set", function=apart).numbers_without(arrays, blocks).tolist() == [8, 5, 5]
    assert made(per="set", function=apart, without=faster).numbers_without(arrays, blocks).tolist() == [8, 5, 5]
