"""What a study needs to find a difference, from made-up tests of its classifiers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.analysis.conftest import MakeTest

from prettyuseful.analysis.detection import Compared, Detection, Need, StudySizes, detect
from prettyuseful.analysis.power import Variances
from prettyuseful.analysis.statistics import CellModel, Replicate, Tests, fit

SIZES = StudySizes(3, {"a": 1, "b": 1}, test_images=2000, seed_seconds=60.0, draw_seconds=600.0)
PAIR = Compared("a", "b", "planned")


@pytest.fixture
def model(make_test: MakeTest) -> CellModel:
    """Two data sets with two draws and three seeds, on 200 groups of ten images."""
    rng = np.random.default_rng(3)

    def tests() -> Tests:
        found, of_groups = {}, 0.1 * rng.standard_normal(200)
        for draw in range(2):
            of_draw = 0.02 * rng.standard_normal()
            for seed in range(3):
                rates = 0.6 + of_draw + 0.02 * rng.standard_normal() + of_groups
                found[Replicate(draw, seed)] = make_test(rng.binomial(10, np.clip(rates, 0, 1)))
        return found

    return fit({"a": tests(), "b": tests()})


def known(value: float | None) -> float:
    assert value is not None
    return value


def need_of(model: CellModel, difference: float = 0.05, sizes: StudySizes = SIZES, pair: Compared = PAIR) -> Need:
    (need,) = detect([(pair, model)], difference, sizes)
    return need


def lines(model: CellModel, difference: float, sizes: StudySizes = SIZES, pair: Compared = PAIR) -> list[str]:
    needs = detect([(pair, model)], difference, sizes)
    return [*Detection(difference, sizes, needs, "variances from a test").lines("the pilot")]


def test_more_of_anything_raises_the_power_and_lowers_what_is_needed(model: CellModel) -> None:
    need = need_of(model)
    assert known(need.power) < min(known(need.more_seeds), known(need.more_images))
    larger = need_of(model, sizes=replace(SIZES, seeds=4))
    assert larger.power == pytest.approx(need.more_seeds)
    assert known(larger.detectable) < known(need.detectable)
    assert known(need.seeds) < known(need.seeds_at_bound)


def test_draws_count_only_where_the_study_has_several(model: CellModel) -> None:
    one, two = need_of(model, 0.1), need_of(model, 0.1, replace(SIZES, draws={"a": 2, "b": 2}))
    assert (one.draws, one.more_draws) == (None, None)
    assert known(two.draws) > 2
    assert known(two.power) < min(known(one.power), known(two.more_draws))


def test_the_level_is_that_of_the_first_step_of_holms_correction(model: CellModel) -> None:
    several = Compared("a", "b", "planned", 5)
    assert need_of(model, pair=several).level == pytest.approx(0.99)
    text = "\n".join(lines(model, 0.05, pair=several))
    assert "a - b (the least precise of 5 planned comparisons, 99.0% interval as in the first step of Holm" in text


def test_test_images_are_scaled_with_their_groups(model: CellModel) -> None:
    at_the_limit = need_of(model, known(need_of(model).detectable))
    assert at_the_limit.test_images == pytest.approx(SIZES.test_images, rel=0.02)


def test_one_seed_has_no_power_but_a_need(model: CellModel) -> None:
    single = need_of(model, sizes=replace(SIZES, seeds=1))
    assert (single.power, single.detectable, single.more_seeds) == (None, None, None)
    assert single.seeds is not None
    text = "\n".join(lines(model, 0.05, replace(SIZES, seeds=1)))
    assert "with one seed, intervals do not cover the variation between training runs" in text
    assert f"for 80%: {single.seeds} seeds" in text


def test_seeds_are_combined_with_test_images_where_they_are_not_enough(model: CellModel) -> None:
    need = need_of(model, 0.02)
    assert need.seeds is None
    assert need.combined is not None
    text = "\n".join(lines(model, 0.02))
    assert "for 80%: no number of seeds is enough with these test images; or " in text
    assert f"{need.combined[0]} times the test images and {need.combined[1]} seeds" in text


def test_the_lines_say_the_power_what_is_needed_and_what_helps_most(model: CellModel) -> None:
    first, now, needed, helps = lines(model, 0.05)
    assert first == (
        "power to find a true difference of 5 points: how often its interval excludes zero; variances from a test"
    )
    assert now.startswith("a - b (planned comparison, 95% interval): ")
    assert "% with 3 seeds and 2,000 test images; 80% from a difference of " in now
    assert needed.startswith("for 80%: ")
    assert "if the variance between seeds is at its upper 80% bound" in needed
    assert helps.startswith("what helps most: one more seed +")
    assert "for about 60 s" in helps


def test_enough_power_needs_no_advice(model: CellModel) -> None:
    assert len(lines(model, 0.4)) == 2


def test_without_variances_the_pilot_is_named() -> None:
    (line,) = Detection(0.02, SIZES, ()).lines("prettyuseful plan my.yaml --detect 2 --pilot")
    assert line.endswith("run a pilot, whose results the study reuses: prettyuseful plan my.yaml --detect 2 --pilot")


def test_a_comparison_with_one_common_seed_is_left_out(make_test: MakeTest) -> None:
    tests = {
        name: {Replicate(0, 0): make_test(correct)} for name, correct in (("a", [1, 2, 3, 2]), ("b", [2, 4, 1, 4]))
    }
    assert detect([(PAIR, fit(tests))], 0.05, SIZES) == ()


def test_results_that_do_not_vary_give_no_power() -> None:
    (line,) = Detection(0.02, SIZES, (), "variances from a test").lines("the pilot")
    assert line == "power: not known, because results in the store do not vary (variances from a test)"


def test_json_has_every_comparison_in_points(model: CellModel) -> None:
    needs = detect([(PAIR, model)], 0.05, SIZES)
    document = Detection(0.05, SIZES, needs, "a test").as_json()
    (comparison,) = document["comparisons"]
    assert document["difference_points"] == pytest.approx(5)
    assert comparison["detectable_points"] == pytest.approx(100 * known(needs[0].detectable))
    assert (comparison["a"], comparison["family"], comparison["power"]) == ("a", "planned", needs[0].power)


def test_names_of_real_images_are_short() -> None:
    assert Compared("base", "real@40", "real").names == "base - real"


def test_needs_follow_the_variances_of_the_interval(model: CellModel) -> None:
    interval = model.difference("a", "b")
    assert interval is not None
    variances = Variances.of(interval)
    assert variances is not None
    without_draws = replace(variances, sizes=replace(variances.sizes, draws=1), draws=0.0, draw_dof=0.0)
    assert need_of(model).detectable == pytest.approx(without_draws.detectable(0.95))
