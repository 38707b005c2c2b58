"""Progress on stderr. Labels of steps are printed literally, not as markup of the terminal library."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.made_up import made_up_summary

from prettyuseful import console
from prettyuseful.checks.places import CheckedSet, DataReport
from prettyuseful.console import StepProgress, check_table, checked_sets_table, print_out, summary_table
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.engine.events import RunPlanned, StepEvent
from prettyuseful.engine.step import Step, manifest_of
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.interface_checks import CheckResult
from prettyuseful.steps.datasets import SampleSpec

LABEL = "generate a: [blue] class [/x] 0-5"


@pytest.fixture
def step() -> Step:
    return Step(SampleSpec(per_class=1), {}, LABEL, 1)


@pytest.fixture
def planned(step: Step, tmp_path: Path) -> RunPlanned:
    return RunPlanned({step.key: step}, 1, LocalStore(tmp_path / "store"))


def test_labels_are_not_read_as_markup(
    step: Step,
    planned: RunPlanned,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(console, "_LINE_INTERVAL", -1)  # a line for every event
    with StepProgress() as progress:
        progress(planned)
        progress(StepEvent("started", step))
        progress(StepEvent("progress", step, 0.5))
    assert any(line.endswith(f"  {LABEL}") for line in capsys.readouterr().err.splitlines())


def test_progress_counts_steps_and_shows_no_time_without_measurements(
    step: Step, planned: RunPlanned, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "_LINE_INTERVAL", -1)
    with StepProgress() as progress:
        progress(planned)
        progress(StepEvent("started", step))
        progress(StepEvent("finished", step, 1.0))
    first, *others = capsys.readouterr().err.splitlines()
    assert first == "1 step to run, 1 at a time"
    assert any(line.startswith("0/1 steps") and " left" not in line for line in others)
    assert others[-1].startswith("done in ")


def test_a_run_without_steps_prints_nothing(planned: RunPlanned, capsys: pytest.CaptureFixture[str]) -> None:
    with StepProgress() as progress:
        progress(RunPlanned({}, 1, planned.store))
    assert capsys.readouterr().err == ""


def test_a_run_first_says_how_many_steps_run_and_why(
    step: Step, planned: RunPlanned, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(step, spec=SampleSpec(per_class=2))
    whole = replace(planned, plan={step.key: step, other.key: other})
    with StepProgress() as progress:
        progress(whole)
        progress(replace(whole, steps={other.key: other}))
    first, second, third, fourth, done = capsys.readouterr().err.splitlines()
    assert (first, second) == ("1 of 2 steps to run: the store has none of them", "1 at a time")
    assert (third, fourth) == ("1 further step to run: the store has none of them", "1 at a time")
    assert done.startswith("done in ")
    with StepProgress(explains=False) as progress:
        progress(whole)
    assert capsys.readouterr().err.startswith("1 step to run, 1 at a time\n")


def test_a_run_says_which_field_changed(step: Step, planned: RunPlanned, capsys: pytest.CaptureFixture[str]) -> None:
    planned.store.commit(manifest_of(step, (), {}, 1.0))
    other = replace(step, spec=SampleSpec(per_class=2))
    with StepProgress() as progress:
        progress(replace(planned, steps={other.key: other}, plan={other.key: other}))
    first, second, _ = capsys.readouterr().err.splitlines()
    assert first == "1 of 1 steps to run: per_class changed from 1 to 2"
    assert second == "about 1.0 s, 1 at a time"


def test_a_run_says_that_nothing_is_to_do(planned: RunPlanned, capsys: pytest.CaptureFixture[str]) -> None:
    with StepProgress() as progress:
        progress(RunPlanned({}, 1, planned.store, planned.steps))
    assert capsys.readouterr().err == "all results are in the store: 0 of 1 steps to run\n"


def test_quiet_hides_progress(
    step: Step, planned: RunPlanned, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.getLogger("prettyuseful"), "level", logging.WARNING)
    with StepProgress() as progress:
        progress(planned)
        progress(StepEvent("finished", step, 1.0))
    assert capsys.readouterr().err == ""


def test_no_colour_codes_outside_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_out(check_table("mine:Mine", [CheckResult("it works"), CheckResult("it is fast", "it is slow")]))
    text = capsys.readouterr().out
    assert re.search("passed .*it works", text)
    assert re.search("failed .*it is fast .*it is slow", text)
    assert "1 of 2 checks failed" in text
    assert "\x1b" not in text


def test_printed_text_has_no_secrets(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", "canary-1234")
    print_out("failed: generate: 401 for canary-1234")
    assert capsys.readouterr().out == "failed: generate: 401 for [CANARY_KEY]\n"


def test_checked_sets_are_listed_with_their_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    images = CheckedSet(name="a[red] place", role="train", images=12345, classes=7, notes=())
    print_out(checked_sets_table(DataReport(sets=(images,), data={}, findings=())))
    text = capsys.readouterr().out
    assert re.search(r"set +role +images +classes", text)
    assert re.search(r"a\[red\] place +train +12,345 +7", text)


def test_metrics_of_different_numbers_of_images_say_the_number(capsys: pytest.CaptureFixture[str]) -> None:
    summary = made_up_summary(metrics=("density", "kid"))
    print_out(summary_table(summary))
    assert "(n = " not in capsys.readouterr().out
    last = summary.rows[-1]
    few = tuple(replace(measure, images_per_class=ClassCounts(5)) for measure in last.distribution)
    print_out(summary_table(replace(summary, rows=(*summary.rows[:-1], replace(last, distribution=few)))))
    text = capsys.readouterr().out
    assert (text.count("(n = 5)"), text.count("(n = 20)")) == (1, len(summary.rows) - 1)
    assert "n: images per class that were compared" in text
