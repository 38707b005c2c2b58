from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
from scipy import stats

from prettyuseful.analysis.trend import trend_test

DATES = [2020.0, 2020.5, 2021.0, 2021.0, 2022.0, 2023.5, 2024.0]
VALUES = [0.5, 0.4, 0.45, 0.3, 0.35, 0.1, 0.2]


def brute_force_p(x: list[float], y: list[float]) -> float:
    observed = abs(stats.spearmanr(x, y).statistic)
    result = [abs(stats.spearmanr(x, order).statistic) for order in permutations(y)]
    return float(np.mean([rho >= observed - 1e-9 for rho in result]))


def test_up_to_eight_points_p_is_exact() -> None:
    x, y = DATES[:6], VALUES[:6]
    result = trend_test(x, y)
    assert result.rho == pytest.approx(stats.spearmanr(x, y).statistic)
    assert result.p == pytest.approx(brute_force_p(x, y))
    assert result.exact
    assert result.n == 6


def test_ties_get_their_mean_rank() -> None:
    x, y = DATES[:5], [0.5, 0.4, 0.4, 0.3, 0.5]
    result = trend_test(x, y)
    assert result.rho == pytest.approx(stats.spearmanr(x, y).statistic)
    assert result.p == pytest.approx(brute_force_p(x, y))


def test_more_points_use_random_permutations() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    y = 0.4 * x + rng.normal(size=40)
    result = trend_test(x.tolist(), y.tolist())
    scipy_result = stats.spearmanr(x, y)
    assert result.rho == pytest.approx(scipy_result.statistic)
    assert result.p == pytest.approx(
        scipy_result.pvalue, rel=0.15
    )  # scipy's is the t approximation, good for 40 points
    assert not result.exact
    perfect = trend_test(list(range(20)), list(range(20)))
    assert perfect.p == 1 / 100_000


def test_permuted_p_is_uniform_where_there_is_no_trend() -> None:
    rng = np.random.default_rng(1)
    p = [trend_test(range(7), rng.normal(size=7).tolist()).p for _ in range(400)]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.025)
    assert np.mean(p) == pytest.approx(0.5, abs=0.05)


def test_each_point_is_left_out_in_turn() -> None:
    result = trend_test(DATES, VALUES)
    assert [out.index for out in result.left_out] == list(range(7))
    for out in result.left_out:
        x, y = np.delete(DATES, out.index).tolist(), np.delete(VALUES, out.index).tolist()
        assert out.rho == pytest.approx(stats.spearmanr(x, y).statistic)
    out = result.left_out[2]
    assert out.p == pytest.approx(brute_force_p(DATES[:2] + DATES[3:], VALUES[:2] + VALUES[3:]))
    assert result.most_fragile.p == max(out.p for out in result.left_out)
    assert result.least_fragile.p == min(out.p for out in result.left_out)


def test_leaving_out_a_point_must_not_make_the_values_constant() -> None:
    assert [out.index for out in trend_test([1, 2, 3, 4], [1, 1, 1, 5]).left_out] == [0, 1, 2]


def test_slope_is_the_theil_sen_estimate_with_its_interval() -> None:
    result = trend_test(DATES, VALUES)
    slopes = [
        (VALUES[j] - VALUES[i]) / (DATES[j] - DATES[i]) for i, j in combinations(range(7), 2) if DATES[i] != DATES[j]
    ]
    assert result.slope == pytest.approx(np.median(slopes))
    scipy_result = stats.theilslopes(VALUES, DATES, 0.95)
    assert result.slope_interval == pytest.approx((scipy_result.low_slope, scipy_result.high_slope))


def test_with_four_points_no_p_is_below_0_05_and_no_slope_interval_is_given() -> None:
    result = trend_test([1, 2, 3, 4], [4, 3, 2, 1])
    assert result.rho == -1
    assert result.p == result.least_p == pytest.approx(2 / 24)
    assert result.slope == -1
    assert result.slope_interval is None
    assert trend_test(DATES[:5], VALUES[:5]).least_p <= 0.05


def test_family_p_permutes_dates_between_whole_families() -> None:
    """Brute force: families exchange their mean dates, and members keep their distance from the mean."""
    dates, values = [2020.0, 2020.2, 2021.0, 2022.0, 2022.5, 2022.5], [0.5, 0.45, 0.4, 0.2, 0.1, 0.15]
    families = ["a", "a", "b", "c", "c", "d"]
    names, x = ["a", "b", "c", "d"], np.array(dates)
    centre = {name: np.mean([d for d, f in zip(dates, families, strict=True) if f == name]) for name in names}
    observed = abs(stats.spearmanr(dates, values).statistic)
    as_extreme = []
    for order in permutations(names):
        exchanged = dict(zip(names, order, strict=True))
        moved = np.round([d - centre[f] + centre[exchanged[f]] for d, f in zip(x, families, strict=True)], 9)
        as_extreme.append(abs(stats.spearmanr(moved, values).statistic) >= observed - 1e-9)
    result = trend_test(dates, values, families)
    assert result.family_p == pytest.approx(np.mean(as_extreme))
    assert result.families == 4


def test_equal_dates_stay_equal_when_families_are_permuted() -> None:
    """Months are not exact in binary: subtracting and adding a family's centre can change a date slightly."""
    months, families = np.array([1, 4, 3, 4, 0, 2]), ["a", "a", "a", "b", "b", "c"]
    values = [3.0, 0.0, 4.0, 2.0, 1.0, 5.0]
    in_years = trend_test((2020 + months / 12).tolist(), values, families)
    in_whole_numbers = trend_test((months * 60.0).tolist(), values, families)
    assert in_years.family_p == in_whole_numbers.family_p


def test_family_p_does_not_count_family_members_as_independent() -> None:
    """Three families of four: twelve points in a row, but only six ways to order the families."""
    dates, families = [year + month / 12 for year in range(3) for month in range(4)], [i // 4 for i in range(12)]
    result = trend_test(dates, [-d for d in dates], families)
    assert result.p < 0.001
    assert result.family_p == pytest.approx(2 / 6, abs=1 / 6 + 0.01)
    assert trend_test(dates, [-d for d in dates]).family_p is None


def test_family_p_equals_p_if_every_point_is_its_own_family() -> None:
    result = trend_test(DATES, VALUES, list("abcdefg"))
    assert result.family_p == pytest.approx(result.p)


def test_results_are_deterministic() -> None:
    x, y = list(range(11)), np.random.default_rng(0).normal(size=11).tolist()
    assert trend_test(x, y, [i // 2 for i in x]) == trend_test(x, y, [i // 2 for i in x])


@pytest.mark.parametrize(
    ("dates", "values", "message"),
    [
        ([1, 2, 3], [1, 2, 3], "at least four"),
        ([1, 2, 3, 4], [1, 2, 3], "equally long"),
        ([1, 2, 3, 4], [1, 2, 3, float("nan")], "finite"),
        ([1, 1, 1, 1], [1, 2, 3, 4], "not all equal"),
        ([1, 2, 3, 4], [2, 2, 2, 2], "not all equal"),
    ],
)
def test_invalid_input_is_rejected(dates: list[float], values: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trend_test(dates, values)
    with pytest.raises(ValueError, match="equally long"):
        trend_test([1, 2, 3, 4], [1, 2, 3, 4], ["a"])
