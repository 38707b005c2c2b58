"""What generated images add to real ones, where the true accuracies are known."""

from __future__ import annotations

from dataclasses import asdict
from math import log2
from typing import Any

import numpy as np
import pytest
from tests.analysis.mixed_records import Accuracy, mixed_run, mixed_runs, study_record

from prettyuseful.analysis.mixing import Family, MixGrid, MixRow, mixing_grids
from prettyuseful.study.curve import MixPoint

CURVE: dict[str, Any] = {"real": (10, 20, 40), "synthetic": (0, 20, 80, 320)}


def real_alone(real: int) -> float:
    return 0.5 + 0.08 * log2(real / 10)


def helps_then_harms(real: int, synthetic: int) -> float:
    """The best number is 80 for all rows, and 320 are worse than none."""
    return real_alone(real) + {0: 0.0, 20: 0.02, 80: 0.1, 320: -0.08}[synthetic]


def grid(accuracy: Accuracy, **more: Any) -> MixGrid:
    study = study_record({**CURVE, **more})
    (found,) = mixing_grids(study, mixed_runs(study, accuracy))
    return found


@pytest.fixture(scope="module")
def planted() -> MixGrid:
    return grid(helps_then_harms, prices={"real": 0.5, "synthetic": 0.01})


def test_a_study_without_a_curve_has_no_grid() -> None:
    study = study_record(CURVE)
    without = study.model_copy(update={"file": study.file.model_copy(update={"curve": None})})
    assert mixing_grids(without, mixed_runs(study, helps_then_harms)) == ()


def test_gains_are_paired_with_the_same_real_images_alone(planted: MixGrid) -> None:
    assert [row.real for row in planted.rows] == [10, 20, 40]
    for row in planted.rows:
        assert row.control.gain is None
        for result in row.gains:
            assert result.gain is not None
            true = helps_then_harms(row.real, result.synthetic) - real_alone(row.real)
            assert result.gain.low <= true <= result.gain.high
            assert result.gain.mean == pytest.approx(result.to_real.mean - row.control.to_real.mean)
            assert result.gain.level == pytest.approx(1 - 0.05 / 9)


def test_the_best_number_is_found_and_harm_beyond_it(planted: MixGrid) -> None:
    for row in planted.rows:
        assert (row.verdict, row.best, row.best_range) == ("helps", 80, (80, 80))
        assert (row.harms_beyond, row.worse_beyond) == (80, 80)
        assert [result.may_be_best for result in row.results] == [False, False, True, False]


def test_a_gain_is_worth_more_real_images(planted: MixGrid) -> None:
    """Eight points are what twice the real images add, so ten are a little more."""
    first, _, last = planted.rows
    same = first.best_result.same_as_real
    assert same is not None
    assert same.estimate == pytest.approx(23, rel=0.15)
    assert (same.low or 0) <= 23 <= (same.high or 99)
    beyond = last.best_result.same_as_real
    assert beyond is not None
    assert beyond.censored == "above"
    assert first.control.same_as_real is None


def test_a_single_row_cannot_tell_the_worth() -> None:
    found = grid(helps_then_harms, real=(10,))
    assert found.rows[0].best_result.same_as_real is None


def test_costs_follow_from_the_prices(planted: MixGrid) -> None:
    row = planted.rows[0]
    best = row.best_result
    assert row.control.cost == pytest.approx(4 * 10 * 0.5)
    assert best.cost == pytest.approx(4 * (10 * 0.5 + 80 * 0.01))
    assert best.gain is not None
    assert best.cost_per_point is not None
    assert best.cost_per_point.mean == pytest.approx(4 * 80 * 0.01 / (100 * best.gain.mean))
    assert best.cost_per_point.low < best.cost_per_point.mean < best.cost_per_point.high
    assert row.results[-1].cost_per_point is None
    assert grid(helps_then_harms).rows[0].best_result.cost is None


@pytest.mark.parametrize(("harm", "verdict"), [(0.0, "no clear gain"), (-0.08, "harms")])
def test_images_that_do_not_help_are_not_added(harm: float, verdict: str) -> None:
    for row in grid(lambda real, synthetic: real_alone(real) + (harm if synthetic else 0)).rows:
        assert (row.verdict, row.best) == (verdict, 0)
        assert row.best_range[0] == 0
        assert row.harms_beyond == (0 if harm else None)


def test_a_decline_that_is_no_harm_is_told_apart() -> None:
    gains = {0: 0.0, 20: 0.04, 80: 0.15, 320: 0.06}
    for row in grid(lambda real, synthetic: real_alone(real) + gains[synthetic]).rows:
        assert (row.best, row.worse_beyond, row.harms_beyond) == (80, 80, None)


def test_points_without_runs_and_rows_without_a_control_are_left_out() -> None:
    study = study_record(CURVE)
    runs = [
        run
        for run in mixed_runs(study, helps_then_harms)
        if run.mixed not in (MixPoint(real=10, synthetic=0), MixPoint(real=20, synthetic=80))
    ]
    runs.append(mixed_run(MixPoint(real=20, synthetic=80), 0, None))
    (found,) = mixing_grids(study, runs)
    assert [row.real for row in found.rows] == [20, 40]
    assert [result.synthetic for result in found.rows[0].results] == [0, 20, 320]


def test_linear_probes_have_no_steps() -> None:
    study = study_record(CURVE)
    cell = ("encoder", "frozen-features", "rgb")
    groups = [study.cell_groups[0].model_copy(update={"cells": [cell]})]
    runs = [
        run.model_copy(update={"architecture": cell[0], "recipe": cell[1]})
        for run in mixed_runs(study, helps_then_harms)
    ]
    (found,) = mixing_grids(study.model_copy(update={"cell_groups": groups}), runs)
    assert found.fixed is None


def test_a_family_shares_the_error_rate() -> None:
    family = Family(gains=6, looks=3)
    assert family.level == pytest.approx(1 - 0.05 / 18)
    assert family.one_sided_level == pytest.approx(1 - 0.1 / 18)


def test_grids_are_plain_data(planted: MixGrid) -> None:
    rows = asdict(planted)["rows"]
    assert isinstance(planted.rows[0], MixRow)
    assert rows[0]["results"][2]["synthetic"] == 80
    assert np.isfinite(rows[0]["results"][2]["gain"]["mean"])
