"""The grid of real and generated images: which images every classifier gets, and for how many steps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.plan.conftest import PlanOf

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.portions import Portion
from prettyuseful.plan.planned import PlannedRun
from prettyuseful.plan.study import Plan
from prettyuseful.steps.classifiers import TrainMixSpec
from prettyuseful.study.file import REAL

BASE = "base: {generator: pocket-base, images_per_class: 12}"
CURVE = "curve: {real: [2, 4], synthetic: [0, 6, 12]}"
SEEDS = "train: {seeds: [0, 1]}\n"


def mixed(plan: Plan) -> list[PlannedRun]:
    return [run for run in plan.runs if run.mixed is not None]


def spec(plan: Plan, run: PlannedRun) -> TrainMixSpec:
    found = plan.steps[run.train].spec
    assert isinstance(found, TrainMixSpec)
    return found


def images(portion: Portion, available: int, label: int = 0) -> set[int]:
    return {(portion.first[label] + i) % available for i in range(portion.per_class[label])}


@pytest.fixture
def plan(plan_of: PlanOf) -> Plan:
    return plan_of(BASE, SEEDS + CURVE)


def test_every_point_is_trained_once_for_each_seed(plan: Plan) -> None:
    points = {(run.dataset, run.mixed.real, run.mixed.synthetic, run.seed) for run in mixed(plan) if run.mixed}
    rows = [(REAL, real, 0) for real in (2, 4)] + [("base", real, n) for real in (2, 4) for n in (6, 12)]
    assert points == {(*row, seed) for row in rows for seed in (0, 1)}
    assert len(mixed(plan)) == len(points)
    assert len({run.label for run in plan.runs}) == len(plan.runs)


def test_smaller_mixtures_are_parts_of_larger_ones(plan: Plan) -> None:
    for seed in (0, 1):
        by_point = {
            (run.mixed.real, run.mixed.synthetic): spec(plan, run).portions
            for run in mixed(plan)
            if run.mixed and run.seed == seed
        }
        assert (
            len(
                {
                    (portions[REAL].first, portions[REAL].per_class)
                    for (real, _), portions in by_point.items()
                    if real == 2
                }
            )
            == 1
        )
        few, many = by_point[2, 6], by_point[4, 12]
        assert images(few[REAL], 8) < images(many[REAL], 8)
        assert images(few["base"], 12) < images(many["base"], 12)


def test_seeds_have_other_images_where_there_are_enough(plan: Plan) -> None:
    first, second = (
        spec(plan, run).portions[REAL]
        for run in mixed(plan)
        if run.mixed and (run.mixed.real, run.mixed.synthetic) == (4, 0)
    )
    assert not images(first, 8) & images(second, 8)
    assert not any("share images" in note for note in plan.notes)


def test_too_few_images_for_every_seed_are_noted(plan_of: PlanOf) -> None:
    plan = plan_of(BASE, SEEDS + CURVE.replace("4]", "8]"))
    assert any("seeds share images" in note for note in plan.notes)


def test_all_mixtures_take_equally_many_steps_unless_epochs_are_fixed(plan_of: PlanOf) -> None:
    def steps(more: str) -> set[int]:
        plan = plan_of(BASE, SEEDS + CURVE.replace("}", more + "}"))
        found = set()
        for run in mixed(plan):
            recipe, count = spec(plan, run).recipe, run.images_per_class.total(2)
            found.add(recipe.epochs * (count // min(recipe.batch_size, count)))
        return found

    assert len(steps("")) == 1
    plan = plan_of(BASE, SEEDS + CURVE.replace("}", ", fixed: epochs}"))
    assert len({spec(plan, run).recipe.epochs for run in mixed(plan)}) == 1
    assert all(run.steps_of == ClassCounts(16) for run in mixed(plan_of(BASE, SEEDS + CURVE)))


def test_seeds_take_turns_with_the_draws_of_the_generator(plan_of: PlanOf) -> None:
    plan = plan_of(BASE.replace("12}", "12, draws: 2}"), "train: {seeds: [0, 1, 2]}\n" + CURVE)
    assert {(run.seed, run.draw) for run in mixed(plan) if run.dataset == "base"} == {(0, 0), (1, 1), (2, 0)}


def test_a_random_selection_is_another_one_for_each_seed(plan_of: PlanOf) -> None:
    more = BASE + "\nhalf: {select: {of: base, keep: random 50%}}"
    plan = plan_of(more, SEEDS + "curve: {of: half, real: [2], synthetic: [6]}")
    inputs = {plan.steps[run.train].inputs["half"] for run in mixed(plan) if run.dataset == "half"}
    assert len(inputs) == 2


def test_later_seeds_are_planned_but_not_needed_at_first(plan_of: PlanOf) -> None:
    plan = plan_of(BASE, SEEDS + CURVE.replace("}", ", precision: 1, at_most: 5}"))
    assert plan.is_adaptive
    assert {run.seed for run in plan.runs} == {0, 1}
    assert {run.seed for run in plan.all_runs if run.mixed} == {0, 1, 2, 3, 4}
    assert {run.seed for run in plan.all_runs if not run.mixed} == {0, 1}
    wanted = next(run for run in plan.all_runs if run.seed == 3)
    assert [run.id for run in plan.with_seeds({wanted.id}).runs if run.seed == 3] == [wanted.id]


def test_more_images_than_there_are_is_one_line(error_message: Callable[..., str]) -> None:
    real = error_message(BASE, more=SEEDS + CURVE.replace("4]", "9]"))
    assert real.startswith("curve.real: 9 real images per class are needed, but no class")
    generated = error_message(BASE, more=SEEDS + CURVE.replace("12]", "13]"))
    assert generated == (
        "curve.synthetic: 13 images per class of 'base' are needed, which has only 12; increase its images_per_class, "
        "or leave out the larger numbers"
    )
