"""The command that audits folders of images."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from prettyuseful.cli.app import (
    DEFAULT_STORE,
    Budget,
    JsonOption,
    OnOption,
    OutOption,
    StoreOption,
    WorkersOption,
    app,
    print_json,
    print_missing,
)


@app.command()
def audit(
    real: Annotated[Path, typer.Option("--real", help="Real images: class folders, .tar or Parquet.")],
    synthetic: Annotated[list[Path], typer.Option("--synthetic", help="Images to audit; may be given several times.")],
    test: Annotated[Path | None, typer.Option("--test", help="Real test images. [default: a fifth of --real]")] = None,
    groups: Annotated[Path | None, typer.Option("--groups", help="File of path and group of each real image.")] = None,
    budget: Annotated[Budget, typer.Option("--budget", help="full measures more metrics, costs and remedies.")] = (
        Budget.quick
    ),
    fail_if: Annotated[str | None, typer.Option("--fail-if", help="Exit 1 if any set satisfies EXPR.")] = None,
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

    gate = Gate.of(fail_if) if fail_if else None
    source = TaskSource(real=str(real), test=str(test) if test else None, groups=str(groups) if groups else None)
    place = out or Path("audit-results")
    with StepProgress() as progress:
        try:
            found, failure = run_audit(source, synthetic, budget.value, place, store, workers, on, progress), None
        except EveryRunFailedError as error:
            found, failure = error.result, error
    if as_json:
        print_json(found.as_json())
    else:
        print_out(audit_table(found.rows()))
        for line in (*found.answer, *found.notes):
            print_out(line)
        print_out(f"report: {found.report}")
    print_missing(found.problems)
    if failure:
        raise failure
    satisfied = gate.met_by(found) if gate else []
    for line in satisfied:
        print(f"failed: {line}", file=sys.stderr)
    if satisfied or found.problems or not found.complete:
        raise typer.Exit(1)
