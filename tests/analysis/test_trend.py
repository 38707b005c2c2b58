from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
from scipy import stats

from prettyuseful.analysis.trend import trend

DATES = [2020.0, 2020.5, 2021.0, 2021.0, 2022.0, 2023.5, 2024.0]
VALUES = [0.5, 0.4, 0.45, 0.3, 0.35, 0.1, 0.2]


def brute_force_p(x: list[float], y: list[float]) -> float:
    observed = abs(stats.spearmanr(x, y).statistic)
    found = [abs(stats.spearmanr(x, order).statistic) for order in permutations(y)]
    return float(np.mean([rho >= observed - 1e-9 for rho in found]))


def test_is_spearmans_with_every_permutation_up_to_eight_points() -> None:
    x, y = DATES[:6], VALUES[:6]
    found = trend(x, y)
    assert found.rho == pytest.approx(stats.spearmanr(x, y).statistic)
    assert found.p == pytest.approx(brute_force_p(x, y))
    assert found.exact
    assert found.n == 6


def test_ties_share_their_rank() -> None:
    x, y = DATES[:5], [0.5, 0.4, 0.4, 0.3, 0.5]
    found = trend(x, y)
    assert found.rho == pytest.approx(stats.spearmanr(x, y).statistic)
    assert found.p == pytest.approx(brute_force_p(x, y))


def test_more_points_draw_permutations_and_count_the_observed_one() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    y = 0.4 * x + rng.normal(size=40)
    found = trend(x.tolist(), y.tolist())
    of_scipy = stats.spearmanr(x, y)
    assert found.rho == pytest.approx(of_scipy.statistic)
    assert found.p == pytest.approx(of_scipy.pvalue, rel=0.15)  # scipy's is the t approximation, good for 40 points
    assert not found.exact
    perfect = trend(list(range(20)), list(range(20)))
    assert perfect.p == 1 / 100_000


def test_permuted_p_is_uniform_where_there_is_no_trend() -> None:
    rng = np.random.default_rng(1)
    p = [trend(range(7), rng.normal(size=7).tolist()).p for _ in range(400)]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.025)
    assert np.mean(p) == pytest.approx(0.5, abs=0.05)


def test_leaves_each_point_out() -> None:
    found = trend(DATES, VALUES)
    assert [out.index for out in found.left_out] == list(range(7))
    for out in found.left_out:
        x, y = np.delete(DATES, out.index).tolist(), np.delete(VALUES, out.index).tolist()
        assert out.rho == pytest.approx(stats.spearmanr(x, y).statistic)
    out = found.left_out[2]
    assert out.p == pytest.approx(brute_force_p(DATES[:2] + DATES[3:], VALUES[:2] + VALUES[3:]))
    assert found.most_fragile.p == max(out.p for out in found.left_out)
    assert found.least_fragile.p == min(out.p for out in found.left_out)


def test_a_point_without_which_nothing_varies_is_not_left_out() -> None:
    assert [out.index for out in trend([1, 2, 3, 4], [1, 1, 1, 5]).left_out] == [0, 1, 2]


def test_slope_is_theil_and_sens_with_its_interval() -> None:
    found = trend(DATES, VALUES)
    slopes = [
        (VALUES[j] - VALUES[i]) / (DATES[j] - DATES[i]) for i, j in combinations(range(7), 2) if DATES[i] != DATES[j]
    ]
    assert found.slope == pytest.approx(np.median(slopes))
    of_scipy = stats.theilslopes(VALUES, DATES, 0.95)
    assert found.slope_interval == pytest.approx((of_scipy.low_slope, of_scipy.high_slope))


def test_four_points_can_show_nothing_and_it_says_so() -> None:
    found = trend([1, 2, 3, 4], [4, 3, 2, 1])
    assert found.rho == -1
    assert found.p == found.least_p == pytest.approx(2 / 24)
    assert found.slope == -1
    assert found.slope_interval is None
    assert trend(DATES[:5], VALUES[:5]).least_p <= 0.05


def test_families_exchange_their_dates_as_wholes() -> None:
    """Brute force: each family's centre goes to another's, and its members keep their distances from it."""
    dates, values = [2020.0, 2020.2, 2021.0, 2022.0, 2022.5, 2022.5], [0.5, 0.45, 0.4, 0.2, 0.1, 0.15]
    families = ["a", "a", "b", "c", "c", "d"]
    names, x = ["a", "b", "c", "d"], np.array(dates)
    centre = {name: np.mean([d for d, f in zip(dates, families, strict=True) if f == name]) for name in names}
    observed = abs(stats.spearmanr(dates, values).statistic)
    as_far = []
    for order in permutations(names):
        takes = dict(zip(names, order, strict=True))
        moved = np.round([d - centre[f] + centre[takes[f]] for d, f in zip(x, families, strict=True)], 9)
        as_far.append(abs(stats.spearmanr(moved, values).statistic) >= observed - 1e-9)
    found = trend(dates, values, families)
    assert found.family_p == pytest.approx(np.mean(as_far))
    assert found.families == 4


def test_dates_that_are_equal_stay_equal_when_families_move() -> None:
    """Months are no round numbers in binary: a date minus its family's centre plus that centre is another number."""
    months, families = np.array([1, 4, 3, 4, 0, 2]), ["a", "a", "a", "b", "b", "c"]
    values = [3.0, 0.0, 4.0, 2.0, 1.0, 5.0]
    in_years = trend((2020 + months / 12).tolist(), values, families)
    in_whole_numbers = trend((months * 60.0).tolist(), values, families)
    assert in_years.family_p == in_whole_numbers.family_p


def test_siblings_are_not_so_many_witnesses() -> None:
    """Three families of four: twelve points in a row, but only six ways to order the families."""
    dates, families = [year + month / 12 for year in range(3) for month in range(4)], [i // 4 for i in range(12)]
    found = trend(dates, [-d for d in dates], families)
    assert found.p < 0.001
    assert found.family_p == pytest.approx(2 / 6, abs=1 / 6 + 0.01)
    assert trend(dates, [-d for d in dates]).family_p is None


def test_where_every_point_is_a_family_both_tests_are_one() -> None:
    found = trend(DATES, VALUES, list("abcdefg"))
    assert found.family_p == pytest.approx(found.p)


def test_is_the_same_from_call_to_call() -> None:
    x, y = list(range(11)), np.random.default_rng(0).normal(size=11).tolist()
    assert trend(x, y, [i // 2 for i in x]) == trend(x, y, [i // 2 for i in x])


@pytest.mark.parametrize(
    ("dates", "values", "told"),
    [
        ([1, 2, 3], [1, 2, 3], "at least four"),
        ([1, 2, 3, 4], [1, 2, 3], "equally long"),
        ([1, 2, 3, 4], [1, 2, 3, float("nan")], "finite"),
        ([1, 1, 1, 1], [1, 2, 3, 4], "not all equal"),
        ([1, 2, 3, 4], [2, 2, 2, 2], "not all equal"),
    ],
)
def test_says_what_no_trend_can_be_made_of(dates: list[float], values: list[float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        trend(dates, values)
    with pytest.raises(ValueError, match="equally long"):
        trend([1, 2, 3, 4], [1, 2, 3, 4], ["a"])
