from __future__ import annotations

from collections.abc import Callable

from tests.plan.plans import dataset, specs

from prettyuseful.engine.cost import fees_of
from prettyuseful.plan.study import Plan
from prettyuseful.steps.datasets import SubsetSpec
from prettyuseful.steps.generation import CollectSpec
from prettyuseful.steps.hosted import HostedSpec

PlanOf = Callable[..., Plan]
HOSTED = "{endpoint: 'https://api.example/v1', model: painter%s}"


def line(per_class: int = 60, more: str = "", rest: str = "") -> str:
    return f"hosted: {{generator: {HOSTED % more}, images_per_class: {per_class}{rest}}}"


def test_each_step_makes_25_images_of_a_class(plan_of: PlanOf) -> None:
    plan = plan_of(line())
    steps = specs(plan, HostedSpec)
    assert [(spec.label, spec.first, spec.stop) for spec in steps] == [
        (label, first, stop) for label in (0, 1) for first, stop in ((0, 25), (25, 50), (50, 60))
    ]
    (collect,) = specs(plan, CollectSpec)
    assert collect.images_per_class == 60
    origin = dataset(plan, "hosted").origin
    assert origin is not None
    assert (origin.id, origin.kind, origin.is_generated) == ("painter", "hosted", True)
    assert "the same requests would give other images" in origin.note


def test_more_images_leave_whole_steps_as_they_are(plan_of: PlanOf) -> None:
    few, many = (
        {key for key, step in plan_of(line(count)).steps.items() if isinstance(step.spec, HostedSpec)}
        for count in (50, 100)
    )
    assert few < many


def test_another_draw_asks_again_and_the_budget_is_for_all_draws(
    plan_of: PlanOf, error_message: Callable[..., str]
) -> None:
    draws = line(5, ", cost_per_image: 0.1, at_most: 2.5", ", draws: 2")
    steps = specs(plan_of(draws), HostedSpec)
    allowances = [spec.allowance for spec in steps if spec.allowance]
    assert [(each.images, each.alone, each.together) for each in allowances] == [(5, 2, 5), *[(5, 1, 5)] * 3]
    assert len({each.ledger for each in allowances}) == 1
    assert [spec.seed for spec in steps] == [0, 0, 1, 1]
    short = line(5, ", cost_per_image: 0.1, at_most: 1.5", ", draws: 2")
    assert error_message(short) == (
        "data set 'hosted': 20 images of painter at 0.1 each cost 2.00, but at_most is 1.50, which is enough for 15; "
        "raise at_most, or set a smaller images_per_class"
    )


def test_the_fees_of_a_plan_are_told(plan_of: PlanOf) -> None:
    priced = line(50, ", cost_per_image: 0.25")
    assert fees_of(plan_of(priced).steps.values()) == "hosted models are asked for 100 images for 25.00"
    both = f"{priced}\nother: {{generator: {HOSTED % '2'}, images_per_class: 5}}"
    assert fees_of(plan_of(both).steps.values()) == (
        "hosted models are asked for 110 images for 25.00; 10 have no cost_per_image"
    )
    assert fees_of(plan_of("a: {generator: pocket-base, images_per_class: 5}").steps.values()) == ""


def test_settings_of_other_generators_are_refused(error_message: Callable[..., str]) -> None:
    message = error_message(line(5, "", ", sampling: paper"))
    assert message == (
        "data set 'hosted': sampling has no effect here: a hosted model has other settings (options); remove it"
    )
    assert "unknown key 'modle' in datasets.hosted.generator; did you mean 'model'?" in error_message(
        "hosted: {generator: {endpoint: 'http://localhost:1/v1', modle: painter}, images_per_class: 2}"
    )


def test_a_rung_of_halving_asks_for_its_share_only(plan_of: PlanOf) -> None:
    halving = "train: {seeds: [0], halving: {keep: 25%, rungs: 2}}"
    plan = plan_of(line(60) + "\n" + line(60, "2").replace("hosted:", "other:"), more=halving)
    first = [step for step in plan.steps.values() if isinstance(step.spec, HostedSpec)]
    assert {(step.spec.first, step.spec.stop) for step in first if isinstance(step.spec, HostedSpec)} == {(0, 25)}
    assert len(specs(plan, SubsetSpec)) == 2
