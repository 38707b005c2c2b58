"""The command pool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prettyuseful.cli.app import Command, JsonOption, Panel, app, exit_if_missing, print_json
from prettyuseful.errors import UserError


@app.command(
    cls=Command, rich_help_panel=Panel.STUDIES, epilog="Example: prettyuseful pool lab-a-results lab-b-results"
)
def pool(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULTS...", help="Results folders of `run`, or their records folders.", show_default=False
        ),
    ],
    same: Annotated[
        list[str] | None,
        typer.Option(
            "--as",
            metavar="NAME=COMMON",
            help="A data set that some studies call NAME counts as COMMON; can be repeated.",
            rich_help_panel=Panel.DATA,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Pool studies of the same question: each difference in every study, over all of them, and how studies differ."""
    from prettyuseful.analysis.pooling import pool_studies
    from prettyuseful.console import pool_table, print_line, print_out

    pooled = pool_studies(results, dict(_parse_names(text) for text in same or ()))
    if as_json:
        print_json(pooled)
    else:
        print_out(pool_table(pooled))
        for note in pooled.notes:
            print_line(f"note: {note}")
        print_line(pooled.answer)
    exit_if_missing(pooled.problems)


def _parse_names(text: str) -> tuple[str, str]:
    """Return the two names of `NAME=COMMON`.

    Raises:
        UserError: it is something else.
    """
    name, _, common = text.partition("=")
    if not name or not common:
        raise UserError(f"invalid --as {text!r}; write the name in some studies and the common name, as in mine=theirs")
    return name, common
