from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prettyuseful.errors import DataError
from prettyuseful.metrics import Metric
from prettyuseful.metrics.jackknife import leave_out_blocks


def lengths(synthetic: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(synthetic, axis=1))


def made(**fields: Any) -> Metric:
    return Metric(**{"name": "length", "summary": "how long", "function": lengths, "per": "synthetic image", **fields})


def test_a_row_requires_name_summary_function_and_per() -> None:
    metric = made()
    assert (metric.title, metric.words, metric.family) == ("length", "how long", "length")
    assert (metric.low, metric.high) == (None, None)
    share = made(share=True)
    assert (share.low, share.high) == (0, 1)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "my metric"}, "invalid name; use letters, digits"),
        ({"per": "image"}, "invalid per='image'; choose synthetic image, real image, set, class"),
        ({"reads": "features"}, "invalid reads='features'; choose both, synthetic, texts, logits, scores"),
        ({"per": "real image", "reads": "synthetic"}, 'requires reads="both"'),
        ({"per": "set", "share": True}, "share=True requires per"),
        ({"leave_out": leave_out_blocks}, 'leave_out requires per="set"'),
        ({"ratio": True}, 'ratio=True requires per="class"'),
        ({"k": 5}, "k=5 must be at least 1 and below fewest=3"),
        ({"k": 0}, "k=0 must be at least 1"),
    ],
)
def test_inconsistent_fields_raise_an_error(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as error:
        made(**fields)
    assert words in str(error.value)
    assert str(error.value).startswith(f"metric {fields.get('name', 'length')!r}: ")


def test_the_return_value_of_a_function_is_checked() -> None:
    features = np.ones((4, 2))
    metric = made()
    np.testing.assert_allclose(metric.values(metric.call(features), 4), 2**0.5)
    for returned in (np.ones(3), np.ones((4, 1)), np.full(4, np.nan), 1.0):
        with pytest.raises(DataError, match=r"'length' returned an array of shape .* for 4 images; return one finite"):
            metric.values(returned, 4)
    assert made(per="set", function=np.mean).number(features) == 1
    for wrong in (np.nan, [1.0, 2.0]):
        with pytest.raises(DataError, match="return one finite number per set"):
            made(per="set", function=lambda _, wrong=wrong: wrong).number(features)


def test_k_is_passed_to_the_function_and_part_selects_an_attribute() -> None:
    metric = made(per="set", k=2, part="real", function=lambda features, k: complex(k * len(features), 7))
    assert metric.number(np.ones((4, 2))) == 8


def test_leave_out_numbers_use_the_function_or_the_faster_equivalent() -> None:
    arrays, blocks = [np.arange(6.0), np.arange(4.0)], [np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 2, 2])]

    def apart(a: np.ndarray, b: np.ndarray) -> float:
        return float(a.sum() - b.sum())

    def faster(a: np.ndarray, b: np.ndarray, *of_sides: np.ndarray) -> np.ndarray:
        return np.array([apart(a[of_sides[0] != block], b[of_sides[1] != block]) for block in range(3)])

    assert made(per="set", function=apart).leave_out_numbers(arrays, blocks).tolist() == [8, 5, 5]
    assert made(per="set", function=apart, leave_out=faster).leave_out_numbers(arrays, blocks).tolist() == [8, 5, 5]


def test_a_ratio_is_that_of_two_means() -> None:
    ratio = made(per="class", ratio=True, function=lambda values: [values.sum(), len(values)])
    assert ratio.class_number(np.array([1.0, 2.0])).tolist() == [3, 2]
    assert made(per="class", function=np.mean).class_number(np.ones(2)).tolist() == [1]
    assert ratio.combine(np.array([[3.0, 2.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])).tolist() == [1.5, 1, 1000, 0.001]
    assert made(per="class").combine(np.array([[3.0], [2.0]])).tolist() == [3, 2]
    for wrong in ([1.0], [1.0, np.nan], 1.0):
        with pytest.raises(DataError, match=r"'length' returned .*; return two finite numbers per class"):
            made(per="class", ratio=True, function=lambda _, wrong=wrong: wrong).class_number(np.ones(2))
