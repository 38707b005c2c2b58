"""Commands that describe what a study file can contain, and check user-defined classes: list, schema, check."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from prettyuseful.cli.app import Command, JsonOption, Panel, app, print_json
from prettyuseful.cli.exit_codes import ExitCode


class NameKind(StrEnum):
    """The kinds of names that a study file can use; the same as `names.KINDS`."""

    generators = "generators"
    tasks = "tasks"
    prompts = "prompts"
    architectures = "architectures"
    recipes = "recipes"
    probes = "probes"
    encoders = "encoders"
    metrics = "metrics"
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
    as_json: JsonOption = False,
) -> None:
    """List the names that a study file can use, with one line on each."""
    from prettyuseful.console import names_table, print_out
    from prettyuseful.names import list_names, list_notes

    names = list_names(kind.value, objects or ())
    if as_json:
        print_json(names)
    else:
        print_out(names_table(kind.value, names))
        for note in list_notes(kind.value):
            print_out(note)


@app.command(cls=Command, rich_help_panel=Panel.REFERENCE, epilog="Example: prettyuseful schema > study.schema.json")
def schema() -> None:
    """Print the JSON schema of study files, for completion and checks in an editor."""
    from prettyuseful.study.reading import json_schema

    print_json(json_schema())


class CheckKind(StrEnum):
    """The kinds of user-defined classes with an interface check; the keys of `names.CHECKS`."""

    generator = "generator"
    probe = "probe"


@app.command(
    cls=Command,
    rich_help_panel=Panel.REFERENCE,
    epilog="Example: prettyuseful check generator my_generator.py:MyGenerator",
)
def check(
    kind: Annotated[CheckKind, typer.Argument(metavar="KIND", help="Kind of the class.", show_default=False)],
    name: Annotated[
        str, typer.Argument(metavar="CLASS", help="Your class, as module:Class or file.py:Class.", show_default=False)
    ],
    as_json: JsonOption = False,
) -> None:
    """Check your own generator or probe class against the interface."""
    from prettyuseful.console import check_table, print_out
    from prettyuseful.errors import UnknownNameError
    from prettyuseful.names import CHECKS
    from prettyuseful.plugins import is_plugin, load_plugin

    if not is_plugin(name):
        raise UnknownNameError(f"invalid CLASS {name!r}; write it as module:Class or file.py:Class")
    load_plugin(name)
    results = CHECKS[kind.value].run(name)
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        print_out(check_table(name, results))
    if any(result.problem for result in results):
        raise typer.Exit(ExitCode.USER_ERROR)
