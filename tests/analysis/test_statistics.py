from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
    share_of_others,
    sign_flip_p,
    variance_of,
)
from prettyuseful.records import GroupedParts, TransferResult

MakeTest = Callable[..., TransferResult]


def test_without_group_variation_the_interval_is_student_t_over_seeds(make_test: MakeTest) -> None:
    means = [0.5, 0.6, 0.7]
    interval = accuracy([make_test([10 * m] * 20) for m in means])
    half = stats.t.ppf(0.975, 2) * np.std(means, ddof=1) / 3**0.5
    assert interval.mean == pytest.approx(0.6)
    assert (interval.low, interval.high) == pytest.approx((0.6 - half, 0.6 + half), rel=1e-6)
    assert "3 training seeds" in interval.covers


def test_group_variation_is_that_of_the_mean_over_seeds(make_test: MakeTest) -> None:
    """The errors of the two seeds cancel: all groups are equally difficult and all seeds equally accurate."""
    odd, even = make_test([10, 10, 0, 0] * 10), make_test([0, 0, 10, 10] * 10)
    interval = accuracy([odd, even])
    assert interval.high - interval.low < 0.1
    assert accuracy([odd, odd]).high - accuracy([odd, odd]).low > 0.2


def test_without_seed_variation_the_interval_comes_from_the_groups(make_test: MakeTest) -> None:
    rng = np.random.default_rng(0)
    right = rng.integers(0, 11, 200)
    interval = accuracy([make_test(right)] * 3)
    parts = [right[0::2], right[1::2]]
    error = np.sqrt(sum(np.var(p) / len(p) for p in parts)) / 2 / 10
    half = stats.t.ppf(0.975, 198) * error
    assert interval.high - interval.mean == pytest.approx(half, rel=0.06)


def test_with_one_seed_the_interval_covers_only_the_test_images(make_test: MakeTest) -> None:
    interval = accuracy([make_test([3, 9, 8, 7, 4, 10])])
    assert interval.low < interval.mean < interval.high
    assert interval.covers == "the choice of test images"


@pytest.mark.parametrize(("count", "low", "high"), [(10, 0.7, 1.0), (0, 0.0, 0.3)])
def test_accuracy_of_0_or_1_has_an_interval(make_test: MakeTest, count: int, low: float, high: float) -> None:
    interval = accuracy([make_test([count] * 12)] * 3)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.05)
    assert interval.low < interval.high


def test_intervals_stay_within_possible_accuracies(make_test: MakeTest) -> None:
    interval = accuracy([make_test([10, 9] * 3), make_test([2, 1] * 3)])
    assert interval.low == 0.0
    assert interval.high == 1.0


@pytest.mark.parametrize("seeds", [3, 10])
def test_intervals_have_nominal_coverage(make_test: MakeTest, seeds: int) -> None:
    """Seeds, groups and their interaction all vary; the interval must hold in at least 90 of 100 redraws."""
    rng, covered, trials, truth = np.random.default_rng(seeds), 0, 300, 0.7
    for _ in range(trials):
        seed, group = rng.normal(0, 0.03, (seeds, 1)), rng.normal(0, 0.15, (1, 64))
        rate = np.clip(truth + seed + group + rng.normal(0, 0.05, (seeds, 64)), 0, 1)
        interval = accuracy([make_test(row) for row in rng.binomial(10, rate)])
        covered += interval.low <= 0.695 <= interval.high  # clipping takes half a point from the mean
    assert covered / trials >= 0.92


def test_paired_differences_are_significant_where_separate_intervals_overlap(make_test: MakeTest) -> None:
    rng = np.random.default_rng(0)
    hard = rng.integers(0, 9, 60)
    a = [make_test(np.minimum(hard + rng.integers(1, 3, 60), 10)) for _ in range(3)]
    b = [make_test(hard + rng.integers(0, 2, 60)) for _ in range(3)]
    assert accuracy(a).low < accuracy(b).high
    interval = difference(a, b)
    assert interval.excludes_zero
    assert interval.mean == pytest.approx(np.mean([x.top1 - y.top1 for x, y in zip(a, b, strict=True)]))
    assert difference(b, a).mean == pytest.approx(-interval.mean)


def test_a_higher_level_gives_a_wider_interval(make_test: MakeTest) -> None:
    tests = [make_test([3, 9, 8, 7]), make_test([4, 9, 7, 7]), make_test([3, 8, 8, 8])]
    assert accuracy(tests, 0.99).low < accuracy(tests, 0.95).low


def test_pairing_needs_the_same_groups_and_seeds(make_test: MakeTest) -> None:
    with pytest.raises(ValueError, match="same test groups"):
        difference([make_test([1, 2])], [make_test([1, 2, 3, 4])])
    with pytest.raises(ValueError, match="equally many seeds"):
        difference([make_test([1, 2])], [make_test([1, 2])] * 2)


def parts(sums: list[float], names: str = "ab") -> list[GroupedParts]:
    return [GroupedParts(groups=[f"{n}{i}" for i in range(len(sums))], sums=sums, sizes=[2] * len(sums)) for n in names]


def test_grouped_means_weight_images_and_resample_groups() -> None:
    interval = grouped_mean(parts([2, 0, 1, 1]), "x")
    assert interval.mean == 0.5
    assert interval.low < 0.5 < interval.high
    assert interval.covers == "x"
    assert grouped_mean(parts([1, 1, 1, 1]), "x").low == 0.5


def test_grouped_differences_need_the_same_groups() -> None:
    interval = grouped_difference(parts([2, 0, 1, 1]), parts([1, 0, 1, 0]), "x")
    assert interval is not None
    assert interval.mean == 0.25
    assert grouped_difference(parts([1, 1]), parts([1, 1], "cd"), "x") is None


def test_intervals_are_deterministic(make_test: MakeTest) -> None:
    tests = [make_test([3, 9, 8, 7]), make_test([4, 9, 7, 7])]
    assert accuracy(tests) == accuracy(tests)


def test_intervals_of_few_groups_use_their_degrees_of_freedom(make_test: MakeTest) -> None:
    """A bootstrap of two groups would halve their variance; the interval must not."""
    interval = accuracy([make_test([2, 5, 8, 9])])
    error = np.sqrt(np.var([0.2, 0.8], ddof=1) / 2 + np.var([0.5, 0.9], ddof=1) / 2) / 2
    half = stats.t.ppf(0.975, 2) * error
    assert half > interval.mean  # so both ends are clipped
    narrow = accuracy([make_test([2, 5, 8, 9])], 0.5)
    assert narrow.high - narrow.mean == pytest.approx(stats.t.ppf(0.75, 2) * error, rel=0.06)


def test_covers_mentions_classes_with_a_single_group(make_test: MakeTest) -> None:
    assert "a single group" in accuracy([make_test([5, 6])]).covers


def make_crossed(groups: float, seeds: float, shared: float, n_seeds: int) -> Crossed:
    group_part, seed_part, shared_part = (np.array([[value]]) for value in (groups, seeds, shared))
    return Crossed(np.array([0.5]), group_part, seed_part, shared_part, group_dof=20.0, seed_dof=n_seeds - 1)


def test_the_seed_by_group_interaction_is_counted_once(make_test: MakeTest) -> None:
    """With one class and groups of equal size, these are the mean squares of a two-way table without replication."""
    right = np.random.default_rng(3).integers(0, 11, (4, 12)) // np.array([[1], [2], [1], [3]])
    tests = [make_test(row, classes=1) for row in right]
    rates, n = right / 10, right.size
    of_seed, of_group, grand = rates.mean(axis=1), rates.mean(axis=0), rates.mean()
    rest = rates - of_seed[:, None] - of_group + grand
    squares = 12 * of_seed.var(ddof=1), 4 * of_group.var(ddof=1), (rest**2).sum() / (3 * 11)
    covariances = crossed([tests])
    measured = [part.item() for part in (covariances.seeds, covariances.groups, covariances.shared)]
    assert measured == pytest.approx([square / n for square in squares])
    assert (covariances.seed_dof, covariances.group_dof) == (3, 11)
    of_seeds, of_groups, shared = (square / n for square in squares)
    variance = of_seeds + of_groups - shared
    dof = variance**2 / (of_seeds**2 / 3 + of_groups**2 / 11 + shared**2 / 33)
    interval = accuracy(tests)
    assert (interval.error, interval.dof) == pytest.approx((variance**0.5, dof))
    assert interval.high - interval.mean == pytest.approx(stats.t.ppf(0.975, dof) * variance**0.5)
    assert interval.seeds == pytest.approx(of_seed)


def test_a_negative_seed_component_does_not_narrow_the_interval() -> None:
    assert variance_of(make_crossed(4.0, 0.5, 1.0, n_seeds=9)) == (4.0, 20.0)
    variance, dof = variance_of(make_crossed(4.0, 0.5, 1.0, n_seeds=10))
    assert variance == 3.5
    assert dof == pytest.approx(3.5**2 / (4**2 / 20 + 0.5**2 / 9 + 1 / 180))
    assert variance_of(make_crossed(4.0, 1.5, 5.0, n_seeds=10)) == (1.5, 9.0)  # never below the smaller part


def test_variance_of_unequal_groups_equals_the_bootstrap_variance(make_test: MakeTest) -> None:
    """The bootstrap resamples whole groups within classes, with the same weights for all seeds and data sets."""
    rng, labels = np.random.default_rng(0), np.arange(60) % 2
    sizes, easy = rng.integers(1, 21, 60), rng.uniform(0.2, 1, 60)
    tests = [
        [make_test(rng.binomial(sizes, easy)).model_copy(update={"group_sizes": sizes.tolist()}) for _ in range(3)]
        for _ in range(2)
    ]
    covariances = crossed(tests)
    rights = np.array([[test.group_correct for test in by_seed] for by_seed in tests]).mean(axis=1)
    means = np.zeros((4000, 2))
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        weights = rng.multinomial(30, np.full(30, 1 / 30), 4000)
        means += (weights @ rights[:, rows].T) / (weights @ sizes[rows])[:, None] / 2  # every class counts alike
    assert covariances.groups == pytest.approx(np.cov(means.T) * 30 / 29, rel=0.12)
    rates = [rights[:, labels == label].sum(axis=1) / sizes[labels == label].sum() for label in (0, 1)]
    assert covariances.means == pytest.approx(np.mean(rates, axis=0))


def test_covariances_of_two_data_sets_give_the_variance_of_their_difference(make_test: MakeTest) -> None:
    rng = np.random.default_rng(2)
    hard = rng.integers(0, 8, 40)
    a, b = ([make_test(hard + shift + rng.integers(0, 3, 40)) for shift in (0, i)] for i in (0, 1))
    covariances, interval = crossed([a, b]), difference(a, b)
    contrast = np.array([1, -1])
    parts = [contrast @ part @ contrast for part in (covariances.groups, covariances.seeds, covariances.shared)]
    assert interval.error**2 == pytest.approx(parts[0] + max(0.0, parts[1] - parts[2]))
    assert covariances.groups[0, 1] > 0.5 * covariances.groups[0, 0]  # the same groups are hard for both
    with pytest.raises(ValueError, match="same test groups"):
        crossed([a, b[:1]])


def test_degrees_of_freedom_are_those_of_the_only_class_that_varies(make_test: MakeTest) -> None:
    even, one_class = [4, 5, 6, 5] * 6, [0, 5, 10, 5] * 6  # classes take turns: the first has 0, 10, 0, 10, ...
    assert crossed([[make_test(even)]]).group_dof <= 22
    assert crossed([[make_test(one_class)]]).group_dof == 11
    assert crossed([[make_test([5] * 4)]]).group_dof == 1


@pytest.mark.parametrize(
    ("seeds", "note"),
    [
        (1, "one training seed: the variation between training runs is unknown"),
        (3, "3 training seeds: no seed-level test is possible with fewer than 6"),
        (6, "6 training seeds: with fewer than 10, inspect the result of each seed"),
        (10, "10 training seeds"),
    ],
)
def test_notes_explain_the_limits_of_the_number_of_seeds(make_test: MakeTest, seeds: int, note: str) -> None:
    rng = np.random.default_rng(seeds)
    a, b = ([make_test(rng.integers(0, 11, 20)) for _ in range(seeds)] for _ in range(2))
    for interval in (accuracy(a), difference(a, b)):
        assert interval.notes[0] == note
        assert "does not cover another draw of the generator" in interval.notes[1]
        assert len(interval.seeds) == seeds
    assert (difference(a, b).seed_p is None) == (seeds < 6)
    assert accuracy(a).p is None


def test_the_seed_level_test_enumerates_all_sign_flips() -> None:
    values = [0.03, 0.01, 0.04, -0.01, 0.05, 0.02]
    scipy_result = stats.permutation_test(
        [values], np.mean, permutation_type="samples", alternative="two-sided", n_resamples=10_000
    )
    assert sign_flip_p(values) == pytest.approx(scipy_result.pvalue)
    assert sign_flip_p([0.1] * 6) == 2 / 2**6
    assert sign_flip_p([0.1] * 5) > 0.05
    assert sign_flip_p([0.1] * 20) == 1 / 10_000
    assert sign_flip_p([0.0] * 6) == 1.0


def test_p_and_interval_agree(make_test: MakeTest) -> None:
    rng = np.random.default_rng(5)
    a = [make_test(rng.integers(2, 9, 60)) for _ in range(3)]
    b = [make_test(rng.integers(1, 8, 60)) for _ in range(3)]
    interval = difference(a, b)
    assert interval.p is not None
    touching_zero = difference(a, b, 1 - interval.p)
    assert min(abs(touching_zero.low), abs(touching_zero.high)) < 1e-9
    assert difference(b, a).p == pytest.approx(interval.p)


def test_identical_results_have_a_difference_interval_of_positive_width(make_test: MakeTest) -> None:
    """Twelve groups without a difference do not prove that the true difference is 0."""
    tests = [make_test([7, 8] * 6)] * 3
    interval = difference(tests, tests)
    share = 1 - 0.025 ** (1 / 12)
    assert (interval.low, interval.mean, interval.high) == pytest.approx((-share, 0.0, share))
    assert interval.p == 1.0
    opposite = difference([make_test([10] * 12)] * 3, [make_test([0] * 12)] * 3)
    assert (opposite.low, opposite.high) == pytest.approx((1 - 2 * share, 1.0))
    assert opposite.p == 2 / 2**12


def test_classes_have_equal_weight_whatever_their_size() -> None:
    classes = [
        GroupedParts(groups=["a", "b"], sums=[2, 2], sizes=[2, 2]),
        GroupedParts(groups=["c", "d", "e"], sums=[0, 0, 0], sizes=[30, 40, 50]),
    ]
    assert grouped_mean(classes, "x").mean == 0.5


def test_classes_with_accuracy_0_or_1_still_have_an_interval() -> None:
    """One class is all wrong and three are all right: an interval of width 0 would be too narrow."""
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
    interval = accuracy([test])
    missed = 1 - 0.025 ** (1 / 24)
    assert interval.mean == 0.75
    assert interval.low == pytest.approx(0.75 * (1 - missed))
    assert interval.high == pytest.approx(0.75 * (1 - missed) + missed)


def unequal_test(correct: np.ndarray, labels: np.ndarray) -> TransferResult:
    """A test on single images, `correct` (N,) 0 or 1, with classes of different sizes."""
    fields: dict[str, Any] = {"kind": "synth_to_real", "tested_on": "real", "top1": 0.0, "top5": 1.0}
    return TransferResult(
        **fields,
        per_class=[],
        confusion=[],
        groups=[f"g{i}" for i in range(len(labels))],
        group_labels=labels.tolist(),
        group_sizes=[1] * len(labels),
        group_correct=correct.astype(int).tolist(),
    )


def test_accuracy_is_the_mean_over_classes_of_different_sizes() -> None:
    labels = np.repeat([0, 1, 2], [5, 50, 500])
    rng = np.random.default_rng(0)
    a, b = (rng.random((3, 555)) < rate for rate in (0.7, 0.5))

    def balanced(correct: np.ndarray) -> np.ndarray:
        return np.asarray(np.mean([correct[:, labels == label].mean(axis=1) for label in range(3)], axis=0))

    tests = [[unequal_test(row, labels) for row in rows] for rows in (a, b)]
    assert accuracy(tests[0]).seeds == pytest.approx(balanced(a).tolist())
    assert accuracy(tests[0]).mean == pytest.approx(balanced(a).mean())
    assert difference(tests[0], tests[1]).mean == pytest.approx((balanced(a) - balanced(b)).mean())
    assert crossed(tests).means == pytest.approx([balanced(a).mean(), balanced(b).mean()])


def test_equal_classes_have_the_interval_of_unweighted_images(make_test: MakeTest) -> None:
    rng = np.random.default_rng(1)
    equal = [make_test(rng.integers(0, 11, 40)) for _ in range(3)]
    images = sum(sum(test.group_correct) for test in equal) / (3 * 400)
    assert accuracy(equal).mean == pytest.approx(images)
    heavier = [test.model_copy(update={"group_sizes": [20, 10] * 20}) for test in equal]
    assert accuracy(heavier).mean != pytest.approx(images)


@pytest.mark.parametrize("counts", [(5, 60), (3, 20, 20), (1, 30, 30)])
def test_intervals_cover_the_mean_over_unequal_classes(counts: tuple[int, ...]) -> None:
    rng, labels = np.random.default_rng(0), np.repeat(np.arange(len(counts)), counts)
    rates, covered, runs = np.linspace(0.8, 0.6, len(counts)), 0, 200
    for _ in range(runs):
        easy = rng.beta(rates[labels], 1 - rates[labels])  # images differ in difficulty
        seeds = rng.normal(0, 0.02, (3, 1))
        interval = accuracy([unequal_test(row, labels) for row in rng.random((3, len(labels))) < easy + seeds])
        covered += interval.low <= rates.mean() <= interval.high
    assert covered / runs > 0.92


def test_a_small_class_limits_what_identical_results_say() -> None:
    """The bound is the largest mean share of failures that may have stayed unseen, found here by a search."""
    shares = np.linspace(0, 1, 2001)[:, None]
    few, many = 5, 50
    unseen = few * np.log1p(-shares * 0.9999) + many * np.log1p(-shares.T * 0.9999)
    largest = ((shares + shares.T) / 2)[unseen >= np.log(0.025)].max()
    assert share_of_others([few, many], 0.95) == pytest.approx(largest, abs=2e-3)
    assert share_of_others([20, 20], 0.95) == share_of_others([40], 0.95) == 1 - 0.025 ** (1 / 40)
    interval = accuracy([unequal_test(np.ones(55), np.repeat([0, 1], [few, many]))] * 3)
    assert (interval.low, interval.high) == pytest.approx((1 - largest, 1), abs=2e-3)
