"""Predicted power, against a simulation of the interval and in its limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from prettyuseful import student
from prettyuseful.analysis.power import (
    Sizes,
    Variances,
    corrected_level,
    detectable_difference,
    detectable_sentence,
)
from prettyuseful.analysis.statistics import Component, Interval

STUDY = Variances(Sizes(3, 60), groups=1e-4, group_dof=50, seeds=2e-4, shared=5e-5, prior_dof=1.0, others_dof=2.0)
WITH_DRAWS = replace(STUDY, sizes=Sizes(3, 60, 4), draws=1e-4, draw_dof=6.0)


def simulated_power(v: Variances, difference: float, level: float) -> float:
    """The interval of `CellModel`, with variances drawn as the model says; a standard error of 0.1 points."""
    rng, count = np.random.default_rng(0), 200_000

    def scaled(dof: float) -> np.ndarray:
        return np.asarray(rng.chisquare(dof, count) / dof)

    groups = (v.groups + v.shared) * scaled(v.group_dof) - v.shared * scaled((v.sizes.seeds - 1) * v.group_dof)
    dof = v.sizes.seeds - 1
    own = prior = scaled(dof)
    if v.others_dof:
        prior = (dof * own + v.others_dof * v.others * scaled(v.others_dof)) / (dof + v.others_dof)
    seeds = v.seeds * np.maximum(own, (v.prior_dof * prior + dof * own) / v.seed_dof)
    squares = student.quantile(level, v.group_dof) ** 2 * np.maximum(groups, 0)
    squares += student.quantile(level, v.seed_dof) ** 2 * seeds
    if v.draws:
        squares += student.quantile(level, v.draw_dof) ** 2 * v.draws * scaled(v.draw_dof)
    return float((difference + v.error * rng.standard_normal(count) > squares**0.5).mean())


@pytest.mark.parametrize("level", [0.95, 0.995])
@pytest.mark.parametrize(
    "variances",
    [
        STUDY,
        WITH_DRAWS,
        replace(STUDY, prior_dof=0.0, others_dof=0.0),
        replace(STUDY, prior_dof=2.0, others=0.4, others_dof=6.0),
        replace(STUDY, groups=0.0),
        replace(STUDY, sizes=Sizes(10, 60), group_dof=8.0),
    ],
    ids=["study", "draws", "no borrowed dof", "others vary less", "groups do not matter", "few groups"],
)
def test_power_is_that_of_a_simulation(variances: Variances, level: float) -> None:
    for difference in (0.02, 0.06, 0.12):
        simulated = simulated_power(variances, difference, level)
        assert variances.power(difference, level) == pytest.approx(simulated, abs=0.004)


def test_with_one_seed_only_test_images_vary_and_power_is_that_of_a_t_test() -> None:
    one = Variances(Sizes(1, 12), groups=1e-4, group_dof=11)
    exact = float(stats.nct.sf(stats.t.ppf(0.975, 11), 11, 0.03 / 0.01))
    assert one.power(0.03, 0.95) == pytest.approx(exact, abs=0.002)
    assert one.power(-0.03, 0.95) == one.power(0.03, 0.95)
    assert one.needed_seeds(0.03, 0.95) is None


def test_without_a_difference_one_in_forty_intervals_errs_on_each_side() -> None:
    assert Variances(Sizes(1, 200), 1e-4, 199).power(0.0, 0.95) == pytest.approx(0.025, abs=0.001)


def test_the_detectable_difference_has_the_power_of_80_percent() -> None:
    for level in (0.95, corrected_level(0.95, 10)):
        difference = STUDY.detectable(level)
        assert difference is not None
        assert STUDY.power(difference, level) == pytest.approx(0.8, abs=0.001)
    assert Variances(Sizes(3, 60), 0.0, 50).detectable(0.95) is None


def test_a_study_of_other_sizes_has_the_variances_that_a_simulation_has() -> None:
    """Accuracies of S seeds on G groups: effects of groups, of seeds, and of seeds on groups."""

    def measured(seeds: int, groups: int) -> Variances:
        by_group, by_seed, both = 0.3**2 / groups, 0.02**2 / seeds, 0.2**2 / seeds / groups
        return Variances(Sizes(seeds, groups), by_group, groups - 1, by_seed + both, both)

    small, large = measured(3, 50), measured(12, 200)
    resized = small.resized(Sizes(12, 200))
    for name in ("groups", "seeds", "shared", "seed_dof"):
        assert getattr(resized, name) == pytest.approx(getattr(large, name))
    assert resized.group_dof == pytest.approx(196)
    assert STUDY.resized(STUDY.sizes) == STUDY
    draws = WITH_DRAWS.resized(Sizes(3, 60, 8))
    assert [draws.draws, draws.draw_dof] == pytest.approx([5e-5, 14])


def test_a_variance_of_one_seed_or_draw_is_not_known() -> None:
    for sizes in (Sizes(1, 60), Sizes(3, 60, 1)):
        with pytest.raises(ValueError, match="at least two"):
            WITH_DRAWS.resized(sizes)


def test_needed_numbers_are_the_smallest_that_are_enough() -> None:
    seeds = STUDY.needed_seeds(0.04, 0.95)
    assert seeds is not None
    powers = [STUDY.resized(Sizes(n, 60)).power(0.04, 0.95) for n in (seeds - 1, seeds)]
    assert powers[0] < 0.8 <= powers[1]
    groups = STUDY.needed_groups(0.065, 0.95)
    assert groups is not None
    powers = [STUDY.resized(Sizes(3, n)).power(0.065, 0.95) for n in (groups - 1, groups)]
    assert powers[0] < 0.8 <= powers[1]
    draws = WITH_DRAWS.needed_draws(0.075, 0.95)
    assert draws is not None
    powers = [WITH_DRAWS.resized(Sizes(3, 60, n)).power(0.075, 0.95) for n in (draws - 1, draws)]
    assert powers[0] < 0.8 <= powers[1]
    assert STUDY.needed_draws(0.075, 0.95) is None


def test_more_seeds_do_not_help_where_test_images_are_the_limit() -> None:
    assert STUDY.needed_seeds(0.02, 0.95) is None
    assert replace(STUDY, groups=1e-5).needed_seeds(0.02, 0.95) is not None


def test_the_upper_bound_of_the_variance_between_three_seeds_is_far_above_it() -> None:
    bound = replace(STUDY, prior_dof=0.0, others_dof=0.0).with_seeds_at_bound()
    assert bound.seeds / STUDY.seeds == pytest.approx(1 / (stats.chi2.ppf(0.2, 2) / 2))
    assert bound.seeds / STUDY.seeds == pytest.approx(4.48, abs=0.01)
    assert bound.groups == STUDY.groups
    assert bound.shared / STUDY.shared == pytest.approx(4.48, abs=0.01)


def interval(*components: Component, level: float = 0.95) -> Interval:
    return Interval(0.01, -0.02, 0.04, level, "", components=components, shared=5e-5)


SOURCES = (Component("test images", 1e-4, 50, 60), Component("training seeds", 2e-4, 3, 3))


def test_the_variances_of_an_interval_are_its_components() -> None:
    assert Variances.of(interval(*SOURCES)) == STUDY
    assert Variances.of(interval(*SOURCES, Component("draws", 1e-4, 6, 4))) == WITH_DRAWS
    assert Variances.of(interval(SOURCES[0])) == Variances(Sizes(1, 60), 1e-4, 50)
    assert Variances.of(interval()) is None


def test_more_seeds_do_not_narrow_what_selected_images_add() -> None:
    chosen = Variances.of(interval(*SOURCES, Component("selected images", 1e-4, 2, 3)))
    assert chosen == replace(STUDY, selected=1e-4, selected_dof=2)
    assert chosen.error == pytest.approx((STUDY.error**2 + 1e-4) ** 0.5)
    many = chosen.resized(replace(chosen.sizes, seeds=30))
    assert (many.selected, many.selected_dof) == (1e-4, 29)
    assert chosen.power(0.05, 0.95) < STUDY.power(0.05, 0.95)
    assert many.error > 1e-4**0.5


def test_the_sentence_says_what_the_study_would_have_found() -> None:
    found = detectable_difference(interval(*SOURCES))
    assert found is not None
    words = f"this study would have found a difference of at least {100 * found:.1f} points in 80% of cases"
    assert detectable_sentence(interval(*SOURCES)) == words
    stricter = detectable_difference(interval(*SOURCES, level=0.995))
    assert stricter is not None
    assert stricter > 1.3 * found
    assert "a difference between these trained classifiers of at least" in detectable_sentence(interval(SOURCES[0]))
    hopeless = Component("training seeds", 0.1, 1, 2)
    assert "would not have found any difference" in detectable_sentence(interval(SOURCES[0], hopeless))
    assert detectable_sentence(interval()) == ""


def test_the_first_step_of_holms_correction_is_that_of_bonferroni() -> None:
    assert corrected_level(0.95, 10) == pytest.approx(0.995)
    assert corrected_level(0.95, 1) == corrected_level(0.95, 0) == pytest.approx(0.95)
