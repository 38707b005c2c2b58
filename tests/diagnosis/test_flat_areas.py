from __future__ import annotations

import numpy as np

from prettyuseful.diagnosis.flat_areas import FLAT_RANGE, have_one_colour


def test_a_tenth_of_the_values_may_have_another_colour() -> None:
    areas = np.full((3, 20, 3), 100, np.uint8)
    areas[0, :2] = 0
    areas[1, :3] = 0
    areas[2, ::3] += FLAT_RANGE // 2
    assert have_one_colour(areas).tolist() == [True, False, True]
