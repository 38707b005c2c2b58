"""Plans of small studies, and their error messages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from prettyuseful.errors import UserError
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.study.reading import parse_study

PlanOf = Callable[..., Plan]


@pytest.fixture
def plan_of(shared_task: Path) -> PlanOf:
    """Plan data sets for a task with eight real training images of each of two classes, red and blue."""

    def plan(datasets: str, more: str = "train: {seeds: [0]}", task: str = f"{{folder: {shared_task}}}") -> Plan:
        lines = "".join(f"  {line}\n" for line in datasets.splitlines())
        return make_plan(parse_study(f"version: 1\ntask: {task}\nmetrics: []\n{more}\ndatasets:\n{lines}"))

    return plan


@pytest.fixture
def error_message(plan_of: PlanOf) -> Callable[..., str]:
    """Return the error message of a study with these data sets; it must be one line."""

    def line(datasets: str, **more: str) -> str:
        with pytest.raises(UserError) as error:
            plan_of(datasets, **more)
        assert "\n" not in str(error.value)
        return str(error.value)

    return line
