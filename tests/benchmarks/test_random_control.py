from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from random_control import measure


def test_intervals_cover_which_images_are_selected() -> None:
    """60 trials have a standard error of 3 points. `benchmarks/random_control.py` is more precise."""
    uncovered, _ = measure(seeds=10, varied=False, count=60, pool=30, covered=False)
    covered, _ = measure(seeds=10, varied=False, count=60, pool=30)
    assert covered <= 0.09 < uncovered


def test_a_harmful_selection_is_found() -> None:
    assert measure(seeds=5, varied=True, count=30, pool=20, wrong=0.4)[0] > 0.9
