"""The steps of the data checks."""

from __future__ import annotations

import pytest
from tests.plan.plans import dataset, keys, plan_study, specs

from prettyuseful.plan.study import Plan
from prettyuseful.steps.checks import CheckSpec


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_study(
        "version: 1\ntask: photos\ndatasets:\n"
        "  base: {generator: pocket-base, images_per_class: 6}\n"
        "  half: {mix: {real: 3, base: 3}}\n"
        "  blurred: {of: base, images_per_class: 6, transform: {kind: blur, width: 0.02}}\n"
        "train: {seeds: [0]}\nmetrics: []\n"
    )


def test_real_and_generated_images_are_checked_but_not_what_is_made_of_them(plan: Plan) -> None:
    assert {(spec.name, spec.role) for spec in specs(plan, CheckSpec)} == {("real", "train"), ("base", "synthetic")}
    for name in ("half", "blurred"):
        assert not {"inspect", "check"} & set(dataset(plan, name).keys)


def test_every_set_is_inspected_once(plan: Plan) -> None:
    assert sorted(plan.steps[key].label for key in keys(plan, "inspect")) == [
        "inspect base",
        "inspect the real test images",
        "inspect the real training images",
    ]


def test_a_check_reads_its_set_and_the_real_images(plan: Plan) -> None:
    real, base = dataset(plan, "real"), dataset(plan, "base")
    check = plan.steps[base.keys["check"]]
    assert check.inputs["images"] == base.keys["inspect"]
    assert check.inputs["train"] == real.keys["inspect"]
    assert plan.steps[base.keys["inspect"]].inputs == {"dataset": base.key}
    assert set(plan.steps[real.keys["check"]].inputs) == {"images", "test"}


def test_only_the_largest_real_images_are_checked() -> None:
    plan = plan_study(
        "version: 1\ntask: photos\nmetrics: []\ndatasets:\n"
        "  few: {generator: pocket-base, images_per_class: 6}\n"
        "  many: {generator: pocket-base, images_per_class: 9}\n"
    )
    real = [planned for planned in plan.datasets if planned.name == "real"]
    assert [(planned.images_per_class.largest, "check" in planned.keys) for planned in real] == [(6, False), (9, True)]
