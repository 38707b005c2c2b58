"""What a run shows while it runs. Words of users and models are shown as they are, whatever a terminal library could
read into them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from prettyuseful import console
from prettyuseful.console import StepProgress
from prettyuseful.engine.events import RunPlanned, StepEvent
from prettyuseful.engine.step import Step
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.steps.datasets import SampleSpec

LABEL, CAUSE = "generate a: [blue] class [/x] 0-5", "RuntimeError: [enforce fail at alloc_cpu.cpp] no [/tmp/x]"


@pytest.fixture
def step() -> Step:
    return Step(SampleSpec(per_class=1), {}, LABEL, 1)


@pytest.fixture
def planned(step: Step, tmp_path: Path) -> RunPlanned:
    return RunPlanned({step.key: step}, 1, LocalStore(tmp_path / "store"))


@pytest.mark.parametrize("kind", ["failed", "retried"])
def test_labels_and_causes_are_no_markup(
    step: Step,
    planned: RunPlanned,
    kind: Literal["failed", "retried"],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(console, "_LINE_EVERY", -1)  # a line for every event
    with StepProgress() as progress:
        progress(planned)
        for event in (
            StepEvent("started", step),
            StepEvent("progress", step, 0.5),
            StepEvent(kind, step, cause=CAUSE),
        ):
            progress(event)
    shown = capsys.readouterr().err.splitlines()
    assert any(line.endswith(f"  {LABEL}") for line in shown)
    assert any(line.endswith(f"{LABEL}: {CAUSE}") for line in shown)


def test_steps_are_counted_and_time_is_not_guessed(
    step: Step, planned: RunPlanned, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "_LINE_EVERY", -1)
    with StepProgress() as progress:
        progress(planned)
        progress(StepEvent("started", step))
        progress(StepEvent("finished", step, 1.0))
    first, *others = capsys.readouterr().err.splitlines()
    assert first == "1 steps to do, 1 at a time"
    assert any(line.startswith("0/1 steps") and " left" not in line for line in others)
    assert others[-1].startswith("done in ")


def test_nothing_to_do_says_nothing(planned: RunPlanned, capsys: pytest.CaptureFixture[str]) -> None:
    with StepProgress() as progress:
        progress(RunPlanned({}, 1, planned.store))
    assert capsys.readouterr().err == ""
