from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from random_control import measure


def test_another_choice_for_each_seed_covers_the_choice_of_the_control() -> None:
    """100 trials have a standard error of 2.2 points. `benchmarks/random_control.py` is more precise."""
    assert measure(seeds=3, varied=True, per_seed=True, count=100, pool=40)[0] <= 0.08
    one, _ = measure(seeds=3, varied=False, per_seed=False, count=100, pool=40)
    several, _ = measure(seeds=3, varied=False, per_seed=True, count=100, pool=40)
    assert several < one / 2
