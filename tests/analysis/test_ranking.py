from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from prettyuseful.analysis.ranking import Ranking, holm, holm_levels
from prettyuseful.analysis.ranking import rank_datasets as rank_datasets_of_model
from prettyuseful.analysis.statistics import CellModel, Replicate, fit
from prettyuseful.records import TransferResult

MakeTest = Callable[..., TransferResult]
DataSets = dict[str, list[TransferResult]]


def model_of(tests: DataSets) -> CellModel:
    return fit({n: {Replicate(0, i): test for i, test in enumerate(rows)} for n, rows in tests.items()})


def rank_datasets(tests: DataSets) -> Ranking:
    return rank_datasets_of_model(model_of(tests), list(tests))


def data_sets(make_test: MakeTest, rates: dict[str, float], rng: np.random.Generator, seeds: int = 3) -> DataSets:
    hard = rng.normal(0, 0.1, 80)
    return {
        name: [make_test(rng.binomial(10, np.clip(rate + rng.normal(0, 0.01) + hard, 0, 1))) for _ in range(seeds)]
        for name, rate in rates.items()
    }


def test_data_sets_are_ranked_by_mean_with_confidence_ranges(make_test: MakeTest) -> None:
    tests = data_sets(make_test, {"worst": 0.2, "good": 0.6, "as good": 0.6}, np.random.default_rng(0))
    ranking = rank_datasets(tests)
    assert [rank_range.rank for rank_range in ranking.rank_ranges] == [1, 2, 3]
    means = [rank_range.mean for rank_range in ranking.rank_ranges]
    assert means == sorted(means, reverse=True)
    ranks = {rank_range.name: (rank_range.low, rank_range.high) for rank_range in ranking.rank_ranges}
    assert ranks == {"good": (1, 2), "as good": (1, 2), "worst": (3, 3)}
    for rank_range in ranking.rank_ranges:
        assert sum(rank_range.rank_probabilities) == pytest.approx(1)
        assert len(rank_range.rank_probabilities) == 3
    assert ranking.rank_ranges[2].rank_probabilities[2] > 0.99


def test_probabilities_of_each_rank_add_up_to_one(make_test: MakeTest) -> None:
    ranking = rank_datasets(data_sets(make_test, dict.fromkeys("abcd", 0.5), np.random.default_rng(1)))
    assert np.sum([rank_range.rank_probabilities for rank_range in ranking.rank_ranges], axis=0) == pytest.approx(
        np.ones(4)
    )


@pytest.mark.parametrize("seeds", [1, 3, 10])
def test_for_two_data_sets_the_rank_probability_matches_the_paired_p(make_test: MakeTest, seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    for _ in range(5):
        ranking = rank_datasets(data_sets(make_test, {"a": 0.5, "b": 0.52}, rng, seeds))
        (pair,) = ranking.pairs
        assert pair.interval.p is not None
        assert ranking.rank_ranges[0].rank_probabilities[0] == pytest.approx(1 - pair.interval.p / 2, abs=0.06)


def test_with_three_seeds_rank_probabilities_match_student_t(make_test: MakeTest) -> None:
    a, b = ([make_test([right] * 40, size=100) for right in counts] for counts in ([55, 73, 68], [50, 60, 60]))
    ranking = rank_datasets({"a": a, "b": b})
    t_test = stats.ttest_1samp([0.05, 0.13, 0.08], 0)
    assert ranking.pairs[0].interval.p == pytest.approx(t_test.pvalue)
    assert ranking.rank_ranges[1].rank_probabilities[0] == pytest.approx(t_test.pvalue / 2, abs=0.006)


def test_pairs_hold_paired_and_simultaneous_intervals(make_test: MakeTest) -> None:
    tests = data_sets(make_test, {"a": 0.5, "b": 0.6, "c": 0.7}, np.random.default_rng(2))
    ranking = rank_datasets(tests)
    assert [(pair.a, pair.b) for pair in ranking.pairs] == [("c", "b"), ("c", "a"), ("b", "a")]
    pair = ranking.pairs[1]
    model = model_of(tests)
    assert pair.interval == model.difference("c", "a")
    assert pair.simultaneous == model.difference("c", "a", 1 - 0.05 / 3)
    assert pair.simultaneous.low < pair.interval.low
    one_sided = [float(each.interval.p or 0) / 2 for each in ranking.pairs]
    assert [each.p for each in ranking.pairs] == pytest.approx(holm([*one_sided, *(1 - p for p in one_sided)])[:3])


def test_each_draw_uses_the_same_groups_for_every_data_set(make_test: MakeTest) -> None:
    """Shared group difficulty cancels in the difference: it is significant although the means vary much."""
    easy = np.tile([0, 3, 6, 8], 20)
    a = [make_test(easy + np.tile([2, 1, 2, 1], 20)) for _ in range(3)]
    b = [make_test(easy + np.tile([1, 1, 1, 1], 20)) for _ in range(3)]
    ranking = rank_datasets({"b": b, "a": a})
    assert ranking.rank_ranges[0].name == "a"
    assert ranking.rank_ranges[0].rank_probabilities[0] > 0.99
    assert ranking.rank_ranges[0].high == 1


def test_equal_data_sets_share_their_rank_range(make_test: MakeTest) -> None:
    same = [make_test([4, 5, 6, 7] * 5)] * 3
    ranking = rank_datasets({"a": same, "b": same})
    assert [rank_range.rank_probabilities[0] for rank_range in ranking.rank_ranges] == pytest.approx(
        [0.5, 0.5], abs=0.02
    )
    assert {(rank_range.low, rank_range.high) for rank_range in ranking.rank_ranges} == {(1, 2)}


@pytest.mark.integration
def test_rank_ranges_hold_simultaneously_with_nominal_coverage(make_test: MakeTest) -> None:
    """Every data set's true rank must be in its range; a and b are equally good, so either may be first."""
    rng, wrong = np.random.default_rng(3), 0
    for _ in range(200):
        ranking = rank_datasets(data_sets(make_test, {"a": 0.55, "b": 0.55, "c": 0.5, "d": 0.4}, rng))
        ranks = {rank_range.name: (rank_range.low, rank_range.high) for rank_range in ranking.rank_ranges}
        true = ranks["c"][0] <= 3 <= ranks["c"][1] and ranks["d"][0] <= 4 <= ranks["d"][1]
        wrong += not (true and ranks["a"][0] == ranks["b"][0] == 1 and min(ranks["a"][1], ranks["b"][1]) >= 2)
    assert wrong / 200 <= 0.08


def test_a_single_data_set_has_rank_1(make_test: MakeTest) -> None:
    ranking = rank_datasets({"a": [make_test([3, 4, 5, 6])]})
    assert ranking.pairs == ()
    (rank_range,) = ranking.rank_ranges
    assert (rank_range.rank, rank_range.low, rank_range.high, rank_range.rank_probabilities) == (1, 1, 1, (1.0,))


def test_ranking_needs_a_data_set(make_test: MakeTest) -> None:
    with pytest.raises(ValueError, match="at least one data set"):
        rank_datasets_of_model(model_of({"a": [make_test([3, 4, 5, 6])]}), [])


def test_data_sets_without_a_common_seed_are_not_compared(make_test: MakeTest) -> None:
    tests = {name: {Replicate(0, seed): make_test([3, 4, 5, 6])} for seed, name in enumerate("ab")}
    ranking = rank_datasets_of_model(fit(tests), ["a", "b"])
    assert ranking.pairs == ()
    assert [(rank_range.low, rank_range.high) for rank_range in ranking.rank_ranges] == [(1, 2), (1, 2)]


def test_holm_adjusted_p_values_are_monotone() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx((0.06, 0.03, 0.06))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()


def test_holm_rejects_the_same_hypotheses_as_the_step_down_procedure() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = rng.uniform(0, 0.05, 6)
        rejected = set()
        for step, i in enumerate(np.argsort(p)):
            if p[i] > 0.05 / (6 - step):
                break
            rejected.add(int(i))
        assert {i for i, adjusted in enumerate(holm(p.tolist())) if adjusted <= 0.05} == rejected


def test_intervals_at_the_levels_of_holm_exclude_zero_where_the_adjusted_p_is_small() -> None:
    p = [0.03, 0.001, 0.012, 0.5]
    assert holm_levels(p) == pytest.approx((1 - 0.05 / 2, 1 - 0.05 / 4, 1 - 0.05 / 3, 1 - 0.05 / 2))
    rng = np.random.default_rng(1)
    for _ in range(50):
        p = rng.uniform(0, 0.06, 5).tolist()
        significant = [adjusted <= 0.05 for adjusted in holm(p)]
        assert [value <= 1 - level for value, level in zip(p, holm_levels(p), strict=True)] == significant
    assert holm_levels([0.2]) == pytest.approx((0.95,))
    assert holm_levels([]) == ()
