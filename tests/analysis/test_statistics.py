from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from prettyuseful.analysis.statistics import accuracy, difference, grouped_difference, grouped_mean
from prettyuseful.study.records import GroupedParts, TransferResult

MakeTest = Callable[..., TransferResult]


def test_where_groups_do_not_vary_it_is_students_t(make_test: MakeTest) -> None:
    means = [0.5, 0.6, 0.7]
    found = accuracy([make_test([10 * m] * 20) for m in means])
    half = stats.t.ppf(0.975, 2) * np.std(means, ddof=1) / 3**0.5
    assert found.mean == pytest.approx(0.6)
    assert (found.low, found.high) == pytest.approx((0.6 - half, 0.6 + half), rel=1e-6)
    assert "3 training seeds" in found.covers


def test_groups_vary_as_their_mean_over_seeds_does(make_test: MakeTest) -> None:
    """What one seed gets wrong another gets right: no group is harder than another, and no seed better."""
    odd, even = make_test([10, 10, 0, 0] * 10), make_test([0, 0, 10, 10] * 10)
    found = accuracy([odd, even])
    assert found.high - found.low < 0.01
    assert accuracy([odd, odd]).high - accuracy([odd, odd]).low > 0.2


def test_where_seeds_do_not_vary_it_is_the_groups(make_test: MakeTest) -> None:
    rng = np.random.default_rng(0)
    right = rng.integers(0, 11, 200)
    found = accuracy([make_test(right)] * 3)
    parts = [right[0::2], right[1::2]]
    error = np.sqrt(sum(np.var(p) / len(p) for p in parts)) / 2 / 10
    half = stats.t.ppf(0.975, 198) * error
    assert found.high - found.mean == pytest.approx(half, rel=0.06)


def test_one_seed_covers_the_images_alone(make_test: MakeTest) -> None:
    found = accuracy([make_test([3, 9, 8, 7, 4, 10])])
    assert found.low < found.mean < found.high
    assert found.covers == "the choice of test images"


@pytest.mark.parametrize(("count", "low", "high"), [(10, 0.7, 1.0), (0, 0.0, 0.3)])
def test_all_right_or_all_wrong_is_not_certain(make_test: MakeTest, count: int, low: float, high: float) -> None:
    found = accuracy([make_test([count] * 12)] * 3)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.05)
    assert found.low < found.high


def test_intervals_stay_within_possible_accuracies(make_test: MakeTest) -> None:
    found = accuracy([make_test([10, 9] * 3), make_test([2, 1] * 3)])
    assert found.low == 0.0
    assert found.high == 1.0


@pytest.mark.parametrize("seeds", [3, 10])
def test_nominal_95_percent_holds_the_truth(make_test: MakeTest, seeds: int) -> None:
    """Seeds, groups and their interaction all vary; the interval must hold in at least 90 of 100 redraws."""
    rng, held, trials, truth = np.random.default_rng(seeds), 0, 300, 0.7
    for _ in range(trials):
        seed, group = rng.normal(0, 0.03, (seeds, 1)), rng.normal(0, 0.15, (1, 64))
        rate = np.clip(truth + seed + group + rng.normal(0, 0.05, (seeds, 64)), 0, 1)
        found = accuracy([make_test(row) for row in rng.binomial(10, rate)])
        held += found.low <= 0.695 <= found.high  # clipping takes half a point from the mean
    assert held / trials >= 0.92


def test_pairing_sees_what_two_intervals_do_not(make_test: MakeTest) -> None:
    rng = np.random.default_rng(0)
    hard = rng.integers(0, 9, 60)
    a = [make_test(np.minimum(hard + rng.integers(1, 3, 60), 10)) for _ in range(3)]
    b = [make_test(hard + rng.integers(0, 2, 60)) for _ in range(3)]
    assert accuracy(a).low < accuracy(b).high
    found = difference(a, b)
    assert found.excludes_zero
    assert found.mean == pytest.approx(np.mean([x.top1 - y.top1 for x, y in zip(a, b, strict=True)]))
    assert difference(b, a).mean == pytest.approx(-found.mean)


def test_a_stricter_level_is_wider(make_test: MakeTest) -> None:
    tests = [make_test([3, 9, 8, 7]), make_test([4, 9, 7, 7]), make_test([3, 8, 8, 8])]
    assert accuracy(tests, 0.99).low < accuracy(tests, 0.95).low


def test_only_equal_tests_can_be_paired(make_test: MakeTest) -> None:
    with pytest.raises(ValueError, match="same test groups"):
        difference([make_test([1, 2])], [make_test([1, 2, 3, 4])])
    with pytest.raises(ValueError, match="equally many seeds"):
        difference([make_test([1, 2])], [make_test([1, 2])] * 2)


def parts(sums: list[float], names: str = "ab") -> list[GroupedParts]:
    return [GroupedParts(groups=[f"{n}{i}" for i in range(len(sums))], sums=sums, sizes=[2] * len(sums)) for n in names]


def test_grouped_means_weigh_images_and_resample_groups() -> None:
    found = grouped_mean(parts([2, 0, 1, 1]), "x")
    assert found.mean == 0.5
    assert found.low < 0.5 < found.high
    assert found.covers == "x"
    assert grouped_mean(parts([1, 1, 1, 1]), "x").low == 0.5


def test_grouped_differences_need_the_same_groups() -> None:
    found = grouped_difference(parts([2, 0, 1, 1]), parts([1, 0, 1, 0]), "x")
    assert found is not None
    assert found.mean == 0.25
    assert grouped_difference(parts([1, 1]), parts([1, 1], "cd"), "x") is None


def test_intervals_do_not_change_from_call_to_call(make_test: MakeTest) -> None:
    tests = [make_test([3, 9, 8, 7]), make_test([4, 9, 7, 7])]
    assert accuracy(tests) == accuracy(tests)


def test_few_groups_are_not_taken_for_more_than_they_are(make_test: MakeTest) -> None:
    """Drawing two groups of two again and again halves their variance; the interval must not."""
    found = accuracy([make_test([2, 5, 8, 9])])
    error = np.sqrt(np.var([0.2, 0.8], ddof=1) / 2 + np.var([0.5, 0.9], ddof=1) / 2) / 2
    half = stats.t.ppf(0.975, 2) * error
    assert half > found.mean  # so the lower end is cut off, and the upper one too
    narrow = accuracy([make_test([2, 5, 8, 9])], 0.5)
    assert narrow.high - narrow.mean == pytest.approx(stats.t.ppf(0.75, 2) * error, rel=0.06)


def test_a_lone_group_is_told(make_test: MakeTest) -> None:
    assert "one source" in accuracy([make_test([5, 6])]).covers
