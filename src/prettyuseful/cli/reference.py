"""Commands that describe what a study file can contain: list, schema."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from prettyuseful.cli.app import Command, JsonOption, Panel, app, print_json
from prettyuseful.errors import UserError


class NameKind(StrEnum):
    """The kinds of names that a study file or a command can use; the same as `names.KINDS`."""

    generators = "generators"
    tasks = "tasks"
    prompts = "prompts"
    architectures = "architectures"
    recipes = "recipes"
    probes = "probes"
    encoders = "encoders"
    metrics = "metrics"
    scores = "scores"
    selections = "selections"
    experiments = "experiments"
    predictors = "predictors"
    cards = "cards"
    transforms = "transforms"
    studies = "studies"


@app.command(
    "list",
    cls=Command,
    rich_help_panel=Panel.REFERENCE,
    epilog="Example: prettyuseful list metrics",
)
def list_command(
    kind: Annotated[NameKind, typer.Argument(metavar="KIND", help="What to list.", show_default=False)],
    objects: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="OBJECT", help="Also describe these objects of yours, as file.py:OBJECT.", show_default=False
        ),
    ] = None,
    family: Annotated[
        str | None,
        typer.Option("--family", help="Only generators of this family or pipeline class.", show_default=False),
    ] = None,
    released_after: Annotated[
        str | None,
        typer.Option(
            "--released-after", metavar="YYYY-MM", help="Only generators that are newer than this.", show_default=False
        ),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option("--licence", metavar="TEXT", help="Only generators whose licence has this.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the names that a study file can use, with one line on each."""
    from prettyuseful.console import names_table, print_out
    from prettyuseful.names import describe_models, list_names, list_notes

    filters = {"--family": family, "--released-after": released_after, "--licence": licence}
    given = [name for name, value in filters.items() if value is not None]
    if given and kind != NameKind.generators:
        raise UserError(f"{given[0]} does not apply to {kind.value}; it filters `list generators`")
    if given:
        from prettyuseful.generators.filters import select_models

        names = describe_models(select_models(family, released_after, licence))
    else:
        names = list_names(kind.value, objects or ())
    if as_json:
        print_json(names)
    elif not names:
        print_out("no generator fits")
    else:
        print_out(names_table(kind.value, names))
        for note in list_notes(kind.value):
            print_out(note)


@app.command(cls=Command, rich_help_panel=Panel.REFERENCE, epilog="Example: prettyuseful schema > study.schema.json")
def schema() -> None:
    """Print the JSON schema of study files, for completion and checks in an editor."""
    from prettyuseful.study.reading import json_schema

    print_json(json_schema())
