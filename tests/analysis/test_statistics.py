from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from prettyuseful import student
from prettyuseful.analysis.statistics import (
    Component,
    Interval,
    RandomControl,
    Replicate,
    accuracy,
    difference,
    fit,
    grouped_difference,
    grouped_mean,
    share_interval,
    share_of_others,
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


def test_shares_near_1_have_an_asymmetric_interval() -> None:
    sums = [1.0] * 199 + [0.0]
    classes = [GroupedParts(groups=[f"{i}" for i in range(200)], sums=sums, sizes=[1] * 200)]
    interval = grouped_mean(classes, "x")
    wilson = share_interval(interval)
    low, high = stats.binomtest(199, 200).proportion_ci(method="wilson")
    assert (wilson.low, wilson.high) == pytest.approx((low, high), abs=5e-4)
    assert wilson.mean == interval.mean
    wider = grouped_mean(classes, "x", dependence=4.0)
    assert wider.error == pytest.approx(2 * interval.error)


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


def component(interval: Interval, name: str) -> Component:
    (found,) = (part for part in interval.components if part.name == name)
    return found


def by_seed(tests: Sequence[TransferResult], first: int = 0, draw: int = 0) -> dict[Replicate, TransferResult]:
    return {Replicate(draw, seed): test for seed, test in enumerate(tests, start=first)}


def test_components_are_the_mean_squares_of_a_table_of_seeds_and_groups(make_test: MakeTest) -> None:
    """With one class and groups of equal size, this is a two-way table without replication."""
    right = np.random.default_rng(3).integers(0, 11, (4, 12)) // np.array([[1], [2], [1], [3]])
    tests = [make_test(row, classes=1) for row in right]
    rates, n = right / 10, right.size
    of_seed, of_group, grand = rates.mean(axis=1), rates.mean(axis=0), rates.mean()
    rest = rates - of_seed[:, None] - of_group + grand
    squares = 12 * of_seed.var(ddof=1), 4 * of_group.var(ddof=1), (rest**2).sum() / (3 * 11)
    of_seeds, of_groups, shared = (square / n for square in squares)
    interval = accuracy(tests)
    assert interval.shared == pytest.approx(shared)
    seeds = component(interval, "training seeds")
    assert (seeds.variance, seeds.dof, seeds.count) == pytest.approx((of_seeds, 3, 4))
    images = component(interval, "test images")
    assert (images.variance, images.dof, images.count) == pytest.approx((max(of_groups - shared, 0), 11, 12))
    assert interval.error == pytest.approx((images.variance + of_seeds) ** 0.5)
    assert interval.seeds == pytest.approx(of_seed)
    half = sum(stats.t.ppf(0.975, part.dof) ** 2 * part.variance for part in interval.components) ** 0.5
    assert interval.high - interval.mean == pytest.approx(half)


def test_a_few_seeds_that_agree_by_chance_borrow_from_other_data_sets(make_test: MakeTest) -> None:
    rng = np.random.default_rng(0)
    varying = {name: by_seed([make_test([8 - 2 * i] * 20) for i in rng.permutation(3)]) for name in "abc"}
    agreeing = by_seed([make_test([5] * 20)] * 3)
    alone, among = fit({"x": agreeing}).accuracy("x"), fit({"x": agreeing, **varying}).accuracy("x")
    assert not any(part.variance for part in alone.components)
    seeds = component(among, "training seeds")
    own = np.var([0.8, 0.6, 0.4], ddof=1) / 3
    assert seeds.variance == pytest.approx(2 * (3 * own / 4) / 4)  # two of four degrees of freedom are the prior's
    assert seeds.dof == 4
    # Data sets that vary more than the others keep their own variance.
    kept = component(fit({"x": agreeing, **varying}).accuracy("a"), "training seeds")
    assert (kept.variance, kept.dof) == pytest.approx((own, 4))


def test_two_data_sets_alone_borrow_nothing_for_their_difference(make_test: MakeTest) -> None:
    a, b, c = ([make_test(np.full(20, right)) for right in rights] for rights in ([3, 4, 5], [6, 6, 6], [2, 6, 9]))
    assert component(difference(a, b), "training seeds").dof == 2
    model = fit({"a": by_seed(a), "b": by_seed(b), "c": by_seed(c)})
    among = model.difference("a", "b")
    assert among is not None
    assert component(among, "training seeds").dof == 3
    assert among.mean == pytest.approx(difference(a, b).mean)


def test_differences_use_the_seeds_that_both_have(make_test: MakeTest) -> None:
    rng = np.random.default_rng(1)
    tests = [make_test(rng.integers(0, 11, 20)) for _ in range(4)]
    model = fit({"a": by_seed(tests[:3]), "b": by_seed(tests[1:], first=2), "c": by_seed(tests[:1], first=9)})
    interval = model.difference("a", "b")
    assert interval is not None
    assert interval.seeds == pytest.approx([tests[2].top1 - tests[1].top1])
    assert model.difference("a", "c") is None
    assert len(model.accuracy("b").seeds) == 3


def test_draws_of_the_generator_are_a_part_of_the_variance(make_test: MakeTest) -> None:
    drawn = {**by_seed([make_test([6] * 20)] * 3), **by_seed([make_test([8] * 20)] * 3, draw=1)}
    once = by_seed([make_test([5] * 20)] * 3)
    model = fit({"a": drawn, "b": once, "c": drawn})
    interval = model.accuracy("a")
    assert interval.mean == pytest.approx(0.7)
    draws = component(interval, "draws")
    assert (draws.variance, draws.dof, draws.count) == pytest.approx((0.01, 1, 2))
    assert interval.covers == "draws of the generator, 3 training seeds and the choice of test images"
    assert interval.notes[1] == "the interval covers other draws of the generator, estimated from 2"
    one_side, both = model.difference("a", "b"), model.difference("a", "c")
    assert one_side is not None
    assert both is not None
    assert component(one_side, "draws").variance == pytest.approx(0.01)
    of_both = component(both, "draws")
    assert (of_both.variance, of_both.dof, of_both.count) == pytest.approx((0.02, 2, 2))
    assert one_side.notes[1] == (
        "the interval covers other draws of the generator of one of the two data sets, estimated from 2"
    )
    paired = fit({"a": drawn, "b": once, "c": drawn}, lambda a, b: {a, b} == {"a", "c"})
    same_images, one_drawn = paired.difference("a", "c"), paired.difference("a", "b")
    assert same_images is not None
    assert not any(part.variance for part in same_images.components)
    assert one_drawn == one_side


def selection_model(make_test: MakeTest, controls: int = 1, keep: str = "random 50%", known: bool = True) -> Any:
    """Selections whose classifiers are equal for all seeds, and random controls, which have other images for each."""
    seeds = 3
    rng = np.random.default_rng(3)
    tests = {f"top{i}": by_seed([make_test(rng.integers(4, 7, 60))] * seeds) for i in range(controls)}
    tests |= {f"random{i}": by_seed([make_test(rng.integers(2, 9, 60)) for _ in range(seeds)]) for i in range(controls)}
    keeps = {f"top{i}": RandomControl(f"random{i}", keep if i else "random 50%") for i in range(controls)}
    return fit(tests, random_controls=keeps if known else {})


def test_a_selection_against_its_random_control_covers_which_images_are_selected(make_test: MakeTest) -> None:
    model = selection_model(make_test)
    interval = model.difference("top0", "random0")
    of_seeds, chosen = component(interval, "training seeds"), component(interval, "selected images")
    # Only the random choice varies over seeds: another selection would vary as much as one of these.
    assert chosen.variance == pytest.approx(3 * of_seeds.variance)
    assert (chosen.dof, chosen.count) == (2, 3)
    assert interval.covers == "the images that are selected, 3 training seeds and the choice of test images"
    given = selection_model(make_test, known=False).difference("top0", "random0")
    assert given is not None
    assert interval.high - interval.low > 1.5 * (given.high - given.low)
    # What a choice does with one source of test images is in the variance of the choice, and not counted twice.
    assert component(interval, "test images").variance < component(given, "test images").variance
    assert model.difference("random0", "top0") == -interval


def test_other_random_controls_of_equal_size_are_the_prior(make_test: MakeTest) -> None:
    alone, among, other_size = (
        component(selection_model(make_test, count, keep).difference("top0", "random0"), "selected images")
        for count, keep in ((1, ""), (3, "random 50%"), (3, "random 90%"))
    )
    assert (alone.dof, among.dof, other_size.dof) == (2, 4, 2)


def test_training_that_varies_is_no_variation_of_the_choice(make_test: MakeTest) -> None:
    """The selection varies over its seeds as much as its control: the choice of images does not matter."""
    levels = [2, 5, 8, 4]
    tests = {name: by_seed([make_test(np.full(40, level)) for level in levels]) for name in ("top", "random")}
    interval = fit(tests, random_controls={"top": RandomControl("random", "")}).difference("top", "random")
    assert interval is not None
    assert not any(part.variance for part in interval.components if part.name == "selected images")


def test_draws_cover_which_images_are_selected_already(make_test: MakeTest) -> None:
    rng = np.random.default_rng(0)
    tests = {
        name: {r: t for draw in (0, 1) for r, t in by_seed([make_test(rng.integers(2, 9, 20))] * 2, draw=draw).items()}
        for name in ("top", "random")
    }
    model = fit(tests, lambda _a, _b: True, {"top": RandomControl("random", "")})
    interval = model.difference("top", "random")
    assert interval is not None
    assert [part.name for part in interval.components] == ["test images", "training seeds", "draws"]


def test_the_mean_difference_of_several_pairs_is_paired_by_test_image_and_seed(make_test: MakeTest) -> None:
    model = selection_model(make_test, 3)
    pairs = [(f"top{i}", f"random{i}") for i in range(3)]
    single = [model.difference(*pair) for pair in pairs]
    mean = model.mean_difference(pairs)
    assert mean is not None
    assert mean.mean == pytest.approx(np.mean([one.mean for one in single]))
    assert mean.seeds == pytest.approx(np.mean([one.seeds for one in single], axis=0))
    variances = [component(one, "selected images").variance for one in single]
    chosen = component(mean, "selected images")
    assert chosen.variance == pytest.approx(sum(variances) / 9)
    assert max(component(one, "selected images").dof for one in single) < chosen.dof
    assert model.mean_difference(pairs[:1]) == single[0]


def test_a_seed_that_failed_for_one_draw_is_left_out(make_test: MakeTest) -> None:
    tests = {**by_seed([make_test([6] * 20)] * 3), **by_seed([make_test([8] * 20)] * 2, draw=1)}
    assert len(fit({"a": tests}).accuracy("a").seeds) == 2
    nothing_in_common = {**by_seed([make_test([6] * 20)] * 3), **by_seed([make_test([8] * 20)], first=7, draw=1)}
    interval = fit({"a": nothing_in_common}).accuracy("a")
    assert (interval.mean, len(interval.seeds)) == pytest.approx((0.6, 3))


def spanning_tests(rng: np.random.Generator, sources: int, noise: float, seeds: int = 3) -> list[TransferResult]:
    """Ten classes with 40 images each, from sources that have images of all classes and are more or less difficult."""
    easy, hits = rng.normal(0, 1, sources), []
    of_source = rng.multinomial(40, np.full(sources, 1 / sources), 10)
    labels, names = np.nonzero(of_source)
    sizes = of_source[labels, names]
    for _ in range(seeds):
        rates = 1 / (1 + np.exp(-easy[names] * noise - rng.normal(0.5, 0.1)))
        hits.append(rng.binomial(sizes, rates))
    fields: dict[str, Any] = {"kind": "synth_to_real", "tested_on": "real", "top1": 0.0, "top5": 1.0}
    return [
        TransferResult(
            **fields,
            per_class=[],
            confusion=[],
            groups=[f"{label}/camera {name}" for label, name in zip(labels, names, strict=True)],
            group_labels=labels.tolist(),
            group_sizes=sizes.tolist(),
            group_correct=correct.tolist(),
        )
        for correct in hits
    ]


def test_sources_with_images_of_several_classes_vary_as_a_whole() -> None:
    rng, covered, trials = np.random.default_rng(0), 0, 200
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    truth = float(weights @ (1 / (1 + np.exp(-0.5 - nodes * (0.7**2 + 0.1**2) ** 0.5))) / weights.sum())
    for _ in range(trials):
        interval = accuracy(spanning_tests(rng, 8, 0.7))
        covered += interval.low <= truth <= interval.high
    assert covered / trials >= 0.9
    images = component(accuracy(spanning_tests(rng, 8, 0.7)), "test images")
    assert images.count == 8
    assert images.dof <= 7


def test_a_model_needs_the_same_test_images(make_test: MakeTest) -> None:
    with pytest.raises(ValueError, match="same test groups"):
        fit({"a": by_seed([make_test([1, 2])]), "b": by_seed([make_test([1, 2, 3, 4])])})
    with pytest.raises(ValueError, match="at least one test"):
        fit({})


def test_differences_are_at_most_100_points(make_test: MakeTest) -> None:
    a, b = ([make_test([right, right + 1] * 10) for right in rights] for rights in ([9, 1], [1, 8]))
    interval = difference(a, b)
    assert (interval.low, interval.high) == (-1, 1)
    assert (interval.at(0.999).low, interval.at(0.999).high) == (-1, 1)


def test_draws_of_means_have_the_variance_of_the_interval(make_test: MakeTest) -> None:
    rng = np.random.default_rng(2)
    hard = rng.integers(0, 8, 60)
    tests = {n: by_seed([make_test(np.clip(hard + rng.integers(0, 3, 60), 0, 10)) for _ in range(12)]) for n in "ab"}
    model = fit(tests)
    drawn = model.draws(["a", "b"], np.random.default_rng(0), 40_000)
    assert drawn.mean(axis=0) == pytest.approx([model.accuracy("a").mean, model.accuracy("b").mean], abs=1e-3)
    assert drawn[:, 0].std() == pytest.approx(model.accuracy("a").error, rel=0.15)
    assert np.corrcoef(drawn.T)[0, 1] > 0.5  # the same images are hard for both


@pytest.mark.parametrize(
    ("seeds", "note"),
    [
        (1, "one training seed: the variation between training runs is unknown"),
        (3, "3 training seeds: with fewer than 10, inspect the result of each seed"),
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
    assert (difference(a, b).seed_p is None) == (seeds == 1)
    assert accuracy(a).p is None


def test_the_seed_level_p_value_leaves_out_the_choice_of_images(make_test: MakeTest) -> None:
    a, b = ([make_test([right, right + 1, 3, 6] * 10) for right in rights] for rights in ([6, 7, 9], [5, 5, 5]))
    interval = difference(a, b)
    seeds = component(interval, "training seeds")
    assert interval.seed_p == pytest.approx(student.p_value(interval.mean, [(seeds.variance, 2.0)]))
    assert interval.p is not None
    assert interval.seed_p is not None
    assert interval.seed_p <= interval.p


def test_p_and_interval_agree(make_test: MakeTest) -> None:
    rng = np.random.default_rng(5)
    a = [make_test(rng.integers(2, 9, 60)) for _ in range(3)]
    b = [make_test(rng.integers(1, 8, 60)) for _ in range(3)]
    interval = difference(a, b)
    assert interval.p is not None
    for touching_zero in (difference(a, b, 1 - interval.p), interval.at(1 - interval.p)):
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
    assert interval.mean == pytest.approx(0.75)
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
