"""The command forecast."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prettyuseful.cli.app import (
    DEFAULT_STORE,
    Command,
    JsonOption,
    OnOption,
    OutOption,
    Panel,
    StoreOption,
    StudyArgument,
    WorkersOption,
    app,
    exit_if_missing,
    print_json,
)

if TYPE_CHECKING:
    from prettyuseful.results import StudyResult


@app.command(
    cls=Command, rich_help_panel=Panel.STUDIES, epilog="Example: prettyuseful forecast study.yaml --train-best 5"
)
def forecast(
    study: StudyArgument,
    first: Annotated[
        int | None,
        typer.Option(
            "--first",
            min=1,
            show_default="one of five, at least 6",
            help="Number of data sets to train and to learn from.",
            rich_help_panel=Panel.DATA,
        ),
    ] = None,
    train_best: Annotated[
        int,
        typer.Option(
            "--train-best",
            min=0,
            help="Then train this many data sets, those with the highest forecasts, and compare.",
            rich_help_panel=Panel.DATA,
        ),
    ] = 0,
    store: StoreOption = DEFAULT_STORE,
    out: OutOption = None,
    workers: WorkersOption = None,
    on: OnOption = "local",
    as_json: JsonOption = False,
) -> None:
    """Train a few of many data sets, and forecast the accuracy of the others from numbers that need no training."""
    from prettyuseful.console import StepProgress
    from prettyuseful.forecasting import run_forecast
    from prettyuseful.study.reading import load_study

    loaded, folder = load_study(study), out or Path(f"{study.stem}-forecast")
    with StepProgress() as progress:
        result = run_forecast(loaded, store, folder, first, train_best, workers, on, progress)
    _print_result(result, as_json)
    exit_if_missing(result.summary.problems)


def _print_result(result: StudyResult, as_json: bool) -> None:
    from prettyuseful.console import forecast_table, print_out

    found = result.summary.forecast
    assert found is not None
    if as_json:
        content = {"forecast": {**asdict(found), "sentences": list(found.sentences)}}
        paths = {"report": str(result.report), "records": str(result.records)}
        print_json({"schema_version": 1, "complete": result.complete, **content, **paths})
        return
    if found.forecasts:
        print_out(forecast_table(found))
    for sentence in found.sentences:
        print_out(sentence)
    print_out(f"report: {result.report}")
