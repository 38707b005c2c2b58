from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prettyuseful.aesthetics import Planes, Score
from prettyuseful.errors import DataError

PIXELS = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)


def score(**fields: Any) -> Score:
    return Score(
        **{"name": "reddest", "summary": "red", "function": lambda image: image.pixels[..., 0].max(), **fields}
    )


def test_a_score_is_computed_from_pixels_or_their_planes() -> None:
    assert score().of(PIXELS) == score().of(Planes(PIXELS)) == 9.0
    assert (score().title, score().words) == ("reddest", "red")


@pytest.mark.parametrize("value", [np.nan, np.inf, None, "3", np.zeros(2)])
def test_a_score_that_is_no_finite_number_is_reported(value: Any) -> None:
    with pytest.raises(DataError, match=r"score 'reddest' returned .*; return one finite number per image"):
        score(function=lambda _: value).of(PIXELS)


def test_a_composite_is_no_score_of_one_image() -> None:
    with pytest.raises(DataError, match="'reddest' cannot be computed from one image alone"):
        score(function=None, parts=("contrast",)).of(PIXELS)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [({"low": 2.0, "high": 1.0}, "low=2.0 must be below high=1.0"), ({"parts": ("contrast",)}, "not both")],
)
def test_inconsistent_fields_are_reported(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError, match=f"score 'reddest': .*{problem}"):
        score(**fields)
