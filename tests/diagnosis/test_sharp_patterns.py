from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from prettyuseful.diagnosis.candidates import Candidate
from prettyuseful.diagnosis.moments import Moments
from prettyuseful.diagnosis.sharp_patterns import describe_position, fit_sharp_patterns

from .planted_patterns import LETTERS, add_letters, add_wave, shade
from .world import changed, draw


def fitted(change: Callable[[np.ndarray], np.ndarray]) -> list[Candidate]:
    return list(fit_sharp_patterns(Moments(draw(1), changed(draw(4), change)), frame=None))


def test_an_overlay_is_fitted_at_its_position() -> None:
    [overlay] = fitted(add_letters)
    assert overlay.cause.name == "overlay added"
    assert overlay.words == "an overlay (lower right, 4% of the area)"
    assert overlay.specification is None
    images = draw(7)
    result = overlay.apply(images.pixels, images.labels).astype(int)
    wanted = add_letters(images.pixels)
    before = np.abs(images.pixels.astype(int) - wanted)[:, LETTERS].mean()
    assert np.abs(result - wanted)[:, LETTERS].mean() < 0.2 * before
    assert (result == images.pixels)[:, ~LETTERS].all()


@pytest.mark.parametrize(("period", "diagonal"), [(2, True), (4, False)])
def test_a_periodic_pattern_is_fitted_with_its_period(period: int, diagonal: bool) -> None:
    change = partial(add_wave, period=period, diagonal=diagonal)
    added, _ = fitted(change)
    assert added.cause.name == "periodic added"
    assert f"period {period} px" in added.words
    images = draw(7)
    difference = added.apply(images.pixels, images.labels).astype(int) - change(images.pixels)
    assert np.abs(difference).mean() < 5


def test_smooth_patterns_are_not_fitted() -> None:
    assert fitted(shade) == []


def test_positions_are_described() -> None:
    def position(rows: slice, columns: slice) -> str:
        mask = np.zeros((12, 12), bool)
        mask[rows, columns] = True
        return describe_position(mask)

    assert position(slice(9, 12), slice(9, 12)) == "lower right"
    assert position(slice(5, 7), slice(5, 7)) == "middle centre"
    assert position(slice(0, 2), slice(1, 11)) == "upper, across the width"
