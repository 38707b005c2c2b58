"""Plans of the data sets of a small study, and what it is told about mistakes."""

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
    """The plan of the data sets of a study on eight real train images of red and blue each."""

    def plan(datasets: str, more: str = "train: {seeds: [0]}", task: str = f"{{folder: {shared_task}}}") -> Plan:
        lines = "".join(f"  {line}\n" for line in datasets.splitlines())
        return make_plan(parse_study(f"version: 1\ntask: {task}\nmetrics: []\n{more}\ndatasets:\n{lines}"))

    return plan


@pytest.fixture
def complaint(plan_of: PlanOf) -> Callable[..., str]:
    """The one line that a study gets for its data sets."""

    def line(datasets: str, **more: str) -> str:
        with pytest.raises(UserError) as error:
            plan_of(datasets, **more)
        assert "\n" not in str(error.value)
        return str(error.value)

    return line
