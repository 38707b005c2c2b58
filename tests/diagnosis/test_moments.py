from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from prettyuseful.diagnosis.moments import MeanTest, Moments, coarse_brightness, remove_low_frequencies

from .planted_patterns import LETTERS, add_letters
from .world import changed, draw


def test_moments_show_a_pattern_at_its_position() -> None:
    images = draw(1)
    moments = Moments(images, changed(images, add_letters))
    assert moments.coverage[LETTERS] == pytest.approx(0.7, abs=0.02)
    assert moments.coverage[~LETTERS] == pytest.approx(0)
    assert (moments.difference[~LETTERS] == 0).all()
    assert moments.difference[LETTERS] == pytest.approx(0.7 * (1 - moments.real_mean[LETTERS]), abs=0.003)


@pytest.mark.parametrize("measure", [remove_low_frequencies, coarse_brightness])
def test_the_test_of_a_common_pattern_is_calibrated(measure: Callable[[np.ndarray], np.ndarray]) -> None:
    p_values = [Moments(draw(2 * seed), draw(2 * seed + 1)).test(measure).p_value for seed in range(10, 30)]
    assert np.mean(np.array(p_values) < 0.3) < 0.6
    assert min(p_values) > 0.005


def test_classes_of_one_image_are_not_tested() -> None:
    assert Moments(draw(1), draw(4, per_class=1)).test(coarse_brightness) == MeanTest(p_value=1, energy=0)
