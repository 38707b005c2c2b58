"""The application itself: options that commands share, exit codes, and how results are printed.

Commands load what they need when they run, so that --help answers at once.
"""

from __future__ import annotations

import json
import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from prettyuseful.errors import PrettyUsefulError, StudyError, UserError, did_you_mean, one_line
from prettyuseful.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterable


_UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # typer keeps click's class to itself


class _Commands(TyperGroup):
    """Turns what a command raises into one line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PrettyUsefulError as error:
            print(f"error: {redacted(str(error))}", file=sys.stderr)
            raise typer.Exit(2 if isinstance(error, UserError) else 1) from None
        except _UsageError as error:
            if type(error).__name__ == "NoArgsIsHelpError":
                raise
            print(f"error: {_usage(error, ctx)}", file=sys.stderr)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            print("interrupted; run the same command again to continue", file=sys.stderr)
            raise typer.Exit(130) from None


def _usage(error: Any, ctx: Any) -> str:
    """What is wrong with the words of a command, on one line, and where to look."""
    message = one_line(error.format_message()).replace("Value error, ", "").rstrip(".")
    choice = re.search(r": '([^']*)' is not one of (.*)", message)
    hint = did_you_mean(choice[1], re.findall(r"'([^']*)'", choice[2])) if choice else ""
    command = f"{ctx.invoked_subcommand} " if ctx.invoked_subcommand else ""
    return f"{message[:1].lower()}{message[1:]}{hint}; see `prettyuseful {command}--help`"


app = typer.Typer(
    cls=_Commands,
    help="Is this text-to-image model useful training data? Generate, train, test on real images, and report.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Budget(StrEnum):
    """How much an audit measures."""

    quick = "quick"
    full = "full"


class Layout(StrEnum):
    """How an exported data set is laid out."""

    imagefolder = "imagefolder"
    webdataset = "webdataset"


StoreOption = Annotated[
    str,
    typer.Option("--store", envvar="PRETTYUSEFUL_STORE", help="Folder or s3:// URL where everything made is kept."),
]
OutOption = Annotated[Path | None, typer.Option("--out", help="Folder for report, records and data sets.")]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, help="Steps side by side. Default: one a core.")]
OnOption = Annotated[str, typer.Option("--on", help="Where steps run: local, ray, or ray://host:port.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document instead of a table.")]
StudyArgument = Annotated[Path, typer.Argument(help="A study file in YAML.", show_default=False)]
DEFAULT_STORE = "prettyuseful-store"


def print_json(value: object) -> None:
    """One document on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_missing(problems: Iterable[str]) -> None:
    """What is missing, on stderr."""
    for problem in problems:
        print(f"missing: {problem}", file=sys.stderr)


def report_problems(problems: Iterable[str]) -> None:
    """What is missing, on stderr; exit code 1 if anything is."""
    found = list(problems)
    print_missing(found)
    if found:
        raise typer.Exit(1)


def parse_yaml(option: str, value: str) -> Any:
    """The value of an option, as a study file has it behind the same key."""
    import yaml

    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise StudyError(f"{option}: {value!r} is not valid YAML; write it as in a study file") from None
