from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from prettyuseful.aesthetics import SCORES
from prettyuseful.analysis.distribution import jackknife_interval
from prettyuseful.errors import DataError
from prettyuseful.metrics import METRICS
from prettyuseful.metrics.jackknife import leave_out_blocks
from prettyuseful.metrics.scores import (
    auc,
    leave_out_above_median,
    leave_out_spreads,
    mean_absolute_difference,
    mean_difference,
    share_above_median,
    spreads,
)
from prettyuseful.records import WholeNumber
from prettyuseful.steps.measures import Side, _class_numbers

SPREAD = METRICS["contrast-spread"]
SETS = st.lists(st.integers(-3, 3), min_size=3, max_size=12).map(lambda values: np.array(values, float))
"""Few values, so that many are equal."""


def spread_ratio(real: np.ndarray, synthetic: np.ndarray) -> float:
    return float(SPREAD.combine(SPREAD.class_number(real, synthetic)))


@given(SETS, SETS)
def test_values_are_those_of_the_definitions(real: np.ndarray, synthetic: np.ndarray) -> None:
    pairs = [(s > r) + 0.5 * (s == r) for s in synthetic for r in real]
    assert auc(real, synthetic) == pytest.approx(np.mean(pairs))
    median = np.median(real)
    assert share_above_median(real, synthetic) == np.mean([(s > median) + 0.5 * (s == median) for s in synthetic])
    assert mean_absolute_difference(real) == pytest.approx(np.mean([abs(a - b) for a, b in combinations(real, 2)]))
    assert mean_difference(real, synthetic) == pytest.approx(synthetic.mean() - real.mean())


@given(SETS, SETS)
def test_real_images_against_themselves_and_swapped_sides(real: np.ndarray, synthetic: np.ndarray) -> None:
    assert auc(real, real) == pytest.approx(0.5)
    assert spread_ratio(real, real) == 1.0
    assert auc(real, synthetic) == pytest.approx(1 - auc(synthetic, real))
    assert spread_ratio(real, synthetic) == pytest.approx(1 / spread_ratio(synthetic, real))


@given(SETS, SETS, st.floats(0.1, 10), st.floats(-5, 5))
def test_units_have_no_influence(real: np.ndarray, synthetic: np.ndarray, scale: float, shift: float) -> None:
    sides = real * scale + shift, synthetic * scale + shift
    assert spread_ratio(*sides) == pytest.approx(spread_ratio(real, synthetic), rel=1e-6)


def test_the_auc_is_mann_whitneys_statistic() -> None:
    real, synthetic = np.random.default_rng(0).normal(size=(2, 40)).round(1)
    wanted = mannwhitneyu(synthetic, real).statistic / 1600
    assert auc(real, synthetic) == pytest.approx(wanted)


def test_a_class_without_spread_does_not_outweigh_the_others() -> None:
    flat, narrow, wide = np.zeros(4), np.arange(4.0), 2 * np.arange(4.0)
    assert [spread_ratio(flat, flat), spread_ratio(wide, flat), spread_ratio(flat, wide)] == [1, 0.001, 1000]
    classes = np.array([SPREAD.class_number(wide, narrow), SPREAD.class_number(flat, narrow / 10)])
    assert SPREAD.combine(classes.mean(axis=0)) == pytest.approx(0.55)


def test_one_outlier_moves_the_spread_ratio_less_than_the_ratio_of_standard_deviations() -> None:
    real = np.random.default_rng(0).normal(size=50)
    outlier = np.append(real[1:], 15.0)
    assert spread_ratio(real, outlier) - 1 < 0.6 * (outlier.std() / real.std() - 1)


def test_leaving_out_blocks_is_the_jackknife_of_the_spreads() -> None:
    real, synthetic = np.random.default_rng(0).normal(size=(2, 12))
    blocks = [np.arange(12) % 4, np.arange(12) // 3]
    for i in (0, 1):
        wanted = leave_out_blocks(lambda *sides, i=i: spreads(*sides)[i], [real, synthetic], blocks)
        np.testing.assert_allclose(leave_out_spreads(real, synthetic, *blocks)[:, i], wanted, rtol=1e-12)


def test_nothing_is_left_out_where_too_little_would_remain() -> None:
    real, synthetic, one = np.arange(4.0), np.arange(4.0) * 2, np.zeros(4, int)
    assert leave_out_spreads(real, synthetic, one, np.arange(4))[0].tolist() == spreads(real, synthetic).tolist()
    share = share_above_median(real, synthetic)
    assert leave_out_above_median(real, synthetic, one, np.arange(4))[0] == share


@pytest.mark.parametrize("wrong", [np.empty(0), np.array([np.nan]), np.zeros((2, 2))])
def test_scores_that_are_not_one_finite_number_per_image_are_reported(wrong: np.ndarray) -> None:
    for function in (auc, share_above_median, spreads, mean_difference):
        with pytest.raises(DataError, match="pass one finite number for each image"):
            function(np.zeros(3), wrong)


def test_every_score_has_its_metrics() -> None:
    for score in SCORES:
        rows = [metric for metric in METRICS if metric.score == score.name]
        endings = ["", "-above-median", "-auc", "-spread"]
        assert [metric.name for metric in rows] == [score.name + ending for ending in endings]
        assert {metric.comes_with for metric in rows[1:]} == {score.name}


@pytest.mark.parametrize("name", ["contrast-above-median", "contrast-auc", "contrast-spread", "prettiness"])
def test_intervals_hold_the_level(name: str) -> None:
    """Real images come in groups that share half of their variance; the synthetic ones are shifted and narrower.

    `benchmarks/score_intervals.py` simulates more cases.
    """
    classes, count, trials, rng = 4, 18, 60, np.random.default_rng(0)
    labels, rows = np.repeat(np.arange(classes), count), np.arange(classes * count)
    groups = [np.char.add(side, (rows // size).astype(str)) for side, size in (("r", 3), ("s", 1))]
    numbers = []
    for _ in range(trials):
        shared, own, synthetic = rng.normal(size=(3, len(rows)))
        values = (np.repeat(shared[::3], 3) + own) * 0.5**0.5, 0.4 + 0.7 * synthetic
        sides = [Side(*parts) for parts in zip(values, (labels, labels), groups, strict=True)]
        numbers.append(_class_numbers(METRICS[name], sides)[0])
    intervals = [jackknife_interval(WholeNumber.model_validate(number), "") for number in numbers]
    expected = float(np.mean([interval.mean for interval in intervals]))
    assert np.mean([interval.low <= expected <= interval.high for interval in intervals]) >= 0.89
    widths = np.mean([interval.high - interval.low for interval in intervals])
    assert widths < 6 * np.std([interval.mean for interval in intervals])
