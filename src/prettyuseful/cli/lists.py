"""Commands that list what study files can say: list, schema."""

from __future__ import annotations

from typing import Annotated

import typer

from prettyuseful.cli.app import JsonOption, app, print_json


@app.command("list")
def list_names(
    kind: Annotated[
        str,
        typer.Argument(
            help="generators, tasks, prompts, architectures, recipes, probes, transforms, encoders, metrics, studies.",
            show_default=False,
        ),
    ],
    more: Annotated[
        list[str] | None, typer.Argument(help="Objects of yours, as file.py:OBJECT.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the names that a study file can use, and what objects of your own describe."""
    from prettyuseful.console import names_table, print_out
    from prettyuseful.names import names_of, notes_of

    names = names_of(kind, more or ())
    if as_json:
        print_json(names)
    else:
        print_out(names_table(kind, names))
        for note in notes_of(kind):
            print_out(note)


@app.command()
def schema() -> None:
    """Print the JSON schema of study files, for editors."""
    from prettyuseful.study.reading import json_schema

    print_json(json_schema())
