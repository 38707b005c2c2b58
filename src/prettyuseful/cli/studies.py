"""Commands on studies: run, demo, plan, status, report, paper."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prettyuseful.cli.app import (
    DEFAULT_STORE,
    JsonOption,
    OnOption,
    OutOption,
    StoreOption,
    StudyArgument,
    WorkersOption,
    app,
    print_json,
    report_problems,
)
from prettyuseful.errors import EveryRunFailedError

if TYPE_CHECKING:
    from prettyuseful.results import StudyResult
    from prettyuseful.study.file import Study


@app.command()
def run(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    out: OutOption = None,
    workers: WorkersOption = None,
    on: OnOption = "local",
    worker: Annotated[
        bool, typer.Option("--worker", help="Only make steps, beside other workers on the store; write no report.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a study: what is in the store already is not made again."""
    from prettyuseful.study.reading import load_study

    if worker:
        _make_steps(load_study(study), store, workers, on)
    else:
        _run(load_study(study), store, out or Path(f"{study.stem}-results"), workers, on, as_json)


@app.command()
def demo(
    study: Annotated[
        str, typer.Option("--study", help="A bundled study; `prettyuseful list studies` shows them.")
    ] = "demo",
    store: StoreOption = DEFAULT_STORE,
    out: OutOption = None,
    workers: WorkersOption = None,
    on: OnOption = "local",
    as_json: JsonOption = False,
) -> None:
    """Run a bundled study on the embedded photographs and pocket models. Needs no download."""
    from prettyuseful.bundled_studies import bundled_study

    _run(bundled_study(study), store, out or Path(f"{study}-results"), workers, on, as_json)


@app.command()
def plan(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    gpu_hour: Annotated[
        float | None, typer.Option("--price-per-gpu-hour", min=0, help="Of one GPU with its machine, in any currency.")
    ] = None,
    cpu_hour: Annotated[
        float | None, typer.Option("--price-per-cpu-hour", min=0, help="Of one CPU thread, in the same currency.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a study's steps: which are done, and what the rest will cost in hours, images, bytes and money."""
    from prettyuseful.console import cost_table, print_out
    from prettyuseful.engine.cost import Prices
    from prettyuseful.run import estimate_cost
    from prettyuseful.study.reading import load_study

    cost = estimate_cost(load_study(study), store, Prices(gpu_hour, cpu_hour))
    if as_json:
        print_json(cost.as_json())
    else:
        print_out(cost_table(cost))


@app.command()
def status(study: StudyArgument, store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """Show which of a study's steps are done, running, failed or waiting, on whichever machine."""
    from prettyuseful.console import print_out, status_table
    from prettyuseful.run import study_status
    from prettyuseful.study.reading import load_study

    found = study_status(load_study(study), store)
    if as_json:
        print_json({"schema_version": 1, **asdict(found)})
    else:
        print_out(status_table(found))
        for label in found.running:
            print_out(f"running: {label}")
        for label, cause in found.failed.items():
            print_out(f"failed: {label}: {cause}")


@app.command()
def report(
    records: Annotated[Path, typer.Argument(help="A folder of records, as `run` leaves it.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="The HTML file to write.")] = Path("report.html"),
) -> None:
    """Build the report again from records."""
    from prettyuseful.analysis.summary import summarise
    from prettyuseful.console import print_out
    from prettyuseful.records import read_records
    from prettyuseful.report.build import write_report

    summary = summarise(read_records(records / "records" if (records / "records").is_dir() else records))
    print_out(str(write_report(summary, out)))
    report_problems(summary.problems)


@app.command()
def paper(as_json: JsonOption = False) -> None:
    """Test the trends of the paper's published values. Nothing is measured."""
    from prettyuseful.analysis.paper import paper_trends
    from prettyuseful.console import print_out

    found = paper_trends()
    if as_json:
        print_json(found.as_json())
    else:
        print_out("\n".join(found.lines()))


def _run(study: Study, store: str, out: Path, workers: int | None, on: str, as_json: bool) -> None:
    from prettyuseful.console import StepProgress
    from prettyuseful.run import run_study

    with StepProgress() as progress:
        try:
            result, failure = run_study(study, store, out, workers, on, progress), None
        except EveryRunFailedError as error:
            result, failure = error.result, error
    _show(result, as_json)
    if failure:
        raise failure
    report_problems(result.summary.problems)


def _make_steps(study: Study, store: str, workers: int | None, on: str) -> None:
    """One of several workers on a store; exit code 1 if steps failed."""
    from prettyuseful.console import StepProgress
    from prettyuseful.run import make_steps

    with StepProgress() as progress:
        outcome = make_steps(study, store, workers, on, progress)
    if outcome.failed:
        raise typer.Exit(1)


def _show(result: StudyResult, as_json: bool) -> None:
    from prettyuseful.console import print_out, summary_table

    if as_json:
        print_json(_result_json(result))
        return
    print_out(summary_table(result.summary))
    for sentence in result.summary.answer:
        print_out(sentence)
    print_out(f"report: {result.report}")


def _result_json(result: StudyResult) -> dict[str, Any]:
    summary = result.summary
    return {
        "schema_version": 1,
        "complete": result.complete,
        "title": summary.study.title,
        "answer": list(summary.answer),
        "results": [asdict(row) for row in summary.rows],
        "comparisons": [asdict(comparison) for comparison in summary.comparisons],
        "problems": list(summary.problems),
        "report": str(result.report),
        "records": str(result.records),
        "datasets": {name: str(path) for name, path in result.datasets.items()},
    }
