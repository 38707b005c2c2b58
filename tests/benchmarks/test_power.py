"""The benchmark of power compares prediction and simulation; here with few trials."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from power import ALL_WORLDS, Case, compare, mean_variances

NORMAL = ALL_WORLDS["normal, two sources per class"]


@pytest.mark.parametrize("datasets", [2, 4])
@pytest.mark.parametrize("world", ["normal, two sources per class", "8 sources of all classes"])
def test_predicted_power_is_near_the_simulated_one(world: str, datasets: int) -> None:
    """300 trials have a standard error of up to 2.9 points; `benchmarks/power.py` is more precise."""
    (line,) = compare(Case(ALL_WORLDS[world], datasets, seeds=3), 300, levels=(0.95,), powers=(0.6,))
    assert line["predicted"] == pytest.approx(line["simulated"], abs=12)
    assert line["predicted"] == pytest.approx(60, abs=12)


@pytest.mark.parametrize("world", ["all vary", "one data set twice as unstable", "normal, two sources per class"])
def test_a_case_has_the_chosen_difference(world: str) -> None:
    case = Case(ALL_WORLDS[world], 3, seeds=3).with_difference(0.07)
    assert case.difference == pytest.approx(0.07, abs=1e-6)
    found = [trial.interval.mean for trial in case.trials(300)]
    assert np.mean(found) == pytest.approx(0.07, abs=3 * np.std(found) / 300**0.5)


def test_mean_variances_are_those_of_the_world() -> None:
    found = Case(NORMAL, 2, seeds=4).trials(400)
    variances, groups = mean_variances(found, 2), 16
    assert variances.groups == pytest.approx(2 * NORMAL.of_sources**2 / groups, rel=0.15)
    assert variances.shared == pytest.approx(2 * NORMAL.of_both**2 / groups / 4, rel=0.15)
    assert variances.seeds == pytest.approx(2 * NORMAL.of_seeds**2 / 4 + variances.shared, rel=0.15)
    assert variances.error == pytest.approx(np.std([trial.interval.mean for trial in found]), rel=0.15)


def test_nothing_varies_where_all_classifiers_agree() -> None:
    still = replace(NORMAL, of_sources=0.0, of_seeds=0.0, of_both=0.0)
    assert Case(still, 2, seeds=3).trials(3) == []
