from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from random_control import Digits, Halves, shares


def test_intervals_cover_which_images_are_selected_and_find_harm() -> None:
    """60 trials have a standard error of 3 points. `benchmarks/random_control.py` is more precise."""
    halves = Halves.train(Digits.load(), seeds=10, training="nothing", wrong=0.4, pool=30)
    uncovered, _ = shares(halves.trials(60, harmed=False, covered=False))
    covered, _ = shares(halves.trials(60, harmed=False))
    assert covered <= 0.09 < uncovered
    assert shares(halves.trials(20))[0] > 0.9
