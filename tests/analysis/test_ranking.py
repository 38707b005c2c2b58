from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from prettyuseful.analysis.ranking import holm, ranking
from prettyuseful.analysis.statistics import difference
from prettyuseful.records import TransferResult

MakeTest = Callable[..., TransferResult]
DataSets = dict[str, list[TransferResult]]


def data_sets(make_test: MakeTest, rates: dict[str, float], rng: np.random.Generator, seeds: int = 3) -> DataSets:
    hard = rng.normal(0, 0.1, 80)
    return {
        name: [make_test(rng.binomial(10, np.clip(rate + rng.normal(0, 0.01) + hard, 0, 1))) for _ in range(seeds)]
        for name, rate in rates.items()
    }


def test_ranks_by_the_mean_and_says_which_ranks_are_possible(make_test: MakeTest) -> None:
    tests = data_sets(make_test, {"worst": 0.2, "good": 0.6, "as good": 0.6}, np.random.default_rng(0))
    found = ranking(tests)
    assert [place.rank for place in found.places] == [1, 2, 3]
    means = [place.mean for place in found.places]
    assert means == sorted(means, reverse=True)
    ranks = {place.name: (place.low, place.high) for place in found.places}
    assert ranks == {"good": (1, 2), "as good": (1, 2), "worst": (3, 3)}
    for place in found.places:
        assert sum(place.chances) == pytest.approx(1)
        assert len(place.chances) == 3
    assert found.places[2].chances[2] > 0.99


def test_chances_of_a_rank_add_up_to_one(make_test: MakeTest) -> None:
    found = ranking(data_sets(make_test, dict.fromkeys("abcd", 0.5), np.random.default_rng(1)))
    assert np.sum([place.chances for place in found.places], axis=0) == pytest.approx(np.ones(4))


@pytest.mark.parametrize("seeds", [1, 3, 10])
def test_of_two_the_chance_is_what_the_paired_p_says(make_test: MakeTest, seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    for _ in range(5):
        found = ranking(data_sets(make_test, {"a": 0.5, "b": 0.52}, rng, seeds))
        (pair,) = found.pairs
        assert pair.alone.p is not None
        assert found.places[0].chances[0] == pytest.approx(1 - pair.alone.p / 2, abs=0.06)


def test_three_seeds_leave_as_much_doubt_as_students_t_has(make_test: MakeTest) -> None:
    a, b = ([make_test([right] * 40, size=100) for right in of_seeds] for of_seeds in ([55, 73, 68], [50, 60, 60]))
    found = ranking({"a": a, "b": b})
    of_t = stats.ttest_1samp([0.05, 0.13, 0.08], 0)
    assert found.pairs[0].alone.p == pytest.approx(of_t.pvalue)
    assert found.places[1].chances[0] == pytest.approx(of_t.pvalue / 2, abs=0.006)


def test_pairs_are_the_paired_differences_alone_and_together(make_test: MakeTest) -> None:
    tests = data_sets(make_test, {"a": 0.5, "b": 0.6, "c": 0.7}, np.random.default_rng(2))
    found = ranking(tests)
    assert [(pair.a, pair.b) for pair in found.pairs] == [("c", "b"), ("c", "a"), ("b", "a")]
    pair = found.pairs[1]
    assert pair.alone == difference(tests["c"], tests["a"])
    assert pair.together == difference(tests["c"], tests["a"], 1 - 0.05 / 3)
    assert pair.together.low < pair.alone.low
    one_sided = [float(of_pair.alone.p or 0) / 2 for of_pair in found.pairs]
    assert [of_pair.p for of_pair in found.pairs] == pytest.approx(holm([*one_sided, *(1 - p for p in one_sided)])[:3])


def test_the_same_groups_are_drawn_for_every_data_set(make_test: MakeTest) -> None:
    """Groups that are hard for both move both alike: a small difference is then sure, though each mean is not."""
    easy = np.tile([0, 3, 6, 8], 20)
    a = [make_test(easy + np.tile([2, 1, 2, 1], 20)) for _ in range(3)]
    b = [make_test(easy + np.tile([1, 1, 1, 1], 20)) for _ in range(3)]
    found = ranking({"b": b, "a": a})
    assert found.places[0].name == "a"
    assert found.places[0].chances[0] > 0.99
    assert found.places[0].high == 1


def test_equals_share_their_ranks(make_test: MakeTest) -> None:
    same = [make_test([4, 5, 6, 7] * 5)] * 3
    found = ranking({"a": same, "b": same})
    assert [place.chances[0] for place in found.places] == pytest.approx([0.5, 0.5], abs=0.02)
    assert {(place.low, place.high) for place in found.places} == {(1, 2)}


def test_ranks_hold_in_95_percent_for_all_data_sets_at_once(make_test: MakeTest) -> None:
    """Every data set's true rank is in its range; a and b are equals, and either may come first."""
    rng, wrong = np.random.default_rng(3), 0
    for _ in range(200):
        found = ranking(data_sets(make_test, {"a": 0.55, "b": 0.55, "c": 0.5, "d": 0.4}, rng))
        ranks = {place.name: (place.low, place.high) for place in found.places}
        true = ranks["c"][0] <= 3 <= ranks["c"][1] and ranks["d"][0] <= 4 <= ranks["d"][1]
        wrong += not (true and ranks["a"][0] == ranks["b"][0] == 1 and min(ranks["a"][1], ranks["b"][1]) >= 2)
    assert wrong / 200 <= 0.08


def test_one_data_set_is_first(make_test: MakeTest) -> None:
    found = ranking({"a": [make_test([3, 4, 5, 6])]})
    assert found.pairs == ()
    (place,) = found.places
    assert (place.rank, place.low, place.high, place.chances) == (1, 1, 1, (1.0,))


def test_needs_the_same_tests_for_all(make_test: MakeTest) -> None:
    with pytest.raises(ValueError, match="same test groups"):
        ranking({"a": [make_test([3, 4, 5, 6])], "b": [make_test([3, 4])]})
    with pytest.raises(ValueError, match="same test groups"):
        ranking({})


def test_holm_multiplies_by_how_many_are_left_and_never_falls() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx((0.06, 0.03, 0.06))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()


def test_holm_rejects_what_stepping_down_rejects() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = rng.uniform(0, 0.05, 6)
        rejected = set()
        for step, i in enumerate(np.argsort(p)):
            if p[i] > 0.05 / (6 - step):
                break
            rejected.add(int(i))
        assert {i for i, adjusted in enumerate(holm(p.tolist())) if adjusted <= 0.05} == rejected
