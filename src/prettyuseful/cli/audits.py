"""The command that audits folders of images."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from prettyuseful.cli.app import (
    DEFAULT_STORE,
    Budget,
    Command,
    JsonOption,
    OnOption,
    OutOption,
    Panel,
    StoreOption,
    WorkersOption,
    app,
    print_json,
    print_missing,
)
from prettyuseful.cli.exit_codes import ExitCode


@app.command(
    cls=Command,
    rich_help_panel=Panel.MAIN,
    epilog="Example: prettyuseful audit --real photos --synthetic generated",
)
def audit(
    real: Annotated[
        Path,
        typer.Option(
            "--real",
            help="Real images: a folder with one folder per class, .tar or Parquet.",
            rich_help_panel=Panel.DATA,
        ),
    ],
    synthetic: Annotated[
        list[Path],
        typer.Option(
            "--synthetic", help="Synthetic images to audit; repeat for several data sets.", rich_help_panel=Panel.DATA
        ),
    ],
    test: Annotated[
        Path | None,
        typer.Option("--test", help="Real test images.", show_default="a fifth of --real", rich_help_panel=Panel.DATA),
    ] = None,
    groups: Annotated[
        Path | None,
        typer.Option(
            "--groups",
            help="CSV, TSV or JSON lines file with the group of each real image; a split never divides a group.",
            show_default="near-duplicates form a group",
            rich_help_panel=Panel.DATA,
        ),
    ] = None,
    min_per_class: Annotated[
        int,
        typer.Option(
            "--min-per-class",
            min=0,
            metavar="N",
            help="Leave out classes with fewer real training images, or fewer images in a synthetic data set.",
            show_default="every class must have images",
            rich_help_panel=Panel.DATA,
        ),
    ] = 0,
    budget: Annotated[
        Budget,
        typer.Option(
            "--budget",
            help="quick uses a frozen encoder for photographs; standard trains networks from scratch; full also "
            "measures more metrics, the accuracy cost of each cause, and remedies.",
            rich_help_panel=Panel.EXECUTION,
        ),
    ] = Budget.quick,
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            "--encoder",
            metavar="NAME",
            help="Frozen encoder from 'prettyuseful list encoders' or timm id; repeat for several.",
            show_default="auto: for photographs, if its weights are at hand",
            rich_help_panel=Panel.EXECUTION,
        ),
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option(
            "--experiment",
            metavar="NAME",
            help="Also train on selections of the synthetic images, against random ones: pretty or curate, see "
            "'prettyuseful list experiments'.",
            show_default=False,
            rich_help_panel=Panel.EXECUTION,
        ),
    ] = None,
    fail_if: Annotated[
        str | None,
        typer.Option(
            "--fail-if",
            metavar="EXPR",
            help="Exit with code 1 if any data set satisfies EXPR, such as 'synth_to_real.high < 0.7' or "
            "'data.leaked > 0'.",
            rich_help_panel=Panel.GATE,
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    out: OutOption = None,
    workers: WorkersOption = None,
    on: OnOption = "local",
    as_json: JsonOption = False,
) -> None:
    """Audit folders of images: are they useful training data, and if not, why?"""
    from prettyuseful.auditing.audit import audit as run_audit
    from prettyuseful.auditing.gate import Gate
    from prettyuseful.console import StepProgress, audit_table, print_out
    from prettyuseful.errors import EveryRunFailedError
    from prettyuseful.tasks.source import TaskSource

    gate = Gate.parse(fail_if) if fail_if else None
    source = TaskSource(real=str(real), test=str(test) if test else None, groups=str(groups) if groups else None)
    out = out or Path("audit-results")
    with StepProgress() as progress:
        try:
            chosen = encoder or "auto"
            result = run_audit(
                source, synthetic, budget.value, out, store, workers, on, progress, min_per_class, chosen, experiment
            )
            failure = None
        except EveryRunFailedError as error:
            result, failure = error.result, error
    if as_json:
        print_json(result.as_json())
    else:
        print_out(audit_table(result.table_rows()))
        for warning in result.warnings:
            print_out(f"warning: {warning}")
        for line in (*result.answer, *result.notes):
            print_out(line)
        print_out(f"report: {result.report}")
    print_missing(result.problems)
    if failure:
        raise failure
    satisfied = gate.satisfied_by(result) if gate else []
    for line in satisfied:
        print(f"failed: {line}", file=sys.stderr)
    if satisfied or result.problems or not result.complete:
        raise typer.Exit(ExitCode.FAILED)
