"""Words of users and models are shown as they are, whatever a terminal library could read into them."""

from __future__ import annotations

import pytest

from prettyuseful import console
from prettyuseful.console import StepProgress
from prettyuseful.engine.cost import Rates
from prettyuseful.engine.execute import Event
from prettyuseful.engine.step import Step
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES
from prettyuseful.steps.prompts import PromptSpec

LABEL, CAUSE = "generate a: [blue] class [/x] 0-5", "RuntimeError: [enforce fail at alloc_cpu.cpp] no [/tmp/x]"


@pytest.fixture
def step() -> Step:
    return Step(PromptSpec(strategy=PROMPT_STRATEGIES.pinned("class-name"), classes=("a",)), {}, LABEL, 1)


@pytest.mark.parametrize("kind", ["failed", "retried"])
def test_labels_and_causes_are_no_markup(
    step: Step, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "_LINE_EVERY", -1)  # a line for every event
    with StepProgress({step.key: step}, Rates(), 1) as progress:
        for event in (Event("started", step), Event("progress", step, 0.5), Event(kind, step, cause=CAUSE)):  # type: ignore[arg-type]
            progress(event)
    shown = capsys.readouterr().err.splitlines()
    assert any(line.endswith(f" left  {LABEL}") for line in shown)
    assert any(line.endswith(f"{LABEL}: {CAUSE}") for line in shown)


def test_steps_that_nobody_has_timed_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    from prettyuseful.plan.study import make_plan
    from prettyuseful.study.reading import parse_study

    study = "version: 1\ntask: photos\nmetrics: []\ndatasets: {a: {generator: sd-1.5, images_per_class: 10}}"
    with StepProgress(make_plan(parse_study(study)).steps, Rates(), 1):
        pass
    assert " and 17 steps that nobody has timed yet, 1 at a time" in capsys.readouterr().err
