"""The command forecast: errors before anything runs, and what it prints."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.cli.commands import call_here, one_error
from tests.made_up import made_up_summary

from prettyuseful.cli.forecasts import _print_result
from prettyuseful.records import ForecastRecord

RATES = {"real": 0.9, **{f"set-{index:02}": 0.3 + 0.5 * index / 14 for index in range(14)}}
FIRST = [f"set-{index:02}" for index in (0, 3, 5, 8, 11, 13)]


def study(count: int) -> str:
    names = "".join(
        f"  base-{seed}: {{generator: pocket-base, images_per_class: 10, seed: {seed}}}\n" for seed in range(count)
    )
    mixed = "  mixed: {mix: {base-0: 5, real: 5}}\n"
    return f"version: 1\ntask: photos\ndatasets:\n{names}{mixed}"


@pytest.mark.parametrize(
    ("count", "arguments", "message"),
    [
        (
            6,
            (),
            "a forecast needs at least 7 data sets without real images, of which 6 are trained, but the study has 6;",
        ),
        (9, ("--first", 9), "--first is 9; choose 6 to 8 of the 9 data sets"),
        (9, ("--first", 5), "--first is 5; choose 6 to 8 of the 9 data sets"),
    ],
)
def test_too_few_data_sets_are_reported_before_anything_runs(
    tmp_path: Path, count: int, arguments: tuple[Any, ...], message: str
) -> None:
    (tmp_path / "study.yaml").write_text(study(count))
    result = call_here("forecast", "study.yaml", *arguments, cwd=tmp_path)
    assert message in one_error(result)
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def result(**changes: Any) -> Any:
    summary = made_up_summary(**{"rates": RATES, "sample_images": 0} | changes)
    return SimpleNamespace(summary=summary, complete=True, report=Path("report.html"), records=Path("records"))


def test_the_table_has_every_data_set_and_the_sentences_follow(capsys: pytest.CaptureFixture[str]) -> None:
    shown = result(forecast=ForecastRecord(first=FIRST, best=["set-12"]))
    _print_result(shown, as_json=False)
    text = capsys.readouterr().out
    lines = [line for line in text.splitlines() if line.lstrip("\u2502 ").startswith("set-") and "[" in line]
    assert len(lines) == 14
    assert sum("trained first" in line for line in lines) == 6
    assert "The accuracy of 8 data sets is forecast from 6 that were trained." in " ".join(text.split())
    assert text.splitlines()[-1] == "report: report.html"


def test_a_refusal_gives_no_numbers_for_untrained_data_sets(capsys: pytest.CaptureFixture[str]) -> None:
    flat = {name: 0.5 + 0.02 * (index % 2) for index, name in enumerate(RATES)}
    refused = result(rates=flat, forecast=ForecastRecord(first=FIRST))
    _print_result(refused, as_json=True)
    content = json.loads(capsys.readouterr().out)["forecast"]
    assert content["refused"].startswith("There is no forecast: ")
    assert content["forecasts"] == []
    assert set(content["first"]) == set(FIRST)
    _print_result(refused, as_json=False)
    assert "trained first" not in capsys.readouterr().out
