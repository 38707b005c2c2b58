"""Commands that check what a user brings: images, and classes of the user's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prettyuseful.cli.app import Command, CommandGroup, JsonOption, Panel, app, parse_generator, parse_yaml, print_json
from prettyuseful.cli.exit_codes import ExitCode
from prettyuseful.errors import StudyError
from prettyuseful.redaction import redact_line
from prettyuseful.untrusted_text import MAX_YAML_BYTES, UnreadableTextError, read_text

if TYPE_CHECKING:
    from prettyuseful.checks.finding import Finding
    from prettyuseful.interface_checks import CheckResult

check = typer.Typer(
    cls=CommandGroup,
    help="Check images, a generator, or your own probe class.",
    epilog="Example: prettyuseful check data my-images",
    no_args_is_help=True,
)
app.add_typer(check, name="check", rich_help_panel=Panel.DATA_SETS)
_MAX_EXAMPLES = 3

_ClassArgument = Annotated[
    str, typer.Argument(metavar="CLASS", help="Your class, as module:Class or file.py:Class.", show_default=False)
]


@check.command(
    cls=Command, epilog="Example: prettyuseful check data --real photos --test new-photos --synthetic generated"
)
def data(
    places: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PLACE",
            help="Images: a folder, .tar or Parquet; repeat for several sets.",
            show_default=False,
        ),
    ] = None,
    real: Annotated[
        Path | None, typer.Option("--real", help="Real images to train on.", rich_help_panel=Panel.DATA)
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(
            "--test",
            help="Real test images.",
            show_default="the test images in --real, if it has any",
            rich_help_panel=Panel.DATA,
        ),
    ] = None,
    synthetic: Annotated[
        list[Path] | None,
        typer.Option("--synthetic", help="Synthetic images; repeat for several sets.", rich_help_panel=Panel.DATA),
    ] = None,
    fail_if: Annotated[
        str | None,
        typer.Option(
            "--fail-if",
            metavar="EXPR",
            help="Exit with code 1 if the result satisfies EXPR, such as 'data.leaked > 0'.",
            rich_help_panel=Panel.GATE,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check images for copies, leaks, black images, odd files and unequal classes, in seconds."""
    from prettyuseful.auditing.gate import Gate
    from prettyuseful.checks.places import DataReport, check_data
    from prettyuseful.console import checked_sets_table, print_out

    gate = Gate.parse(fail_if, (DataReport,)) if fail_if else None
    result = check_data(*(places or ()), real=real, test=test, synthetic=synthetic or ())
    if as_json:
        print_json(result.as_json())
    else:
        print_out(checked_sets_table(result))
        for line in _finding_lines(result.findings):
            print_out(line)
    satisfied = gate.satisfied_by_data(result) if gate else []
    for line in satisfied:
        print(f"failed: {line}", file=sys.stderr)
    if satisfied:
        raise typer.Exit(ExitCode.FAILED)


@check.command(cls=Command, epilog="Example: prettyuseful check generator my_generator.py:MyGenerator")
def generator(
    name: Annotated[
        str,
        typer.Argument(
            metavar="GENERATOR",
            help="Your class, as module:Class or file.py:Class; a model or an endpoint as in a study file, such as "
            "'{endpoint: URL, model: NAME}'; or a .yaml or .json file with the key generator.",
            show_default=False,
        ),
    ],
    condition: Annotated[
        bool,
        typer.Option(
            "--condition", help="Give it real images, as a data set with `condition` does.", show_default=False
        ),
    ] = False,
    at_most: Annotated[
        float | None,
        typer.Option(
            "--at-most",
            min=0,
            metavar="MONEY",
            help="What images of an endpoint with cost_per_image may cost here; three of them show whether a seed is "
            "honoured.",
            show_default="nothing",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a generator: your own class against the interface, a model or an endpoint by a few images."""
    from prettyuseful.generators.check import check_own_generator
    from prettyuseful.plugins import is_plugin
    from prettyuseful.run import check_source

    if is_plugin(name):
        _check_class(name, partial(check_own_generator, condition=condition), as_json)
    else:
        _print_checks(*check_source(*_generator_of(name), condition, at_most, _say), as_json)


def _say(text: str) -> None:
    print(redact_line(text), file=sys.stderr)


def _generator_of(name: str) -> tuple[Any, Path]:
    """Return the generator as a study file would name it, and the folder from which its paths are resolved.

    It is a name, a mapping, or what a file says.

    Raises:
        UserError: the file cannot be read, or names no generator.
    """
    content, path = parse_generator(name), Path(name)
    if content != name:
        is_wrapped = isinstance(content, dict) and set(content) == {"generator"}
        return content["generator"] if is_wrapped else content, Path()
    if path.suffix.lower() not in (".yaml", ".yml", ".json"):
        return name, Path()
    try:
        content = parse_yaml(str(path), read_text(path, MAX_YAML_BYTES))
    except (OSError, UnreadableTextError) as error:
        reason = error.strerror if isinstance(error, OSError) else error.problem
        raise StudyError(f"cannot read {path}: {reason}") from error
    if not isinstance(content, dict) or "generator" not in content:
        raise StudyError(f"{path}: the key generator is missing; write generator: as in a data set of a study file")
    return content["generator"], path.parent


@check.command(cls=Command, epilog="Example: prettyuseful check probe my_probe.py:MyProbe")
def probe(name: _ClassArgument, as_json: JsonOption = False) -> None:
    """Check your own probe class against the interface."""
    from prettyuseful.names import CHECKS

    _check_class(name, CHECKS["probe"].run, as_json)


def _check_class(name: str, run: Callable[[str], list[CheckResult]], as_json: bool) -> None:
    from prettyuseful.errors import UnknownNameError
    from prettyuseful.plugins import is_plugin, load_plugin

    if not is_plugin(name):
        raise UnknownNameError(f"invalid CLASS {name!r}; write it as module:Class or file.py:Class")
    load_plugin(name)
    _print_checks(name, run(name), as_json)


def _print_checks(name: str, results: list[CheckResult], as_json: bool) -> None:
    from prettyuseful.console import check_table, print_out

    if as_json:
        print_json([asdict(result) for result in results])
    else:
        print_out(check_table(name, results))
    if any(result.problem for result in results):
        raise typer.Exit(ExitCode.USER_ERROR)


def _finding_lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield each finding, and for errors and warnings also images and advice."""
    for finding in findings:
        yield f"{finding.severity}: {finding.words}"
        if finding.misleads:
            # Unreadable images are all listed: each needs a repair.
            shown = finding.examples if finding.check == "unreadable" else finding.examples[:_MAX_EXAMPLES]
            yield from (f"    {example}" for example in shown)
            yield f"    {finding.advice}"
    if not findings:
        yield "nothing found"
