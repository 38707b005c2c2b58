from __future__ import annotations

from typing import Any

import pytest
from tests.study.texts import EXAMPLE, error_message

from prettyuseful.study.file import Study
from prettyuseful.study.halving import HalvingPlan, amount_of
from prettyuseful.study.reading import parse_study


def halving(text: str) -> HalvingPlan:
    plan = parse_study(EXAMPLE.replace("seeds: [0, 1, 2]", f"halving: {text}")).train.halving
    assert plan is not None
    return plan


@pytest.mark.parametrize("text", ["{}", "images", "{over: images, keep: 1/3, rungs: 3}"])
def test_the_short_forms_are_the_defaults(text: str) -> None:
    assert halving(text) == HalvingPlan()
    assert halving(text).shares == pytest.approx((1 / 9, 1 / 3, 1))


@pytest.mark.parametrize(("written", "share"), [("1/3", 1 / 3), ("25%", 0.25), ("0.5", 0.5), ("12.5 %", 0.125)])
def test_shares_are_fractions_percentages_or_numbers(written: str, share: float) -> None:
    assert halving(f"{{keep: {written}}}").keep == pytest.approx(share)


def test_budgets_grow_by_equal_factors() -> None:
    assert halving("{over: epochs, rungs: 3, smallest: 4%}").shares == pytest.approx((0.04, 0.2, 1))
    assert halving("{rungs: 2, keep: 0.5}").shares == (0.5, 1)


def test_a_fixed_share_is_kept_and_at_least_two() -> None:
    plan = HalvingPlan()
    assert [plan.number_kept(number) for number in (27, 9, 10, 3, 2, 1)] == [9, 3, 4, 2, 2, 1]


def test_the_best_are_kept_and_of_equal_ones_the_first() -> None:
    assert HalvingPlan().best({"a": 0.2, "b": 0.5, "c": 0.2, "d": 0.4}) == ("b", "d")
    assert HalvingPlan().best({"a": 0.2, "b": 0.2, "c": 0.2}) == ("a", "b")


@pytest.mark.parametrize(("share", "whole", "amount"), [(1 / 9, 9, 1), (1 / 3, 9, 3), (1 / 3, 10, 4), (0.01, 5, 1)])
def test_amounts_are_rounded_up(share: float, whole: int, amount: int) -> None:
    assert amount_of(share, whole) == amount


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("pictures", "over: expected 'images' or 'epochs'"),
        ("{keep: 1}", "keep"),
        ("{keep: 1/0}", "keep"),
        ("{keep: 200%}", "keep"),
        ("{rungs: 1}", "rungs"),
        ("{rungs: 8, keep: 0.1}", "too little; use fewer rungs"),
        ("{until: 3}", "unknown key 'until'"),
    ],
)
def test_a_mistake_is_one_line_with_a_remedy(written: str, message: str) -> None:
    assert message in error_message(EXAMPLE.replace("seeds: [0, 1, 2]", f"halving: {written}"))


def test_seeds_are_not_added_as_well() -> None:
    text = EXAMPLE.replace("seeds: [0, 1, 2]", "seeds: [0, 1], until: sure, halving: {}")
    assert "halving and until exclude each other" in error_message(text)


def test_a_study_as_written_is_read_again() -> None:
    study = parse_study(EXAMPLE.replace("seeds: [0, 1, 2]", "halving: {keep: 1/3}"))
    written: dict[str, Any] = study.as_written()
    assert Study.model_validate(written) == study


def test_a_curve_of_mixtures_needs_all_data_sets() -> None:
    text = EXAMPLE.replace("seeds: [0, 1, 2]", "halving: {}") + "curve: {real: [2, 4], synthetic: [0, 2]}\n"
    assert "curve and halving exclude each other" in error_message(text)
