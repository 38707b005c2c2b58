"""The application: options that several commands share, error handling, and printing of results.

Commands import what they need when they run, so that `--help` stays fast.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from typer.core import TyperCommand, TyperGroup

from prettyuseful import __version__
from prettyuseful.cli.exit_codes import EXIT_CODES, ExitCode
from prettyuseful.errors import PrettyUsefulError, StudyError, UserError, did_you_mean
from prettyuseful.formatting import finite
from prettyuseful.redaction import redact_line, redact_strings
from prettyuseful.untrusted_text import UnreadableTextError, load_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # typer does not export this class
_LOG_LEVELS = {"-v": logging.DEBUG, "--verbose": logging.DEBUG, "-q": logging.WARNING, "--quiet": logging.WARNING}
_TYPE_LABELS = {"Path": "PATH", "int": "INTEGER", "float": "NUMBER", "bool": ""}
logger = logging.getLogger("prettyuseful")


class _PlainHelp:
    """Shows types in the help as other programs do: `PATH`, `INTEGER`, `[quick|full]`, and nothing for a flag."""

    def get_params(self, ctx: Any) -> list[Any]:
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            label = _type_label(param)
            param.display_type_rich = lambda ctx, label=label: label  # noqa: ARG005
        return params

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        pieces: list[str] = super().collect_usage_pieces(ctx)  # type: ignore[misc]
        return [re.sub(r"[{}]", "", piece) for piece in pieces]


def _type_label(param: Any) -> str:
    if param.param_type_name == "option" and param.metavar is not None:
        return str(param.metavar)
    annotation = param.type_descriptor.annotation
    (item_type,) = get_args(annotation) or (annotation,)
    if issubclass(item_type, StrEnum):
        separator = "|" if len("|".join(item_type)) < 30 else " | "  # a long list needs line breaks
        return f"[{separator.join(item_type)}]"
    return _TYPE_LABELS.get(item_type.__name__, "TEXT")


class Command(_PlainHelp, TyperCommand):
    """A command with plain types in its help."""


class CommandGroup(_PlainHelp, TyperGroup):
    """A group of commands with plain types in its help."""


class _Application(CommandGroup):
    """Turns an exception of a command into one line on stderr and an exit code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Accept `-v` and `-q` after the command, too."""
        end = args.index("--") if "--" in args else len(args)
        log_options = [arg for arg in args[:end] if arg in _LOG_LEVELS]
        others = [arg for arg in args[:end] if arg not in _LOG_LEVELS]
        return super().parse_args(ctx, [*log_options, *others, *args[end:]])

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PrettyUsefulError as error:
            print(f"error: {_shortened(redact_line(str(error)))}", file=sys.stderr)
            raise typer.Exit(ExitCode.USER_ERROR if isinstance(error, UserError) else ExitCode.FAILED) from None
        except _UsageError as error:
            if type(error).__name__ == "NoArgsIsHelpError":
                raise
            print(f"error: {_shortened(_usage_message(error, ctx))}", file=sys.stderr)
            raise typer.Exit(ExitCode.USER_ERROR) from None
        except KeyboardInterrupt:
            print("interrupted; run the same command again to continue", file=sys.stderr)
            raise typer.Exit(ExitCode.INTERRUPTED) from None


def _shortened(message: str) -> str:
    """Return a message without the middle of a name of thousands of characters in it."""
    half = _MAX_MESSAGE // 2
    return message if len(message) <= _MAX_MESSAGE else f"{message[:half]}...{message[-half:]}"


def _usage_message(error: Any, ctx: Any) -> str:
    """Return one line on what is wrong with the arguments of a command, and how to correct it."""
    help_command = " ".join(filter(None, ("prettyuseful", ctx.invoked_subcommand, "--help")))
    if option := getattr(error, "option_name", None) if type(error).__name__ == "NoSuchOption" else None:
        params = error.ctx.command.get_params(error.ctx)
        visible = [name for param in params if not getattr(param, "hidden", False) for name in param.opts]
        return f"unknown option {redact_line(option)!r}{did_you_mean(option, visible)}; see `{help_command}`"
    message = redact_line(error.format_message()).replace("Value error, ", "").rstrip(".")
    if choice := re.fullmatch(r"Invalid value for '(.*?)'.*?: '(.*)' is not one of (.*)", message):
        name, value, choices = choice[1], choice[2], re.findall(r"'([^']*)'", choice[3])
        return choice_message(name, value, choices)
    if command := re.fullmatch(r"No such command '(.*?)'.*", message):
        group = error.ctx  # of the group of commands, such as `check`
        hint = did_you_mean(command[1], group.command.list_commands(group))
        return f"unknown command {command[1]!r}{hint}; see `{help_command}`"
    message = re.sub(r"^Invalid value for '(.*?)'", r"invalid \1", message)
    message = re.sub(r"\. Choose from: ", "; choose one of ", message)
    message = re.sub(r": Input should be (.*?)(, unable to parse.*)?$", r": it must be \1", message)
    return f"{message[:1].lower()}{message[1:]}; see `{help_command}`"


def choice_message(name: str, value: str, choices: Sequence[str]) -> str:
    """Return `invalid --budget 'quik'; choose quick or full; did you mean 'quick'?`."""
    listed = f"{', '.join(choices[:-1])} or {choices[-1]}"
    return f"invalid {name} {value!r}; choose {listed}{did_you_mean(value, choices)}"


_EXIT_CODE_HELP = "\n".join(f"{row.code:>5}  {row.meaning}" for row in EXIT_CODES)
app = typer.Typer(
    cls=_Application,
    help="Measure whether images of a text-to-image model are useful training data, how certain the result is, and "
    "what causes a difference to real images.",
    epilog=f"Exit codes:\n{_EXIT_CODE_HELP}\n\nExample: prettyuseful demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class _StderrHandler(logging.Handler):
    """Writes log lines to the current `sys.stderr` (a progress bar may replace it), without secrets."""

    def emit(self, record: logging.LogRecord) -> None:
        print(redact_line(self.format(record)), file=sys.stderr)


def _print_version(requested: bool) -> None:
    if requested:
        print(f"prettyuseful {__version__}")
        raise typer.Exit


@app.callback()
def application(
    ctx: typer.Context,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also log why each step runs, and which store and workers are used.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Log only warnings and errors; show no progress.")
    ] = False,
) -> None:
    if verbose and quiet:
        raise UserError("use --verbose or --quiet, not both")
    handler, previous_level = _StderrHandler(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO)

    @ctx.call_on_close
    def reset_logger() -> None:
        logger.removeHandler(handler)
        logger.setLevel(previous_level)


class Panel(StrEnum):
    """Headings that group commands and options in the help."""

    MAIN = "Main"
    STUDIES = "Studies"
    DATA_SETS = "Data sets"
    STORE = "Store"
    REFERENCE = "Reference"
    DATA = "Data"
    EXECUTION = "Execution"
    OUTPUT = "Output"
    GATE = "Gate"
    COST = "Cost"
    POWER = "Power"


class Budget(StrEnum):
    """How much an audit measures."""

    quick = "quick"
    standard = "standard"
    full = "full"


class ImageFormat(StrEnum):
    """The format of generated images."""

    png = "png"
    jpeg = "jpeg"
    webp = "webp"


class ExportFormat(StrEnum):
    """The layout of an exported data set."""

    imagefolder = "imagefolder"
    webdataset = "webdataset"


def parse_on(value: str) -> str:
    """Return `value` if steps can run there.

    Raises:
        UserError: it is not `local`, `ray` or `ray://HOST:PORT`.
    """
    if value in ("local", "ray") or re.fullmatch(r"ray://.+", value):
        return value
    raise UserError(choice_message("--on", value, ("local", "ray", "ray://HOST:PORT")))


StoreOption = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="PRETTYUSEFUL_STORE",
        metavar="PATH|URL",
        help="Folder or s3:// URL that keeps the result of every step.",
        rich_help_panel=Panel.EXECUTION,
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", help="Folder for the report, records and data sets.", rich_help_panel=Panel.OUTPUT),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        show_default="one per CPU core",
        help="Number of worker processes with --on local.",
        rich_help_panel=Panel.EXECUTION,
    ),
]
OnOption = Annotated[
    str,
    typer.Option(
        "--on",
        parser=parse_on,
        metavar="[local|ray|ray://HOST:PORT]",
        help="Where steps run: on this machine, or on a Ray cluster.",
        rich_help_panel=Panel.EXECUTION,
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document instead of a table.", rich_help_panel=Panel.OUTPUT),
]
StudyArgument = Annotated[Path, typer.Argument(metavar="STUDY", help="Study file (YAML).", show_default=False)]
DEFAULT_STORE = "prettyuseful-store"
_MAX_SHOWN = 100
_MAX_MESSAGE = 2_000


def print_json(value: object) -> None:
    """Print one JSON document to stdout; an object in it is written as its `as_json()`.

    Numbers that are not finite are null, and secrets are replaced.
    """
    plain = json.loads(json.dumps(value, default=lambda part: part.as_json()))
    print(json.dumps(redact_strings(finite(plain)), indent=2, ensure_ascii=False, allow_nan=False))


def print_missing(problems: Iterable[str]) -> None:
    """Print to stderr which results are missing."""
    for problem in problems:
        print(f"missing: {redact_line(problem)}", file=sys.stderr)


def exit_if_missing(problems: Iterable[str]) -> None:
    """Print to stderr which results are missing; exit with code 1 if any is."""
    problems = list(problems)
    print_missing(problems)
    if problems:
        raise typer.Exit(ExitCode.FAILED)


def parse_generator(value: str) -> Any:
    """Return the argument GENERATOR as a study file has it: a name, or a mapping in YAML."""
    return parse_yaml("GENERATOR", value) if value.lstrip().startswith("{") else value


def parse_yaml(option: str, value: str) -> Any:
    """Return the value of an option that is written in YAML, as in a study file."""
    try:
        return load_yaml(value)
    except UnreadableTextError as error:
        value = redact_line(value)
        shown = value if len(value) <= _MAX_SHOWN else f"{value[:_MAX_SHOWN]}..."
        if error.problem.startswith("not valid YAML"):
            raise StudyError(f"{option}: {shown!r} is not valid YAML; write it as in a study file") from None
        raise StudyError(f"{option}: {error.problem}; write it as in a study file") from None
