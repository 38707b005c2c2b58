from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from prettyuseful.analysis.statistics import (
    Crossed,
    accuracy,
    crossed,
    difference,
    grouped_difference,
    grouped_mean,
    sign_flip_p,
    variance_of,
)
from prettyuseful.records import GroupedParts, TransferResult

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
    assert found.high - found.low < 0.1
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


def of_crossed(groups: float, seeds: float, shared: float, of_seeds: int) -> Crossed:
    of_groups, seeds_alone, both = (np.array([[value]]) for value in (groups, seeds, shared))
    return Crossed(np.array([0.5]), of_groups, seeds_alone, both, group_freedom=20.0, seed_freedom=of_seeds - 1)


def test_what_seeds_and_groups_share_is_counted_once(make_test: MakeTest) -> None:
    """One class, groups of one size: the mean squares of a two-way table without replication."""
    right = np.random.default_rng(3).integers(0, 11, (4, 12)) // np.array([[1], [2], [1], [3]])
    tests = [make_test(row, classes=1) for row in right]
    rates, n = right / 10, right.size
    of_seed, of_group, grand = rates.mean(axis=1), rates.mean(axis=0), rates.mean()
    rest = rates - of_seed[:, None] - of_group + grand
    squares = 12 * of_seed.var(ddof=1), 4 * of_group.var(ddof=1), (rest**2).sum() / (3 * 11)
    found = crossed([tests])
    measured = [part.item() for part in (found.seeds, found.groups, found.shared)]
    assert measured == pytest.approx([square / n for square in squares])
    assert (found.seed_freedom, found.group_freedom) == (3, 11)
    of_seeds, of_groups, shared = (square / n for square in squares)
    variance = of_seeds + of_groups - shared
    freedom = variance**2 / (of_seeds**2 / 3 + of_groups**2 / 11 + shared**2 / 33)
    interval = accuracy(tests)
    assert (interval.error, interval.freedom) == pytest.approx((variance**0.5, freedom))
    assert interval.high - interval.mean == pytest.approx(stats.t.ppf(0.975, freedom) * variance**0.5)
    assert interval.seeds == pytest.approx(of_seed)


def test_few_seeds_that_agree_by_luck_do_not_narrow_the_interval() -> None:
    assert variance_of(of_crossed(4.0, 0.5, 1.0, of_seeds=9)) == (4.0, 20.0)
    variance, freedom = variance_of(of_crossed(4.0, 0.5, 1.0, of_seeds=10))
    assert variance == 3.5
    assert freedom == pytest.approx(3.5**2 / (4**2 / 20 + 0.5**2 / 9 + 1 / 180))
    assert variance_of(of_crossed(4.0, 1.5, 5.0, of_seeds=10)) == (1.5, 9.0)  # never below the smaller part


def test_unequal_groups_vary_as_drawing_them_again_does(make_test: MakeTest) -> None:
    """The same weights for every seed and data set, groups whole within their class: the limit of many draws."""
    rng, labels = np.random.default_rng(0), np.arange(60) % 2
    sizes, easy = rng.integers(1, 21, 60), rng.uniform(0.2, 1, 60)
    tests = [
        [make_test(rng.binomial(sizes, easy)).model_copy(update={"group_sizes": sizes.tolist()}) for _ in range(3)]
        for _ in range(2)
    ]
    found = crossed(tests)
    rights = np.array([[test.group_correct for test in of_one] for of_one in tests]).mean(axis=1)
    means = np.zeros((4000, 2))
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        weights = rng.multinomial(30, np.full(30, 1 / 30), 4000)
        means += sizes[rows].sum() / sizes.sum() * (weights @ rights[:, rows].T) / (weights @ sizes[rows])[:, None]
    assert found.groups == pytest.approx(np.cov(means.T) * 30 / 29, rel=0.12)
    assert found.means == pytest.approx(rights.sum(axis=1) / sizes.sum())


def test_covariances_of_two_data_sets_are_those_of_their_difference(make_test: MakeTest) -> None:
    rng = np.random.default_rng(2)
    hard = rng.integers(0, 8, 40)
    a, b = ([make_test(hard + shift + rng.integers(0, 3, 40)) for shift in (0, i)] for i in (0, 1))
    found, interval = crossed([a, b]), difference(a, b)
    contrast = np.array([1, -1])
    parts = [contrast @ part @ contrast for part in (found.groups, found.seeds, found.shared)]
    assert interval.error**2 == pytest.approx(parts[0] + max(0.0, parts[1] - parts[2]))
    assert found.groups[0, 1] > 0.5 * found.groups[0, 0]  # the same groups are hard for both
    with pytest.raises(ValueError, match="same test groups"):
        crossed([a, b[:1]])


def test_a_class_that_varies_alone_has_its_own_freedom(make_test: MakeTest) -> None:
    even, one_class = [4, 5, 6, 5] * 6, [0, 5, 10, 5] * 6  # classes take turns: the first has 0, 10, 0, 10, ...
    assert crossed([[make_test(even)]]).group_freedom <= 22
    assert crossed([[make_test(one_class)]]).group_freedom == 11
    assert crossed([[make_test([5] * 4)]]).group_freedom == 1


@pytest.mark.parametrize(
    ("seeds", "told"),
    [
        (1, "one training seed: nothing says how much another training would differ"),
        (3, "3 training seeds: no seed-level test is possible with fewer than 6"),
        (6, "6 training seeds: fewer than 10, so look at each of them"),
        (10, "10 training seeds"),
    ],
)
def test_says_what_so_many_seeds_can_and_cannot_show(make_test: MakeTest, seeds: int, told: str) -> None:
    rng = np.random.default_rng(seeds)
    a, b = ([make_test(rng.integers(0, 11, 20)) for _ in range(seeds)] for _ in range(2))
    for found in (accuracy(a), difference(a, b)):
        assert found.notes[0] == told
        assert "generation was not redrawn" in found.notes[1]
        assert len(found.seeds) == seeds
    assert (difference(a, b).seed_p is None) == (seeds < 6)
    assert accuracy(a).p is None


def test_the_seed_level_test_flips_signs_in_all_ways() -> None:
    values = [0.03, 0.01, 0.04, -0.01, 0.05, 0.02]
    of_scipy = stats.permutation_test(
        [values], np.mean, permutation_type="samples", alternative="two-sided", n_resamples=10_000
    )
    assert sign_flip_p(values) == pytest.approx(of_scipy.pvalue)
    assert sign_flip_p([0.1] * 6) == 2 / 2**6
    assert sign_flip_p([0.1] * 5) > 0.05
    assert sign_flip_p([0.1] * 20) == 1 / 10_000
    assert sign_flip_p([0.0] * 6) == 1.0


def test_p_and_interval_say_the_same(make_test: MakeTest) -> None:
    rng = np.random.default_rng(5)
    a = [make_test(rng.integers(2, 9, 60)) for _ in range(3)]
    b = [make_test(rng.integers(1, 8, 60)) for _ in range(3)]
    found = difference(a, b)
    assert found.p is not None
    at_its_edge = difference(a, b, 1 - found.p)
    assert min(abs(at_its_edge.low), abs(at_its_edge.high)) < 1e-9
    assert difference(b, a).p == pytest.approx(found.p)


def test_two_that_never_differ_may_differ_elsewhere(make_test: MakeTest) -> None:
    """Twelve groups without a difference do not show that there is none."""
    same = [make_test([7, 8] * 6)] * 3
    found = difference(same, same)
    share = 1 - 0.025 ** (1 / 12)
    assert (found.low, found.mean, found.high) == pytest.approx((-share, 0.0, share))
    assert found.p == 1.0
    apart = difference([make_test([10] * 12)] * 3, [make_test([0] * 12)] * 3)
    assert (apart.low, apart.high) == pytest.approx((1 - 2 * share, 1.0))
    assert apart.p == 2 / 2**12


def test_classes_weigh_the_same_however_many_images_they_have() -> None:
    classes = [
        GroupedParts(groups=["a", "b"], sums=[2, 2], sizes=[2, 2]),
        GroupedParts(groups=["c", "d", "e"], sums=[0, 0, 0], sizes=[30, 40, 50]),
    ]
    assert grouped_mean(classes, "x").mean == 0.5


def test_classes_that_are_all_right_or_all_wrong_are_not_known_to_be() -> None:
    """One class all wrong, three all right, or one image of each of two classes: an interval of no width would lie."""
    groups = [10] * 18 + [0] * 6
    labels = [i // 6 for i in range(24)]
    test = TransferResult(
        kind="synth_to_real",
        tested_on="real",
        top1=0.75,
        top5=1.0,
        per_class=[],
        confusion=[],
        groups=[str(i) for i in range(24)],
        group_labels=labels,
        group_sizes=[10] * 24,
        group_correct=groups,
    )
    found = accuracy([test])
    missed = 1 - 0.025 ** (1 / 24)
    assert found.mean == 0.75
    assert found.low == pytest.approx(0.75 * (1 - missed))
    assert found.high == pytest.approx(0.75 * (1 - missed) + missed)
